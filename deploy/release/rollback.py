"""The way back: traffic to the revisions that served before, and the job to their image."""

from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import (
    CheckResult,
    EntryWhere,
    Field,
    ListEntry,
    Path,
    ResourceState,
    Variables,
)
from deploy.command import Command, gcloud, variable
from deploy.errors import InvalidSetting
from deploy.release.traffic import CURRENT, PREVIOUS, Traffic, listed, move, revision_where
from deploy.settings import Settings
from deploy.step import Check, Step

_PREVIOUS, _IMAGE, _ENGINE_VERSION = "PREVIOUS", "IMAGE", "ENGINE_VERSION"
_VERSION = "LIVEPORTRAIT_ENGINE_VERSION"
_CONTAINER: Path = ("spec", "template", "spec", "template", "spec", "containers", 0)


@dataclass(frozen=True, kw_only=True)
class PreviousServes:
    """The revision that served before has all the traffic of a service again."""

    service: str

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; FOREIGN where no revision served before."""
        traffic = Traffic.of(self.service, output)
        previous = traffic.tags.get(PREVIOUS)
        if previous is None:
            return CheckResult(state=ResourceState.FOREIGN)
        if traffic.serves(previous):
            return CheckResult(state=ResourceState.MATCHES)
        told = f"{traffic.tags.get(CURRENT)} serves, wanted {previous}"
        return CheckResult(state=ResourceState.DIFFERS, differences=(told,))


def steps(settings: Settings, *only: str) -> tuple[Step, ...]:
    """Return the steps; the renderer first, for it is what a version is taken back for.

    Args:
        settings: the deployment.
        only: the services that go back; none named: each. The job goes with the gate, or with the
            renderer where there is no gate.
    """
    services = names.services(settings)
    for name in only:
        if name not in services:
            raise InvalidSetting(
                f"only is {name!r}; accepted: {', '.join(services)}, of a deployment with these "
                "options; give those of the deployment"
            )
    chosen = [service for service in services if service in (only or services)]
    back = tuple(_service(settings, service) for service in chosen)
    leader = names.GATE if settings.has_gate else names.RENDERER
    return (*back, _job(settings, leader)) if leader in chosen else back


def _previous(settings: Settings, service: str) -> Command:
    return revision_where(
        settings,
        service,
        f"tag={PREVIOUS}",
        capture=_PREVIOUS,
        absent=_absent(settings, service),
    )


def _absent(settings: Settings, service: str) -> str:
    keys = "its keys were others then, " if service == names.API else ""
    others = [f"--only {name}" for name in names.services(settings) if name != service]
    alone = f", or take the others back alone ({' '.join(others)})" if others else ""
    return (
        f"no earlier revision of {service} has the tag {PREVIOUS}: nothing served before, {keys}or "
        "a version of this program deployed it that set no tags. Deploy the older commit instead"
        f"{alone}"
    )


def _service(settings: Settings, service: str) -> Step:
    return Step(
        title=f"Traffic of {service}, back",
        why="The revision has its own image, engine and settings. Both tags are its own then, so a "
        "second rollback changes nothing, and the next deployment goes forwards again.",
        checks=(listed(settings, PreviousServes(service=service)),),
        create=(
            _previous(settings, service),
            move(settings, service, variable(_PREVIOUS), CURRENT),
        ),
        foreign_message=_absent(settings, service),
        foreseeable=True,
        eventually_consistent=True,
    )


def _version(settings: Settings, service: str) -> Command:
    """Return the command that captures the engine version that the revision was told."""
    return gcloud(
        "run revisions list",
        f"--service={service}",
        f"--region={settings.region}",
        names.project(settings),
        "--flatten=spec.containers[].env[]",
        f"--filter=metadata.name={variable(_PREVIOUS)} AND spec.containers.env.name={_VERSION}",
        "--format=value(spec.containers.env.value)",
        capture=_ENGINE_VERSION,
        absent=f"{variable(_PREVIOUS)} was told no {_VERSION}: an earlier version of this program "
        "deployed it. Deploy the older commit instead",
    )


def _job(settings: Settings, service: str) -> Step:
    """Return the step of the job, which is to run what the service's previous revision runs."""
    location = (f"--region={settings.region}", names.project(settings))
    image = gcloud(
        "run revisions describe",
        variable(_PREVIOUS),
        *location,
        "--format=value(spec.containers[0].image)",
        capture=_IMAGE,
    )
    changes = [f"--image={variable(_IMAGE)}"]
    captures = [_previous(settings, service), image]
    fields = [Field((*_CONTAINER, "image"), variable(_IMAGE))]
    if not settings.single:  # a gate's image has no engine to tell the version of
        captures.append(_version(settings, service))
        changes.append(f"--update-env-vars={_VERSION}={variable(_ENGINE_VERSION)}")
        told = (*_CONTAINER, "env", EntryWhere("name", _VERSION), "value")
        fields.append(Field(told, variable(_ENGINE_VERSION)))
    return Step(
        title=f"Job {names.RECONCILE}, back",
        why="It names what is missing as the services do. Its label says that it is no plan's, so "
        "the next deployment makes it anew.",
        captures=tuple(captures),
        checks=(
            Check(
                command=gcloud("run jobs list", *location, "--format=json"),
                expect=ListEntry(
                    name=names.RECONCILE,
                    key=("metadata", "name"),
                    fields=tuple(fields),
                ),
            ),
        ),
        create=(
            gcloud(
                "run jobs update",
                names.RECONCILE,
                *changes,
                f"--update-labels={names.PLAN_LABEL}=rolled-back",
                *location,
            ),
        ),
        foreseeable=True,
        eventually_consistent=True,
    )
