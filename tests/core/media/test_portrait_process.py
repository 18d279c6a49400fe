"""Portraits are decoded by a process that can neither tell, nor reach, nor take much."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.errors import ImageTooLarge, ImageUnsupported, OutOfMemory, RenderError
from liveportrait_core.media import portrait_process
from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.media.portrait_process import PortraitProcess, decode_portrait
from liveportrait_core.report import RenderWarning
from tests.core.clips import decoder_processes, the_one
from tests.core.pictures import quarters, saved

MIB = 2**20


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    assert decoder_processes() == []


def test_no_other_code_of_the_product_decodes_a_portrait() -> None:
    """`read_portrait` is the worker's: what it is called by has a network and credentials."""
    calls = {
        path.as_posix()
        for package in ("functions", "liveportrait_core", "web", "emulator")
        for path in Path(package).rglob("*.py")
        if re.search(r"\bread_portrait\(", path.read_text())
    }
    assert calls == {
        "liveportrait_core/media/pictures/image.py", "liveportrait_core/media/portrait_worker.py"
    }  # fmt: skip


def large_png(path: Path) -> Path:
    """40 megapixels in some kilobytes."""
    Image.new("RGB", (8000, 5000)).save(path, "PNG", compress_level=1)
    return path


def blocking_png(path: Path) -> Path:
    """More pixels than a pipe holds: its process waits until they are read."""
    return saved(path, quarters(400, 400), "PNG")


def limited(
    monkeypatch: pytest.MonkeyPatch, *, memory_mib: int = 2048, processor_s: int = 60
) -> None:
    limits = ChildLimits(memory_bytes=memory_mib * MIB, processor_s=processor_s, file_bytes=0)
    monkeypatch.setattr(portrait_process, "PICTURE_LIMITS", limits)


def test_it_is_the_picture_and_the_warnings_that_are_read_here(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    opacity = Image.fromarray(quarters(300, 200)).convert("RGBA")
    opacity.putalpha(128)
    opacity.save(path, "PNG")
    portrait = decode_portrait(path, max_dim_px=128)
    here = read_portrait(path, max_dim_px=128)
    assert np.array_equal(portrait.pixels, here.pixels)
    assert portrait.warnings == here.warnings
    assert set(portrait.warnings) == {
        RenderWarning.IMAGE_DOWNSCALED, RenderWarning.ALPHA_FLATTENED, RenderWarning.MIME_MISMATCH
    }  # fmt: skip


def test_it_is_refused_in_the_words_that_are_used_here(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"%PDF")
    with pytest.raises(ImageUnsupported, match=r"p\.png is a PDF; accepted: JPEG"):
        decode_portrait(tmp_path / "p.png", max_dim_px=512)


def test_the_process_knows_no_variable_and_has_no_network(tmp_path: Path) -> None:
    path = blocking_png(tmp_path / "p.png")
    with PortraitProcess(path, max_dim_px=512) as process:
        pid = the_one(decoder_processes)
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        status = Path(f"/proc/{pid}/status").read_text()
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert process.portrait().pixels.shape == (400, 400, 3)
    names = {entry.partition(b"=")[0] for entry in environment if entry}
    assert names == {b"PYTHONPATH", b"OPENBLAS_NUM_THREADS"}
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^Max cpu time +60 ", limits, re.MULTILINE)
    assert re.search(r"^Max file size +0 ", limits, re.MULTILINE)


def test_a_picture_that_swells_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, memory_mib=100)
    with pytest.raises(ImageTooLarge, match=r"p\.png takes more than 100 MiB of memory to decode"):
        decode_portrait(large_png(tmp_path / "p.png"), max_dim_px=512)


def test_a_picture_that_spins_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.jpg"
    Image.new("RGB", (8000, 5000)).save(path, "JPEG", progressive=True)
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * 80 + jpeg[-2:])
    limited(monkeypatch, processor_s=1)
    words = r"p\.jpg takes more than 1 s of processor time to decode: given up; accepted: JPEG"
    with pytest.raises(ImageTooLarge, match=words):
        decode_portrait(path, max_dim_px=512)


def test_a_picture_that_stands_still_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portrait_process, "_LONGEST_S", 0.01)
    path = blocking_png(tmp_path / "p.png")
    with pytest.raises(ImageTooLarge, match="takes more than 0 s to decode"):
        decode_portrait(path, max_dim_px=512)


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        (signal.SIGSEGV, ImageUnsupported, r"p\.png makes its decoder crash \(SIGSEGV\); accepted"),
        (signal.SIGKILL, OutOfMemory, r"decodes p\.png was killed: out of memory\?"),
        (signal.SIGTERM, RenderError, r"decodes p\.png ended with status -15"),
    ],
)
def test_a_crash_takes_nothing_along(
    tmp_path: Path, number: signal.Signals, error: type[RenderError], says: str
) -> None:
    path = blocking_png(tmp_path / "p.png")
    with PortraitProcess(path, max_dim_px=512) as process:
        pid = the_one(decoder_processes)
        os.kill(pid, number)
        with pytest.raises(error, match=says):
            process.portrait()
