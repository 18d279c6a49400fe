"""The plan: from settings and the repository's files to ordered steps. Pure."""

from dataclasses import dataclass

from deploy import names
from deploy.project_facts import Lookup, lookups
from deploy.release import revisions, rollback, traffic
from deploy.resources import (
    budget,
    events,
    images,
    monitoring,
    private_network,
    project_setup,
    scheduling,
)
from deploy.resources.access import iam
from deploy.resources.data_protection import steps as data_protection
from deploy.resources.data_protection.steps import DataConfig
from deploy.resources.monitoring import MonitoringConfig
from deploy.resources.services import cloud_run, http_api
from deploy.settings import Settings
from deploy.step import Step


@dataclass(frozen=True, kw_only=True)
class RepositoryFiles:
    """The repository's files that a deployment uses."""

    data: DataConfig
    monitoring: MonitoringConfig
    ignore: str = ""  # .gcloudignore


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of a deployment.

    Attributes:
        first: steps that must be done before facts can be looked up.
        lookups: the facts.
        steps: the other steps, in the order of creation; removed in the opposite order.
    """

    first: tuple[Step, ...]
    lookups: tuple[Lookup, ...]
    steps: tuple[Step, ...]


def make(settings: Settings, files: RepositoryFiles) -> Plan:
    """Return the plan of a deployment."""
    return Plan(
        first=(project_setup.apis(settings),),
        lookups=lookups(settings),
        steps=(
            *project_setup.accounts(settings),
            *iam.service_agents(settings),
            *iam.data_access(settings),
            *images.steps(settings, files.ignore),
            *private_network.steps(settings),
            *_services(settings),
            *iam.invokers(settings),
            *(_api(settings) if settings.api is not None else ()),
            *data_protection.steps(settings, files.data),
            *(events.steps(settings) if settings.answers_events else ()),
            *scheduling.schedules(settings),
            *budget.steps(settings),
            *monitoring.steps(settings, files.monitoring),
        ),
    )


def of_region(settings: Settings, plan: Plan) -> Plan:
    """Return what of a plan's removal takes away nothing but the settings' region's own.

    The rest of it (accounts, triggers, alerts) a deployment in another region has in use.
    """
    place = {f"--region={settings.region}", f"--location={settings.region}"}
    own = (
        step
        for step in plan.steps
        if step.remove and all(place & {*command.argv} for command in step.remove)
    )
    return Plan(first=(), lookups=plan.lookups, steps=tuple(own))


def way_back(settings: Settings, *only: str) -> Plan:
    """Return the plan of a rollback to what served before, of all services or of some."""
    return Plan(first=(), lookups=(), steps=rollback.steps(settings, *only))


def _services(settings: Settings) -> tuple[Step, ...]:
    newest, surplus = traffic.to_newest, revisions.surplus
    if settings.single:
        return (
            cloud_run.renderer(settings),
            newest(settings, names.RENDERER),
            surplus(settings, names.RENDERER),
            cloud_run.job(settings),
        )
    return (
        cloud_run.renderer_shell(settings),
        iam.self_knowledge(settings),
        cloud_run.renderer(settings),
        *scheduling.queues(settings),
        iam.task_caller(settings, names.RENDERER),
        traffic.candidate(settings),
        newest(settings, names.RENDERER, after=traffic.golden_avatar(settings)),
        surplus(settings, names.RENDERER),
        *(_gate(settings) if settings.has_gate else ()),
        cloud_run.job(settings),
    )


def _gate(settings: Settings) -> tuple[Step, ...]:
    return (
        cloud_run.gate(settings),
        traffic.to_newest(settings, names.GATE),
        revisions.surplus(settings, names.GATE),
    )


def _api(settings: Settings) -> tuple[Step, ...]:
    return (
        *http_api.steps(settings),
        traffic.to_newest(settings, names.API),
        revisions.without_other_keys(settings, names.API, http_api.keys(settings)),
        revisions.surplus(settings, names.API),
    )
