"""What holds of a gate and a renderer with a queue between them, and of nothing else."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import grpc
import pytest
from google.cloud.tasks_v2 import CloudTasksClient, Queue
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.faults import FaultKind
from emulator.tasks.task import Task, TaskState
from tests.end_to_end.app import PATIENCE_S, Avatar, Cloud
from tests.end_to_end.deployment import Dispatch

pytestmark = pytest.mark.queue
DISPATCHES = (Dispatch.TASKS,)
UNRELATED = 1_000
DRAGGED = 20


@pytest.fixture
def renderer_paths(cloud: Cloud) -> list[str]:
    """The paths of all requests that the renderer's process gets from now on, from any sender."""
    assert cloud.deployment.turnstile is not None
    paths = cloud.deployment.turnstile.paths
    paths.clear()
    return paths


@pytest.fixture
def earlier(cloud: Cloud) -> int:
    """How many tasks for the renderer there were before the test."""
    return len(render_tasks(cloud))


def render_tasks(cloud: Cloud) -> tuple[Task, ...]:
    """The tasks for the renderer; those that wait for a slider to rest are the gate's own."""
    queue = cloud.suite.options.queue_name
    return tuple(
        task for task in cloud.suite.control.tasks() if task.name.startswith(f"{queue}/tasks/")
    )


def tasks_since(cloud: Cloud, earlier: int) -> tuple[Task, ...]:
    """Those made since."""
    return render_tasks(cloud)[earlier:]


def wait_for_events(cloud: Cloud, first: int, count: int) -> None:
    """Waits until so many more events have been told of and answered: Google's emulator lags."""
    give_up_at = time.monotonic() + PATIENCE_S
    while len(cloud.suite.control.events()) - first < count:
        assert time.monotonic() < give_up_at, f"not {count} events within {PATIENCE_S} s"
        time.sleep(0.05)
    cloud.settle()


def test_a_thousand_unrelated_writes_and_a_dragged_slider_reach_the_renderer_once(
    cloud: Cloud, renderer_paths: list[str], earlier: int
) -> None:
    avatars = [cloud.avatar(f"crowd{number}") for number in range(4)]
    for avatar in avatars:
        avatar.create()
    cloud.settle()
    dragged, first_event = avatars[0], len(cloud.suite.control.events())

    def write_unrelated(avatar: Avatar) -> None:
        for number in range(UNRELATED // len(avatars)):
            avatar.document.update({"visits": number, "training.progress": number % 100})

    with ThreadPoolExecutor(len(avatars)) as pool:
        writing = [pool.submit(write_unrelated, avatar) for avatar in avatars]
        for number in range(DRAGGED):
            dragged.save(round(0.21 + number / 100, 2))
            time.sleep(0.05)
        for written in writing:
            written.result()
    live = dragged.wait_ready(0.40)
    wait_for_events(cloud, first_event, UNRELATED + DRAGGED)

    assert renderer_paths == ["/render"]
    assert [task.state for task in tasks_since(cloud, earlier)] == [TaskState.DONE]
    assert [avatar.renders() for avatar in avatars] == [1, 0, 0, 0]
    assert live["resultFingerprint"] == live["fingerprint"]
    assert dragged.read()["visits"] == UNRELATED // len(avatars) - 1


@pytest.mark.parametrize(
    "fault",
    [
        FaultKind.FAIL_TASK_CREATION,
        FaultKind.LOSE_TASK_CREATION_ANSWER,
        FaultKind.DUPLICATE_TASK,
        FaultKind.DROP_TASK,
        FaultKind.LOSE_TASK_ANSWER,
    ],
)
def test_whatever_the_queue_does_renders_once(cloud: Cloud, earlier: int, fault: FaultKind) -> None:
    control = cloud.suite.control
    strike = {
        FaultKind.FAIL_TASK_CREATION: control.fail_task_creations,
        FaultKind.LOSE_TASK_CREATION_ANSWER: control.lose_task_creation_answers,
        FaultKind.DUPLICATE_TASK: control.duplicate_tasks,
        FaultKind.DROP_TASK: control.drop_tasks,
        FaultKind.LOSE_TASK_ANSWER: control.lose_task_answers,
    }
    avatar = cloud.avatar(fault.value.replace("_", "-"))
    avatar.create()
    strike[fault]()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    assert control.planned() == ()
    assert [task.state for task in tasks_since(cloud, earlier)] == [TaskState.DONE]
    assert avatar.renders() == 1


def test_an_event_twice_makes_one_task(cloud: Cloud, earlier: int) -> None:
    avatar = cloud.avatar("twice")
    avatar.create()
    cloud.settle()
    cloud.suite.control.duplicate_next_event()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    assert len(tasks_since(cloud, earlier)) == 1
    assert avatar.renders() == 1


def saved_while_paused(cloud: Cloud, avatar: Avatar, multipliers: tuple[float, ...]) -> None:
    """Saves one value after the other, each when the one before has its task in the queue."""
    control, queue = cloud.suite.control, cloud.suite.options.queue_name
    avatar.create()
    cloud.settle()
    control.pause_queue(queue)
    for multiplier in multipliers:
        avatar.save(multiplier)
        avatar.wait_state("queued")
        cloud.settle()  # paused tasks do not count: the gate has answered
    assert avatar.renders() == 0
    control.resume_queue(queue)


def test_of_what_waits_in_the_queue_only_the_newest_is_rendered(cloud: Cloud, earlier: int) -> None:
    avatar = cloud.avatar("waiting")
    saved_while_paused(cloud, avatar, (0.30, 0.50, 0.70))
    live = avatar.wait_ready(0.70)
    assert {task.state for task in tasks_since(cloud, earlier)} == {TaskState.DONE}
    assert len(tasks_since(cloud, earlier)) == 3
    assert avatar.renders() == 1
    assert {name.split("/")[-3] for name in avatar.output_names()} == {live["fingerprint"][:16]}


def test_a_wish_that_comes_back_while_it_waits_is_rendered_once(cloud: Cloud) -> None:
    avatar = cloud.avatar("back-again")
    saved_while_paused(cloud, avatar, (0.30, 0.50, 0.30))
    avatar.wait_ready(0.30)
    assert avatar.renders() == 1


def test_a_withdrawn_wish_costs_the_renderer_a_look_and_no_render(cloud: Cloud) -> None:
    from google.cloud.firestore import DELETE_FIELD

    avatar = cloud.avatar("withdrawn")
    avatar.create()
    cloud.settle()
    queue = cloud.suite.options.queue_name
    cloud.suite.control.pause_queue(queue)
    avatar.save(0.40)
    avatar.wait_state("queued")
    avatar.update({"training.livePortrait": DELETE_FIELD})
    cloud.settle()
    cloud.suite.control.resume_queue(queue)
    cloud.settle()
    assert avatar.renders() == 0
    assert avatar.live() == {}


@pytest.fixture
def wide_queue(cloud: Cloud) -> Iterator[None]:
    """For one test the queue lets several tasks out at once, as that of many renderers does."""
    name = cloud.suite.options.queue_name
    mask = FieldMask(paths=["rate_limits.max_concurrent_dispatches"])
    with grpc.insecure_channel(cloud.suite.tasks_address) as channel:
        client = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        for at_once in (8, 1):
            limits = {"max_concurrent_dispatches": at_once}
            client.update_queue(queue=Queue(name=name, rate_limits=limits), update_mask=mask)
            if at_once == 8:
                yield


@pytest.mark.usefixtures("wide_queue")
def test_a_renderer_that_is_given_several_at_once_renders_one_after_the_other(
    cloud: Cloud, earlier: int
) -> None:
    avatars = [cloud.avatar(f"several{number}") for number in range(3)]
    for avatar in avatars:
        avatar.create()
    cloud.settle()
    for avatar in avatars:
        avatar.save(0.40)
    for avatar in avatars:
        avatar.wait_ready(0.40)
        assert avatar.renders() == 1
    assert {task.state for task in tasks_since(cloud, earlier)} == {TaskState.DONE}
    spans = sorted((one.live()["startedAt"], one.live()["finishedAt"]) for one in avatars)
    for (_, finished), (started, _) in pairwise(spans):
        assert started >= finished


def ask(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST as a stranger; gives the status."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data=body, headers=headers), timeout=30
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def test_who_does_not_come_from_the_queue_is_refused(cloud: Cloud) -> None:
    avatar = cloud.avatar("stranger")
    avatar.create()
    cloud.settle()
    body = json.dumps({"avatarId": avatar.id}).encode()
    json_body = {"Content-Type": "application/json"}
    renderer, gate = cloud.deployment.renderer.url, cloud.deployment.gate.url
    assert ask(f"{renderer}/render", body, json_body) == 401
    assert ask(f"{renderer}/render", body, {**json_body, "Authorization": "Bearer a.b.c"}) == 401
    assert ask(f"{gate}/render", body, json_body) == 404
    event = {
        "ce-id": "1",
        "ce-source": "//firestore.googleapis.com/projects/demo-avatar/databases/(default)",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-specversion": "1.0",
        "content-type": "application/protobuf",
    }
    assert ask(renderer, b"", event) == 404
    assert avatar.live() == {}


def test_gate_and_renderer_name_the_same_engine(cloud: Cloud) -> None:
    gate, renderer = cloud.deployment.gate.health(), cloud.deployment.renderer.health()
    for key in ("engine", "engineVersion"):
        assert gate[key] == renderer[key]
