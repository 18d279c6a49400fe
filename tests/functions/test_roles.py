"""Gate and renderer as functions-framework serves them, with Cloud Tasks' own client between."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import firebase_admin
import functions_framework
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Client
from werkzeug.serving import make_server

from emulator.function_process import free_port
from emulator.suite import Suite
from emulator.tasks.task import Task
from functions.cloud.tasks import CloudTasksQueue
from functions.domain.job_record import Dispatch
from functions.domain.task import RenderTask
from functions.domain.task import Task as PutTask
from functions.errors import RetryLater
from functions.roles import QueueRoute, TaskRoute
from tests.functions.cloud.test_budget import NOTICE, pushed, without
from tests.functions.doubles import about
from tests.functions.scene import document
from tests.functions.test_main import post
from tests.functions.wire import event_data, name_of

ACCOUNT = "idle-tasks@demo.iam.gserviceaccount.com"
DEADLINE_S = 600.0
_BUDGET = "LIVEPORTRAIT_BUDGET_QUEUES"


def until(found: Callable[[], Any], within_s: float = 20.0) -> Any:
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        if (answer := found()) is not None:
            return answer
        time.sleep(0.02)
    raise AssertionError("it did not come about")


@pytest.fixture
def serve(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Make an application of a role."""

    def made(role: str, renderer_url: str, **more: str) -> Any:
        environment = {
            **suite.environment,
            "LIVEPORTRAIT_BUCKET": suite.options.bucket,
            "LIVEPORTRAIT_ENGINE": "mesh",
            "LIVEPORTRAIT_DEBOUNCE_S": "0",
            "LIVEPORTRAIT_ROLE": role,
            "LIVEPORTRAIT_RENDERER_URL": renderer_url,
            "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": ACCOUNT,
            **more,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return functions_framework.create_app(  # type: ignore[no-untyped-call]
            "on_avatar_written", "functions/main.py", "cloudevent"
        )

    yield made
    for app in list(firebase_admin._apps.values()):
        firebase_admin.delete_app(app)


@contextmanager
def listening(application: Any, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def renderer_url(serve: Callable[..., Any]) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with listening(serve("renderer", url), port):
        yield url


def route(suite: Suite, renderer_url: str, account: str = ACCOUNT) -> QueueRoute:
    ways = TaskRoute(
        renderer_url=renderer_url,
        service_account=account,
        queue=suite.options.queue_name,
        emulator=suite.tasks_address,
    )
    assert ways.renders is not None
    return ways.renders


def task_for(avatar_id: str, at: int = 1) -> RenderTask:
    return RenderTask(subject=about(avatar_id), dispatch=Dispatch(fingerprint="f" * 16, at=at))


def in_the_queue(suite: Suite, task: PutTask) -> Task:
    found = [one for one in suite.control.tasks() if one.name.endswith(task.task_id)]
    assert len(found) == 1
    return found[0]


def first_answer(suite: Suite, task: RenderTask) -> int:
    def status() -> int | None:
        answered = in_the_queue(suite, task).answered
        return answered[0].status if answered else None

    return int(until(status))


@pytest.fixture
def paused(suite: Suite) -> Iterator[Suite]:
    suite.control.pause_queue(suite.options.queue_name)
    yield suite
    suite.reset()
    suite.control.resume_queue(suite.options.queue_name)


def test_the_adapter_makes_the_task_that_the_renderer_wants(paused: Suite, avatar_id: str) -> None:
    way = route(paused, "http://127.0.0.1:9")
    queue, task = CloudTasksQueue.open(way, deadline_s=DEADLINE_S), task_for(avatar_id)
    assert queue.put(task)
    assert not queue.put(task)  # 409, which is as good
    made = in_the_queue(paused, task)
    assert made.name == f"{paused.options.queue_name}/tasks/{task.task_id}"
    assert (made.request.method, made.request.url) == ("POST", "http://127.0.0.1:9/render")
    assert dict(made.request.headers)["Content-Type"] == "application/json"
    assert json.loads(made.request.body) == {"avatarId": avatar_id}
    assert made.request.oidc is not None
    assert made.request.oidc.email == ACCOUNT
    assert made.request.oidc.audience == "http://127.0.0.1:9"
    assert made.dispatch_deadline_s == DEADLINE_S


def test_the_adapter_asks_again_and_a_lost_answer_does_no_harm(
    paused: Suite, avatar_id: str
) -> None:
    queue = CloudTasksQueue.open(route(paused, "http://127.0.0.1:9"), deadline_s=DEADLINE_S)
    paused.control.fail_task_creations(2)
    assert queue.put(task_for(avatar_id, 1))
    paused.control.lose_task_creation_answers()
    assert not queue.put(task_for(avatar_id, 2))
    assert in_the_queue(paused, task_for(avatar_id, 2))


def test_a_task_that_names_a_queue_is_left_there(suite: Suite, avatar_id: str) -> None:
    """What follows a repair: the dispatch says where its task was."""
    way, task = route(suite, "http://127.0.0.1:9"), task_for(avatar_id)
    dispatch = replace(task.dispatch, queue=f"{way.queue}-repairs")
    with pytest.raises(RetryLater, match="idle-renders-repairs did not take the task"):
        CloudTasksQueue.open(way, deadline_s=DEADLINE_S).put(replace(task, dispatch=dispatch))


def test_a_queue_that_is_not_there_is_a_reason_to_be_redelivered(
    suite: Suite, avatar_id: str
) -> None:
    way = route(suite, "http://127.0.0.1:9")
    elsewhere = replace(way, queue=f"{way.queue}-2")
    with pytest.raises(RetryLater, match="idle-renders-2 did not take the task"):
        CloudTasksQueue.open(elsewhere, deadline_s=DEADLINE_S).put(task_for(avatar_id))


def test_the_gate_leaves_a_task_and_answers_at_once(
    paused: Suite, serve: Callable[..., Any], database: firestore.Client, avatar_id: str
) -> None:
    fields = with_media(paused, avatar_id)
    database.collection("avatars").document(avatar_id).set(fields)
    queue = {"LIVEPORTRAIT_TASKS_QUEUE": paused.options.queue_name}
    gate = serve("gate", "http://127.0.0.1:9", **queue).test_client()
    event = event_data(None, fields, name=name_of(avatar_id))
    for _ in range(2):
        assert post(gate, event).status_code == 200
    kept = database.collection("livePortraitJobs").document(avatar_id).get().to_dict()
    assert kept is not None
    noted = Dispatch(**kept["dispatch"])
    assert in_the_queue(paused, RenderTask(subject=about(avatar_id), dispatch=noted)).attempts == ()
    shown = database.collection("avatars").document(avatar_id).get().to_dict()
    assert shown is not None
    assert shown["livePortrait"]["state"] == "queued"
    assert gate.post("/render", json={"avatarId": avatar_id}).status_code == 404
    health = until(lambda: told if (told := gate.get("/health")).status_code == 200 else None)
    assert health.json["engine"] == "mesh"
    assert "device" not in health.json


def test_a_queue_that_is_away_answers_the_event_with_503(
    paused: Suite, serve: Callable[..., Any], database: firestore.Client, avatar_id: str
) -> None:
    fields = with_media(paused, avatar_id)
    database.collection("avatars").document(avatar_id).set(fields)
    queue = {"LIVEPORTRAIT_TASKS_QUEUE": f"{paused.options.queue_name}-2"}
    gate = serve("gate", "http://127.0.0.1:9", **queue).test_client()
    assert post(gate, event_data(None, fields, name=name_of(avatar_id))).status_code == 503


def test_the_renderer_answers_tasks_of_the_queues_account_alone(
    suite: Suite, renderer_url: str, avatar_id: str
) -> None:
    for number, (account, status) in enumerate([(ACCOUNT, 204), (f"x{ACCOUNT}", 403)]):
        queue = CloudTasksQueue.open(route(suite, renderer_url, account), deadline_s=DEADLINE_S)
        task = task_for(avatar_id, number)
        assert queue.put(task)
        assert first_answer(suite, task) == status
    suite.reset()


def test_the_renderer_refuses_everything_else_and_tells_no_stranger_why(
    serve: Callable[..., Any], avatar_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    renderer = serve("renderer", "http://127.0.0.1:9").test_client()
    fields = document()
    event = post(renderer, event_data(None, fields, name=name_of(avatar_id)))
    assert (event.status_code, "This is a renderer" in event.text) == (404, True)
    for headers in ({}, {"Authorization": "Bearer a.b.c"}):
        answer = renderer.post("/render", json={"avatarId": avatar_id}, headers=headers)
        assert answer.status_code == 401
        assert ACCOUNT not in answer.text
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[:1] == "{"]
    refused = [line for line in told if line["message"] == "task refused"]
    assert [line["status"] for line in refused] == [401, 401]
    assert "a.b.c" not in json.dumps(refused)
    assert renderer.get("/render").status_code == 405


def test_a_spent_budget_pauses_the_queue(suite: Suite, serve: Callable[..., Any]) -> None:
    name = suite.options.queue_name
    wanted = {"LIVEPORTRAIT_TASKS_QUEUE": name, _BUDGET: name}
    gate = serve("gate", "http://127.0.0.1:9", **wanted).test_client()

    def state() -> str:
        (queue,) = (one for one in suite.control.queues() if one.name == name)
        return queue.state.value

    for notice, status, found in (
        (pushed(without(costAmount=99.0)), 204, "RUNNING"),
        (b"no notice", 204, "RUNNING"),
        (pushed(NOTICE), 204, "PAUSED"),
        (pushed(NOTICE), 204, "PAUSED"),
    ):
        assert gate.post("/budget", data=notice).status_code == status
        assert state() == found
    suite.control.resume_queue(name)
    away = serve("gate", "http://127.0.0.1:9", **wanted | {_BUDGET: f"{name}-2"}).test_client()
    assert away.post("/budget", data=pushed(NOTICE)).status_code == 503


def test_without_its_setting_nobody_pauses_anything(serve: Callable[..., Any]) -> None:
    queue = {"LIVEPORTRAIT_TASKS_QUEUE": "projects/p/locations/l/queues/q"}
    gate = serve("gate", "http://127.0.0.1:9", **queue).test_client()
    assert gate.post("/budget", data=pushed(NOTICE)).status_code == 404


@dataclass(frozen=True)
class CheckTask:
    """What a deployment puts into the queue for its candidate."""

    task_id: str
    body: bytes = b""
    due_s: float = 0.0
    queue: str = ""


def test_a_candidate_renders_the_golden_avatar_and_stores_what_it_is_worth(
    suite: Suite, renderer_url: str, database: firestore.Client
) -> None:
    """A real render. The verdict lies where no client reads, and nothing else is written."""
    way = replace(route(suite, renderer_url), target=f"{renderer_url}/check")
    task = CheckTask("check-1")
    suite.control.clear_calls()
    assert CloudTasksQueue.open(way, deadline_s=DEADLINE_S).put(task)
    answered = until(lambda: in_the_queue(suite, task).answered or None, within_s=180.0)
    assert [each.status for each in answered] == [204]
    client = Client(credentials=AnonymousCredentials())
    bucket = client.bucket(suite.options.bucket)
    stored = bucket.blob("livePortraitCache/checks/check-1.json").download_as_bytes()
    client.close()
    verdict = json.loads(stored)
    assert (verdict["problems"], verdict["passed"]) == ([], True)
    assert (verdict["device"], verdict["frames"]) == ("cpu", 60)
    assert verdict["engineVersion"].startswith("mesh-")
    assert not any("ommit" in name for name in suite.control.calls()), "no document is written"
    suite.reset()


def test_only_the_queue_has_a_candidate_render(serve: Callable[..., Any]) -> None:
    renderer = serve("renderer", "http://127.0.0.1:9").test_client()
    assert renderer.post("/check").status_code == 401
    queue = {"LIVEPORTRAIT_TASKS_QUEUE": "projects/p/locations/l/queues/q"}
    gate = serve("gate", "http://127.0.0.1:9", **queue).test_client()
    assert gate.post("/check").status_code == 404


def with_media(suite: Suite, avatar_id: str) -> dict[str, Any]:
    """An avatar document whose two objects are there."""
    client = Client(credentials=AnonymousCredentials())
    bucket = client.bucket(suite.options.bucket)
    base = f"avatars/{avatar_id}"
    for name in ("a.jpg", "b.mp4"):
        bucket.blob(f"{base}/{name}").upload_from_string(b"x")
    client.close()
    gs = f"gs://{suite.options.bucket}/{base}"
    return document(avatarImageUrl=f"{gs}/a.jpg", training__heroVideoUrl=f"{gs}/b.mp4")
