"""Roles and the way of tasks: what each role needs, and messages that name what is wrong."""

import pytest

from functions.errors import InvalidSetting
from functions.roles import Role, TaskRoute
from functions.settings import from_environment

QUEUE = "projects/demo/locations/europe-west1/queues/idle-renders"
CLOUD = {"LIVEPORTRAIT_BUCKET": "demo.appspot.com", "LIVEPORTRAIT_ENGINE": "mesh"}
EMULATED = {
    **CLOUD,
    "GOOGLE_CLOUD_PROJECT": "demo",
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9199",
    "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:8123",
}
ROUTE = {
    "LIVEPORTRAIT_RENDERER_URL": "https://idle-renderer-1.europe-west1.run.app",
    "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": "idle-tasks@demo.iam.gserviceaccount.com",
}
GATE = {**CLOUD, **ROUTE, "LIVEPORTRAIT_ROLE": "gate", "LIVEPORTRAIT_TASKS_QUEUE": QUEUE}
RENDERER = {**CLOUD, **ROUTE, "LIVEPORTRAIT_ROLE": "renderer"}


def test_without_a_role_a_process_does_everything_and_knows_no_queue() -> None:
    for environment in (CLOUD, EMULATED):
        settings = from_environment(environment)
        assert (settings.role, settings.route) == (Role.ALL, None)


def test_the_gate_knows_the_queue_and_the_renderer_its_own_address() -> None:
    gate, renderer = from_environment(GATE), from_environment(RENDERER)
    assert gate.role is Role.GATE
    assert gate.route == TaskRoute(
        renderer_url="https://idle-renderer-1.europe-west1.run.app",
        service_account="idle-tasks@demo.iam.gserviceaccount.com",
        queue=QUEUE,
    )
    assert renderer.role is Role.RENDERER
    assert renderer.route is not None
    assert (renderer.route.emulator, renderer.route.behind_iam) == (None, False)
    service = "projects/demo/locations/europe-west1/services/idle-renderer"
    behind = from_environment({**RENDERER, "LIVEPORTRAIT_BEHIND_IAM": service}).route
    assert behind is not None
    assert (behind.behind_iam, behind.private_service) == (True, service)


def test_the_gate_alone_pauses_queues_for_a_budget() -> None:
    queues = (QUEUE, f"{QUEUE}-2")
    wanted = {"LIVEPORTRAIT_BUDGET_QUEUES": ",".join(queues)}
    gate = from_environment({**GATE, **wanted}).route
    renderer = from_environment({**RENDERER, **wanted}).route
    assert gate is not None
    assert renderer is not None
    assert (gate.budget_queues, renderer.budget_queues) == (queues, ())
    for wrong in ("", "idle-renders", f"{QUEUE},"):
        with pytest.raises(InvalidSetting, match="LIVEPORTRAIT_BUDGET_QUEUES is"):
            from_environment({**GATE, "LIVEPORTRAIT_BUDGET_QUEUES": wrong})


def test_beside_an_emulator_the_renderer_may_be_any_local_address() -> None:
    local = {**EMULATED, **RENDERER, "LIVEPORTRAIT_RENDERER_URL": "http://127.0.0.1:8081"}
    route = from_environment(local).route
    assert route is not None
    assert (route.renderer_url, route.emulator) == ("http://127.0.0.1:8081", "127.0.0.1:8123")


def test_a_gate_must_be_told_the_precision_of_liveportrait() -> None:
    spec = {**GATE, "LIVEPORTRAIT_ENGINE": "liveportrait"}
    with pytest.raises(InvalidSetting, match=r"LIVEPORTRAIT_PRECISION is 'auto'.*fp32, fp16"):
        from_environment(spec)
    assert from_environment({**spec, "LIVEPORTRAIT_PRECISION": "fp16"}).precision == "fp16"
    assert from_environment({**spec, "LIVEPORTRAIT_PRECISION": "mixed"}).precision == "mixed"
    assert from_environment(GATE).precision == "auto"  # the mesh has none


@pytest.mark.parametrize(
    ("base", "name", "value", "accepted"),
    [
        (CLOUD, "LIVEPORTRAIT_ROLE", "worker", "all, gate, renderer"),
        (CLOUD, "LIVEPORTRAIT_PRECISION", "int8", "auto, fp32, fp16, bf16, mixed"),
        (CLOUD, "LIVEPORTRAIT_TASKS_QUEUE", QUEUE, "role 'gate', or no queue"),
        (GATE, "LIVEPORTRAIT_TASKS_QUEUE", "idle-renders", "projects/PROJECT/locations"),
        (GATE, "LIVEPORTRAIT_TASKS_QUEUE", None, "projects/PROJECT/locations"),
        (GATE, "LIVEPORTRAIT_RENDERER_URL", None, "base URL"),
        (GATE, "LIVEPORTRAIT_RENDERER_URL", "https://r.run.app/", "base URL"),
        (GATE, "LIVEPORTRAIT_RENDERER_URL", "https://r.run.app/render", "base URL"),
        (RENDERER, "LIVEPORTRAIT_RENDERER_URL", "http://r.run.app", "base URL"),
        (RENDERER, "LIVEPORTRAIT_RENDERER_URL", "https://r.run.app?x", "base URL"),
        (RENDERER, "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT", None, "e-mail"),
        (RENDERER, "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT", "idle-tasks", "e-mail"),
        (RENDERER, "LIVEPORTRAIT_BEHIND_IAM", "on", "off, or the Cloud Run service"),
        (CLOUD, "CLOUD_TASKS_EMULATOR_HOST", "127.0.0.1:8123", "all or none"),
        ({**EMULATED, **RENDERER}, "CLOUD_TASKS_EMULATOR_HOST", None, "all or none"),
        ({**EMULATED, **RENDERER}, "CLOUD_TASKS_EMULATOR_HOST", "http://h:1", "without a scheme"),
        (
            {**EMULATED, **RENDERER},
            "LIVEPORTRAIT_BEHIND_IAM",
            "projects/p/locations/l/services/s",
            "accepted: off",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(
    base: dict[str, str], name: str, value: str | None, accepted: str
) -> None:
    environment = {key: each for key, each in base.items() if key != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(InvalidSetting) as caught:
        from_environment(environment)
    assert name in str(caught.value)
    assert accepted in str(caught.value)
    assert value is None or value in str(caught.value)
