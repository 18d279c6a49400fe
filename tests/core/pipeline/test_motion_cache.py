"""A clip's motion that is kept: told once, the same video without the clip, damage refused."""

import io
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.errors import EncodeFailed, ImageUnsupported, MotionUnusable, OutOfMemory
from liveportrait_core.limits import MAX_MOTION_BYTES
from liveportrait_core.options import RenderOptions
from liveportrait_core.pipeline.motion_cache import unpack_motion
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress, RenderWarning, Stage
from liveportrait_core.request import CachedMotion, Clip, RenderRequest
from tests.core.clips import moving_clip
from tests.core.swaying import Sway, SwayingEngine, soft_portrait

OPTIONS = RenderOptions(driving_multiplier=1.0, max_seconds=2.0)
Arrays = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    portrait: Path
    driving: Path
    motion: bytes  # as `render` gave it to be kept


def renderer(engine: SwayingEngine | None = None) -> Renderer:
    return Renderer(engine or SwayingEngine(), reason="a test asks for it")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("in")
    portrait = soft_portrait(folder / "portrait.png")
    driving = moving_clip(folder / "driving.mp4", rate="30000/1001")
    kept: list[bytes] = []
    renderer().render(
        RenderRequest(
            portrait=portrait, motion=Clip(path=driving), output=folder / "a.mp4", options=OPTIONS
        ),
        on_motion=kept.append,
    )
    return Inputs(portrait=portrait, driving=driving, motion=kept[0])


def test_the_same_video_without_the_clip(inputs: Inputs, tmp_path: Path) -> None:
    kept: list[bytes] = []
    first = renderer().render(
        RenderRequest(
            portrait=inputs.portrait,
            motion=Clip(path=inputs.driving),
            output=tmp_path / "a.mp4",
            poster=tmp_path / "a.jpg",
            options=OPTIONS,
        ),
        on_motion=kept.append,
    )
    assert kept == [inputs.motion]
    again = renderer().render(
        RenderRequest(
            portrait=inputs.portrait,
            motion=CachedMotion(data=kept[0]),
            output=tmp_path / "b.mp4",
            poster=tmp_path / "b.jpg",
            options=OPTIONS,
        )
    )
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
    assert replace(again, seconds=()) == replace(first, seconds=())
    assert again.quality is not None
    assert again.quality.driving_frames == 30
    assert again.quality.jitter_driving_per_mille is not None
    assert RenderWarning.LANDMARKS_INTERPOLATED in again.warnings
    assert [part.stage for part in again.seconds] == [
        each for each in Stage if each is not Stage.SPEECH
    ]


def test_warnings_of_the_clip_are_kept_too(inputs: Inputs, tmp_path: Path) -> None:
    kept: list[bytes] = []
    short = replace(OPTIONS, max_seconds=0.6)
    renderer().render(
        RenderRequest(
            portrait=inputs.portrait,
            motion=Clip(path=inputs.driving),
            output=tmp_path / "a.mp4",
            options=short,
        ),
        on_motion=kept.append,
    )
    again = renderer().render(
        RenderRequest(
            portrait=inputs.portrait,
            motion=CachedMotion(data=kept[0]),
            output=tmp_path / "b.mp4",
            options=short,
        )
    )
    assert again.warnings[0] is RenderWarning.VIDEO_TRIMMED
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_it_is_handed_over_on_the_callers_thread_before_the_frames_are_drawn(
    inputs: Inputs, tmp_path: Path
) -> None:
    told: list[object] = []

    def keep(motion: bytes) -> None:
        told.append(threading.get_ident())

    def watch(progress: Progress) -> None:
        told.append(progress.stage)

    slow = SwayingEngine(slowness_s=0.05)
    renderer(slow).render(
        RenderRequest(
            portrait=inputs.portrait,
            motion=Clip(path=inputs.driving),
            output=tmp_path / "a.mp4",
            options=OPTIONS,
        ),
        on_motion=keep,
        on_progress=watch,
    )
    place = told.index(threading.get_ident())
    assert told.count(threading.get_ident()) == 1
    assert set(told[:place]) <= {Stage.PREPARE, Stage.MOTION}
    assert told[place + 1 :].count(Stage.RENDER) >= 2


def test_what_keeping_raises_ends_the_render(inputs: Inputs, tmp_path: Path) -> None:
    def refuse(motion: bytes) -> None:
        raise InterruptedError("no longer wanted")

    with pytest.raises(InterruptedError):
        renderer().render(
            RenderRequest(
                portrait=inputs.portrait,
                motion=Clip(path=inputs.driving),
                output=tmp_path / "a.mp4",
                options=OPTIONS,
            ),
            on_motion=refuse,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_render_that_fails_later_has_handed_its_motion_over(
    inputs: Inputs, tmp_path: Path
) -> None:
    class Dry(SwayingEngine):
        def animate(self, *arguments: object) -> Any:
            raise EncodeFailed("nothing can be drawn")

    kept: list[bytes] = []
    with pytest.raises(EncodeFailed):
        renderer(Dry()).render(
            RenderRequest(
                portrait=inputs.portrait,
                motion=Clip(path=inputs.driving),
                output=tmp_path / "a.mp4",
                options=OPTIONS,
            ),
            on_motion=kept.append,
        )
    assert kept == [inputs.motion]


def test_a_bad_portrait_is_refused_as_ever(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(ImageUnsupported):
        renderer().render(
            RenderRequest(
                portrait=inputs.driving,
                motion=CachedMotion(data=inputs.motion),
                output=tmp_path / "a.mp4",
                options=OPTIONS,
            )
        )


def arrays_of(packed: bytes) -> Arrays:
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        return dict(arrays)


def packed(arrays: Arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def refused(motion: bytes, options: RenderOptions = OPTIONS) -> str:
    with pytest.raises(MotionUnusable) as caught:
        unpack_motion(SwayingEngine(), motion, max_seconds=options.max_seconds)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


def test_too_little_memory_says_nothing_about_the_motion(inputs: Inputs, tmp_path: Path) -> None:
    class Starved(Sway):
        @classmethod
        def from_arrays(cls, arrays: Any, **facts: Any) -> Any:
            raise MemoryError("8 GB")

    class StarvedEngine(SwayingEngine):
        motion_type = Starved

    request = RenderRequest(
        portrait=inputs.portrait,
        motion=CachedMotion(data=inputs.motion),
        output=tmp_path / "a.mp4",
        options=OPTIONS,
    )
    with pytest.raises(OutOfMemory, match="8 GB"):
        renderer(StarvedEngine()).render(request)


def test_no_pickle_and_plain_arrays(inputs: Inputs) -> None:
    arrays = arrays_of(inputs.motion)
    assert {array.dtype.kind for array in arrays.values()} == {"f", "i", "U"}
    assert packed(arrays) == inputs.motion


def test_another_version_of_the_engine(inputs: Inputs) -> None:
    class Newer(SwayingEngine):
        version = "mesh-0-00000000"

    with pytest.raises(MotionUnusable, match=r"mesh-0-5a5a5a5a.*mesh-0-00000000"):
        unpack_motion(Newer(), inputs.motion, max_seconds=2.0)


def test_another_part_of_the_clip(inputs: Inputs) -> None:
    assert "max_seconds 2.0; accepted: 5" in refused(inputs.motion, RenderOptions(max_seconds=5))


def test_it_is_refused_before_anything_is_done(inputs: Inputs, tmp_path: Path) -> None:
    engine = SwayingEngine()
    with pytest.raises(MotionUnusable):
        renderer(engine).render(
            RenderRequest(
                portrait=inputs.portrait,
                motion=CachedMotion(data=inputs.motion[:-1]),
                output=tmp_path / "a.mp4",
                options=OPTIONS,
            )
        )
    assert engine.prepared == 0


BEATS = np.arange(30.0)
WRONG: dict[str, Callable[[Arrays], object]] = {
    "lacks an array": lambda arrays: arrays.pop("frames_beat"),
    "lacks a fact": lambda arrays: arrays.pop("clip_warnings"),
    "one too many": lambda arrays: arrays.update(more=BEATS),
    "of a later format": lambda arrays: arrays.update(format=np.array(2)),
    "of single precision": lambda arrays: arrays.update(frames_beat=BEATS.astype("f4")),
    "of another byte order": lambda arrays: arrays.update(frames_beat=BEATS.astype(">f8")),
    "of two dimensions": lambda arrays: arrays.update(frames_beat=BEATS[:, None]),
    "of none": lambda arrays: arrays.update(frames_beat=np.array(1.0)),
    "objects": lambda arrays: arrays.update(frames_beat=np.array([{}] * 30)),
    "records": lambda arrays: arrays.update(frames_beat=np.zeros(30, [("x", "f8")])),
    "not a number": lambda arrays: arrays.update(frames_beat=BEATS * np.nan),
    "infinite": lambda arrays: arrays.update(frames_beat=BEATS + np.inf),
    "too few frames": lambda arrays: arrays.update(frames_beat=BEATS[:9]),
    "too many frames": lambda arrays: arrays.update(frames_beat=np.arange(63.0)),
    "no rate": lambda arrays: arrays.update(fps=np.array([0, 1])),
    "a rate by zero": lambda arrays: arrays.update(fps=np.array([30, 0])),
    "too high a rate": lambda arrays: arrays.update(fps=np.array([31, 1])),
    "a rate of three": lambda arrays: arrays.update(fps=np.array([30, 1, 1])),
    "a broken rate": lambda arrays: arrays.update(fps=np.array([29.97, 1.0])),
    "an unknown warning": lambda arrays: arrays.update(warnings=np.array(["BOO"])),
    "warnings in numbers": lambda arrays: arrays.update(warnings=np.array([1])),
    "endless warnings": lambda arrays: arrays.update(warnings=np.array(["VIDEO_TRIMMED"] * 999)),
    "endless version": lambda arrays: arrays.update(engine_version=np.array("x" * 9999)),
    "a negative count": lambda arrays: arrays.update(driving_frames=np.array([-1])),
    "an absurd count": lambda arrays: arrays.update(frames_without_face=np.array([1 << 62])),
    "two counts": lambda arrays: arrays.update(driving_frames=np.array([30, 30])),
    "endless jitter": lambda arrays: arrays.update(jitter_per_mille=np.array([np.inf])),
    "jitter in words": lambda arrays: arrays.update(jitter_per_mille=np.array(["much"])),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_no_engine_would_have_kept(inputs: Inputs, wrong: Callable[[Arrays], object]) -> None:
    arrays = arrays_of(inputs.motion)
    wrong(arrays)
    refused(packed(arrays))


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, body in entries.items():
            made.writestr(name, body)
    return stream.getvalue()


def entries_of(motion: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(motion)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def declaring(shape: str, body: bytes = b"") -> bytes:
    """An array whose header says more than there is."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


@pytest.mark.parametrize(
    "body",
    [
        declaring("(1000000000000,)"),
        declaring("(-1,)", b"12345678"),
        declaring("(30,)", b"1234"),
        declaring("(" * 200 + ")" * 200),
        declaring("__import__('os').getpid()"),
        declaring("(30,)" + " " * 600, BEATS.tobytes()),
        b"\x93NUMPY\x02\x00" + bytes(100),
        b"",
        b"cos\nsystem\n(S'true'\ntR.",
    ],
)
def test_an_array_that_lies_about_itself(inputs: Inputs, body: bytes) -> None:
    refused(archive({**entries_of(inputs.motion), "frames_beat.npy": body}))


def test_nothing_is_unpacked_beyond_what_came(inputs: Inputs) -> None:
    entries = entries_of(inputs.motion)
    beats = declaring("(500000000,)", bytes(1_000_000))
    assert "compressed" in refused(
        archive({**entries, "frames_beat.npy": beats}, zipfile.ZIP_DEFLATED)
    )
    assert "at most" in refused(bytes(MAX_MOTION_BYTES + 1))
    assert "entries" in refused(archive({f"{number}": b"" for number in range(100)}))
    large = bytearray(archive(entries))
    place = large.rindex(b"frames_beat.npy") - 46  # its line in the directory: sizes at 20 and 24
    large[place + 24 : place + 28] = (4_000_000_000).to_bytes(4, "little")
    assert "4000" in refused(bytes(large))


@given(data=st.data())
def test_damaged_bytes_are_refused_or_do_no_harm(inputs: Inputs, data: st.DataObject) -> None:
    """Whatever is flipped, cut or put in between: an error of ours, or motion of the right form."""
    motion = bytearray(inputs.motion)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(motion) - 1))
        cut = data.draw(st.integers(0, 40))
        motion[place : place + cut] = data.draw(st.binary(max_size=40))
    try:
        kept = unpack_motion(SwayingEngine(), bytes(motion), max_seconds=2.0)
    except MotionUnusable:
        return
    assert 10 <= kept.motion.frame_count <= 62
    assert 0 < kept.motion.fps <= Fraction(30)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(motion: bytes) -> None:
    refused(motion)
    refused(b"PK\x05\x06" + motion)
