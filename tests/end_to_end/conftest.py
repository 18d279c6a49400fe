"""One stand-in cloud for all scenarios, and the function's processes; each avatar has its own id.

Scenarios run once for each dispatch that `--dispatch` asks for, by default inline and, where marked
`queue`, also with tasks; a module that concerns one dispatch alone names it in `DISPATCHES`.
"""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import pytest
from google.cloud import firestore
from google.cloud.storage import Client as StorageClient

from emulator.function_process import TRIGGERS
from emulator.suite import FirestoreBackend, Suite, SuiteOptions
from tests.core.sounds import spoken, wav
from tests.end_to_end.app import Cloud, Media, command_line
from tests.end_to_end.deployment import SHORT_LEASE_S, Deployment, Dispatch, deployed, tell

SEED = Path("emulator/seed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play each scenario in the dispatches that are asked for."""
    if "dispatch" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--dispatch")
    both = tuple(Dispatch)
    queued = metafunc.definition.get_closest_marker("queue") is not None
    wanted = {"usual": both if queued else both[:1], "both": both}.get(asked, (asked,))
    concerned = getattr(metafunc.module, "DISPATCHES", both)
    chosen = [one.value for one in concerned if one in wanted]
    metafunc.parametrize("dispatch", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """Small pictures of the two people, and one second of the second one moving."""
    folder = tmp_path_factory.mktemp("media")
    small = {"grace_hopper.jpg": (256, 300), "astronaut.png": (256, 256)}
    for name, size in small.items():
        picture = cv2.imread(str(SEED / name))
        assert picture is not None
        shrunk = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / Path(name).with_suffix(".jpg")), shrunk)
    clip = folder / "clip.mp4"
    done = command_line(
        "idle", folder / "astronaut.jpg", "-o", clip, "--seed", "3", "--seconds", "1"
    )
    assert done.returncode == 0, done.stderr
    return Media(
        portrait=folder / "grace_hopper.jpg",
        other_portrait=folder / "astronaut.jpg",
        clip=clip,
        sound=wav(folder / "hello.wav", spoken(("a", 0.3), ("m", 0.1), ("i", 0.2), (" ", 0.2))),
    )


@pytest.fixture(scope="session")
def suite(request: pytest.FixtureRequest) -> Iterator[Suite]:
    """The stand-in cloud; retries come ten times as fast as in production."""
    backend = FirestoreBackend(request.config.getoption("--backend"))
    with Suite(SuiteOptions(time_factor=0.1, backend=backend)) as running:
        before = dict(os.environ)
        os.environ.update(running.environment)
        yield running
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def dispatch(request: pytest.FixtureRequest) -> Dispatch:
    """How renders come to the process that renders."""
    return Dispatch(request.param)


@pytest.fixture(scope="session")
def deployment(
    suite: Suite, dispatch: Dispatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The function under functions-framework, as its own processes."""
    with deployed(suite, dispatch, tmp_path_factory.mktemp(dispatch.value)) as running:
        tell(suite, running)
        yield running
        for name in TRIGGERS:
            suite.control.disconnect(name)


@pytest.fixture(scope="session")
def _clients(suite: Suite) -> Iterator[tuple[firestore.Client, StorageClient]]:
    database, storage = firestore.Client(), StorageClient()
    yield database, storage
    storage.close()
    database.close()


@pytest.fixture
def cloud(
    suite: Suite,
    deployment: Deployment,
    _clients: tuple[firestore.Client, StorageClient],
    media: Media,
) -> Iterator[Cloud]:
    """The cloud, quiet before and after each scenario."""
    database, storage = _clients
    bucket = storage.bucket(SuiteOptions().bucket)
    made = Cloud(suite=suite, database=database, bucket=bucket, deployment=deployment, media=media)
    made.settle()
    suite.control.clear_calls()
    yield made
    made.settle()


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """A server that must never be asked, and the list of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def fragile(
    suite: Suite,
    dispatch: Dispatch,
    deployment: Deployment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """Processes of this module's own, which are told of all events for as long as it lasts."""
    folder = tmp_path_factory.mktemp(f"fragile-{dispatch}")
    with deployed(suite, dispatch, folder, LIVEPORTRAIT_LEASE_S=str(SHORT_LEASE_S)) as running:
        tell(suite, running)
        yield running
        tell(suite, deployment)
