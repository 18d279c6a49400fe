"""The LivePortrait engine behind the renderer's door, with networks of a few channels."""

import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from liveportrait_core.edit import PortraitEdit
from liveportrait_core.edit_sequence import EditSequence
from liveportrait_core.engines.base import AnimationEngine
from liveportrait_core.engines.liveportrait.config import (
    DEFAULT_CONFIG,
    DrivingCrop,
    DrivingWindow,
    EngineConfig,
)
from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.model import AppearanceFeature, Model
from liveportrait_core.engines.liveportrait.motion.keypoints import edited_keypoints
from liveportrait_core.engines.liveportrait.motion.pose import Floats, transform_keypoints
from liveportrait_core.engines.liveportrait.motion.settings import (
    Anchor,
    AnimationSettings,
    MotionRefinement,
)
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, Precision
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime
from liveportrait_core.engines.liveportrait.source.prepared import PreparedSource
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.errors import ImageNoFace, VideoTooShort
from liveportrait_core.face.crop import Points
from liveportrait_core.face.detector import FoundFace
from liveportrait_core.face.tracking import FindFace
from liveportrait_core.face.upright import QuarterTurns, turned
from liveportrait_core.options import AnimationRegion, Engine, RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from tests.core.engines.liveportrait.motions import held, measured
from tests.core.faces import face_106, face_203, found, gradient
from tests.core.small_networks import small_model, small_networks

FPS = Fraction(25)
PORTRAIT = gradient(320, 240)
OPTIONS = RenderOptions(driving_multiplier=1.0, loop=False)


@dataclass(frozen=True)
class OneFace:
    """A finder that sees one face, or none, wherever it looks, and how a clip is to be turned."""

    face: FoundFace | None
    version: str = "test 1"
    quarters: int = 0

    def portrait(self) -> AbstractContextManager[FindFace]:
        return nullcontext(lambda _: self.face)

    def clip(self) -> AbstractContextManager[FindFace]:
        return nullcontext(lambda _: self.face)

    def upright(self) -> AbstractContextManager[QuarterTurns]:
        return nullcontext(lambda _: self.quarters)


def landmarks(_frame: Frame, _near: Points) -> Points:
    return face_203(x=120, y=150, size=50)


class QuickModel(Model):
    """Paints instead of warping and decoding: a crop tells its key points by its level."""

    def animate(
        self, feature: AppearanceFeature, source_keypoints: Floats, driving_keypoints: Floats
    ) -> NDArray[np.uint8]:
        moved = np.abs(driving_keypoints - source_keypoints).sum(axis=(1, 2))
        levels = (moved * 1000 % 256).astype(np.uint8)
        return np.broadcast_to(levels[:, None, None, None], (len(levels), 512, 512, 3))


def quick_model() -> Model:
    return QuickModel(small_networks(), small_model().choice)


def engine(
    face: FoundFace | None = None,
    *,
    model: Model | None = None,
    version: str = "test 1",
    config: EngineConfig = DEFAULT_CONFIG,
) -> LivePortraitEngine:
    seen = face or found(face_106(x=120, y=150, size=50))
    finder = OneFace(seen, version=version)
    return LivePortraitEngine(
        model or quick_model(), finder, landmarks, digests=["f00d"], config=config
    )


def template(count: int = 6) -> LivePortraitMotion:
    return LivePortraitMotion(measured=measured(count, 3), fps=FPS)


def clip(count: int) -> list[Frame]:
    return [np.roll(gradient(200, 260), 3 * i, axis=1) for i in range(count)]


def animated(options: RenderOptions, count: int = 6) -> list[Frame]:
    liveportrait = engine()
    return list(
        liveportrait.animate(liveportrait.prepare(PORTRAIT, options), template(count), options)
    )


def test_it_is_an_engine_as_the_renderer_wants_one() -> None:
    opened: AnimationEngine[PreparedSource, LivePortraitMotion] = engine()
    assert opened.engine is Engine.LIVEPORTRAIT
    assert opened.driving_passes == 2
    assert opened.driving_max_side_px is None


@pytest.mark.parametrize(
    ("config", "looks"),
    [
        (DEFAULT_CONFIG, 0),
        (EngineConfig(driving_crop=DrivingCrop.ALWAYS), 13),
        (EngineConfig(animation=AnimationSettings(retarget_lips=0.5)), 13),
        (EngineConfig(refinement=MotionRefinement(anchor=Anchor.NEUTRAL)), 13),
        (EngineConfig(keep_openings=True), 13),
    ],
)
def test_a_square_clips_landmarks_are_found_where_the_configuration_uses_them(
    config: EngineConfig, looks: int
) -> None:
    near: list[Points] = []

    def locate(frame: Frame, where: Points) -> Points:
        near.append(where)
        return landmarks(frame, where)

    finder = OneFace(found(face_106(x=120, y=150, size=50)))
    liveportrait = LivePortraitEngine(quick_model(), finder, locate, digests=[], config=config)
    motion = liveportrait.analyse([frame[:200, :200] for frame in clip(13)], FPS)
    assert len(near) == looks
    assert type(motion) is liveportrait.motion_type
    assert list(motion.arrays) == list(liveportrait.motion_type.form())


class PaintingRuntime(TorchRuntime):
    """Paints crops of the usual size: stripes that move with the key points."""

    def warp_decode(
        self, feature: Tensor, source: Tensor, driving: Tensor, precision: Precision
    ) -> Tensor:
        moved = (driving - source).abs().sum(dim=(1, 2)).reshape(-1, 1, 1, 1)
        stripes = torch.linspace(0, 40, 512).expand(len(driving), 3, 512, 512)
        return (torch.sin(stripes + moved) + 1) / 2


def test_frames_pasted_on_the_device_are_those_pasted_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choice = small_model().choice
    model = Model(small_networks(), choice, PaintingRuntime(small_networks(), choice.device))
    frames = {}
    for on_device in (False, True):
        monkeypatch.setattr(DeviceChoice, "pastes_back", on_device)
        liveportrait = engine(model=model)
        prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
        assert (prepared.box_paste_back is not None) == on_device
        frames[on_device] = list(liveportrait.animate(prepared, template(), OPTIONS))
        (crop, *_) = liveportrait.animate(prepared, template(), replace(OPTIONS, paste_back=False))
        assert crop.shape == (512, 512, 3)
    assert np.array_equal(frames[True], frames[False])
    assert not np.array_equal(frames[True][0], frames[True][3])


def test_a_clip_moves_a_portrait_inside_its_box_only() -> None:
    liveportrait = engine()
    motion = liveportrait.analyse(clip(13), FPS)
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    frames = list(liveportrait.animate(prepared, motion, OPTIONS))
    assert len(frames) == motion.frame_count == 13
    outside = np.ones(PORTRAIT.shape[:2], dtype=bool)
    outside[prepared.box.slices] = False
    assert outside.any()
    for frame in frames:
        assert frame.shape == PORTRAIT.shape
        assert np.array_equal(frame[outside], PORTRAIT[outside])
    assert any(not np.array_equal(frames[0], frame) for frame in frames)


def test_a_clip_that_lies_is_read_as_if_it_stood() -> None:
    seen = found(face_106(x=120, y=150, size=50))
    upright, lying = (
        LivePortraitEngine(
            small_model(), OneFace(seen, quarters=quarters), landmarks, digests=["f00d"]
        )
        for quarters in (0, 3)
    )
    wanted = upright.analyse(clip(13), FPS)
    read = lying.analyse([turned(frame, 1) for frame in clip(13)], FPS)
    assert read.warnings == (RenderWarning.VIDEO_TURNED,)
    assert wanted.warnings == ()
    for name, channel in wanted.arrays.items():
        assert np.array_equal(read.arrays[name], channel), name


def test_networks_move_the_pixels() -> None:
    liveportrait = engine(model=small_model())
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    first, second = liveportrait.animate(prepared, template(2), OPTIONS)
    assert first[prepared.box.slices].std() > 0
    assert not np.array_equal(first, second)


def test_the_same_inputs_give_the_same_pixels() -> None:
    for one, other in zip(animated(OPTIONS), animated(OPTIONS), strict=True):
        assert np.array_equal(one, other)


def test_multiplier_zero_is_a_still_clip() -> None:
    frames = animated(replace(OPTIONS, driving_multiplier=0.0))
    assert len(frames) == 6
    assert all(np.array_equal(frames[0], frame) for frame in frames)


def test_without_paste_back_the_crop_comes_alone() -> None:
    frames = animated(replace(OPTIONS, paste_back=False), 2)
    assert [frame.shape for frame in frames] == [(512, 512, 3)] * 2


def test_without_stitching_there_is_nothing_to_paste() -> None:
    liveportrait = engine(config=EngineConfig(animation=AnimationSettings(stitch=False)))
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    (frame,) = liveportrait.animate(prepared, template(1), OPTIONS)
    assert frame.shape == (512, 512, 3)


@pytest.mark.parametrize("region", list(AnimationRegion))
def test_every_region_has_finite_key_points(region: AnimationRegion) -> None:
    liveportrait = engine()
    options = replace(OPTIONS, animation_region=region)
    driven = liveportrait.drive(liveportrait.prepare(PORTRAIT, options), template(), options)
    assert np.isfinite(driven.final).all()


def test_the_loop_comes_back_to_the_first_frame() -> None:
    liveportrait = engine()
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    one = measured(1, 3)
    drift = np.linspace(0, 0.1, 60, dtype=np.float32)[:, None, None]
    drifting = held(one, 60)
    motion = replace(drifting.motion, expression=one.motion.expression + drift)
    walk = LivePortraitMotion(measured=replace(drifting, motion=motion), fps=FPS)
    still_open = liveportrait.drive(prepared, walk, OPTIONS).final
    closed = liveportrait.drive(prepared, walk, replace(OPTIONS, loop=True)).final
    median_step = float(np.median(np.abs(np.diff(closed, axis=0)).mean(axis=(1, 2))))
    assert seam(closed) <= median_step < seam(still_open)
    assert np.array_equal(closed[:30], still_open[:30])


def seam(keypoints: Floats) -> float:
    return float(np.abs(keypoints[-1] - keypoints[0]).mean())


def test_a_template_of_one_frame_is_a_picture() -> None:
    assert len(animated(replace(OPTIONS, loop=True), 1)) == 1


def test_lips_are_closed_before_animating_unless_they_stay() -> None:
    liveportrait = engine()
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    assert float(prepared.source.lip_ratios[0, 0]) > 0.03
    normal = liveportrait.drive(prepared, template(), OPTIONS).final
    options = replace(OPTIONS, normalize_lip=False)
    assert not np.allclose(normal, liveportrait.drive(prepared, template(), options).final)


def test_a_portrait_without_a_face_is_refused() -> None:
    finder = OneFace(None)
    blind = LivePortraitEngine(quick_model(), finder, landmarks, digests=())
    with pytest.raises(ImageNoFace, match="no face was found in the portrait; accepted"):
        blind.prepare(PORTRAIT, OPTIONS)


def test_a_face_that_lies_outside_is_none() -> None:
    with pytest.raises(ImageNoFace, match="is no face: the crop lies wholly outside"):
        engine(found(face_106(x=5000, y=150, size=50))).prepare(PORTRAIT, OPTIONS)


def test_several_faces_are_said() -> None:
    liveportrait = engine(found(face_106(x=120, y=150, size=50), alone=False))
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    assert prepared.warnings == (RenderWarning.MULTIPLE_FACES_IMAGE,)


def test_a_portrait_that_is_too_large_is_reduced_and_made_even() -> None:
    options = replace(OPTIONS, source_max_dim_px=512)
    prepared = engine().prepare(gradient(1001, 601), options)
    assert prepared.paste_back.portrait.shape == (512, 306, 3)


@pytest.mark.parametrize(("count", "fps"), [(9, Fraction(15)), (14, Fraction(30))])
def test_a_clip_that_is_too_short_is_refused(count: int, fps: Fraction) -> None:
    with pytest.raises(VideoTooShort, match=f"{count} driving frames are left"):
        engine().analyse(clip(count), fps)


def test_the_crop_is_by_the_106_points_and_else_by_the_landmarks() -> None:
    portrait = gradient(600, 700)
    by_106 = engine(found(face_106(x=300, y=300, size=50))).prepare(portrait, OPTIONS)
    mesh = np.full((478, 2), 300, dtype=np.float32)
    wide = LivePortraitEngine(
        quick_model(),
        OneFace(found(mesh)),
        lambda *_: face_203(x=330, y=300, size=50),
        digests=(),
    )
    assert wide.prepare(portrait, OPTIONS).box.x0 - by_106.box.x0 == pytest.approx(30, abs=2)


def test_the_version_tells_everything_that_changes_pixels() -> None:
    usual = engine().version
    assert usual.startswith("liveportrait-3-")
    assert len(usual.rpartition("-")[2]) == 8
    assert usual == engine().version
    without_landmarks = LivePortraitEngine(
        quick_model(), OneFace(found(face_106(x=1, y=1, size=1))), None, digests=["f00d"]
    )
    other_weights = LivePortraitEngine(quick_model(), OneFace(None), landmarks, digests=["beef"])
    others = {
        engine(version="test 2").version,
        engine(config=EngineConfig(driving_crop=DrivingCrop.ALWAYS)).version,
        engine(config=EngineConfig(driving_window=DrivingWindow(scale=2.0))).version,
        engine(config=EngineConfig(animation=AnimationSettings(stitch=False))).version,
        without_landmarks.version,
        other_weights.version,
    }
    assert len(others) == 6
    assert usual not in others


@pytest.mark.parametrize("opens_eyes", [False, True])
def test_edits_that_become_a_template_move_their_portrait_as_they_do(opens_eyes: bool) -> None:
    opened = [{"eyes_open": share} if opens_eyes else {} for share in (0.2, 0.6)]
    edits = EditSequence(
        fps=FPS,
        keys=(
            (0, PortraitEdit(**opened[0])),
            (5, PortraitEdit(**opened[1], smile=1.0, yaw=12.0, z=1.1)),
        ),
    )
    options = replace(OPTIONS, normalize_lip=False)
    liveportrait = engine(config=EngineConfig(animation=AnimationSettings(stitch=False)))
    prepared = liveportrait.prepare(PORTRAIT, options)
    motion = liveportrait.edit_motion(prepared, edits)
    assert (motion.frame_count, motion.fps) == (6, FPS)
    drawn = np.concatenate(
        [
            edited_keypoints(prepared.source, small_model(), AnimationSettings(), edit).composed
            for edit in edits.edits()
        ]
    )
    assert np.ptp(drawn, axis=0).max() > 0.01
    assert np.allclose(transform_keypoints(motion.measured.motion), drawn, atol=1e-5)
    if not opens_eyes:  # what frame 0 has already is no change, and so no relative motion
        assert np.allclose(liveportrait.drive(prepared, motion, options).final, drawn, atol=1e-4)


def test_an_animation_that_is_left_early_leaves_no_thread() -> None:
    liveportrait = engine()
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    frames: Iterator[Frame] = liveportrait.animate(prepared, template(50), OPTIONS)
    next(frames)
    frames.close()  # type: ignore[attr-defined]  # a generator
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


class Watched:
    """Frames that are counted while they live."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.alive = 0
        self.most = 0

    def __iter__(self) -> Iterator[Frame]:
        for i in range(self.count):
            yield self.watch(np.roll(gradient(120, 160), i, axis=1))

    def watch(self, frame: Frame) -> Frame:
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(frame, self._gone)
        return frame

    def _gone(self) -> None:
        self.alive -= 1


def test_a_long_clip_takes_no_more_memory_than_a_short_one() -> None:
    most = []
    for count in (30, 120):
        frames = Watched(count)
        assert engine().analyse(frames, FPS).frame_count == count
        most.append(frames.most)
    assert most[1] <= most[0] + 2
    assert most[1] < 30


def test_a_long_animation_takes_no_more_memory_than_a_short_one() -> None:
    liveportrait = engine()
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    seen = Watched(0)
    for frame in liveportrait.animate(prepared, template(80), OPTIONS):
        seen.watch(frame)
    assert seen.most <= 3
