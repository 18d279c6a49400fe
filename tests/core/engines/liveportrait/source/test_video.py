"""Portraits that move already, and pictures as driving: the engine, and from files to files."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.engines.liveportrait.config import DEFAULT_CONFIG, EngineConfig
from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.motion.settings import AnimationSettings
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.errors import (
    EncodeFailed,
    ImageUnsupported,
    InvalidOption,
    VideoFaceLost,
    VideoNoFace,
)
from liveportrait_core.face.crop import Points
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.face.tracking import FindFace
from liveportrait_core.face.upright import QuarterTurns
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Box, Frame, RenderWarning
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest
from tests.core.engines.liveportrait.motions import measured
from tests.core.engines.liveportrait.test_engine import quick_model
from tests.core.faces import face_106, face_203, found, gradient

FPS = Fraction(25)
OPTIONS = RenderOptions(driving_multiplier=1.0)
FRAMES = [np.roll(gradient(240, 321), i, axis=1) for i in range(6)]
ALL = (True,) * len(FRAMES)


@dataclass(frozen=True)
class SeenIn:
    """A finder that sees a face in some frames of a clip, and in every picture."""

    frames: Sequence[bool] = ALL
    version: str = "test"

    def portrait(self) -> AbstractContextManager[FindFace]:
        return nullcontext(lambda _: found(face_106(x=150, y=120, size=40)))

    def clip(self) -> AbstractContextManager[FindFace]:
        answers = iter(self.frames)
        face = found(face_106(x=150, y=120, size=40))
        return nullcontext(lambda _: face if next(answers) else None)

    def upright(self) -> AbstractContextManager[QuarterTurns]:
        return nullcontext(lambda _: 0)


def landmarks(_frame: Frame, _near: Points) -> Points:
    return face_203(x=150, y=120, size=40)


def engine(seen: Sequence[bool] = ALL, config: EngineConfig = DEFAULT_CONFIG) -> LivePortraitEngine:
    return LivePortraitEngine(quick_model(), SeenIn(seen), landmarks, digests=(), config=config)


def template(count: int) -> LivePortraitMotion:
    return LivePortraitMotion(measured=measured(count, 3), fps=FPS)


def animated(liveportrait: LivePortraitEngine, driving: LivePortraitMotion) -> list[Frame]:
    source = liveportrait.analyse_source(FRAMES, OPTIONS)
    return list(liveportrait.animate_source(FRAMES, source, driving, OPTIONS))


@pytest.mark.parametrize(("driving", "expected"), [(4, 4), (9, 6), (1, 6)])
def test_the_shorter_clip_counts_and_a_picture_lasts(driving: int, expected: int) -> None:
    frames = animated(engine(), template(driving))
    assert len(frames) == expected
    for frame, source in zip(frames, FRAMES, strict=False):
        assert frame.shape == (240, 320, 3)  # even
        assert not np.array_equal(frame, source[:, :320])
        assert np.array_equal(frame[220:], source[220:, :320])


def test_a_frame_without_a_face_stays_as_it_is() -> None:
    frames = animated(engine((True, True, False, True, True, True)), template(9))
    unchanged = [
        np.array_equal(frame, source[:, :320]) for frame, source in zip(frames, FRAMES, strict=True)
    ]
    assert unchanged == [False, False, True, False, False, False]


def test_frames_before_the_face_are_skipped_with_a_warning() -> None:
    liveportrait = engine((False, False, True, True, True, True))
    source = liveportrait.analyse_source(FRAMES, OPTIONS)
    assert source.frame_count == 4
    assert source.warnings == (RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED,)
    frames = list(liveportrait.animate_source(FRAMES, source, template(9), OPTIONS))
    assert len(frames) == 4
    assert np.array_equal(frames[0][220:], FRAMES[2][220:, :320])


def test_large_frames_are_reduced() -> None:
    liveportrait = engine((True,))
    options = replace(OPTIONS, source_max_dim_px=512)
    large = [gradient(600, 800)]
    source = liveportrait.analyse_source(large, options)
    (frame,) = liveportrait.animate_source(large, source, template(1), options)
    assert frame.shape == (384, 512, 3)


@pytest.mark.parametrize(
    ("seen", "error"),
    [((False,) * 6, VideoNoFace), ((True, *(False,) * 4, True), VideoFaceLost)],
)
def test_a_source_without_enough_of_a_face_is_refused(
    seen: tuple[bool, ...], error: type[Exception]
) -> None:
    with pytest.raises(error, match="6 source frames"):
        engine(seen).analyse_source(FRAMES, OPTIONS)


def test_a_source_that_can_be_gone_over_only_once_is_refused() -> None:
    with pytest.raises(TypeError, match="gone over twice"):
        engine().analyse_source(iter(FRAMES), OPTIONS)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (DEFAULT_CONFIG, replace(OPTIONS, paste_back=False)),
        (EngineConfig(animation=AnimationSettings(stitch=False)), OPTIONS),
    ],
)
def test_a_moving_portrait_is_always_pasted_back(
    config: EngineConfig, options: RenderOptions
) -> None:
    liveportrait = engine(config=config)
    source = liveportrait.analyse_source(FRAMES, options)
    with pytest.raises(InvalidOption, match="without paste-back or stitching"):
        next(liveportrait.animate_source(FRAMES, source, template(1), options))


def test_a_picture_is_motion_of_one_frame() -> None:
    assert engine().analyse_picture(FRAMES[0]).frame_count == 1


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(LivePortraitEngine(quick_model(), MeshFinder(), None, digests=()), reason="")


def test_a_clip_is_animated_from_file_to_file(
    renderer: Renderer, driving: Path, tmp_path: Path
) -> None:
    template = renderer.analyse(driving, max_seconds=10)
    out = tmp_path / "out.mp4"
    report = renderer.render(
        RenderRequest(
            portrait=Clip(path=driving),
            motion=template,
            output=out,
            options=OPTIONS,
        )
    )
    assert (report.width_px, report.height_px, report.frame_count) == (320, 240, 12)
    assert report.fps == 24
    assert report.box == Box(x0=0, y0=0, x1=320, y1=240)
    assert RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED in report.warnings
    assert out.stat().st_size == report.size_bytes


def test_a_picture_drives_a_picture(renderer: Renderer, portrait: Path, tmp_path: Path) -> None:
    motion = renderer.analyse_picture(portrait, max_dim_px=640)
    out = tmp_path / "out.png"
    frame = next(renderer.animate(renderer.prepare(portrait, OPTIONS), motion, OPTIONS))
    write_picture(frame, out)
    made, source = np.asarray(Image.open(out)), np.asarray(Image.open(portrait))
    assert made.shape == source.shape
    assert not np.array_equal(made, source)


def test_a_picture_has_to_be_a_picture(renderer: Renderer, driving: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageUnsupported, match="driving"):
        renderer.analyse_picture(driving, max_dim_px=640)
    frame = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(InvalidOption, match=r"out\.mp4 is no picture's name; accepted: \.png"):
        write_picture(frame, tmp_path / "out.mp4")
    with pytest.raises(InvalidOption, match=r"no folder to write out\.png into"):
        write_picture(frame, tmp_path / "no" / "out.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(EncodeFailed, match="cannot be written"):
        write_picture(frame, tmp_path / "folder.png")


def test_the_mesh_engine_says_what_it_cannot_do(portrait: Path, tmp_path: Path) -> None:
    mesh = Renderer(MeshEngine(), reason="")
    with pytest.raises(InvalidOption, match="animates a picture by a clip, nothing else"):
        mesh.analyse_picture(portrait, max_dim_px=640)
    with pytest.raises(InvalidOption, match="a clip, or the engine liveportrait"):
        mesh.render(
            RenderRequest(
                portrait=Clip(path=portrait),
                motion=MotionTemplate(motion=template(1)),
                output=tmp_path / "a.mp4",
                options=OPTIONS,
            )
        )
