"""The environment of each deployed process is one that the function accepts."""

from dataclasses import replace

import pytest

from deploy.command import fill
from deploy.settings import Settings as Deployed
from functions.roles import Role
from functions.settings import Settings, from_environment
from tests.deploy import example_plans
from tests.deploy.test_plan import environment

FACTS = {"PROJECT_NUMBER": "123456789"}


def read(settings: Deployed, title: str) -> Settings:
    told = environment(settings, title)
    return from_environment({name: fill(value, FACTS) for name, value in told.items()})


@pytest.mark.parametrize("name", example_plans.ALL)
def test_every_process_starts_with_its_settings(name: str) -> None:
    settings = example_plans.ALL[name]
    titles = [step.title for step in example_plans.plan(settings).steps]
    started = [title for title in titles if title.startswith(("Service idle-", "Job idle-"))]
    assert len(started) == (2 if settings.single else 3)
    for title in started:
        told = read(settings, title)
        assert told.bucket == settings.bucket
        assert told.collection == settings.collection
        assert told.engine == settings.engine
        assert not told.emulated


def test_gate_renderer_and_reconcile_agree() -> None:
    gate = read(example_plans.USUAL, "Service idle-gate")
    renderer = read(example_plans.USUAL, "Service idle-renderer")
    reconcile = read(example_plans.USUAL, "Job idle-reconcile")
    assert (gate.role, renderer.role, reconcile.role) == (Role.GATE, Role.RENDERER, Role.GATE)
    versions = {told.engine_version for told in (gate, renderer, reconcile)}
    assert versions == {example_plans.USUAL.engine_version}
    assert renderer.precision == "fp16"
    assert gate.route is not None
    assert renderer.route is not None
    assert reconcile.route is not None
    queues = "projects/my-app-1234/locations/europe-west4/queues"
    assert gate.route.queue == renderer.route.queue == f"{queues}/idle-renders"
    assert reconcile.route.queue == f"{queues}/idle-repairs"  # behind what people have saved
    assert gate.route.look_queue == f"{queues}/idle-debounce"
    assert gate.route.gate_url == "https://idle-gate-123456789.europe-west4.run.app"
    assert gate.route.renderer_url == renderer.route.renderer_url
    assert gate.route.renderer_url == "https://idle-renderer-123456789.europe-west4.run.app"
    assert gate.route.service_account == renderer.route.service_account
    service = "projects/my-app-1234/locations/europe-west4/services/idle-renderer"
    assert renderer.route.private_service == service
    assert renderer.device == "cuda"


@pytest.mark.parametrize("deadline", [None, "590"])  # the function's own, and the longest
def test_a_service_has_more_time_than_the_function_takes(deadline: str | None) -> None:
    told = () if deadline is None else (("LIVEPORTRAIT_DEADLINE_S", deadline),)
    for settings, title in (
        (replace(example_plans.USUAL, environment=told), "Service idle-renderer"),
        (replace(example_plans.USUAL, environment=told), "Service idle-gate"),
        (replace(example_plans.SMALLEST, environment=told), "Service idle-renderer"),
    ):
        (step,) = (step for step in example_plans.plan(settings).steps if step.title == title)
        (timeout,) = (
            int(word.partition("=")[2]) for word in step.create[0].argv if "--timeout=" in word
        )
        assert timeout > read(settings, title).deadline_s


def test_the_smallest_deployment_renders_by_itself() -> None:
    told = read(example_plans.SMALLEST, "Service idle-renderer")
    assert told.role is Role.ALL
    assert told.route is None


def test_a_bound_on_the_rate_is_told_to_whoever_names_or_makes_results() -> None:
    bound = replace(example_plans.USUAL, environment=(("LIVEPORTRAIT_PEAK_MBIT_S", "8"),))
    for title in ("Service idle-gate", "Service idle-renderer", "Job idle-reconcile"):
        assert read(bound, title).peak_mbit_s == 8.0


def test_more_variables_are_read() -> None:
    assert read(example_plans.RTX, "Service idle-gate").debounce_s == 2.0
