"""The API around an engine that takes no time, and a server that clients name in webhooks."""

import http.server
import io
import json
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
import torch
import uvicorn
from fastapi import FastAPI
from PIL import Image
from safetensors.torch import save_file

from emulator.function_process import free_port
from emulator.suite import Suite, SuiteOptions
from liveportrait_core.errors import DeviceLost
from liveportrait_core.lipsync.wav2lip import PLACE
from liveportrait_core.lipsync.wav2lip.network import Wav2Lip
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Frame
from tests.core.clips import moving_clip
from tests.core.swaying import SwayingEngine, SwayingPortrait, soft_portrait
from tests.end_to_end.deployment import CALLER
from web.app import create_app
from web.cloud.maker import cloud_jobs
from web.generation import Generation, Kind
from web.jobs.ports import Jobs
from web.settings import CloudSettings, Settings

MOST = 5  # may wait in the cloud's queue
PARAMS = {
    "drivingMultiplier": 0.4, "normalizeLip": False, "animationRegion": "all", "edit": {},
    "scale": 2.3, "sourceMaxDim": 1024, "loop": True, "maxSeconds": 1.0,
}  # fmt: skip


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return soft_portrait(tmp_path_factory.mktemp("web") / "p.png").read_bytes()


@pytest.fixture(scope="session")
def driving(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return moving_clip(tmp_path_factory.mktemp("web") / "d.mp4", size="64x64").read_bytes()


@pytest.fixture(scope="session")
def sound() -> bytes:
    """One second: a voice, roughly, between two pauses."""
    at = np.arange(16_000) / 16_000
    voice = np.sin(2 * np.pi * 140 * at) + 0.5 * np.sin(2 * np.pi * 700 * at)
    voice *= 0.3 * ((at > 0.3) & (at < 0.7)) * (1 + np.sin(2 * np.pi * 5 * at))
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((voice * 20_000).astype("<i2").tobytes())
    return written.getvalue()


@pytest.fixture(scope="session")
def lipsync_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with a lip-sync network that has learned nothing."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / PLACE).parent.mkdir()
    torch.manual_seed(1)
    save_file(Wav2Lip().state_dict(), folder / PLACE)
    return folder


def files(portrait: bytes, driving: bytes | None = None) -> dict[str, Any]:
    given: dict[str, Any] = {"p": ("p.png", portrait, "image/png")}
    if driving is not None:
        given["d"] = ("d.mp4", driving, "video/mp4")
    return given


def body(*, with_driving: bool = True, **more: Any) -> dict[str, str]:
    """The text part of a multipart request."""
    inputs = {"portrait": {"upload": "p"}}
    if with_driving:
        inputs["driving"] = {"upload": "d"}
    return {"request": json.dumps({"input": inputs, **more})}


def generation(**more: Any) -> Generation:
    """A generation as the routes make it, without files."""
    made: dict[str, Any] = {
        "id": str(uuid4()), "owner": "ann", "kind": Kind.ANIMATE, "params": {}, "inputs": {},
        "created_at": time.time(), "request_digest": "d", "fingerprint": "f",
    }  # fmt: skip
    return Generation(**{**made, **more})


class LosingEngine(SwayingEngine):
    """Loses the GPU with its first portrait."""

    def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
        raise DeviceLost("CUDA error: an illegal memory access was encountered")


@dataclass
class Api:
    """One application, served."""

    app: FastAPI
    client: httpx.Client
    portrait: bytes
    driving: bytes
    engine: SwayingEngine

    def post(self, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return self.client.post(
            "/v1/generations",
            data=body(**more),
            files=files(self.portrait, self.driving),
            headers=headers,
        )

    def ready(self, **more: Any) -> dict[str, Any]:
        answer = self.post({"Prefer": "wait=60"}, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def read(self, generation_id: str) -> dict[str, Any]:
        return dict(self.client.get(f"/v1/generations/{generation_id}").json())


Serve = Callable[..., Api]


@pytest.fixture
def serve(tmp_path: Path, portrait: bytes, driving: bytes) -> Iterator[Serve]:
    """Serve an application with these settings; all end with the test, the last one first."""
    with ExitStack() as stack:

        def served(
            *,
            slowness_s: float = 0.0,
            name: str = "data",
            renderer: Renderer | None = None,
            **settings: Any,
        ) -> Api:
            engine = SwayingEngine(slowness_s=slowness_s)
            port = free_port()
            app = create_app(
                Settings(data=tmp_path / name, port=port, **settings),
                renderer=lambda: renderer or Renderer(engine, reason="test"),
            )
            client = stack.enter_context(running(app, port))
            return Api(app=app, client=client, portrait=portrait, driving=driving, engine=engine)

        yield served


@contextmanager
def running(app: FastAPI, port: int) -> Iterator[httpx.Client]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive(), "the server ended at its start"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture
def api(serve: Serve) -> Api:
    return serve()


@dataclass
class Listener:
    """A server of this machine: what it was sent, and what it answers."""

    url: str
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    location: str = ""
    content: bytes = b""
    contents: dict[str, bytes] = field(default_factory=dict)  # by path, where not `content`


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", 0))
            told = {name.lower(): value for name, value in self.headers.items()}
            heard.got.append((self.path, told, self.rfile.read(size)))
            self.send_response(heard.status)
            if heard.location:
                self.send_header("location", heard.location)
            content = heard.contents.get(self.path, heard.content)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Listener(url=f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with Suite(SuiteOptions(time_factor=0.1)) as running:
        yield running


@pytest.fixture
def quiet_suite(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """The emulated cloud, empty; Google's clients find it, and its queue hands out nothing."""
    suite.reset()
    suite.control.pause_queue(suite.options.queue_name)
    for name, value in suite.environment.items():
        monkeypatch.setenv(name, value)
    return suite


def cloud_settings(suite: Suite, renderer_url: str) -> CloudSettings:
    return CloudSettings(
        queue=suite.options.queue_name,
        renderer_url=renderer_url,
        service_account=CALLER,
        bucket=suite.options.bucket,
    )


@pytest.fixture
def cloud(quiet_suite: Suite, tmp_path: Path) -> Jobs:
    """The cloud's maker, with a renderer that nobody reaches."""
    settings = cloud_settings(quiet_suite, "http://127.0.0.1:1")
    return cloud_jobs(settings, cache=tmp_path / "copies", max_queued=MOST)


def picture_size(data: bytes) -> tuple[int, int]:
    size: tuple[int, int] = Image.open(io.BytesIO(data)).size
    return size
