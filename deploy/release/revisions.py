"""Old revisions, without traffic and tag, are deleted: each deployment leaves one."""

from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import CheckResult, ResourceState, Variables, value_at
from deploy.command import gcloud, variable
from deploy.release.traffic import Traffic, listed
from deploy.settings import Settings
from deploy.step import Check, Step

_LEFT = 1  # of those that nobody serves: the newest, perhaps a candidate that failed, with its log
_SERVED, _SURPLUS = "SERVED", "SURPLUS"


@dataclass(frozen=True, kw_only=True)
class ServedRevisions:
    """Defines the revisions that must stay: with traffic or a tag, and the newest one."""

    service: str

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return a match, with their names."""
        traffic = Traffic.of(self.service, output)
        served = {traffic.newest, *traffic.shares, *traffic.tags.values()}
        return CheckResult(
            state=ResourceState.MATCHES, found={_SERVED: " ".join(sorted(served)).strip()}
        )


@dataclass(frozen=True, kw_only=True)
class FewOthers:
    """Of the other revisions only the newest are left; it defines the oldest one too many."""

    left: int

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result: matching or different."""
        served = variables[_SERVED].split()
        made = {
            str(value_at(one, ("metadata", "name"))): str(
                value_at(one, ("metadata", "creationTimestamp"))
            )
            for one in output
        }
        others = sorted((name for name in made if name not in served), key=lambda name: made[name])
        if len(others) <= self.left:
            return CheckResult(state=ResourceState.MATCHES)
        return CheckResult(
            state=ResourceState.DIFFERS,
            differences=(f"nobody serves {others[0]}",),
            found={_SURPLUS: others[0]},
        )


def surplus(settings: Settings, service: str) -> Step:
    """Return the step that deletes a service's old revisions, without traffic and tag."""
    location = (f"--region={settings.region}", names.project(settings))
    return Step(
        title=f"Old revisions of {service}",
        why="What serves and what served before stay, by their tags, and the newest other one. "
        "The rest is deleted, one after the other.",
        checks=(
            listed(settings, ServedRevisions(service=service)),
            Check(
                command=gcloud(
                    "run revisions list", f"--service={service}", *location, "--format=json"
                ),
                expect=FewOthers(left=_LEFT),
            ),
        ),
        create=(),
        update=(gcloud("run revisions delete", variable(_SURPLUS), *location, "--quiet"),),
        repeats=True,
    )
