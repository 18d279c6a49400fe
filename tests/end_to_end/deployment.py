"""The function's processes as they are deployed: one that does all, or gate and renderer."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from emulator.function_process import TRIGGERS, FunctionProcess, free_port
from emulator.suite import Suite

DEBOUNCE_S = 1
SETTINGS = {"LIVEPORTRAIT_ENGINE": "mesh", "LIVEPORTRAIT_DEBOUNCE_S": str(DEBOUNCE_S)}
CALLER = "idle-tasks@demo-avatar.iam.gserviceaccount.com"
SHORT_LEASE_S = 2.0  # as long as a dead process's lease is waited for
_PASSED_ON_S = 600.0


class Dispatch(StrEnum):
    """How a render comes to the process that renders."""

    INLINE = "inline"  # the process that answers the event renders
    TASKS = "tasks"  # a gate hands it to a renderer, through the queue


class Turnstile:
    """Stands before a process and counts the requests that it passes on to it."""

    def __init__(self) -> None:
        self.target = ""
        self.paths: list[str] = []
        turnstile = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                turnstile.paths.append(self.path)
                self.send_response(turnstile.pass_on(self.path, dict(self.headers), body))
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def pass_on(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a request to the target; returns the status of its answer, 502 without one."""
        request = urllib.request.Request(f"{self.target}{path}", data=body, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=_PASSED_ON_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            answer.close()
            return answer.code
        except OSError:
            return 502

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The running processes. Where one does all, it is both of them."""

    dispatch: Dispatch
    gate: FunctionProcess  # answers events
    renderer: FunctionProcess  # renders
    environment: Mapping[str, str]  # the renderer's, for another one beside it
    turnstile: Turnstile | None = None  # before the renderer; None where it answers events itself


def tell(suite: Suite, deployment: Deployment) -> None:
    """Send the events of avatars and talks to a deployment."""
    for name, pattern in TRIGGERS.items():
        suite.connect(name, pattern, [deployment.gate.url])


@contextmanager
def deployed(
    suite: Suite, dispatch: Dispatch, folder: Path, **settings: str
) -> Iterator[Deployment]:
    """Start what answers events and renders; `settings` add to, or replace, the usual ones."""
    environment = {
        **suite.environment,
        **SETTINGS,
        "LIVEPORTRAIT_BUCKET": suite.options.bucket,
        **settings,
    }
    with ExitStack() as stack:
        if dispatch is Dispatch.INLINE:
            function = stack.enter_context(FunctionProcess(environment, folder / "function.log"))
            yield Deployment(
                dispatch=dispatch, gate=function, renderer=function, environment=environment
            )
            return
        turnstile = stack.enter_context(Turnstile())
        environment |= {
            "LIVEPORTRAIT_TASKS_QUEUE": suite.options.queue_name,
            "LIVEPORTRAIT_RENDERER_URL": turnstile.url,
            "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": CALLER,
        }
        roles = {role: {**environment, "LIVEPORTRAIT_ROLE": role} for role in ("gate", "renderer")}
        port = free_port()
        roles["gate"] |= {
            "LIVEPORTRAIT_DEBOUNCE_QUEUE": suite.options.debounce_queue_name,
            "LIVEPORTRAIT_GATE_URL": f"http://127.0.0.1:{port}",
            # The queue's times pass faster, the saves do not.
            "LIVEPORTRAIT_DEBOUNCE_S": str(DEBOUNCE_S / suite.options.time_factor),
        }
        renderer = FunctionProcess(roles["renderer"], folder / "renderer.log")
        turnstile.target = renderer.url
        stack.enter_context(renderer)
        log = folder / "gate.log"
        gate = stack.enter_context(FunctionProcess(roles["gate"], log, port=port))
        yield Deployment(
            dispatch=dispatch,
            gate=gate,
            renderer=renderer,
            environment=roles["renderer"],
            turnstile=turnstile,
        )
