"""A Cloud Run service, and how it is told from one that was changed: nothing of what runs in it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy import names
from deploy.checks import EntryWhere, Field, FieldCheck, FieldNot, ListEntry, Path
from deploy.command import gcloud
from deploy.settings import Settings
from deploy.step import Check, Step

_TEMPLATE: Path = ("spec", "template", "metadata", "annotations")
_SPEC: Path = ("spec", "template", "spec")
_READY: Path = ("status", "conditions", EntryWhere("type", "Ready"), "status")
_HEALTH = "/health"
USUAL = (
    "--min-instances=0",  # scale to zero
    # 240 s is the longest that Cloud Run waits for a start.
    f"--startup-probe=httpGet.path={_HEALTH},periodSeconds=10,timeoutSeconds=5,failureThreshold=24",
    # What cannot get ready any more (a lost GPU) and does not end by itself is replaced.
    f"--liveness-probe=httpGet.path={_HEALTH},periodSeconds=30,timeoutSeconds=5,failureThreshold=3",
)
# Events, tasks and probes are internal; other callers are refused, with or without a token.
INTERNAL = ("--ingress=internal", "--no-allow-unauthenticated", "--invoker-iam-check")
_MAX_SCALE, _THROTTLING = "autoscaling.knative.dev/maxScale", "run.googleapis.com/cpu-throttling"
_ANNOTATIONS: Path = ("metadata", "annotations")
# Keys are the service's own matter: their header is the one that Cloud Run's check would read. No
# policy names allUsers, which many organisations forbid.
PUBLIC = ("--ingress=all", "--no-invoker-iam-check")
CLOSED: tuple[FieldCheck, ...] = (
    Field((*_ANNOTATIONS, "run.googleapis.com/ingress"), "internal"),
    # gcloud sets it to False, and Cloud Run may leave it out then.
    FieldNot((*_ANNOTATIONS, "run.googleapis.com/invoker-iam-disabled"), "true"),
)
_OPEN: tuple[FieldCheck, ...] = (
    Field((*_ANNOTATIONS, "run.googleapis.com/ingress"), "all"),
    Field((*_ANNOTATIONS, "run.googleapis.com/invoker-iam-disabled"), "True"),
)


@dataclass(frozen=True, kw_only=True)
class RunService:
    """What is to be served.

    Attributes:
        name: of the service, and of the account it acts as.
        why: the reason for it.
        image: its address.
        concurrency: requests at a time of one instance.
        timeout_s: after which Cloud Run cuts a request off.
        environment: its variables.
        flags: CPU, memory, instances, throttling, a GPU.
        mounts: flags that mount volumes.
        secrets: of Secret Manager, by the variables that take them: name and version.
        is_public: called from outside, by who has a key of the service's own.
        track: of gcloud's commands: "", or "beta ".
        release: makes a new revision when it changes, even where nothing else does, so that what
            was deployed together goes back together.
    """

    name: str
    why: str
    image: str
    concurrency: int
    timeout_s: int
    environment: dict[str, str]
    flags: tuple[str, ...]
    mounts: tuple[str, ...] = ()
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    is_public: bool = False
    track: str = ""
    release: str = ""


def step(settings: Settings, service: RunService) -> Step:
    """Return the step of a service."""
    location = (f"--region={settings.region}", names.project(settings))
    account = names.account(settings, service.name)
    words = with_label(
        service.name,
        f"--image={service.image}",
        f"--service-account={account}",
        variables(service.environment),
        f"--concurrency={service.concurrency}",
        f"--timeout={service.timeout_s}",
        *service.flags,
        *service.mounts,
        *(f"--set-secrets={name}={':'.join(of)}" for name, of in service.secrets.items()),
        *USUAL,
        *(PUBLIC if service.is_public else INTERNAL),
        *location,
        release=service.release,
    )
    spec: dict[Path, str] = {
        ("containers", 0, "image"): service.image,
        ("containers", 0, "startupProbe", "httpGet", "path"): _HEALTH,
        ("containers", 0, "livenessProbe", "httpGet", "path"): _HEALTH,
        ("serviceAccountName",): account,
        ("containerConcurrency",): str(service.concurrency),
        ("timeoutSeconds",): str(service.timeout_s),
    }
    fields = (
        expected_label(words),
        *(Field((*_SPEC, *path), value) for path, value in spec.items()),
        *(
            Field((*_SPEC, *path), value)
            for path, value in told(service.environment, service.secrets).items()
        ),
        *(_OPEN if service.is_public else CLOSED),
        *_expected_hardware(service.flags),
        FieldNot((*_TEMPLATE, "run.googleapis.com/health-check-disabled"), "true"),
        Field(_READY, "True"),
    )
    return Step(
        title=f"Service {service.name}",
        why=service.why,
        checks=(listed("services", service.name, location, fields),),
        create=(gcloud(f"{service.track}run deploy", *words),),
        remove=(gcloud("run services delete", service.name, *location, "--quiet"),),
        eventually_consistent=True,
    )


def listed(
    kind: str, name: str, location: tuple[str, ...], fields: tuple[FieldCheck, ...] = ()
) -> Check:
    """Return the check of a service or a job among those of its kind."""
    return Check(
        command=gcloud(f"run {kind} list", *location, "--format=json"),
        expect=ListEntry(name=name, key=("metadata", "name"), fields=fields),
    )


def variables(environment: dict[str, str]) -> str:
    """Return the flag that sets an environment."""
    pairs = "|".join(f"{name}={value}" for name, value in sorted(environment.items()))
    return f"--set-env-vars=^|^{pairs}"  # gcloud's syntax for another separator than commas


def with_label(*words: str, release: str = "") -> tuple[str, ...]:
    """Return a command's words with the label that is their digest, and the release's if any."""
    digested = (*words, release) if release else words
    digest = hashlib.sha256("\0".join(digested).encode()).hexdigest()[:12]
    return (*words, f"--labels={names.PLAN_LABEL}={digest}")


def expected_label(words: tuple[str, ...]) -> Field:
    """Return the expected label of a resource created by these words, the last of which sets it."""
    label, _, digest = words[-1].removeprefix("--labels=").partition("=")
    return Field(("metadata", "labels", label), digest)


def told(environment: Mapping[str, str], secrets: Mapping[str, tuple[str, str]]) -> dict[Path, str]:
    """Return what a revision's variables are, by paths that begin at its own `spec`."""
    path: Path = ("containers", 0, "env")
    fields = {
        (*path, EntryWhere("name", name), "value"): value
        for name, value in sorted(environment.items())
    }
    for variable, (secret, version) in secrets.items():
        key = (*path, EntryWhere("name", variable), "valueFrom", "secretKeyRef")
        fields |= {(*key, "name"): secret, (*key, "key"): version}
    return fields


def _expected_hardware(flags: tuple[str, ...]) -> tuple[Field, ...]:
    """Return the fields that these flags set: a person may have changed them in the console."""
    given = dict(flag.removeprefix("--").partition("=")[::2] for flag in flags)
    limits = (*_SPEC, "containers", 0, "resources", "limits")
    fields = [
        Field((*_TEMPLATE, _MAX_SCALE), given["max-instances"]),
        Field((*_TEMPLATE, _THROTTLING), str("cpu-throttling" in given).lower()),
        Field((*limits, "cpu"), given["cpu"]),
        Field((*limits, "memory"), given["memory"]),
    ]
    if "gpu" in given:
        fields += (
            Field((*limits, "nvidia.com/gpu"), given["gpu"]),
            Field((*_SPEC, "nodeSelector", "run.googleapis.com/accelerator"), given["gpu-type"]),
            Field((*_TEMPLATE, "run.googleapis.com/gpu-zonal-redundancy-disabled"), "true"),
        )
    return tuple(fields)
