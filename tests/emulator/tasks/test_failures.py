"""Refused tasks, and planned faults of tasks."""

import threading
import time
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
    ServiceUnavailable,
)
from google.cloud.tasks_v2 import CloudTasksClient, HttpMethod, Task
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from emulator.control.handle import Control
from emulator.suite import Suite
from emulator.tasks.task import TaskState
from tests.emulator.conftest import TIME_FACTOR
from tests.emulator.function_double import Answer, FunctionDouble
from tests.emulator.tasks.test_tasks import create


def body(size: int) -> dict[str, Any]:
    return {"http_request": {"url": "http://127.0.0.1/", "body": b"x" * size}}


def request(**fields: Any) -> dict[str, Any]:
    return {"http_request": {"url": "http://127.0.0.1/", **fields}}


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (body(1024 * 1024), "too large"),
        (request(url="ftp://127.0.0.1/"), "must begin"),
        (request(url="http://127.0.0.1/\r\nX: y"), "control"),
        (request(url="http://127.0.0.1/ä"), "ASCII"),
        (request(http_method=HttpMethod.GET, body=b"x"), "GET"),
        (request(headers={"X-Mine": "a\r\nX-Other: b"}), "X-Mine"),
        (request(headers={"X-Large": "a" * 81_920}), "81920"),
        (request(oidc_token={"audience": "x"}), "service_account_email"),
        ({**request(), "dispatch_deadline": Duration(seconds=14)}, "15 s to 1800 s"),
        ({**request(), "dispatch_deadline": Duration(seconds=1_801)}, "15 s to 1800 s"),
        ({**request(), "schedule_time": Timestamp(seconds=4_000_000_000)}, "30 days"),
        ({**request(), "name": "mine"}, "TASK_ID"),
        (
            {**request(), "name": "projects/p/locations/l/queues/other/tasks/t"},
            "not in the queue",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_malformed_tasks_are_refused(
    tasks: CloudTasksClient, queue: str, control: Control, task: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidArgument, match=said):
        tasks.create_task(parent=queue, task=Task(task))
    assert control.tasks() == ()


@pytest.mark.parametrize(
    "task",
    [
        {"app_engine_http_request": {"relative_uri": "/"}},
        request(oauth_token={"service_account_email": "a@b"}),
    ],
    ids=["app-engine", "oauth"],
)
def test_what_the_stand_in_does_not_speak_is_said(
    tasks: CloudTasksClient, queue: str, task: dict[str, Any]
) -> None:
    with pytest.raises(MethodNotImplemented, match="The emulator "):
        tasks.create_task(parent=queue, task=Task(task))


def test_the_largest_task_is_taken(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    create(tasks, queue, worker.url, http_request={"body": b"x" * (1024 * 1024 - 200)})
    control.wait_idle()
    assert len(worker.received[0].body) == 1024 * 1024 - 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_every_method_is_sent(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control, method: str
) -> None:
    sent = b"{}" if method in ("PUT", "PATCH") else b""
    create(
        tasks,
        queue,
        worker.url,
        http_request={"http_method": getattr(HttpMethod, method), "body": sent},
    )
    control.wait_idle()
    assert [one.method for one in worker.received] == [method]
    assert [one.state for one in control.tasks()] == [TaskState.DONE]


def test_a_queue_that_does_not_exist_is_not_found(tasks: CloudTasksClient, queue: str) -> None:
    other = queue.replace("idle-renders", "another")
    with pytest.raises(NotFound, match="another"):
        create(tasks, other, "http://127.0.0.1/")
    with pytest.raises(NotFound):
        tasks.list_tasks(parent=other)
    with pytest.raises(NotFound):
        tasks.get_task(name=f"{queue}/tasks/never")
    with pytest.raises(NotFound):
        tasks.delete_task(name=f"{queue}/tasks/never")


def test_a_creation_is_refused_on_purpose(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    control.fail_task_creations(prefix="idle-renders/abc")
    create(tasks, queue, worker.url, name=f"{queue}/tasks/xyz")
    with pytest.raises(ServiceUnavailable):
        create(tasks, queue, worker.url, name=f"{queue}/tasks/abc-1")
    create(tasks, queue, worker.url, name=f"{queue}/tasks/abc-1")
    control.wait_idle()
    assert len(worker.received) == 2


def test_a_creation_s_answer_is_lost_on_purpose(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    control.lose_task_creation_answers()
    name = f"{queue}/tasks/lost"
    with pytest.raises(ServiceUnavailable):
        create(tasks, queue, worker.url, name=name)
    with pytest.raises(AlreadyExists):
        create(tasks, queue, worker.url, name=name)
    control.wait_idle()
    assert len(worker.received) == 1


def test_a_task_is_pushed_twice_at_once_on_purpose(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    both = threading.Barrier(2, timeout=5)
    worker.before_answer = both.wait
    control.duplicate_tasks()
    create(tasks, queue, worker.url)
    control.wait_idle()
    first, second = worker.received
    assert first.headers["x-cloudtasks-taskname"] == second.headers["x-cloudtasks-taskname"]
    assert not both.broken


def test_pushes_and_answers_are_lost_on_purpose(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    control.drop_tasks()
    create(tasks, queue, worker.url, name=f"{queue}/tasks/dropped")
    control.wait_idle()
    assert len(worker.received) == 1
    control.lose_task_answers()
    create(tasks, queue, worker.url, name=f"{queue}/tasks/unheard")
    control.wait_idle()
    assert len(worker.received) == 3
    dropped, unheard = control.tasks()
    assert [one.status for one in dropped.attempts] == [None, 204]
    assert [one.status for one in unheard.attempts] == [None, 204]


def test_an_overloaded_worker_holds_up_the_tasks_of_others(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    worker.answers.append(Answer(status=503, headers={"Retry-After": "300"}))
    answered = threading.Event()
    worker.before_answer = answered.set
    create(tasks, queue, worker.url, name=f"{queue}/tasks/refused")
    assert answered.wait(10)
    while not any(one.attempts and one.attempts[0].status for one in control.tasks()):
        time.sleep(0.005)
    create(tasks, queue, worker.url, name=f"{queue}/tasks/another")
    control.wait_idle()
    first, *later = worker.received
    assert len(later) == 2
    assert min(one.at for one in later) - first.at >= 300 * TIME_FACTOR


def test_unreachable_methods_are_unimplemented(suite: Suite, queue: str) -> None:
    with grpc.insecure_channel(suite.tasks_address) as channel:
        call = channel.unary_unary("/google.cloud.tasks.v2.CloudTasks/BufferTask")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
