"""The plan: settings and the repository's own files in, ordered steps out. Pure."""

from dataclasses import dataclass

from deploy import access, data, eventing, foundation, pacing, serving, watching
from deploy.data import Guard
from deploy.facts import Lookup, lookups
from deploy.settings import Settings
from deploy.step import Step
from deploy.watching import Watch


@dataclass(frozen=True, kw_only=True)
class Material:
    """The repository's files that a deployment carries into the project."""

    guard: Guard
    watch: Watch


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a deployment does.

    Attributes:
        first: what must stand before facts can be looked up.
        lookups: the facts.
        steps: the rest, in the order of making; removed in the opposite order.
    """

    first: tuple[Step, ...]
    lookups: tuple[Lookup, ...]
    steps: tuple[Step, ...]


def make(settings: Settings, material: Material) -> Plan:
    """The plan of a deployment."""
    return Plan(
        first=(foundation.apis(settings),),
        lookups=lookups(settings),
        steps=(
            *foundation.accounts(settings),
            *access.agents(settings),
            *access.data(settings),
            *foundation.image(settings),
            *_serving(settings),
            *access.calls(settings),
            *data.steps(settings, material.guard),
            *eventing.steps(settings),
            pacing.schedule(settings),
            *watching.steps(settings, material.watch),
        ),
    )


def _serving(settings: Settings) -> tuple[Step, ...]:
    if settings.single:
        return (serving.renderer(settings), serving.job(settings))
    return (
        serving.renderer(settings),
        pacing.queue(settings),
        serving.gate(settings),
        serving.job(settings),
    )
