"""What decodes the files of strangers inherits no variable and reaches no network."""

import ctypes
import logging
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.media import child_process, ffmpeg
from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.child_process import start_child
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings, Sound
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.network_denial import why_not_denied
from liveportrait_core.options import VideoFormat
from tests.core.clips import child_processes, moving_clip, the_one

PLENTY = ChildLimits(memory_bytes=2**31, processor_s=100, file_bytes=2**31)
CALL = """
import ctypes, os, socket, sys
try: socket.create_connection(("127.0.0.1", int(sys.argv[1])))
except OSError as refused: print(type(refused).__name__)
for number in map(int, sys.argv[2:]):
    print(ctypes.CDLL(None, use_errno=True).syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno())
"""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.fixture
def fresh_probe() -> Iterator[None]:
    why_not_denied.cache_clear()
    child_process._say_once.cache_clear()
    yield
    why_not_denied.cache_clear()


def said_by(*arguments: str) -> str:
    child = start_child(
        [sys.executable, "-S", "-c", *arguments], limits=PLENTY, stdout=subprocess.PIPE
    )
    said, _ = child.communicate(timeout=60)
    return said.decode()


def test_a_child_can_open_no_connection(listening: socket.socket) -> None:
    assert said_by(CALL, str(listening.getsockname()[1])) == "PermissionError\n"
    with pytest.raises(TimeoutError):
        listening.accept()
    with socket.create_connection(listening.getsockname()):  # this process still can
        listening.accept()[0].close()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64's calls")
def test_nor_have_one_opened_by_a_ring_or_by_another_process(listening: socket.socket) -> None:
    calls = {"ptrace": 101, "process_vm_writev": 311, "io_uring_setup": 425, "pidfd_getfd": 438}
    numbers = [*map(str, calls.values()), str(0x4000_0000 + 41)]  # the last: socket, as of x32
    said = said_by(CALL, str(listening.getsockname()[1]), *numbers)
    assert said.splitlines()[1:] == ["-1 13"] * len(numbers)


LOOK = """
import os, sys
try: open(f"/proc/{os.getppid()}/mem", "r+b")
except PermissionError: print("no memory")
try: os.kill(os.getppid(), 0)
except PermissionError: print("no signals")
"""


def landlock_version() -> int:
    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


@pytest.mark.skipif(landlock_version() < 6, reason="a kernel before 6.12, or without Landlock")
def test_a_child_cannot_look_into_the_one_that_started_it() -> None:
    assert said_by(LOOK) == "no memory\nno signals\n"


def test_ffmpeg_can_open_no_connection(listening: socket.socket) -> None:
    receiver = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
    sending = ("-f", "lavfi", "-i", "testsrc=duration=1", "-f", "mpegts", receiver)
    done = ffmpeg.run(("-v", "error", *sending), limits=PLENTY, limit_s=60)
    assert done.status != 0
    assert "Permission denied" in done.said
    with pytest.raises(TimeoutError):
        listening.accept()


def test_a_child_inherits_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret.json")
    told = "import os; print(dict(os.environ))"
    assert "secret" not in said_by(told)


def what_the_child_is_told() -> tuple[bytes, list[str]]:
    pid = the_one(child_processes)
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    assert "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text()
    return Path(f"/proc/{pid}/environ").read_bytes(), words


def protocols(words: list[str]) -> list[str]:
    """For each input of a command line, the protocols by which it may be read."""
    inputs = [at for at, word in enumerate(words) if word == "-i"]
    assert all(words[at - 2] == "-protocol_whitelist" for at in inputs)
    return [words[at - 1] for at in inputs]


def test_decoder_and_encoder_know_nothing_and_read_files_and_pipes_alone(tmp_path: Path) -> None:
    path = moving_clip(tmp_path / "clip.mp4")
    clip = probe(path, 10)
    with FrameReader(clip, max_side_px=None):
        environment, words = what_the_child_is_told()
        assert (environment, protocols(words)) == (b"", ["file"])
    sound = Sound(path=path, start_s=Fraction(0), seconds=Fraction(1))
    settings = EncoderSettings(width_px=64, height_px=64, rate_fps=Fraction(30), sound=sound)
    encoder = FrameEncoder(tmp_path / "a.mp4", settings)
    environment, words = what_the_child_is_told()
    encoder.kill()
    with pytest.raises(RuntimeError), encoder:
        raise RuntimeError
    assert (environment, protocols(words)) == (b"", ["pipe", "file"])


def test_a_gif_is_made_in_the_same_way(tmp_path: Path) -> None:
    settings = EncoderSettings(
        width_px=64, height_px=64, rate_fps=Fraction(10), form=VideoFormat.GIF
    )
    with FrameEncoder(tmp_path / "a.gif", settings) as encoder:
        encoder.write(np.zeros((64, 64, 3), np.uint8))
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF8")


def test_where_the_network_cannot_be_denied_it_is_said_once_and_loudly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fresh_probe: None
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with caplog.at_level(logging.WARNING):
        assert said_by("print(1)") == said_by("print(1)") == "1\n"
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "children that decode what strangers sent can reach the network: [Errno 38] "
                  "no seccomp filter for linux riscv64"),
    ]  # fmt: skip
