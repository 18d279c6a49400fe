"""The API on many machines: documents, the bucket, and the function's own queue and renderer."""

import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from google.cloud import firestore
from PIL import Image

from emulator.function_process import FunctionProcess, free_port
from emulator.suite import Suite
from liveportrait_core.errors import DeviceLost
from liveportrait_core.renderer import Renderer
from tests.core.swaying import SwayingEngine
from tests.end_to_end.deployment import CALLER, Turnstile
from tests.image.missing import imported_with
from tests.web.conftest import (
    PARAMS,
    LosingEngine,
    body,
    cloud_settings,
    files,
    generation,
    running,
)
from web.app import create_app
from web.cloud.files import BucketFiles
from web.cloud.maker import QueuedRendering, cloud_jobs
from web.cloud.rendering import GenerationRenderer
from web.cloud.store import FirestoreJobStore, Leased
from web.generation import Generation, Kind, State
from web.jobs.ports import Jobs
from web.jobs.transitions import MOST_ATTEMPTS, canceled
from web.settings import Settings

SEED = Path(__file__).parents[2] / "emulator" / "seed"


@pytest.fixture
def waiting(cloud: Jobs, portrait: bytes, driving: bytes, tmp_path: Path) -> Generation:
    """A generation that is queued, with its files in the bucket."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/p.png").write_bytes(portrait)
    (tmp_path / "in/d.mp4").write_bytes(driving)
    made = generation(params=PARAMS, inputs={"portrait": "p.png", "driving": "d.mp4"})
    cloud.files.keep(made.folder, tmp_path / "in")
    return cloud.store.add(made, idempotency_key=None)


def store_of() -> FirestoreJobStore:
    return FirestoreJobStore(firestore.Client())


def renderer_of(cloud: Jobs, lease_s: float = 20.0, deadline_s: float = 60.0) -> GenerationRenderer:
    assert isinstance(cloud.files, BucketFiles)
    return GenerationRenderer(store_of(), cloud.files, lease_s=lease_s, deadline_s=deadline_s)


def swaying(slowness_s: float = 0.0) -> Renderer:
    return Renderer(SwayingEngine(slowness_s=slowness_s), reason="test")


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_task_renders_once(cloud: Jobs, waiting: Generation) -> None:
    ended = renderer_of(cloud).handle(waiting.id, swaying())
    assert ended is not None
    assert (ended.state, ended.attempts, ended.engine) == (State.READY, 1, "mesh")
    assert cloud.store.get(waiting.id) == ended
    assert cloud.files.fetch(ended.folder, ended.result_name).read_bytes()[4:8] == b"ftyp"
    assert cloud.files.fetch(ended.folder, ended.poster_name).is_file()
    assert renderer_of(cloud).handle(waiting.id, swaying()) is None
    assert renderer_of(cloud).handle("of-another-project", swaying()) is None


def test_a_renderer_without_a_lip_sync_method_says_so(cloud: Jobs, waiting: Generation) -> None:
    params = {**PARAMS, "method": "auto", "acceptLicences": ["wav2lip"]}
    asked = replace(waiting, id=str(uuid4()), kind=Kind.LIPSYNC, params=params)
    cloud.store.add(asked, idempotency_key=None)
    ended = renderer_of(cloud).handle(asked.id, swaying())
    assert ended is not None
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == ("METHOD_NOT_INSTALLED", False)


def test_a_renderer_that_loses_its_gpu_gives_the_generation_back(
    cloud: Jobs, waiting: Generation
) -> None:
    with pytest.raises(DeviceLost):
        renderer_of(cloud).handle(waiting.id, Renderer(LosingEngine(), reason="test"))
    given = cloud.store.get(waiting.id)
    assert given is not None
    assert (given.state, given.attempts) == (State.QUEUED, 0)
    ended = renderer_of(cloud).handle(waiting.id, swaying())
    assert ended is not None
    assert (ended.state, ended.attempts) == (State.READY, 1)


def test_who_holds_the_lease_is_alone_and_who_died_is_followed(
    cloud: Jobs, waiting: Generation
) -> None:
    store = store_of()
    lost = store.claim(waiting.id, "first", lease_s=0.6)
    assert lost is not None
    with pytest.raises(Leased):
        renderer_of(cloud).handle(waiting.id, swaying())
    time.sleep(0.7)
    successor = store.claim(waiting.id, "second", lease_s=0.2)
    assert successor is not None
    assert store.renew(lost, lambda each: replace(each, progress=0.9), lease_s=9) is None
    now = store.renew(successor, lambda each: replace(each, progress=0.1), lease_s=0.2)
    assert now is not None
    assert now.progress == 0.1
    time.sleep(0.3)
    ended = renderer_of(cloud).handle(waiting.id, swaying())
    assert ended is not None
    assert (ended.state, ended.attempts) == (State.READY, 3)
    late = store.renew(successor, lambda each: replace(each, state=State.FAILED), lease_s=1)
    assert late is None
    assert cloud.store.get(waiting.id) == ended


def test_what_kills_its_renderer_each_time_is_given_up(cloud: Jobs, waiting: Generation) -> None:
    store = store_of()
    for number in range(MOST_ATTEMPTS):
        assert store.claim(waiting.id, f"renderer-{number}", lease_s=0) is not None
    assert store.claim(waiting.id, "the next", lease_s=0) is None
    given_up = cloud.store.get(waiting.id)
    assert given_up is not None
    assert given_up.error is not None
    assert (given_up.state, given_up.error.retryable) == (State.FAILED, True)


@pytest.mark.parametrize("how", ["canceled", "late"])
def test_a_render_is_stopped(cloud: Jobs, waiting: Generation, how: str) -> None:
    ended: list[Generation | None] = []
    handler = renderer_of(cloud, lease_s=1.0, deadline_s=0.5 if how == "late" else 60.0)
    slow = swaying(slowness_s=0.3)
    thread = threading.Thread(target=lambda: ended.append(handler.handle(waiting.id, slow)))
    thread.start()
    until(lambda: cloud.queue.count(State.RENDERING) == 1)
    if how == "canceled":
        cloud.store.change(waiting.id, lambda each: canceled(each, time.time()))
    thread.join(timeout=20)
    (stopped,) = ended
    assert stopped is not None
    if how == "canceled":
        assert (stopped.state, stopped.error) == (State.CANCELED, None)
    else:
        assert stopped.error is not None
        assert stopped.error.code == "RENDER_TIMEOUT"


def test_lost_inputs_are_said(cloud: Jobs, waiting: Generation) -> None:
    cloud.files.delete(waiting.folder)
    ended = renderer_of(cloud).handle(waiting.id, swaying())
    assert ended is not None
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == ("INPUT_NOT_FOUND", False)


def test_no_answer_that_is_lost_loses_or_doubles_a_generation(
    cloud: Jobs, quiet_suite: Suite
) -> None:
    control = quiet_suite.control
    control.abort_commits(2)
    first = cloud.store.add(generation(), idempotency_key="k")
    assert cloud.store.add(replace(first, folder="other"), idempotency_key="k") == first
    assert len(control.tasks()) == 1
    control.fail_task_creations(10)
    second = cloud.store.add(generation(created_at=time.time() - 61), idempotency_key=None)
    assert second.state is State.QUEUED
    assert len(control.tasks()) == 1
    rendering = cloud.rendering
    assert isinstance(rendering, QueuedRendering)
    while len(control.tasks()) < 2:  # as soon as the service is back
        rendering.put_again(time.time())


@pytest.fixture(scope="module")
def face() -> bytes:
    picture = Image.open(SEED / "astronaut.png").resize((256, 256))
    told = io.BytesIO()
    picture.save(told, "PNG")
    return told.getvalue()


@contextmanager
def served(suite: Suite, renderer_url: str, data: Path) -> Iterator[httpx.Client]:
    """One of the API's processes."""
    cloud = cloud_settings(suite, renderer_url)
    port = free_port()
    app = create_app(
        Settings(data=data, port=port, cloud=cloud),
        jobs=cloud_jobs(cloud, cache=data / "copies", max_queued=9),
    )
    with running(app, port) as client:
        yield client


@contextmanager
def function(suite: Suite, folder: Path) -> Iterator[tuple[FunctionProcess, str]]:
    """The function's renderer, and where the queue reaches it."""
    environment = {
        **suite.environment, "LIVEPORTRAIT_ENGINE": "mesh", "LIVEPORTRAIT_ROLE": "renderer",
        "LIVEPORTRAIT_BUCKET": suite.options.bucket, "LIVEPORTRAIT_LEASE_S": "2",
        "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": CALLER,
    }  # fmt: skip
    suite.control.resume_queue(suite.options.queue_name)
    with Turnstile() as before:
        environment["LIVEPORTRAIT_RENDERER_URL"] = before.url
        with FunctionProcess(environment, folder / "renderer.log") as process:
            before.target = process.url
            yield process, before.url


def ask(client: httpx.Client, portrait: bytes, **more: Any) -> dict[str, Any]:
    answer = client.post(
        "/v1/generations", data=body(with_driving=False, **more), files=files(portrait)
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def read(client: httpx.Client, made: dict[str, Any]) -> dict[str, Any]:
    return dict(client.get(f"/v1/generations/{made['id']}").json())


def test_two_processes_of_the_api_share_the_function_s_renderer(
    quiet_suite: Suite, tmp_path: Path, face: bytes
) -> None:
    with (
        function(quiet_suite, tmp_path) as (_, url),
        served(quiet_suite, url, tmp_path / "one") as one,
        served(quiet_suite, url, tmp_path / "two") as two,
    ):
        made = ask(one, face, kind="edit", params={"edit": {"smile": 1}})
        until(lambda: read(two, made)["status"] == "ready")
        ready = read(two, made)
        assert ready["engine"] == "mesh"
        path = httpx.URL(ready["output"]["pictureUrl"]).raw_path.decode()
        pictures = [client.get(path) for client in (one, two)]
        assert pictures[0].content == pictures[1].content
        assert pictures[0].headers["etag"] == pictures[1].headers["etag"]
        assert [each["id"] for each in one.get("/v1/generations").json()["data"]] == [made["id"]]
        assert two.get("/health").json()["status"] == "ready"


@pytest.mark.soak
def test_kill_9_of_the_renderer_loses_nothing(
    quiet_suite: Suite, tmp_path: Path, face: bytes
) -> None:
    with (
        function(quiet_suite, tmp_path) as (renderer, url),
        served(quiet_suite, url, tmp_path / "one") as client,
    ):
        made = ask(client, face, params={"seconds": 3})
        until(lambda: read(client, made)["status"] == "rendering")
        renderer.signal(signal.SIGKILL)
        renderer.stop()
        renderer.start()
        until(lambda: read(client, made)["status"] == "ready")
        video = client.get(httpx.URL(read(client, made)["output"]["videoUrl"]).raw_path.decode())
        assert video.content[4:8] == b"ftyp"


API = """
import web.__main__
import web.cloud.maker
from liveportrait_core.media.portrait_process import decode_portrait
from pathlib import Path
decode_portrait(Path("emulator/seed/grace_hopper.jpg"), max_dim_px=64)
"""


def test_the_api_imports_what_its_image_has() -> None:
    imported, _ = imported_with("api", API, os.environ)
    assert {"fastapi", "uvicorn", "cv2", "google.cloud.tasks_v2"} <= imported
    assert not imported & {"firebase_admin", "functions", "gradio"}
