"""One emulator for all of these tests, reset before each, and its clients."""

import uuid
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Bucket, Client
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from emulator.control.handle import Control
from emulator.suite import Suite, SuiteOptions
from tests.emulator.function_double import FunctionDouble

TIME_FACTOR = 0.002
"""Eventarc's 10 s become 20 ms, its 600 s become 1.2 s, its 24 h become 173 s."""


@pytest.fixture(scope="session")
def running_suite() -> Iterator[Suite]:
    with Suite(SuiteOptions(time_factor=TIME_FACTOR)) as running:
        yield running


@pytest.fixture
def suite(running_suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """The emulator without data, events, counts and faults; the environment points to it."""
    running_suite.reset()
    for name, value in running_suite.environment.items():
        monkeypatch.setenv(name, value)
    return running_suite


@pytest.fixture
def control(suite: Suite) -> Control:
    return suite.control


@pytest.fixture
def database(suite: Suite) -> Iterator[firestore.Client]:
    client = firestore.Client()
    yield client
    client.close()


@pytest.fixture
def storage(suite: Suite) -> Iterator[Client]:
    client = Client(credentials=AnonymousCredentials())
    # Otherwise the client asks for it in a thread of its own, whenever that comes to run.
    client.get_bucket(suite.options.bucket)
    suite.control.clear_calls()
    yield client
    client.close()


@pytest.fixture
def bucket(suite: Suite, storage: Client) -> Bucket:
    return storage.bucket(suite.options.bucket)


@pytest.fixture
def function(suite: Suite) -> Iterator[FunctionDouble]:
    """A function with planned responses, connected to `avatars/{avatarId}`."""
    with FunctionDouble() as double:
        suite.connect("function", "avatars/{avatarId}", [double.url])
        yield double
        suite.control.wait_idle()
        suite.control.disconnect("function")


@pytest.fixture
def tasks(suite: Suite) -> Iterator[CloudTasksClient]:
    """The official client, on a channel of its own."""
    with grpc.insecure_channel(suite.tasks_address) as channel:
        yield CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))


@pytest.fixture
def queue(suite: Suite) -> str:
    """The full name of the queue that is there from the start."""
    return suite.options.queue_name


@pytest.fixture
def worker(suite: Suite) -> Iterator[FunctionDouble]:
    """The target of tasks, with planned responses."""
    with FunctionDouble() as double:
        yield double
        suite.control.wait_idle()


@pytest.fixture
def new_function(suite: Suite) -> Iterator[Callable[[str], FunctionDouble]]:
    """Make further functions, each connected to a pattern of its own."""
    doubles: list[FunctionDouble] = []
    names: list[str] = []

    def make(pattern: str) -> FunctionDouble:
        double = FunctionDouble()
        double.__enter__()
        doubles.append(double)
        names.append(f"function-{uuid.uuid4().hex}")
        suite.connect(names[-1], pattern, [double.url])
        return double

    yield make
    suite.control.wait_idle()
    for name in names:
        suite.control.disconnect(name)
    for double in doubles:
        double.__exit__(None, None, None)
