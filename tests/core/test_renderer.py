"""From files to files: what is written, what is told on the way, and how a render is given up."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from liveportrait_core.errors import (
    EncodeFailed,
    EngineUnavailable,
    ImageNoFace,
    ImageUnsupported,
    InvalidOption,
    OutOfMemory,
    RenderError,
    VideoUnsupported,
)
from liveportrait_core.inspection import inspect
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.options import Engine, RenderOptions, SyntheticIdle
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.report import Frame, Progress, RenderWarning, Stage
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest, SpeechInput
from tests.core.clips import child_processes, moving_clip
from tests.core.swaying import Sway, SwayingEngine, SwayingPortrait, soft_portrait

OPTIONS = RenderOptions(driving_multiplier=1.0)
FPS = Fraction(24)


class Enough(Exception):
    """What a caller raises who no longer wants the render."""


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return soft_portrait(tmp_path_factory.mktemp("in") / "portrait.png")


@pytest.fixture(scope="module")
def driving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving_clip(tmp_path_factory.mktemp("in") / "driving.mp4", rate="30000/1001")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """An empty folder for results; whatever happened, no child is alive afterwards."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder
    assert not child_processes()
    assert not [thread for thread in threading.enumerate() if "render" in thread.name]


def renderer(engine: SwayingEngine | None = None) -> Renderer:
    return Renderer(engine or SwayingEngine(), reason="a test asks for it")


def rgb_of(path: Path) -> Frame:
    return read_portrait(path, max_dim_px=2048).pixels


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_render(portrait: Path, driving: Path, out: Path) -> None:
    report = renderer().render(
        RenderRequest(
            portrait=portrait,
            motion=Clip(path=driving),
            output=out / "a.mp4",
            poster=out / "a.jpg",
            options=OPTIONS,
        )
    )
    assert names(out) == ["a.jpg", "a.mp4"]
    assert (report.width_px, report.height_px, report.frame_count) == (160, 200, 30)
    assert str(report.fps) == "30000/1001"
    assert report.duration_ms == 1001
    assert report.size_bytes == (out / "a.mp4").stat().st_size
    assert (report.engine, report.engine_version) == (Engine.MESH, "mesh-0-5a5a5a5a")
    assert report.warnings == (
        RenderWarning.MULTIPLE_FACES_IMAGE, RenderWarning.LANDMARKS_INTERPOLATED,
    )  # fmt: skip
    idle = [stage for stage in Stage if stage is not Stage.SPEECH]
    assert [part.stage for part in report.seconds] == idle
    assert inspect(out / "a.mp4", portrait, driving).ok
    assert np.abs(rgb_of(out / "a.jpg").astype(int) - rgb_of(portrait)).mean() < 2


def test_the_same_inputs_give_the_same_bytes(portrait: Path, driving: Path, out: Path) -> None:
    kept = renderer()
    for name in ("a", "b"):
        kept.render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=out / f"{name}.mp4",
                poster=out / f"{name}.jpg",
                options=OPTIONS,
            )
        )
    assert (out / "a.mp4").read_bytes() == (out / "b.mp4").read_bytes()
    assert (out / "a.jpg").read_bytes() == (out / "b.jpg").read_bytes()


def test_the_two_verbs(portrait: Path, out: Path) -> None:
    kept = renderer()
    prepared = kept.prepare(portrait, OPTIONS)
    template = MotionTemplate(motion=Sway(fps=FPS, frame_count=12))
    frames = list(kept.animate(prepared, template, OPTIONS))
    assert len(frames) == 12
    assert np.array_equal(frames[0], rgb_of(portrait))


def test_a_motion_that_is_there_already(portrait: Path, out: Path) -> None:
    sway = Sway(fps=FPS, frame_count=24)
    report = renderer().render(
        RenderRequest(
            portrait=portrait,
            motion=MotionTemplate(motion=sway),
            output=out / "a.mp4",
            options=OPTIONS,
        )
    )
    assert (report.frame_count, report.fps) == (24, FPS)
    assert [part.stage for part in report.seconds] == [Stage.PREPARE, Stage.RENDER, Stage.ENCODE]


def test_the_caller_hears_of_every_stage_on_its_own_thread(
    portrait: Path, driving: Path, out: Path
) -> None:
    heard: list[Progress] = []
    threads: set[int] = set()

    def watch(progress: Progress) -> None:
        threads.add(threading.get_ident())
        heard.append(progress)

    engine = SwayingEngine(slowness_s=0.03)
    renderer(engine).render(
        RenderRequest(
            portrait=portrait, motion=Clip(path=driving), output=out / "a.mp4", options=OPTIONS
        ),
        on_progress=watch,
    )
    assert threads == {threading.get_ident()}
    assert {Stage.MOTION, Stage.RENDER} <= {progress.stage for progress in heard}
    fractions = [progress.fraction for progress in heard]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    stages = [list(Stage).index(progress.stage) for progress in heard]
    assert stages == sorted(stages)
    told = [progress.eta_s for progress in heard if progress.eta_s is not None]
    assert told
    assert all(0 <= eta < 60 for eta in told)
    assert all(progress.eta_s is None for progress in heard if progress.stage is Stage.MOTION)


@pytest.mark.parametrize("stage", [Stage.MOTION, Stage.RENDER])
@pytest.mark.parametrize("refusal", [Enough("no longer wanted"), KeyboardInterrupt()])
def test_what_the_caller_raises_ends_it_and_leaves_nothing(
    portrait: Path, driving: Path, out: Path, stage: Stage, refusal: BaseException
) -> None:
    (out / "a.mp4").write_bytes(b"the last good one")

    def watch(progress: Progress) -> None:
        if progress.stage is stage:
            raise refusal

    engine = SwayingEngine(slowness_s=0.05)
    with pytest.raises(type(refusal)) as caught:
        renderer(engine).render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=out / "a.mp4",
                poster=out / "a.jpg",
                options=OPTIONS,
            ),
            on_progress=watch,
        )
    assert caught.value is refusal
    assert names(out) == ["a.mp4"]
    assert (out / "a.mp4").read_bytes() == b"the last good one"


def test_a_renderer_is_as_good_as_new_after_being_given_up(
    portrait: Path, driving: Path, out: Path
) -> None:
    def watch(progress: Progress) -> None:
        raise Enough

    kept = renderer(SwayingEngine(slowness_s=0.02))
    with pytest.raises(Enough):
        kept.render(
            RenderRequest(
                portrait=portrait, motion=Clip(path=driving), output=out / "a.mp4", options=OPTIONS
            ),
            on_progress=watch,
        )
    kept.render(
        RenderRequest(
            portrait=portrait, motion=Clip(path=driving), output=out / "a.mp4", options=OPTIONS
        )
    )
    assert inspect(out / "a.mp4", portrait, driving).ok


def test_a_bad_clip_is_told_before_the_long_work(portrait: Path, out: Path) -> None:
    engine = SwayingEngine()
    with pytest.raises(VideoUnsupported):
        renderer(engine).render(
            RenderRequest(
                portrait=portrait, motion=Clip(path=portrait), output=out / "a.mp4", options=OPTIONS
            )
        )
    assert engine.prepared == 0
    assert names(out) == []


def test_a_bad_portrait_is_told_first_of_all(driving: Path, out: Path) -> None:
    with pytest.raises(ImageUnsupported):
        renderer().render(
            RenderRequest(
                portrait=driving,
                motion=Clip(path=driving.with_name("absent")),
                output=out / "a.mp4",
                options=OPTIONS,
            )
        )


class FailingEngine(SwayingEngine):
    """Fails in one of its verbs with an error given to it."""

    def __init__(self, verb: str, error: Exception) -> None:
        super().__init__()
        self.verb, self.error = verb, error

    def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
        if self.verb == "prepare":
            raise self.error
        return super().prepare(portrait, options)

    def animate(
        self, prepared: SwayingPortrait, template: Sway, options: RenderOptions
    ) -> Iterator[Frame]:
        for place, frame in enumerate(super().animate(prepared, template, options)):
            if place == 5:
                raise self.error
            yield frame


def insufficient_memory() -> cv2.error:
    error = cv2.error("Insufficient memory")
    error.code = cv2.Error.StsNoMem
    return error


@pytest.mark.parametrize("verb", ["prepare", "animate"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ImageNoFace(), ImageNoFace),
        (MemoryError("4 GiB"), OutOfMemory),
        (insufficient_memory(), OutOfMemory),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
)
def test_an_engine_that_fails(
    portrait: Path, driving: Path, out: Path, verb: str, error: Exception, told: type[Exception]
) -> None:
    with pytest.raises(told):
        renderer(FailingEngine(verb, error)).render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=out / "a.mp4",
                poster=out / "a.jpg",
                options=OPTIONS,
            )
        )
    assert names(out) == []


def test_folders_that_are_not_there(portrait: Path, driving: Path, out: Path) -> None:
    with pytest.raises(InvalidOption, match=r"is no folder to write a.*accepted"):
        renderer().render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=out / "x" / "a.mp4",
                options=OPTIONS,
            )
        )
    with pytest.raises(InvalidOption, match=r"is no folder to write a.*accepted"):
        renderer().render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=out / "a.mp4",
                poster=out / "x" / "a.jpg",
                options=OPTIONS,
            )
        )
    assert names(out) == []


def test_a_poster_that_cannot_be_written_takes_the_video_with_it(
    portrait: Path, driving: Path, out: Path
) -> None:
    (out / "a.jpg").mkdir()
    with pytest.raises(EncodeFailed, match=r"a\.jpg"):
        renderer().render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=out / "a.mp4",
                poster=out / "a.jpg",
                options=OPTIONS,
            )
        )
    assert names(out) == ["a.jpg"]


@pytest.mark.parametrize("old", [b"the poster before", None])
def test_a_video_that_cannot_be_put_in_place_leaves_the_old_poster(
    portrait: Path, driving: Path, out: Path, old: bytes | None
) -> None:
    (out / "a.mp4").mkdir()
    if old is not None:
        (out / "a.jpg").write_bytes(old)
    request = RenderRequest(
        portrait=portrait,
        motion=Clip(path=driving),
        output=out / "a.mp4",
        poster=out / "a.jpg",
        options=OPTIONS,
    )
    with pytest.raises(EncodeFailed, match=r"a\.mp4"):
        renderer().render(request)
    assert names(out) == (["a.mp4"] if old is None else ["a.jpg", "a.mp4"])
    assert old is None or (out / "a.jpg").read_bytes() == old


class StarvedEngine(SwayingEngine):
    """Runs out of memory in one of its verbs."""

    def __init__(self, verb: str) -> None:
        super().__init__()
        self.verb = verb

    def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
        self.fail("prepare")
        return super().prepare(portrait, options)

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> Sway:
        self.fail("analyse")
        return super().analyse(frames, fps)

    def animate(
        self, prepared: SwayingPortrait, template: Sway, options: RenderOptions
    ) -> Iterator[Frame]:
        self.fail("animate")
        yield from super().animate(prepared, template, options)

    def fail(self, verb: str) -> None:
        if verb == self.verb:
            raise MemoryError("8 GB")


@pytest.mark.parametrize("verb", ["prepare", "analyse", "animate"])
def test_too_little_memory_has_one_name_in_every_verb(
    verb: str, portrait: Path, driving: Path
) -> None:
    starved = renderer(StarvedEngine(verb))
    idle = MotionTemplate(motion=Sway(fps=FPS, frame_count=2))
    verbs: dict[str, Callable[[], object]] = {
        "prepare": lambda: starved.prepare(portrait, OPTIONS),
        "analyse": lambda: starved.analyse(driving, max_seconds=1),
        "animate": lambda: list(starved.animate(starved.prepare(portrait, OPTIONS), idle, OPTIONS)),
    }
    with pytest.raises(OutOfMemory, match="8 GB"):
        verbs[verb]()


@pytest.mark.parametrize("engine", ["mesh", "auto"])
def test_mesh_is_opened_and_says_why(engine: str, tmp_path: Path) -> None:
    opened = open_renderer(engine, tmp_path)
    assert opened.engine is Engine.MESH
    assert opened.engine_version.startswith("mesh-")
    assert opened.reason


def test_liveportrait_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"cannot run without .*warping_module.*fetch"):
        open_renderer("liveportrait", tmp_path)


def test_another_engine_is_no_option(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="'wav2lip'; accepted: liveportrait, mesh, auto"):
        open_renderer("wav2lip", tmp_path)


def test_every_error_has_a_code_and_an_answer_to_retry() -> None:
    kinds = [RenderError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert len(kinds) > 10
    assert all(kind().code.isupper() and isinstance(kind.retryable, bool) for kind in kinds)
    assert all(str(kind()) for kind in kinds)


_MEASURE = """
import resource, sys
from pathlib import Path
from liveportrait_core import Clip, RenderRequest
from liveportrait_core.renderer import Renderer
from tests.core.swaying import SwayingEngine
portrait, driving, output = map(Path, sys.argv[1:])
renderer = Renderer(SwayingEngine(), reason="measured")
renderer.render(RenderRequest(portrait=portrait, motion=Clip(path=driving), output=output))
own, child = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(own.ru_maxrss // 1024, child.ru_maxrss // 1024)
"""


def test_every_warning_has_words_for_people() -> None:
    words = [warning.words for warning in RenderWarning]
    assert len(set(words)) == len(words)
    assert [each for each in words if not each.endswith(".") or not each[0].isupper()] == []


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    """Ten seconds of these frames are 270 MB, two are 54 MB; both must fit into the same."""
    portrait = soft_portrait(tmp_path / "portrait.png", 640, 480)
    peaks = []
    for seconds in (2, 10):
        clip = moving_clip(tmp_path / f"{seconds}.mp4", size="320x240", seconds=seconds)
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, portrait, clip, tmp_path / "out.mp4"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append([int(word) for word in done.stdout.split()])
    (short, short_child), (long, long_child) = peaks
    assert abs(long - short) < 30, peaks
    assert abs(long_child - short_child) < 40, peaks


def test_no_result_takes_the_place_of_an_input(portrait: Path, driving: Path, out: Path) -> None:
    before = portrait.read_bytes(), driving.read_bytes()
    requests = (
        RenderRequest(portrait=portrait, motion=Clip(path=driving), output=driving),
        RenderRequest(portrait=portrait, motion=SyntheticIdle(), output=portrait),
        RenderRequest(
            portrait=portrait, motion=SyntheticIdle(), output=out / "a.mp4", poster=portrait
        ),
        RenderRequest(
            portrait=portrait,
            motion=SyntheticIdle(),
            output=driving,
            speech=SpeechInput(sound=driving),
        ),
    )
    for request in requests:
        with pytest.raises(InvalidOption, match="made from, and would be lost; accepted: another"):
            renderer().render(request)
    assert (portrait.read_bytes(), driving.read_bytes()) == before
