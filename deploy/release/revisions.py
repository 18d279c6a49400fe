"""Old revisions: those without traffic and tag are deleted, and none is reached with old keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import (
    CheckResult,
    Expectation,
    Field,
    ListEntry,
    Path,
    ResourceState,
    Variables,
    value_at,
)
from deploy.command import gcloud, variable
from deploy.release.traffic import PREVIOUS, Traffic, listed
from deploy.settings import Settings
from deploy.step import Check, Step

_LEFT = 1  # of those that nobody serves: the newest, perhaps a candidate that failed, with its log
_SERVED, _SURPLUS, _EARLIER = "SERVED", "SURPLUS", "EARLIER"


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
            _revisions(settings, service, FewOthers(left=_LEFT)),
        ),
        create=(),
        update=(gcloud("run revisions delete", variable(_SURPLUS), *location, "--quiet"),),
        repeats=True,
    )


@dataclass(frozen=True, kw_only=True)
class EarlierRevision:
    """Defines the revision that served before; empty: there is none."""

    service: str

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return a match, with its name."""
        earlier = Traffic.of(self.service, output).tags.get(PREVIOUS, "")
        return CheckResult(state=ResourceState.MATCHES, found={_EARLIER: earlier})


@dataclass(frozen=True, kw_only=True)
class EarlierHas:
    """The revision that served before, if there is one, has these fields."""

    fields: tuple[Field, ...]

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result: matching or different."""
        earlier = variables[_EARLIER]
        if not earlier:
            return CheckResult(state=ResourceState.MATCHES)
        entry = ListEntry(name=earlier, key=("metadata", "name"), fields=self.fields)
        return entry.evaluate(output, variables)


def without_other_keys(settings: Settings, service: str, keys: Mapping[Path, str]) -> Step:
    """Return the step that takes the tag off an earlier revision that accepts other keys.

    Args:
        settings: the deployment.
        service: its name.
        keys: the fields of a revision's `spec` that tell the keys.
    """
    fields = tuple(Field(("spec", *path), value) for path, value in keys.items())
    return Step(
        title=f"Keys of {service}'s earlier revision",
        why=f"Its tag {PREVIOUS} is an address of its own, open to the internet. A key that was "
        "taken away would open it there, and after a rollback everywhere.",
        checks=(
            listed(settings, EarlierRevision(service=service)),
            _revisions(settings, service, EarlierHas(fields=fields)),
        ),
        create=(),
        update=(
            gcloud(
                "run services update-traffic",
                service,
                f"--remove-tags={PREVIOUS}",
                f"--region={settings.region}",
                names.project(settings),
            ),
        ),
        eventually_consistent=True,
    )


def _revisions(settings: Settings, service: str, expect: Expectation) -> Check:
    location = (f"--region={settings.region}", names.project(settings))
    return Check(
        command=gcloud("run revisions list", f"--service={service}", *location, "--format=json"),
        expect=expect,
    )
