"""`python -m emulator`, as a person starts it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

MEBIBYTE = 1 << 20
OBJECT_BYTES = 200 * MEBIBYTE
PORTS = ("--firestore-port", "--storage-port", "--tasks-port", "--control-port")
ANY_PORTS = tuple(part for option in PORTS for part in (option, "0"))


@contextmanager
def emulator(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def exports(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(5)]
    found = [re.fullmatch(r"export (\w+)=(\S+)", line) for line in lines]
    return {match[1]: match[2] for match in found if match is not None}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_clients_find_it_and_stops_cleanly(stop: signal.Signals) -> None:
    further = ("--trigger", "rooms/{rest=**}=http://127.0.0.1:9/x")
    with emulator(*ANY_PORTS, "--project", "mine", "--bucket", "mine.bucket", *further) as process:
        variables = exports(process)
        assert sorted(variables) == [
            "CLOUD_TASKS_EMULATOR_HOST",
            "FIREBASE_STORAGE_EMULATOR_HOST",
            "FIRESTORE_EMULATOR_HOST",
            "GOOGLE_CLOUD_PROJECT",
            "STORAGE_EMULATOR_HOST",
        ]
        assert variables["GOOGLE_CLOUD_PROJECT"] == "mine"
        url = f"{variables['STORAGE_EMULATOR_HOST']}/storage/v1/b/mine.bucket"
        assert httpx.get(url).status_code == 200
        process.send_signal(stop)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "rules are not evaluated" in said
        assert "http://127.0.0.1:8088" in said
        assert "Writes to rooms/{rest=**} go to http://127.0.0.1:9/x" in said
        assert "Traceback" not in said


def test_no_client_is_told_to_connect_to_all_addresses() -> None:
    with emulator(*ANY_PORTS, "--host", "0.0.0.0", "--control-host", "0.0.0.0") as process:
        variables = exports(process)
        url = variables["STORAGE_EMULATOR_HOST"]
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/storage/v1/b").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    assert not any("0.0.0.0" in value for value in variables.values())
    assert "0.0.0.0" not in said
    assert "LIVEPORTRAIT_STORAGE_PUBLIC_URL=http://" in said


@pytest.mark.parametrize("name", ["firestore", "storage", "control"])
def test_a_busy_port_names_its_holder(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with emulator(*ANY_PORTS, f"--{name}-port", port) as process:
            said, why = process.communicate(timeout=20)
            assert process.returncode == 2
    assert said == ""
    assert f"port {port} on 127.0.0.1 is busy" in why
    assert f"accepted: a free one, by --{name}-port (make {name.upper()}_PORT=…, of " in why
    assert f"process {os.getpid()}" in why
    command = Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    assert f"held by process {os.getpid()}, {command}" in why
    assert "Traceback" not in why


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--time-factor", "0"), "time_factor is 0.0; accepted: above 0"),
        (("--function", "localhost:8088"), "accepted: an http:// URL"),
        (("--trigger", "rooms/{id}"), "accepted: PATTERN=http://HOST:PORT"),
    ],
)
def test_wrong_arguments_are_explained(arguments: tuple[str, ...], message: str) -> None:
    with emulator(*ANY_PORTS, *arguments) as process:
        said, why = process.communicate(timeout=20)
    assert process.returncode == 2
    assert said == ""
    assert message in why
    assert "Traceback" not in why


def test_a_large_object_is_never_held_in_memory(tmp_path: Path) -> None:
    """The emulator's peak of resident memory stays far below the object's size."""
    big = tmp_path / "big.bin"
    with big.open("wb") as stream:
        stream.truncate(OBJECT_BYTES)
    with emulator(*ANY_PORTS) as process:
        variables = exports(process)
        client = Client(
            project="p",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": variables["STORAGE_EMULATOR_HOST"]},
        )
        bucket = client.bucket("demo-avatar.appspot.com")
        bucket.blob("warm.bin").upload_from_string(b"x" * MEBIBYTE)
        before = peak_kib(process.pid)
        blob = bucket.blob("big.bin")
        blob.upload_from_filename(str(big))  # one request of this size
        blob.download_to_filename(str(tmp_path / "back.bin"))
        grown = peak_kib(process.pid) - before
        client.close()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert (tmp_path / "back.bin").stat().st_size == OBJECT_BYTES
    assert grown * 1024 < OBJECT_BYTES / 10


def peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1])
