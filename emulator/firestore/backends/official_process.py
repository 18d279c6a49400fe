"""Google's own Firestore emulator as a process, where its jar is on this machine.

It comes with the gcloud SDK, or is in the Firebase CLI's cache; it is never downloaded.
"""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.serving import client_address

_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 20.0
_ALL_WRITES = {
    "eventType": "google.cloud.firestore.document.v1.written",
    "database": "(default)",
    "namespace": "(default)",
    "document": {"value": "{document=**}", "matchType": "PATH_PATTERN"},
}


class OfficialMissing(Exception):
    """Jar or Java is not on this machine; the message names the searched places."""


class OfficialFirestore:
    """The process; a context manager.

    Args:
        port: a free port of the loopback address.
        log: the file for the process's output.
        host: the address to listen on.
        functions: host and port to which it posts events, as to the Functions emulator.
    """

    def __init__(
        self, port: int, log: Path, *, host: str = "127.0.0.1", functions: str | None = None
    ) -> None:
        self._port = port
        self._log = log
        self._host = host
        self._functions = functions
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port, as clients expect it."""
        return client_address(self._host, self._port)

    def subscribe_to_writes(self, project: str) -> None:
        """Have it post every write to the default database of a project."""
        path = f"{project}/eventarcTrigger?eventarcTriggerId=all"
        _request(self.address, "POST", path, _ALL_WRITES)

    def clear(self, project: str) -> None:
        """Delete all documents of a project's default database."""
        clear_documents(self.address, project)

    def __enter__(self) -> Self:
        java, jar = find_official()
        command = [str(java), "-Duser.language=en", "-cp", str(jar), _MAIN, "start"]
        command += [f"--host={self._host}", f"--port={self._port}"]
        if self._functions is not None:
            command.append(f"--functions_emulator={self._functions}")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 (a path that was found, addresses)
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_ready(time.monotonic() + _START_TIMEOUT_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait_until_ready(self, give_up_at: float) -> None:
        while time.monotonic() < give_up_at:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://{self.address}/", timeout=1):
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.1)
        self.__exit__(None, None, None)
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-8:])
        raise OfficialMissing(f"the official emulator did not start; it said:\n{tail}")


def clear_documents(address: str, project: str) -> None:
    """Delete all documents of a project's default database on a running Firestore emulator."""
    _request(address, "DELETE", f"{project}/databases/(default)/documents")


def _request(address: str, method: str, path: str, form: object = None) -> None:
    request = urllib.request.Request(
        f"http://{address}/emulator/v1/projects/{path}",
        data=None if form is None else json.dumps(form).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    urllib.request.urlopen(request, timeout=_ANSWER_TIMEOUT_S).close()  # noqa: S310


def find_official() -> tuple[Path, Path]:
    """Return Java and the jar.

    Raises:
        OfficialMissing: one of them is missing.
    """
    java = shutil.which("java")
    if java is None:
        raise OfficialMissing("there is no java on the PATH")
    for jar in _candidates():
        return Path(java), jar
    raise OfficialMissing(
        "there is no cloud-firestore-emulator*.jar: neither in the gcloud SDK "
        "(platform/cloud-firestore-emulator) nor in ~/.cache/firebase/emulators"
    )


def _candidates() -> Iterator[Path]:
    gcloud = shutil.which("gcloud")
    if gcloud is not None:
        for root in Path(gcloud).resolve().parents[:2]:
            yield from sorted(root.glob("platform/cloud-firestore-emulator/*.jar"))
    for root in (Path("/usr/lib/google-cloud-sdk"), Path.home() / "google-cloud-sdk"):
        yield from sorted(root.glob("platform/cloud-firestore-emulator/*.jar"))
    cache = Path.home() / ".cache" / "firebase" / "emulators"
    yield from sorted(cache.glob("cloud-firestore-emulator*.jar"), reverse=True)
