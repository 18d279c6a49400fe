"""What children may take is bound, and so is what a small file announces."""

import logging
import re
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.errors import EncodeFailed, VideoTooLarge, VideoUnsupported
from liveportrait_core.media import child_limits, ffmpeg
from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.clips import encode, opening, probe
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings
from liveportrait_core.media.clips.mp4 import read_mp4
from liveportrait_core.options import VideoFormat
from tests.core.clips import child_processes, moving_clip

MIB = 2**20
PLENTY = ChildLimits(memory_bytes=2**31, processor_s=100, file_bytes=2**31)
CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
SAMPLES = 60_000_000


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def with_tables(data: bytes, tables: dict[bytes, bytes], tracks: int = 1) -> bytes:
    """An MP4 with other sample tables; those named with nothing are left out."""
    whole, at = b"", 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        if kind in CONTAINERS:
            whole += box(kind, with_tables(body, tables, tracks)) * (
                tracks if kind == b"trak" else 1
            )
        elif kind not in tables:
            whole += box(kind, body)
        elif tables[kind]:
            whole += box(kind, tables[kind])
        at += size
    return whole


def small_mp4(path: Path) -> bytes:
    how = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    return moving_clip(path, *how, size="64x64").read_bytes()


def announcing(path: Path, *, tracks: int = 1) -> Path:
    """A file of some kilobytes whose tables announce sixty million samples of a byte."""
    tables = {
        b"stsz": struct.pack(">III", 0, 1, SAMPLES),
        b"stts": struct.pack(">IIII", 0, 1, SAMPLES, 1),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, SAMPLES, 1),
        b"stco": struct.pack(">III", 0, 1, 48),
        b"ctts": b"", b"stss": b"", b"edts": b"", b"sgpd": b"", b"sbgp": b"",
    }  # fmt: skip
    path.write_bytes(with_tables(small_mp4(path), tables, tracks))
    return path


def announcing_times(path: Path) -> Path:
    """The samples are few; the table of their times stands for sixty million."""
    times = struct.pack(">IIII", 0, 1, SAMPLES, 1)
    path.write_bytes(with_tables(small_mp4(path), {b"stts": times}))
    return path


def announcing_in_fragments(path: Path) -> Path:
    """A fragment whose samples are all alike needs four bytes for any number of them."""
    alike = box(b"tfhd", struct.pack(">IIII", 0x000018, 1, 1, 1))
    fragment = box(b"moof", box(b"traf", alike + box(b"trun", struct.pack(">II", 0, SAMPLES))))
    path.write_bytes(small_mp4(path) + fragment)
    return path


@pytest.mark.parametrize("make", [announcing, announcing_times, announcing_in_fragments])
def test_a_small_file_that_announces_many_samples_is_refused_by_its_tables(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / "clip.mp4")
    assert path.stat().st_size < 50_000
    with pytest.raises(VideoUnsupported, match=f"it announces {SAMPLES} samples .* accepted: MP4"):
        probe.probe(path, 10)


def test_several_tracks_count_together(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    data = small_mp4(path)
    sizes = {b"stsz": struct.pack(">III", 0, 1, len(data) * 9 // 10)}
    path.write_bytes(with_tables(data, sizes, tracks=3))
    assert path.stat().st_size < 3 * (len(data) * 9 // 10)
    with pytest.raises(VideoUnsupported, match=f"it announces {3 * (len(data) * 9 // 10)} samples"):
        probe.probe(path, 10)


@pytest.mark.parametrize("make", [announcing, announcing_times])
def test_a_second_reader_of_the_boxes_spells_no_such_table_out(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / "clip.mp4")
    with pytest.raises(VideoUnsupported, match=f"{SAMPLES} samples in a file of"):
        read_mp4(path)


def test_a_file_large_enough_for_what_it_announces_meets_the_limit_of_memory(
    tmp_path: Path,
) -> None:
    """Five tracks whose entries would take seven gigabytes, in a file that is mostly a hole."""
    path = announcing(tmp_path / "clip.mp4", tracks=5)
    with path.open("r+b") as file:
        file.truncate(200_000_000)
    tables = path.read_bytes()[:100_000]
    fewer = tables.replace(struct.pack(">II", 1, SAMPLES), struct.pack(">II", 1, 39_000_000))
    with path.open("r+b") as file:
        file.write(
            fewer.replace(struct.pack(">III", 1, SAMPLES, 1), struct.pack(">III", 1, 39_000_000, 1))
        )
    program = (
        "import resource, sys; from pathlib import Path;"
        "from liveportrait_core.errors import BadInput\n"
        "from liveportrait_core.media.clips.probe import probe\n"
        "try: probe(Path(sys.argv[1]), 10)\n"
        "except BadInput as refused: print(refused)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, mebibytes = done.stdout.rsplit(maxsplit=1)
    assert re.search("clip.mp4 .*accepted: MP4", said)
    assert int(mebibytes) < 1200


HOG = ("-f", "lavfi", "-i", "color=size=8192x8192:rate=30", "-frames:v", "3", "-f", "null", "-")
BUSY = ("-f", "lavfi", "-i", "mandelbrot=size=1920x1080", "-f", "null", "-")


def test_memory_is_bound() -> None:
    limits = ChildLimits(memory_bytes=20 * MIB, processor_s=100, file_bytes=0)
    done = ffmpeg.run(("-v", "error", *HOG), limits=limits, limit_s=60)
    assert done.exceeded == "more than 20 MiB of memory"
    assert ffmpeg.run(("-v", "error", *HOG), limits=PLENTY, limit_s=60).exceeded == ""


def test_processor_time_is_bound() -> None:
    limits = ChildLimits(memory_bytes=2**31, processor_s=1, file_bytes=0)
    done = ffmpeg.run(("-v", "error", *BUSY), limits=limits, limit_s=60)
    assert done.exceeded == "more than 1 s of processor time"


def test_files_are_bound(tmp_path: Path) -> None:
    limits = ChildLimits(memory_bytes=2**31, processor_s=100, file_bytes=1_000_000)
    writing = ("-f", "lavfi", "-i", "testsrc=duration=9", "-f", "rawvideo", str(tmp_path / "raw"))
    done = ffmpeg.run(("-v", "error", *writing), limits=limits, limit_s=60)
    assert done.exceeded == "more than 1 MB in a file"
    # Of 52 MB; the limit is set after the start, by when a busy machine has written some.
    assert (tmp_path / "raw").stat().st_size < 10_000_000


def test_output_is_bound_and_a_flood_of_words_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "_LONGEST_OUTPUT_BYTES", 1_000_000)
    flood = ("-f", "lavfi", "-i", "testsrc", "-f", "rawvideo", "-")
    done = ffmpeg.run(("-v", "error", *flood), limits=PLENTY, limit_s=60)
    assert done.exceeded == "more than 1 MB of output"
    monkeypatch.setattr(ffmpeg, "_SAID_AT_FIRST_BYTES", 1_000)
    talk = ("-v", "trace", "-f", "lavfi", "-i", "testsrc=duration=1", "-f", "null", "-")
    assert len(ffmpeg.run(talk, limits=PLENTY, limit_s=60).said) < 20_000
    assert not child_processes()


def test_a_clip_that_takes_too_much_to_decode_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = probe.probe(moving_clip(tmp_path / "clip.mp4", size="1280x720"), 10)
    monkeypatch.setattr(opening, "_SMALLEST_BYTES", 20 * MIB)
    monkeypatch.setattr(opening, "_BYTES_A_PIXEL_READ", 0)
    monkeypatch.setattr(opening, "_BYTES_A_PIXEL_SHOWN", 0)
    with (
        pytest.raises(VideoTooLarge, match=r"clip\.mp4 takes more than 20 MiB of memory to decode"),
        FrameReader(clip, max_side_px=None) as reader,
    ):
        list(reader)


def test_a_film_that_takes_too_much_to_encode_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = ChildLimits(memory_bytes=2**31, processor_s=100, file_bytes=10_000)
    monkeypatch.setattr(encode, "encoding_limits", lambda settings: limits)
    noise = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    settings = EncoderSettings(width_px=256, height_px=256, rate_fps=Fraction(30))
    encoder = FrameEncoder(tmp_path / "a.mp4", settings)
    with pytest.raises(EncodeFailed, match="it takes more than 0 MB in a file"), encoder:
        deque(map(encoder.write, [noise] * 90))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.soak
def test_the_largest_clip_is_decoded_within_the_limits(tmp_path: Path) -> None:
    path = moving_clip(
        tmp_path / "clip.mp4", "-c:v", "libx265", "-preset", "ultrafast",
        "-x265-params", "log-level=none:bframes=4:ref=4", "-pix_fmt", "yuv420p10le",
        size="4096x4096", rate="24", seconds=0.5,
        filters="setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc",
    )  # fmt: skip
    with FrameReader(probe.probe(path, 10), max_side_px=None) as reader:
        assert [frame.shape for frame in reader] == [(4096, 4096, 3)] * 12


@pytest.mark.soak
@pytest.mark.parametrize(
    ("form", "count"), [(VideoFormat.MP4, 70), (VideoFormat.WEBP, 10), (VideoFormat.GIF, 10)]
)
def test_the_largest_video_is_encoded_within_the_limits(
    tmp_path: Path, form: VideoFormat, count: int
) -> None:
    settings = EncoderSettings(width_px=2048, height_px=2048, rate_fps=Fraction(30), form=form)
    noise = np.random.default_rng(1).integers(0, 256, (2048, 2048, 3), np.uint8)
    with FrameEncoder(tmp_path / "video", settings) as encoder:
        for shift in range(count):
            encoder.write(np.roll(noise, shift * 5, axis=1))
    assert (tmp_path / "video").stat().st_size > 1_000_000


def test_where_there_are_no_limits_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    child_limits._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        PLENTY.apply(1)
        PLENTY.apply(1)
    assert [record.message for record in caplog.records] == [
        "children run without limits: darwin has no prlimit"
    ]
