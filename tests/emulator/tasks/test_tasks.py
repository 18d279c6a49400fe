"""Tasks by the official client: created, pushed, repeated, ended."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    NotFound,
)
from google.cloud.tasks_v2 import CloudTasksClient, HttpMethod, Queue, Task
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from emulator.control.handle import Control
from emulator.tasks.task import TaskState
from tests.emulator.conftest import TIME_FACTOR
from tests.emulator.function_double import Answer, FunctionDouble


def create(tasks: CloudTasksClient, queue: str, url: str, **fields: Any) -> Task:
    """Create a task with a small body."""
    request = {"url": url, "body": b"{}", **fields.pop("http_request", {})}
    return tasks.create_task(parent=queue, task=Task({"http_request": request, **fields}))


def test_a_task_is_pushed_once_with_its_headers(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    name = f"{queue}/tasks/first"
    headers = {
        "Content-Type": "application/json",
        "X-Mine": "yes",
        "Host": "elsewhere.example",
        "User-Agent": "me",
        "X-Google-Secret": "no",
        "X-CloudTasks-TaskName": "forged",
    }
    made = create(
        tasks, queue, f"{worker.url}/render?x=1", name=name, http_request={"headers": headers}
    )
    control.wait_idle()
    assert made.name == name
    (request,) = worker.received
    assert request.body == b"{}"
    assert request.path == "/render?x=1"
    assert request.headers["host"] == worker.url.removeprefix("http://")
    assert request.headers["user-agent"] == "Google-Cloud-Tasks"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-mine"] == "yes"
    assert "x-google-secret" not in request.headers
    assert request.headers["x-cloudtasks-queuename"] == "idle-renders"
    assert request.headers["x-cloudtasks-taskname"] == "first"
    assert request.headers["x-cloudtasks-taskretrycount"] == "0"
    assert request.headers["x-cloudtasks-taskexecutioncount"] == "0"
    assert abs(float(request.headers["x-cloudtasks-tasketa"]) - time.time()) < 60
    assert "x-cloudtasks-taskpreviousresponse" not in request.headers
    assert "authorization" not in request.headers
    (task,) = control.tasks()
    assert task.state is TaskState.DONE


def test_a_task_without_a_name_is_given_one(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    names = {create(tasks, queue, worker.url).name for _ in range(5)}
    control.wait_idle()
    assert len(names) == 5
    assert all(name.startswith(f"{queue}/tasks/") for name in names)
    assert worker.received[0].headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_ends_a_task(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control, status: int
) -> None:
    worker.answers.append(Answer(status=status))
    create(tasks, queue, worker.url)
    control.wait_idle()
    assert len(worker.received) == 1
    assert [one.state for one in control.tasks()] == [TaskState.DONE]


@pytest.mark.parametrize(
    ("status", "executions", "reason"),
    [(302, "1", "UNKNOWN"), (400, "1", "INVALID_ARGUMENT"), (503, "0", "UNAVAILABLE")],
)
def test_anything_else_is_repeated(
    tasks: CloudTasksClient,
    queue: str,
    worker: FunctionDouble,
    control: Control,
    status: int,
    executions: str,
    reason: str,
) -> None:
    worker.answers.extend([Answer(status=status)])
    create(tasks, queue, worker.url, name=f"{queue}/tasks/again")
    control.wait_idle()
    first, second = worker.received
    assert first.body == second.body
    assert second.headers["x-cloudtasks-taskname"] == "again"
    assert second.headers["x-cloudtasks-taskretrycount"] == "1"
    assert second.headers["x-cloudtasks-taskexecutioncount"] == executions
    assert second.headers["x-cloudtasks-taskpreviousresponse"] == str(status)
    assert second.headers["x-cloudtasks-taskretryreason"] == reason
    (task,) = control.tasks()
    assert [attempt.status for attempt in task.attempts] == [status, 204]


def test_the_pauses_follow_the_queue_s_retries(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    seconds = {"min_backoff": 10, "max_backoff": 300}
    retry = {name: Duration(seconds=value) for name, value in seconds.items()}
    tasks.update_queue(queue=Queue({"name": queue, "retry_config": {**retry, "max_doublings": 1}}))
    worker.answers.extend([Answer(status=500)] * 4)
    create(tasks, queue, worker.url)
    control.wait_idle()
    (task,) = control.tasks()
    pauses = [
        later.dispatched_at - (earlier.finished_at or 0)
        for earlier, later in zip(task.attempts, task.attempts[1:], strict=False)
    ]
    for pause, wanted in zip(pauses, (10, 20, 40, 60), strict=True):
        assert pause >= 0.99 * wanted * TIME_FACTOR


def test_a_task_is_given_up_after_its_attempts(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    worker.answers.extend([Answer(status=500)] * 9)
    made = create(tasks, queue, worker.url, retry_config={"max_attempts": 3})
    assert made.retry_config.max_attempts == 3
    control.wait_idle()
    assert len(worker.received) == 3
    assert [one.state for one in control.tasks()] == [TaskState.GIVEN_UP]
    with pytest.raises(NotFound, match="any more"):
        tasks.get_task(name=made.name)
    with pytest.raises(AlreadyExists):
        create(tasks, queue, worker.url, name=made.name)
    worker.answers.clear()


def test_a_name_is_taken_while_its_task_lives_and_afterwards(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    tasks.pause_queue(name=queue)
    name = f"{queue}/tasks/only-once"
    create(tasks, queue, worker.url, name=name)
    with pytest.raises(AlreadyExists):
        create(tasks, queue, worker.url, name=name)
    tasks.resume_queue(name=queue)
    control.wait_idle()
    with pytest.raises(AlreadyExists, match="too recently"):
        create(tasks, queue, worker.url, name=name)
    tasks.pause_queue(name=queue)
    create(tasks, queue, worker.url, name=f"{queue}/tasks/deleted")
    tasks.delete_task(name=f"{queue}/tasks/deleted")
    with pytest.raises(AlreadyExists, match="too recently"):
        create(tasks, queue, worker.url, name=f"{queue}/tasks/deleted")
    control.wait_idle()
    assert len(worker.received) == 1


def test_a_schedule_is_waited_for(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    ahead_s = 50.0
    due = datetime.now(UTC) + timedelta(seconds=ahead_s)
    made = create(tasks, queue, worker.url, schedule_time=due)
    assert made.schedule_time == due
    control.wait_idle()
    (task,) = control.tasks()
    waited_s = task.attempts[0].dispatched_at - task.created_at
    assert 0.9 * ahead_s * TIME_FACTOR <= waited_s < ahead_s
    assert float(worker.received[0].headers["x-cloudtasks-tasketa"]) == pytest.approx(
        due.timestamp(), abs=1e-3
    )


def test_a_deadline_ends_an_attempt_and_not_the_task(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    worker.answers.append(Answer(after_s=0.2))
    made = create(tasks, queue, worker.url, dispatch_deadline=Duration(seconds=15))
    assert made.dispatch_deadline == timedelta(seconds=15)
    control.wait_idle()
    (task,) = control.tasks()
    assert task.attempts[0].status is None
    assert task.attempts[0].error.startswith("DEADLINE_EXCEEDED")
    assert task.state is TaskState.DONE
    assert worker.received[1].headers["x-cloudtasks-taskretryreason"] == "DEADLINE_EXCEEDED"


def test_a_target_that_comes_later_gets_its_task(
    tasks: CloudTasksClient, queue: str, control: Control
) -> None:
    with FunctionDouble() as gone:
        url = gone.url
    create(tasks, queue, url, name=f"{queue}/tasks/late")
    while len(control.tasks()[0].attempts) < 2:
        time.sleep(0.005)
    assert control.tasks()[0].attempts[0].error.startswith(f"UNAVAILABLE: {url}")
    with FunctionDouble(port=int(url.rpartition(":")[2])) as late:
        control.wait_idle()
        assert len(late.received) == 1


def test_what_a_task_looks_like_on_its_way(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    tasks.pause_queue(name=queue)
    name = create(tasks, queue, worker.url, name=f"{queue}/tasks/seen").name
    basic = tasks.get_task(name=name)
    assert basic.http_request.body == b""
    assert basic.http_request.http_method is HttpMethod.POST
    assert basic.view is Task.View.BASIC
    assert basic.dispatch_deadline == timedelta(minutes=10)
    full = tasks.get_task(request={"name": name, "response_view": Task.View.FULL})
    assert full.http_request.body == b"{}"
    worker.answers.append(Answer(status=503))
    ran = tasks.run_task(name=name)
    assert ran.dispatch_count == 1
    control.wait_idle()
    while (seen := tasks.get_task(name=name)).response_count == 0:
        time.sleep(0.005)
    assert seen.first_attempt.dispatch_time == seen.last_attempt.dispatch_time
    assert seen.last_attempt.response_status.code == 14
    assert [task.name for task in tasks.list_tasks(parent=queue)] == [name]
    tasks.resume_queue(name=queue)


def test_lists_come_in_pages(tasks: CloudTasksClient, queue: str, worker: FunctionDouble) -> None:
    tasks.pause_queue(name=queue)
    names = {create(tasks, queue, worker.url).name for _ in range(7)}
    pages = list(tasks.list_tasks(request={"parent": queue, "page_size": 3}).pages)
    assert [len(page.tasks) for page in pages] == [3, 3, 1]
    assert {task.name for page in pages for task in page.tasks} == names
    tasks.purge_queue(name=queue)
    assert list(tasks.list_tasks(parent=queue)) == []
    assert tasks.get_queue(name=queue).purge_time is not None
    tasks.resume_queue(name=queue)
    assert worker.received == []


def test_a_run_pushes_at_once_although_its_queue_rests(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    tasks.pause_queue(name=queue)
    later = Timestamp(seconds=int(time.time()) + 86_400)
    made = create(tasks, queue, worker.url, schedule_time=later)
    tasks.run_task(name=made.name)
    while [one.state for one in control.tasks()] != [TaskState.DONE]:
        time.sleep(0.005)
    assert len(worker.received) == 1
    with pytest.raises(NotFound):
        tasks.run_task(name=made.name)


def test_a_run_that_fails_is_repeated(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    later = Timestamp(seconds=int(time.time()) + 86_400)
    made = create(tasks, queue, worker.url, schedule_time=later)
    worker.answers.append(Answer(status=500))
    tasks.run_task(name=made.name)
    control.wait_idle()
    assert len(worker.received) == 2


def test_no_more_run_at_once_than_the_queue_allows(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    tasks.update_queue(
        queue=Queue({"name": queue, "rate_limits": {"max_concurrent_dispatches": 2}})
    )
    running, most = [0], [0]
    lock = threading.Lock()

    def answer() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    worker.before_answer = answer
    for _ in range(8):
        create(tasks, queue, worker.url)
    control.wait_idle()
    assert len(worker.received) == 8
    assert most[0] == 2


def test_no_more_leave_in_a_second_than_the_queue_allows(
    tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    rate = 0.1  # a second of the suite's hurried clock: 50 real ones
    create(tasks, queue, worker.url)  # the queue has pushed at its first rate
    control.wait_idle()
    limits = {"max_dispatches_per_second": rate}
    tasks.update_queue(queue=Queue({"name": queue, "rate_limits": limits}))
    tasks.pause_queue(name=queue)
    for _ in range(20):
        create(tasks, queue, worker.url)
    tasks.resume_queue(name=queue)
    control.wait_idle()
    times = sorted(task.attempts[0].dispatched_at for task in control.tasks()[1:])
    assert times[-1] - times[0] >= 0.9 * (20 - 10) / rate * TIME_FACTOR  # a burst of ten is free
