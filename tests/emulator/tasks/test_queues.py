"""Queues by the official client over gRPC and REST; tokens and the keys that check them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import google.auth.transport.requests
import pytest
from google.api_core.exceptions import (
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
)
from google.auth.credentials import AnonymousCredentials
from google.cloud.tasks_v2 import CloudTasksClient, Queue, Task
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksRestTransport
from google.oauth2 import id_token
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.control.handle import Control
from emulator.suite import Suite, SuiteOptions
from emulator.tasks.task import TaskState
from tests.emulator.function_double import FunctionDouble

LOCATION = "projects/demo-avatar/locations/local"
FIRST = [f"{LOCATION}/queues/{name}" for name in ("idle-debounce", "idle-renders")]
EMAIL = "idle-tasks@demo-avatar.iam.gserviceaccount.com"


@pytest.fixture
def rest(suite: Suite) -> Iterator[CloudTasksClient]:
    transport = CloudTasksRestTransport(
        host=suite.tasks_address, url_scheme="http", credentials=AnonymousCredentials()
    )
    with CloudTasksClient(transport=transport) as client:
        yield client


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest) -> CloudTasksClient:
    """The official client in both of its dialects."""
    made: CloudTasksClient = request.getfixturevalue("rest" if request.param == "rest" else "tasks")
    return made


def test_a_queue_for_one_renderer_is_there_from_the_start(
    client: CloudTasksClient, queue: str
) -> None:
    seen = client.get_queue(name=queue)
    assert seen.name == f"{LOCATION}/queues/idle-renders"
    assert seen.state is Queue.State.RUNNING
    assert seen.rate_limits.max_concurrent_dispatches == 1


def test_what_a_client_leaves_open_is_as_the_service_chooses(client: CloudTasksClient) -> None:
    name = f"{LOCATION}/queues/plain"
    seen = client.create_queue(parent=LOCATION, queue=Queue({"name": name}))
    limits, retry = seen.rate_limits, seen.retry_config
    assert (limits.max_dispatches_per_second, limits.max_burst_size) == (500, 100)
    assert limits.max_concurrent_dispatches == 1_000
    assert (retry.max_attempts, retry.max_doublings) == (100, 16)
    assert (retry.min_backoff, retry.max_backoff) == (
        timedelta(milliseconds=100),
        timedelta(hours=1),
    )


def test_a_queue_s_life(client: CloudTasksClient, worker: FunctionDouble, control: Control) -> None:
    name = f"{LOCATION}/queues/mine"
    made = client.create_queue(
        parent=LOCATION, queue=Queue({"name": name, "retry_config": {"max_attempts": 5}})
    )
    assert (made.retry_config.max_attempts, made.retry_config.max_doublings) == (5, 16)
    with pytest.raises(Conflict):  # over gRPC its subclass AlreadyExists
        client.create_queue(parent=LOCATION, queue=Queue({"name": name}))
    listed = [one.name for one in client.list_queues(parent=LOCATION)]
    assert listed == [*FIRST, name]
    assert client.pause_queue(name=name).state is Queue.State.PAUSED
    task = client.create_task(parent=name, task=Task({"http_request": {"url": worker.url}}))
    assert client.get_task(name=task.name).dispatch_count == 0
    assert [one.name for one in client.list_tasks(parent=name)] == [task.name]
    control.wait_idle()
    assert worker.received == []
    assert client.resume_queue(name=name).state is Queue.State.RUNNING
    control.wait_idle()
    assert len(worker.received) == 1
    client.pause_queue(name=name)
    client.create_task(parent=name, task=Task({"http_request": {"url": worker.url}}))
    client.delete_queue(name=name)
    with pytest.raises(NotFound):
        client.get_queue(name=name)
    assert [one.state for one in control.tasks()] == [TaskState.DONE, TaskState.DELETED]


def test_the_name_of_a_deleted_queue_rests(tasks: CloudTasksClient) -> None:
    name = f"{LOCATION}/queues/once"
    tasks.create_queue(parent=LOCATION, queue=Queue({"name": name}))
    tasks.delete_queue(name=name)
    with pytest.raises(FailedPrecondition, match="too recently"):
        tasks.create_queue(parent=LOCATION, queue=Queue({"name": name}))


def test_an_update_changes_what_its_mask_names(client: CloudTasksClient) -> None:
    name = f"{LOCATION}/queues/changed"
    first: dict[str, Any] = {
        "name": name,
        "rate_limits": {"max_dispatches_per_second": 5, "max_concurrent_dispatches": 3},
        "retry_config": {"max_attempts": 7, "min_backoff": Duration(seconds=2)},
    }
    client.update_queue(queue=Queue(first))  # there was none: it is made
    client.pause_queue(name=name)
    changed = client.update_queue(
        queue=Queue({"name": name, "rate_limits": {"max_concurrent_dispatches": 4}}),
        update_mask=FieldMask(paths=["rate_limits.max_concurrent_dispatches"]),
    )
    assert changed.rate_limits.max_dispatches_per_second == 5
    assert changed.rate_limits.max_concurrent_dispatches == 4
    assert changed.rate_limits.max_burst_size == 10
    assert changed.retry_config.max_attempts == 7
    assert changed.state is Queue.State.PAUSED
    whole = client.update_queue(queue=Queue({"name": name}))
    assert whole.retry_config.max_attempts == 100


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        ({"name": "mine"}, "QUEUE_ID"),
        ({"name": f"{LOCATION}/queues/under_score"}, "QUEUE_ID"),
        ({"name": f"{LOCATION}/queues/{'a' * 101}"}, "QUEUE_ID"),
        ({"name": "projects/p/locations/other/queues/q"}, "not in the location"),
        (
            {"name": f"{LOCATION}/queues/q", "rate_limits": {"max_dispatches_per_second": 501}},
            "500",
        ),
        ({"name": f"{LOCATION}/queues/q", "retry_config": {"max_attempts": -2}}, "-2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_malformed_queues_are_refused(
    tasks: CloudTasksClient, queue: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidArgument, match=said):
        tasks.create_queue(parent=LOCATION, queue=Queue(queue))


def test_an_update_of_what_no_queue_has_is_refused(tasks: CloudTasksClient, queue: str) -> None:
    with pytest.raises(InvalidArgument, match="colour"):
        tasks.update_queue(queue=Queue({"name": queue}), update_mask=FieldMask(paths=["colour"]))
    with pytest.raises(MethodNotImplemented, match="The emulator "):
        tasks.update_queue(
            queue=Queue({"name": queue, "http_target": {"uri_override": {"host": "x"}}})
        )


def test_lists_that_cannot_be_given_are_refused(tasks: CloudTasksClient, queue: str) -> None:
    with pytest.raises(InvalidArgument, match="filter"):
        tasks.list_queues(request={"parent": LOCATION, "filter": "state: PAUSED"})
    with pytest.raises(InvalidArgument, match="page_size is -1"):
        tasks.list_tasks(request={"parent": queue, "page_size": -1})


def test_a_task_over_rest_is_pushed(
    rest: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    made = rest.create_task(
        parent=queue,
        task=Task(
            {"name": f"{queue}/tasks/rest", "http_request": {"url": worker.url, "body": b"ab"}}
        ),
    )
    assert made.name == f"{queue}/tasks/rest"
    control.wait_idle()
    assert [one.body for one in worker.received] == [b"ab"]
    with pytest.raises(NotFound):
        rest.run_task(name=made.name)
    with pytest.raises(NotFound):
        rest.delete_task(name=made.name)


def test_whoever_looks_at_the_port_is_told_that_it_is_there(suite: Suite) -> None:
    with urllib.request.urlopen(f"http://{suite.tasks_address}/", timeout=5) as answer:
        assert answer.read() == b"Ok\n"


def test_a_malformed_body_over_rest_is_refused(suite: Suite, queue: str) -> None:
    for path, sent in ((f"/v2/{queue}/tasks", b'{"colour": 1}'), (f"/v2/{queue}/x", b"{}")):
        url = f"http://{suite.tasks_address}{path}"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(url, data=sent), timeout=5)
        answer = json.load(caught.value)
        caught.value.close()
        assert answer["error"]["code"] == caught.value.code
        assert answer["error"]["status"] in ("INVALID_ARGUMENT", "NOT_FOUND")


def pushed_token(
    tasks: CloudTasksClient,
    queue: str,
    worker: FunctionDouble,
    control: Control,
    oidc: dict[str, str],
) -> str:
    """Has a task with a token pushed, and returns the token."""
    request = {
        "url": f"{worker.url}/render",
        "headers": {"Authorization": "Bearer forged"},
        "oidc_token": oidc,
    }
    tasks.create_task(parent=queue, task=Task({"http_request": request}))
    control.wait_idle()
    kind, _, token = worker.received[0].headers["authorization"].partition(" ")
    assert kind == "Bearer"
    return token


@pytest.mark.parametrize("certificates", ["v1", "v3"])
def test_the_token_is_checked_as_google_s_are(
    suite: Suite,
    tasks: CloudTasksClient,
    queue: str,
    worker: FunctionDouble,
    control: Control,
    certificates: str,
) -> None:
    audience = "https://idle-renderer-1.example.run.app"
    oidc = {"service_account_email": EMAIL, "audience": audience}
    token = pushed_token(tasks, queue, worker, control, oidc)
    url = f"http://{suite.tasks_address}/oauth2/{certificates}/certs"
    request = google.auth.transport.requests.Request()
    claims = id_token.verify_token(token, request, audience=audience, certs_url=url)
    assert claims["iss"] == "https://accounts.google.com"
    assert (claims["email"], claims["email_verified"]) == (EMAIL, True)
    assert claims["exp"] - claims["iat"] == 3_600
    assert claims["sub"].isdecimal()
    with pytest.raises(Exception, match=r"[Aa]udience"):
        id_token.verify_token(token, request, audience="https://other.example", certs_url=url)
    with Suite(SuiteOptions()) as stranger:
        foreign = f"http://{stranger.tasks_address}/oauth2/{certificates}/certs"
        with pytest.raises(Exception, match=r"[Ss]ign|[Cc]ert"):
            id_token.verify_token(token, request, audience=audience, certs_url=foreign)


def test_the_audience_is_the_url_where_none_is_named(
    suite: Suite, tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    token = pushed_token(tasks, queue, worker, control, {"service_account_email": EMAIL})
    url = f"http://{suite.tasks_address}/oauth2/v1/certs"
    request = google.auth.transport.requests.Request()
    audience = f"{worker.url}/render"
    assert (
        id_token.verify_token(token, request, audience=audience, certs_url=url)["aud"] == audience
    )


def test_queues_are_steered_over_http(
    suite: Suite, tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    def ask(path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{suite.control_url}{path}", data=data)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read() or b"null")

    ask("/queues/pause", {"name": queue})
    assert [one["state"] for one in ask("/queues")] == ["RUNNING", "PAUSED"]
    tasks.create_task(parent=queue, task=Task({"http_request": {"url": worker.url, "body": b"me"}}))
    control.wait_idle()
    assert [(one["state"], one["request"]["body"]) for one in ask("/tasks")] == [("pending", "me")]
    ask("/queues/resume", {"name": queue})
    control.wait_idle()
    (task,) = ask("/tasks")
    assert [attempt["status"] for attempt in task["attempts"]] == [204]
    for wrong in ({}, {"name": queue + "s"}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask("/queues/pause", wrong)
        caught.value.close()
        assert caught.value.code == 400


def test_a_reset_forgets_tasks_and_names(
    suite: Suite, tasks: CloudTasksClient, queue: str, worker: FunctionDouble, control: Control
) -> None:
    tasks.pause_queue(name=queue)
    tasks.create_queue(parent=LOCATION, queue=Queue({"name": f"{LOCATION}/queues/other"}))
    name = f"{queue}/tasks/again"
    for _ in range(2):
        tasks.create_task(
            parent=queue, task=Task({"name": name, "http_request": {"url": worker.url}})
        )
        suite.reset()
        assert control.tasks() == ()
        assert [one.name for one in control.queues()] == FIRST
        tasks.pause_queue(name=queue)
    assert worker.received == []
    suite.reset()
