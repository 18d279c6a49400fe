"""A role of the image as a process: started as the image says, from the replayed root alone.

Knows ports, signals and /proc; nothing of what the role does.
"""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emulator.function_process import free_port
from tests.image.replay import Root

READY_WITHIN_S = 300.0


class NotStarted(Exception):
    """A role did not become ready."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What a started role costs and touches."""

    ready_after_s: float
    memory_bytes: int
    mapped: frozenset[Path]  # files in its address space


class StartedRole:
    """One process group; a context manager."""

    def __init__(
        self, root: Root, command: tuple[str, ...], settings: Mapping[str, str], log: Path
    ) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = log
        self._root = root
        self._command = command
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    def __enter__(self) -> Self:
        uid = self.uid
        self._began = time.monotonic()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._root.place("."),
                env={**image_environment(self._root), **self._settings, **self._address()},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=uid,
                group=uid,
                extra_groups=None if uid is None else [],
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(timeout=10)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    @property
    def uid(self) -> int | None:
        """The image's user, where this process may become it; None: it stays who it is."""
        return int(self._root.user.partition(":")[0]) if may_become(self._root) else None

    def await_ready(self) -> tuple[dict[str, Any], Footprint]:
        """Wait until its health route answers 200; give the answer and the footprint.

        Raises:
            NotStarted: it ended, or was not ready in time; with the end of its log.
        """
        reason = "no answer"
        while time.monotonic() - self._began < READY_WITHIN_S and self._is_alive():
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                    told = dict(json.load(answer))
                    return told, self._footprint(time.monotonic() - self._began)
            except urllib.error.HTTPError as error:
                reason = f"{error.code}: {error.read().decode(errors='replace')}"
            except OSError as error:
                reason = str(error)
            time.sleep(0.05)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise NotStarted(
            f"{' '.join(self._command)} is not ready ({reason}); its log ends:\n{tail}"
        )

    def footprint(self) -> Footprint:
        """As it is now."""
        return self._footprint(0.0)

    def _footprint(self, ready_after_s: float) -> Footprint:
        processes = list(self._processes())
        return Footprint(
            ready_after_s=ready_after_s,
            memory_bytes=sum(_proportional_bytes(process) for process in processes),
            mapped=frozenset(file for process in processes for file in _mapped(process)),
        )

    def _processes(self) -> Iterator[Path]:
        """The server and its worker."""
        group = self._process.pid if self._process else 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _group_of(entry) == group:
                yield entry

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _address(self) -> dict[str, str]:
        port = self.url.rpartition(":")[2]
        return {"PORT": port, "HOST": "127.0.0.1", "AVATAR_WEB_PORT": port}


def image_environment(root: Root) -> dict[str, str]:
    """The image's ENV, paths that the image brings put where they lie here."""

    def here(path: str) -> str:
        place = root.place(path) if path.startswith("/") else Path(path)
        return str(place) if path.startswith("/") and place.exists() else path

    return {
        name: ":".join(here(part) for part in value.split(":"))
        for name, value in root.environment.items()
    }


def may_become(root: Root) -> bool:
    """Whether a process can be started as the image's user, and then run the image's Python."""
    if os.geteuid() != 0 or not root.user:
        return False
    uid = int(root.user.partition(":")[0])
    python = shutil.which("python", path=image_environment(root)["PATH"])
    try:
        done = subprocess.run(
            [str(python), "-c", ""], user=uid, group=uid, extra_groups=[], cwd="/", check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _group_of(process: Path) -> int | None:
    try:
        return os.getpgid(int(process.name))
    except ProcessLookupError:
        return None


def _proportional_bytes(process: Path) -> int:
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _mapped(process: Path) -> Iterator[Path]:
    for line in (process / "maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/"):
            yield Path(fields[5])
