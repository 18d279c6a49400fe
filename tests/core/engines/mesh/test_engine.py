"""The mesh engine through its front door: what every render of it must be."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from liveportrait_core.engines.base import AnimationEngine
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.errors import ImageNoFace
from liveportrait_core.face.detector import FaceMesh
from liveportrait_core.options import AnimationRegion, Engine, RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from tests.core.engines.mesh.motions import held, pulled

FULL_MOTION = RenderOptions(driving_multiplier=1.0)
SMILE = pulled(left_mouth_corner=(-0.05, -0.04), right_mouth_corner=(0.05, -0.04))
BROWS_UP = pulled(left_middle_brow=(0, -0.05), right_middle_brow=(0, -0.05))


@pytest.fixture(scope="module")
def lively(engine: MeshEngine, astronaut_portrait: MeshPortrait) -> MeshMotion:
    """The motion of a recorded clip: the astronaut's idle, read back from its frames."""
    idle = synthetic_idle(seed=4, seconds=2.4, fps=held().fps)
    clip = engine.animate(
        astronaut_portrait, idle, RenderOptions(driving_multiplier=1.0, normalize_lip=False)
    )
    return engine.analyse(clip, idle.fps)


def still(engine: MeshEngine, portrait: MeshPortrait, motion: MeshMotion, **options: Any) -> Frame:
    return next(engine.animate(portrait, motion, replace(FULL_MOTION, **options)))


def changed(one: Frame, other: Frame) -> np.ndarray:
    return (one != other).any(-1)


def test_it_is_an_animation_engine(engine: MeshEngine) -> None:
    port: AnimationEngine[MeshPortrait, MeshMotion] = engine
    assert port.engine is Engine.MESH
    assert re.fullmatch(r"mesh-\d+-[0-9a-f]{8}", port.version)


WARMED = """
import sys
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.renderer import Renderer
renderer = Renderer(MeshEngine(), reason="a test asks for it")
before = set(sys.modules)
renderer.warm_up()
print(*sorted({name.rpartition(".")[2] for name in set(sys.modules) - before}))
"""


def test_warming_up_loads_tracker_and_mask_before_the_first_render() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WARMED], capture_output=True, text=True, check=True
    )
    assert {"mediapipe", "face_mesh", "selfie_segmentation"} <= set(done.stdout.split())
    assert done.stderr == ""


def test_no_motion_gives_the_portrait_to_the_pixel(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame
) -> None:
    assert np.array_equal(still(engine, hopper_portrait, held()), hopper)


def test_outside_the_box_every_pixel_is_the_portraits(
    engine: MeshEngine, astronaut_portrait: MeshPortrait, astronaut: Frame
) -> None:
    motion = held(
        rotation_deg=(20, 20, 20), shift=(1, 1, 0.2), closure=(1, 1), control_points=SMILE
    )
    frame = still(engine, astronaut_portrait, motion)
    touched = changed(frame, astronaut)
    assert touched.mean() > 0.02
    touched[astronaut_portrait.box.slices] = False
    assert not touched.any()


def test_the_first_frame_is_the_portrait_and_the_loop_closes(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame, lively: MeshMotion
) -> None:
    frames = list(engine.animate(hopper_portrait, lively, RenderOptions()))
    assert len(frames) == lively.frame_count
    assert np.array_equal(frames[0], hopper)
    box = [frame[hopper_portrait.box.slices].astype(float) for frame in frames]
    steps = [np.abs(after - before).mean() for before, after in pairwise(box)]
    assert np.abs(box[0] - box[-1]).mean() <= max(np.median(steps), 0.5)


def test_multiplier_zero_is_a_still_video(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame, lively: MeshMotion
) -> None:
    frames = engine.animate(hopper_portrait, lively, RenderOptions(driving_multiplier=0.0))
    assert {frame.tobytes() for frame in frames} == {hopper.tobytes()}


def test_the_multiplier_scales_the_motion(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame, lively: MeshMotion
) -> None:
    moved = [
        np.mean(
            [
                np.abs(frame.astype(float) - hopper).mean()
                for frame in engine.animate(
                    hopper_portrait, lively, RenderOptions(driving_multiplier=multiplier)
                )
            ]
        )
        for multiplier in (0.2, 0.4, 0.6)
    ]
    assert moved[0] < moved[1] < moved[2]


def test_the_same_inputs_give_the_same_pixels(
    engine: MeshEngine, hopper: Frame, astronaut_portrait: MeshPortrait
) -> None:
    idle = synthetic_idle(seed=1, seconds=0.6, fps=held().fps)
    clip = list(engine.animate(astronaut_portrait, idle, FULL_MOTION))

    def render() -> list[bytes]:
        portrait = engine.prepare(hopper, RenderOptions())
        motion = engine.analyse(clip, idle.fps)
        return [frame.tobytes() for frame in engine.animate(portrait, motion, RenderOptions())]

    assert render() == render()


def test_without_paste_back_the_even_sized_box_comes_alone(
    engine: MeshEngine, hopper_portrait: MeshPortrait
) -> None:
    motion = held(rotation_deg=(0, 5, 0))
    crop = still(engine, hopper_portrait, motion, paste_back=False)
    whole = still(engine, hopper_portrait, motion)[hopper_portrait.box.slices]
    assert crop.shape[0] % 2 == 0
    assert crop.shape[1] % 2 == 0
    assert np.array_equal(crop, whole[: crop.shape[0], : crop.shape[1]])


def test_a_picture_without_a_face_is_refused(engine: MeshEngine) -> None:
    wall = np.full((240, 320, 3), 128, np.uint8)
    with pytest.raises(ImageNoFace, match="320×240"):
        engine.prepare(wall, RenderOptions())


EVERYTHING = held(
    rotation_deg=(3, 5, 2), shift=(0.05, 0, 0), closure=(1, 1), control_points=SMILE + BROWS_UP
)


@pytest.mark.parametrize(
    ("region", "alone"),
    [
        (AnimationRegion.POSE, held(rotation_deg=(3, 5, 2), shift=(0.05, 0, 0))),
        (AnimationRegion.EXP, held(closure=(1, 1), control_points=SMILE + BROWS_UP)),
        (AnimationRegion.LIP, held(control_points=SMILE)),
        (AnimationRegion.EYES, held(closure=(1, 1), control_points=BROWS_UP)),
        (AnimationRegion.ALL, EVERYTHING),
    ],
)
def test_a_region_moves_only_what_it_names(
    engine: MeshEngine, hopper_portrait: MeshPortrait, region: AnimationRegion, alone: MeshMotion
) -> None:
    confined = still(engine, hopper_portrait, EVERYTHING, animation_region=region)
    assert np.array_equal(confined, still(engine, hopper_portrait, alone))


def test_eyes_leave_the_mouth_and_lips_leave_the_eyes(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame
) -> None:
    eyes = still(engine, hopper_portrait, EVERYTHING, animation_region=AnimationRegion.EYES)
    lips = still(engine, hopper_portrait, EVERYTHING, animation_region=AnimationRegion.LIP)
    mouth = hopper_portrait.mouth.slit.support.slices
    lids = [eye.slit.support for eye in hopper_portrait.eyes]
    assert not changed(eyes, hopper)[mouth].any()
    assert changed(lips, hopper)[mouth].any()
    for lid in lids:
        upper_half = slice(lid.y0, (lid.y0 + lid.y1) // 2), slice(lid.x0, lid.x1)
        assert not changed(lips, hopper)[upper_half].any()
        assert changed(eyes, hopper)[upper_half].any()


def test_eyes_rounder_than_a_persons_are_left_still_and_it_is_said(
    engine: MeshEngine, astronaut: Frame
) -> None:
    drawn = np.asarray(cv2.resize(astronaut, (512, 768)), np.uint8)
    portrait = engine.prepare(drawn, RenderOptions())
    assert RenderWarning.EYES_LEFT_STILL in portrait.warnings
    blinking = still(engine, portrait, held(closure=(1, 1)))
    assert np.array_equal(blinking, still(engine, portrait, held()))
    assert changed(still(engine, portrait, EVERYTHING), drawn).any()


def lip_gap(frame: Frame) -> float:
    """Gap between the lips relative to the mouth's width, on landmarks."""
    with FaceMesh(still=True) as mesh:
        found = mesh.find(frame)
    assert found is not None
    points = found.points[:, :2]
    return float(np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[78] - points[308]))


def test_normalisation_closes_smiling_lips_even_in_a_still(
    engine: MeshEngine, astronaut_portrait: MeshPortrait, astronaut: Frame
) -> None:
    still_options = RenderOptions(driving_multiplier=0.0)
    closed = next(engine.animate(astronaut_portrait, held(), still_options))
    assert lip_gap(astronaut) > 0.12
    assert lip_gap(closed) < 0.04
    kept = next(
        engine.animate(astronaut_portrait, held(), replace(still_options, normalize_lip=False))
    )
    assert np.array_equal(kept, astronaut)


def test_a_driver_who_opens_the_mouth_shows_the_teeth_that_are_there(
    engine: MeshEngine, astronaut_portrait: MeshPortrait
) -> None:
    parted = held(
        control_points=pulled(
            lower_lip=(0, 0.11), left_lower_lip=(0, 0.11), right_lower_lip=(0, 0.11)
        )
    )
    gaps = [
        lip_gap(still(engine, astronaut_portrait, motion, normalize_lip=True))
        for motion in (held(), parted)
    ]
    assert gaps[1] > gaps[0] + 0.05


def test_a_still_part_is_as_sharp_as_the_portrait_and_a_moving_one_nearly(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame
) -> None:
    def detail(frame: Frame) -> float:
        face = frame[150:330, 180:350].astype(float).mean(-1)
        return float(np.abs(np.diff(face, axis=0)).mean() + np.abs(np.diff(face, axis=1)).mean())

    moved = still(engine, hopper_portrait, held(shift=(0.0066, 0.0066, 0)))
    assert detail(moved) > 0.93 * detail(hopper)


@pytest.mark.parametrize(
    "cut",
    [np.s_[90:420, 230:450], np.s_[90:420, 250:450], np.s_[0:260, 100:420], np.s_[200:500, :]],
)
def test_a_face_cut_by_the_border_is_animated_all_the_same(
    engine: MeshEngine, hopper: Frame, cut: tuple[slice, slice]
) -> None:
    picture = np.ascontiguousarray(hopper[cut])
    portrait = engine.prepare(picture, RenderOptions())
    assert np.array_equal(still(engine, portrait, held()), picture)
    moved = still(engine, portrait, held(rotation_deg=(5, 5, 5), shift=(-1, 1, 0), closure=(1, 1)))
    assert changed(moved, picture).mean() > 0.2


def in_a_corner(astronaut: Frame) -> Frame:
    small = cv2.resize(astronaut, (200, 200), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.copyMakeBorder(small, 500, 20, 700, 20, cv2.BORDER_REPLICATE), np.uint8)


def filling_the_picture(astronaut: Frame) -> Frame:
    return np.asarray(cv2.resize(astronaut[60:230, 140:300], (640, 680)), np.uint8)


def tilted(astronaut: Frame) -> Frame:
    about_the_nose = cv2.getRotationMatrix2D((225, 120), 25, 1)
    turned = cv2.warpAffine(astronaut, about_the_nose, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def turned_aside(astronaut: Frame) -> Frame:
    """About 20° to the left, in steps that the engine can make."""
    engine, seen = MeshEngine(), astronaut
    for _ in range(4):
        portrait = engine.prepare(seen, FULL_MOTION)
        seen = still(engine, portrait, held(rotation_deg=(0, 6, 0)), normalize_lip=False)
    return seen


@pytest.mark.parametrize("seen", [in_a_corner, filling_the_picture, tilted, turned_aside])
def test_tiny_huge_tilted_and_averted_faces_turn_and_blink(
    engine: MeshEngine, astronaut: Frame, seen: Callable[[Frame], Frame]
) -> None:
    picture = seen(astronaut)
    portrait = engine.prepare(picture, RenderOptions())
    options = replace(FULL_MOTION, normalize_lip=False)
    rest, turned, blinking = (
        next(engine.animate(portrait, motion, options))
        for motion in (held(), held(rotation_deg=(2, 6, 2)), held(closure=(1, 1)))
    )
    assert np.array_equal(rest, picture)
    box, eye = portrait.box.slices, portrait.eyes[0].slit.support.slices
    assert changed(turned, picture)[box].mean() > 0.2
    assert changed(blinking, picture)[eye].mean() > 0.1
    with FaceMesh(still=True) as mesh:
        assert mesh.find(turned) is not None
