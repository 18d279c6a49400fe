"""A server that is killed in the middle of its work, and started again."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from emulator.function_process import free_port
from liveportrait_core.renderer import Renderer
from tests.core.swaying import SwayingEngine
from tests.web.conftest import PARAMS, LosingEngine, Serve, body, files, generation, running
from web.app import create_app
from web.generation import Generation, State
from web.jobs.files import LocalFiles
from web.jobs.store import SqliteJobStore
from web.jobs.worker import Worker
from web.settings import Settings

SERVER = """
import sys
from pathlib import Path
import uvicorn
from liveportrait_core.renderer import Renderer
from tests.core.swaying import SwayingEngine
from web.app import create_app
from web.settings import Settings
data, port, slowness_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
engine = SwayingEngine(slowness_s=slowness_s)
app = create_app(
    Settings(data=data, port=port), renderer=lambda: Renderer(engine, reason="test")
)
uvicorn.run(app, port=port, log_level="warning")
"""


def started(data: Path, port: int, slowness_s: float) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(data), str(port), str(slowness_s)]
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                return process
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("the server does not answer")


def test_what_has_expired_is_gone_with_its_files(
    tmp_path: Path, portrait: bytes, driving: bytes
) -> None:
    def served(ttl_s: float) -> FastAPI:
        return create_app(
            Settings(data=tmp_path, port=port, result_ttl_s=ttl_s),
            renderer=lambda: Renderer(SwayingEngine(), reason="test"),
        )

    port, kept, name = free_port(), tmp_path / "files", "the name of whom it shows"
    with running(served(3600), port) as client:
        made = client.post(
            "/v1/generations",
            data=body(metadata={"name": name}),
            files=files(portrait, driving),
            headers={"Prefer": "wait=60"},
        ).json()
        assert client.get(made["output"]["videoUrl"]).status_code == 200
    store = SqliteJobStore(tmp_path / "generations.sqlite", max_queued=999)
    for number in range(150):  # more than are deleted at a time
        (kept / str(number)).mkdir()
        other = store.add(generation(folder=str(number)), idempotency_key=None)
        store.change(other.id, lambda each: replace(each, state=State.FAILED, finished_at=1.0))
    store.close()
    with running(served(0.01), port) as client:
        deadline = time.monotonic() + 30
        while list(kept.iterdir()) or any(
            name.encode() in path.read_bytes() for path in tmp_path.glob("generations.sqlite*")
        ):
            assert time.monotonic() < deadline, [*kept.iterdir()][:3]
            time.sleep(0.02)
        assert client.get(f"/v1/generations/{made['id']}").status_code == 404
        assert client.get(made["output"]["videoUrl"]).status_code == 404


@pytest.mark.timeout(180)
def test_kill_9_in_the_middle_loses_nothing(
    tmp_path: Path, portrait: bytes, driving: bytes
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/generations"
    process = started(tmp_path, port, 0.2)
    try:
        made = [
            httpx.post(
                url,
                data=body(params={"drivingMultiplier": share}),
                files=files(portrait, driving),
            ).json()["id"]
            for share in (0.2, 0.4)
        ]
        deadline = time.monotonic() + 60
        while httpx.get(f"{url}/{made[0]}").json()["status"] != "rendering":
            assert time.monotonic() < deadline
        (tmp_path / "files" / "of-no-generation").mkdir()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process = started(tmp_path, port, 0.0)
        for generation_id in made:
            while (read := httpx.get(f"{url}/{generation_id}").json())["status"] != "ready":
                assert read["status"] in ("queued", "rendering"), read
                assert time.monotonic() < deadline + 60
            assert httpx.get(read["output"]["videoUrl"]).content[4:8] == b"ftyp"
        assert len(list((tmp_path / "files").iterdir())) == len(made)
    finally:
        process.kill()
        process.wait()


def test_a_process_that_lost_its_gpu_ends_and_another_renders(
    tmp_path: Path, portrait: bytes, driving: bytes
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "p.png").write_bytes(portrait)
    (source / "d.mp4").write_bytes(driving)
    made = generation(params=PARAMS, inputs={"portrait": "p.png", "driving": "d.mp4"})

    def worked(engine: SwayingEngine, ended: threading.Event) -> tuple[str, Generation | None]:
        store = SqliteJobStore(tmp_path / "a.sqlite", max_queued=5)
        files = LocalFiles(tmp_path / "files")
        if store.get(made.id) is None:
            files.keep(made.folder, source)
            store.add(made, idempotency_key=None)
        worker = Worker(
            store=store,
            files=files,
            open_renderer=lambda: Renderer(engine, reason="test"),
            method_limit_s=60.0,
            end_process=ended.set,
        )
        worker.start()
        deadline = time.monotonic() + 60
        while not ended.is_set() and store.count(State.READY) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        status, found = worker.health().status, store.get(made.id)
        worker.stop()
        return status, found

    lost, kept = threading.Event(), threading.Event()
    status, given = worked(LosingEngine(), lost)
    assert given is not None
    assert (status, given.state, given.attempts) == ("failed", State.QUEUED, 0)
    status, ready = worked(SwayingEngine(), kept)
    assert ready is not None
    assert (status, ready.state, ready.attempts) == ("ready", State.READY, 1)
    assert (lost.is_set(), kept.is_set()) == (True, False)


def test_a_store_that_takes_nothing_for_a_while_stops_nothing(serve: Serve, tmp_path: Path) -> None:
    api = serve(slowness_s=0.1)
    with closing(sqlite3.connect(tmp_path / "data/generations.sqlite")) as other:
        store = api.app.state.service.jobs.store
        store._database.execute("PRAGMA busy_timeout = 20")
        made = api.post().json()
        while api.read(made["id"])["status"] == "queued":
            time.sleep(0.05)
        other.execute("BEGIN IMMEDIATE")  # whoever makes a copy of it; a full disk refuses likewise
        refused = api.post()
        time.sleep(3)
        other.execute("ROLLBACK")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "UNAVAILABLE")
    assert len(list((tmp_path / "data/files").iterdir())) == 1
    assert list((tmp_path / "data/arriving").iterdir()) == []
    deadline = time.monotonic() + 60
    while (read := api.read(made["id"]))["status"] != "ready":
        assert read["status"] == "rendering", read
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert api.ready()["status"] == "ready"
