"""`gcloud` and `curl` as real processes on the PATH, which ask a fake project in this process.

The processes are small shell scripts, so that a deployment of a hundred commands takes a second.
"""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.commands import answer
from tests.deploy.fake_cloud.project import Cloud, CommandRefused

_SCRIPT = """#!/bin/bash
header=()
for word in "$@"; do
  if [ "$word" = @- ]; then IFS= read -r line; header=('#stdin' "$line"); fi
done
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' {first} "$@" "${{header[@]}}" '#end' >&3
IFS= read -r -d '' code <&3; IFS= read -r -d '' out <&3; IFS= read -r -d '' err <&3
printf '%s' "$out"; printf '%s' "$err" >&2
exit "$code"
"""
_CHANGES = ("list", "describe", "get-iam-policy", "print-access-token", "cat")

Fault = Callable[[int, Arguments], str | None]


def _no_fault(number: int, words: Arguments) -> str | None:
    return None


@dataclass
class FakeGcloud:
    """The server of the scripts.

    Attributes:
        cloud: the project.
        folder: where the scripts are, for the PATH.
        failing_reads: while positive, reading commands fail because their API was just enabled.
        fault: called for each changing command with its number; "before": the network is gone,
            "after": done, but the output is lost, "ERROR: …": refused with this message.
        changes: the changing commands, in order.
    """

    cloud: Cloud
    folder: Path
    fault: Fault = _no_fault
    changes: list[Arguments] = field(default_factory=list)
    read_count: int = 0
    failing_reads: int = 0

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        for name, first in (("gcloud", ""), ("curl", "curl")):
            script = self.folder / name
            script.write_text(_SCRIPT.format(port=port, first=first), "utf-8")
            script.chmod(0o755)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def path(self) -> str:
        """A PATH with these gcloud and curl."""
        return f"{self.folder}:{os.environ['PATH']}"

    def close(self) -> None:
        """Stop serving."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                code, out, err = self._answer(Arguments(_received(connection)))
                connection.sendall(f"{code}\0{out}\0{err}\0".encode())

    def _answer(self, words: Arguments) -> tuple[int, str, str]:
        try:
            if not _changes(words):
                self.read_count += 1
                if self.failing_reads and self.cloud.enabled:
                    self.failing_reads -= 1
                    return 1, "", "ERROR: API has not been used in project 1 before or is disabled"
                return 0, answer(self.cloud, words), ""
            self.changes.append(words)
            fault = self.fault(len(self.changes), words)
            if fault == "before":
                return 1, "", "ERROR: the network is gone"
            if fault is not None and fault != "after":
                return 1, "", fault
            out = answer(self.cloud, words)
        except CommandRefused as refused:
            return 1, "", f"ERROR: {refused}"
        except Exception as broken:  # a fault of the stand-in must not hang the test
            return 70, "", f"the stand-in broke at {words}: {broken!r}"
        return (1, "", "ERROR: the answer was lost") if fault == "after" else (0, out, "")


def _changes(words: Arguments) -> bool:
    if words.positional[0] == "curl":
        return "-X" in words.argv
    return not any(location_of in _CHANGES for location_of in words.positional[:5])


def _received(connection: socket.socket) -> list[str]:
    data = b""
    while not data.endswith(b"#end\0"):
        data += connection.recv(65536)
    return [word.decode() for word in data.split(b"\0")[:-2] if word]
