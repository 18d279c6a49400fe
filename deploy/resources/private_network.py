"""A network that leads to Google's APIs and nowhere else, for what decodes the files of strangers.

Direct VPC egress sends all that the renderer sends through this network. Its firewall refuses
everything but HTTPS to the addresses of private.googleapis.com, and its DNS gives these for every
name under googleapis.com.
"""

from collections.abc import Sequence

from deploy import names
from deploy.checks import Field, FieldCheck, ListEntry
from deploy.command import gcloud
from deploy.settings import Settings
from deploy.step import Check, Step

# private.googleapis.com: https://cloud.google.com/vpc/docs/configure-private-google-access
_GOOGLE_RANGE = "199.36.153.8/30"
_GOOGLE_ADDRESSES = tuple(f"199.36.153.{last}" for last in range(8, 12))
_GOOGLE = "googleapis.com."
_PRIVATE = f"private.{_GOOGLE}"
_RANGE = "10.124.0.0/24"  # two addresses for each of at most a hundred instances
_NETWORK = f"--network={names.NETWORK}"
_TTL = "--ttl=300"


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps of the network; none where it is not wanted."""
    if not settings.private_egress:
        return ()
    return (
        _network(settings),
        _subnet(settings),
        _refused(settings),
        _allowed(settings),
        _zone(settings),
        _record(settings, _PRIVATE, "A", ",".join(_GOOGLE_ADDRESSES)),
        _record(settings, f"*.{_GOOGLE}", "CNAME", _PRIVATE),
    )


def egress(settings: Settings) -> tuple[str, ...]:
    """Return the flags by which a service or a job sends everything through the network."""
    if not settings.private_egress:
        return ()
    return (_NETWORK, f"--subnet={names.NETWORK}", "--vpc-egress=all-traffic")


def _network(settings: Settings) -> Step:
    return _step(
        settings,
        title=f"Network {names.NETWORK}",
        why="Of its own, so that its rules concern nothing else of the project.",
        group="compute networks",
        name=names.NETWORK,
        flags=("--subnet-mode=custom", "--bgp-routing-mode=regional"),
        fields=(Field(("autoCreateSubnetworks",), "False"),),
    )


def _subnet(settings: Settings) -> Step:
    region = f"--region={settings.region}"
    return _step(
        settings,
        title=f"Subnet {names.NETWORK}",
        why="In the renderer's region, with private access to Google's APIs.",
        group="compute networks subnets",
        name=names.NETWORK,
        flags=(_NETWORK, region, f"--range={_RANGE}", "--enable-private-ip-google-access"),
        fields=(Field(("privateIpGoogleAccess",), "True"),),
        listed=(f"--regions={settings.region}",),
        located=(region,),
    )


def _refused(settings: Settings) -> Step:
    return _firewall(
        settings,
        name=f"{names.NETWORK}-refuses",
        why="Whatever runs in a decoder by a fault of it can send nothing anywhere.",
        flags=("--action=DENY", "--rules=all", "--destination-ranges=0.0.0.0/0"),
        priority="65000",
        fields=(
            Field(("denied", 0, "IPProtocol"), "all"),
            Field(("destinationRanges",), "0.0.0.0/0"),
        ),
    )


def _allowed(settings: Settings) -> Step:
    return _firewall(
        settings,
        name=f"{names.NETWORK}-allows-google",
        why="Database, bucket, log and Cloud Run's settings are reached there, by HTTPS.",
        flags=("--action=ALLOW", "--rules=tcp:443", f"--destination-ranges={_GOOGLE_RANGE}"),
        priority="1000",
        fields=(
            Field(("allowed", 0, "ports"), "443"),
            Field(("destinationRanges",), _GOOGLE_RANGE),
        ),
    )


def _firewall(
    settings: Settings,
    *,
    name: str,
    why: str,
    flags: tuple[str, ...],
    priority: str,
    fields: tuple[FieldCheck, ...],
) -> Step:
    return _step(
        settings,
        title=f"Firewall rule {name}",
        why=why,
        group="compute firewall-rules",
        name=name,
        flags=(_NETWORK, "--direction=EGRESS", f"--priority={priority}", *flags),
        fields=(
            Field(("direction",), "EGRESS"),
            Field(("priority",), priority),
            Field(("disabled",), "False"),
            *fields,
        ),
    )


def _zone(settings: Settings) -> Step:
    return _step(
        settings,
        title=f"DNS zone {names.ZONE}",
        why="For this network only: its names lead to the addresses that are let through.",
        group="dns managed-zones",
        name=names.ZONE,
        flags=(
            f"--dns-name={_GOOGLE}",
            "--visibility=private",
            f"--networks={names.NETWORK}",
            "--description=Google's APIs by private.googleapis.com",
        ),
        fields=(Field(("dnsName",), _GOOGLE), Field(("visibility",), "private")),
    )


def _record(settings: Settings, name: str, kind: str, addresses: str) -> Step:
    zone = (f"--zone={names.ZONE}",)
    return _step(
        settings,
        title=f"DNS name {name}",
        why="Of every API that the renderer calls." if kind == "CNAME" else "Of Google's gate.",
        group="dns record-sets",
        name=name,
        flags=(*zone, f"--type={kind}", _TTL, f"--rrdatas={addresses}"),
        fields=(
            Field(("type",), kind),
            *(Field(("rrdatas",), address) for address in addresses.split(",")),
        ),
        listed=zone,
        located=(*zone, f"--type={kind}"),
    )


def _step(
    settings: Settings,
    *,
    title: str,
    why: str,
    group: str,
    name: str,
    flags: Sequence[str],
    fields: tuple[FieldCheck, ...],
    listed: tuple[str, ...] = (),
    located: tuple[str, ...] = (),
) -> Step:
    """Return the step of a part; one that differs is made anew, since few fields can be changed.

    Args:
        settings: the deployment.
        title: the part, as a noun.
        why: the reason.
        group: gcloud's words before the verb.
        name: of the part.
        flags: by which it is made.
        fields: as it must be.
        listed: flags of `list`.
        located: flags of `delete`.
    """
    project = names.project(settings)
    create = gcloud(f"{group} create", name, *flags, project)
    remove = gcloud(f"{group} delete", name, *located, project, "--quiet")
    return Step(
        title=title,
        why=why,
        checks=(
            Check(
                command=gcloud(f"{group} list", *listed, project, "--format=json"),
                expect=ListEntry(name=name, fields=fields),
            ),
        ),
        create=(create,),
        update=(remove, create),
        remove=(remove,),
        eventually_consistent=True,
    )
