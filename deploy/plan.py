"""The plan: settings and the repository's own files in, ordered steps out. Pure."""

from dataclasses import dataclass

from deploy.project_facts import Lookup, lookups
from deploy.resources import (
    cloud_run,
    data_protection,
    events,
    iam,
    monitoring,
    project_setup,
    scheduling,
)
from deploy.resources.data_protection import Guard
from deploy.resources.monitoring import Watch
from deploy.settings import Settings
from deploy.step import Step


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
        first=(project_setup.apis(settings),),
        lookups=lookups(settings),
        steps=(
            *project_setup.accounts(settings),
            *iam.agents(settings),
            *iam.data(settings),
            *project_setup.image(settings),
            *_serving(settings),
            *iam.calls(settings),
            *data_protection.steps(settings, material.guard),
            *events.steps(settings),
            scheduling.schedule(settings),
            *monitoring.steps(settings, material.watch),
        ),
    )


def _serving(settings: Settings) -> tuple[Step, ...]:
    if settings.single:
        return (cloud_run.renderer(settings), cloud_run.job(settings))
    return (
        cloud_run.renderer(settings),
        scheduling.queue(settings),
        cloud_run.gate(settings),
        cloud_run.job(settings),
    )
