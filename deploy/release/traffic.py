"""Traffic goes to a service's newest revision; a renderer's has to render a golden avatar before.

The revision that serves has the tag `current`, the one that served before it `previous`: where the
traffic goes is pinned, so a deployment that stops half-way, or a candidate that fails, moves none.
"""

from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import CheckResult, ResourceState, Variables, value_at
from deploy.command import Command, gcloud, variable
from deploy.settings import Settings
from deploy.step import Check, Step

CURRENT, PREVIOUS = "current", "previous"  # tags of revisions
CHECKS = "livePortraitCache/checks"  # where a renderer stores what its golden avatar is worth
_NEWEST, _SERVING, _CHECK = "REVISION", "SERVING", "CHECK"


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """The traffic of one service, as `gcloud run services list` shows it.

    Attributes:
        newest: the revision that was made last.
        shares: percent by revision.
        tags: revision by tag.
    """

    newest: str
    shares: dict[str, int]
    tags: dict[str, str]

    @classmethod
    def of(cls, service: str, services: Any) -> "Traffic":
        """Return the traffic of a service; nothing where there is no such service."""
        found: Any = [one for one in services if value_at(one, ("metadata", "name")) == service]
        status = value_at(found, (0, "status")) or {}
        shares: dict[str, int] = {}
        tags: dict[str, str] = {}
        for target in status.get("traffic", []):
            revision = target.get("revisionName", "")
            shares[revision] = shares.get(revision, 0) + target.get("percent", 0)
            if "tag" in target:
                tags[target["tag"]] = revision
        return cls(newest=status.get("latestCreatedRevisionName", ""), shares=shares, tags=tags)

    def serves(self, revision: str | None) -> bool:
        """Tell whether a revision has all the traffic, and the tag of the one that serves."""
        return self.shares.get(revision or "") == 100 and self.tags.get(CURRENT) == revision


@dataclass(frozen=True, kw_only=True)
class NewestServes:
    """The newest revision of a service has all its traffic; MISSING: none was ever given it."""

    service: str

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result: matching, missing or different."""
        traffic = Traffic.of(self.service, output)
        if traffic.serves(traffic.newest):
            return CheckResult(state=ResourceState.MATCHES)
        if CURRENT not in traffic.tags:
            return CheckResult(state=ResourceState.MISSING)
        told = f"{traffic.newest} has {traffic.shares.get(traffic.newest, 0)} % of it, wanted 100"
        return CheckResult(state=ResourceState.DIFFERS, differences=(told,))


@dataclass(frozen=True, kw_only=True)
class NewestIsCandidate:
    """The newest revision of a service has the candidate's tag, unless it serves already."""

    service: str

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result: matching or different."""
        traffic = Traffic.of(self.service, output)
        if traffic.serves(traffic.newest) or traffic.tags.get(names.CANDIDATE) == traffic.newest:
            return CheckResult(state=ResourceState.MATCHES)
        told = f"{traffic.newest} was made by another program, and has not rendered"
        return CheckResult(state=ResourceState.DIFFERS, differences=(told,))


def candidate(settings: Settings) -> Step:
    """Return the step that has the renderer's newest revision be the candidate that renders."""
    service = names.RENDERER
    return Step(
        title=f"Candidate of {service}",
        why="It is deployed with that tag. A revision that a person made, in the console, has "
        "none, and traffic goes to the newest.",
        checks=(listed(settings, NewestIsCandidate(service=service)),),
        create=(),
        update=(
            _newest(settings, service),
            gcloud(
                "run services update-traffic",
                service,
                f"--update-tags={names.CANDIDATE}={variable(_NEWEST)}",
                f"--region={settings.region}",
                names.project(settings),
            ),
        ),
        eventually_consistent=True,
    )


def to_newest(settings: Settings, service: str, *, after: tuple[Command, ...] = ()) -> Step:
    """Return the step that gives a service's newest revision its traffic.

    Args:
        settings: the deployment.
        service: its name.
        after: commands that have to succeed before.
    """
    newest = _newest(settings, service)
    serving = revision_where(
        settings,
        service,
        "percent=100",
        capture=_SERVING,
        absent=f"the traffic of {service} is split; accepted: one revision that has all of it, "
        "which is what a rollback goes back to (gcloud run services update-traffic)",
    )
    first = move(settings, service, variable(_NEWEST), CURRENT)
    return Step(
        title=f"Traffic of {service}",
        why="It is pinned to one revision; the one that served before stays, for a rollback."
        if not after
        else "Moved once the candidate, called by the queue as a task would, has rendered a golden "
        "avatar as it should. Otherwise it stays, and so does the candidate, for its log.",
        checks=(listed(settings, NewestServes(service=service)),),
        create=(newest, *after, first),
        update=(
            newest,
            serving,
            *after,
            move(settings, service, variable(_NEWEST), CURRENT, previous=variable(_SERVING)),
        ),
        eventually_consistent=True,
    )


def _newest(settings: Settings, service: str) -> Command:
    return gcloud(
        "run services describe",
        service,
        f"--region={settings.region}",
        names.project(settings),
        "--format=value(status.latestCreatedRevisionName)",
        capture=_NEWEST,
    )


def golden_avatar(settings: Settings) -> tuple[Command, ...]:
    """Return the commands that have the renderer's candidate render, and read how that went."""
    location = (f"--location={settings.region}", names.project(settings))
    report = f"gs://{settings.bucket}/{CHECKS}/{variable(_CHECK)}.json"
    return (
        gcloud(
            "tasks create-http-task",
            f"--queue={names.CHECKS_QUEUE}",
            f"--url={names.service_url(settings, names.RENDERER, tag=names.CANDIDATE)}/check",
            "--method=POST",
            f"--oidc-service-account-email={names.account(settings, names.TASKS_CALLER)}",
            # Also for a tagged revision a token is for the service.
            f"--oidc-token-audience={names.service_url(settings, names.RENDERER)}",
            *location,
            "--format=value(name)",
            capture=_CHECK,
            pattern="/tasks/([A-Za-z0-9_-]+)",
        ),
        gcloud(
            "storage cat",
            report,
            names.project(settings),
            capture="PASSED",
            pattern='"passed": *(true)',
            absent=f"the candidate did not render the golden avatar as it should: {report} says "
            f"why. The traffic of {names.RENDERER} stays where it is",
        ),
    )


def listed(settings: Settings, expect: Any) -> Check:
    """Return the check of an expectation on the services."""
    location = (f"--region={settings.region}", names.project(settings))
    return Check(
        command=gcloud("run services list", *location, "--format=json"),
        expect=expect,
    )


def revision_where(
    settings: Settings, service: str, target: str, *, capture: str, absent: str
) -> Command:
    """Return the command that captures the revision of one of a service's traffic targets."""
    return gcloud(
        "run services list",
        f"--region={settings.region}",
        names.project(settings),
        "--flatten=status.traffic[]",
        f"--filter=metadata.name={service} AND status.traffic.{target}",
        "--format=value(status.traffic.revisionName)",
        capture=capture,
        absent=absent,
    )


def move(
    settings: Settings, service: str, revision: str, tag: str, *, previous: str = ""
) -> Command:
    """Return the command that gives a revision all the traffic of a service, and a tag."""
    tags = f"{tag}={revision}" + (f",{PREVIOUS}={previous}" if previous else "")
    return gcloud(
        "run services update-traffic",
        service,
        f"--to-revisions={revision}=100",
        f"--update-tags={tags}",
        f"--region={settings.region}",
        names.project(settings),
    )
