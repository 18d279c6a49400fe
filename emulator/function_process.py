"""A function under functions-framework, in its own process.

Knows functions-framework's command line and a `/health` route, nothing of what the function does.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TRIGGERS: Mapping[str, str] = {
    "idle": "avatars/{avatarId}",
    "talk": "avatars/{avatarId}/talks/{talkId}",
}
"""The documents whose writes the function is told of."""


class FunctionNotReady(Exception):
    """The function's process ended, or was not ready in time."""


class FunctionProcess:
    """The function under functions-framework, as its own process, logging to a file.

    Its address is known before it starts, and stays the same after a restart.
    """

    def __init__(
        self, environment: Mapping[str, str], log: Path, *, port: int | None = None
    ) -> None:
        self._environment = {**os.environ, **environment, "THREADS": "32"}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._port = port or free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """The file of the function's output."""
        return self._log

    def start(self, ready_timeout_s: float = 300.0) -> Self:
        """Start, and wait until its health route says that it is ready.

        Large networks on a busy CPU take minutes for their first pass.

        Raises:
            FunctionNotReady: it ended, says that it cannot get ready, or took too long.
        """
        command = [sys.executable, "-m", "functions_framework", "--source", str(_source())]
        command += ["--target", "on_avatar_written", "--signature-type", "cloudevent"]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 — our own interpreter and module
                command,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._await_health(time.monotonic() + ready_timeout_s)
        return self

    def _await_health(self, give_up_at: float) -> None:
        while time.monotonic() < give_up_at:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                self.health()
                return
            except urllib.error.HTTPError as error:
                if b'"unavailable"' in error.read():
                    break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                pass
            time.sleep(0.1)
        self.stop()
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-12:])
        raise FunctionNotReady(f"the function did not start; the end of {self._log}:\n{tail}")

    def health(self) -> dict[str, Any]:
        """Return the response of the function's health route."""
        with urllib.request.urlopen(f"{self.url}/health", timeout=5) as response:  # noqa: S310
            return dict(json.load(response))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the function and to its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def tell_to_end(self) -> None:
        """Send SIGTERM to its first process alone, as a container's runtime does."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> int:
        """Wait for its end, and return its exit code; raise `subprocess.TimeoutExpired`."""
        if self._process is None:
            raise FunctionNotReady("the function was not started")
        return self._process.wait(timeout_s)

    def stop(self) -> None:
        """Terminate it; kill it where it does not end."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(timeout=5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _source() -> Path:
    """Return the file that functions-framework serves, in this checkout or an installed package."""
    package = importlib.util.find_spec("functions")
    if package is None or package.origin is None:
        raise FunctionNotReady("no package `functions` can be imported here")
    return Path(package.origin).with_name("main.py")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
