"""The engine of animals, with networks of a few channels."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from liveportrait_core.edit import PortraitEdit
from liveportrait_core.engines.base import AnimationEngine
from liveportrait_core.engines.liveportrait.animals.engine import AnimalEngine, PreparedAnimal
from liveportrait_core.engines.liveportrait.config import DEFAULT_CONFIG, DrivingCrop, EngineConfig
from liveportrait_core.engines.liveportrait.template import MotionWithoutOpenings
from liveportrait_core.errors import (
    ImageNoFace,
    InvalidOption,
    MethodNotInstalled,
    VideoNoFace,
)
from liveportrait_core.options import AnimationRegion, RenderOptions
from liveportrait_core.pipeline.motion_cache import pack_motion, unpack_motion
from liveportrait_core.report import Box, Frame
from liveportrait_core.request import MotionTemplate
from liveportrait_core.species import FacePlace, FacePoints, Species
from tests.core.engines.liveportrait.test_engine import OneFace, clip, quick_model, template
from tests.core.faces import gradient

FPS = Fraction(25)
PORTRAIT = gradient(320, 240)
TAPS = FacePoints(points=((0.4, 0.4), (0.6, 0.4), (0.5, 0.6)))
OPTIONS = RenderOptions(
    species=Species.ANIMAL, face_points=TAPS, paste_back=False, driving_multiplier=1.5, loop=False
)
PASTED = replace(OPTIONS, paste_back=True)


def engine(config: EngineConfig = DEFAULT_CONFIG) -> AnimalEngine:
    """Its finder of people finds nobody."""
    return AnimalEngine(quick_model(), OneFace(None), None, digests=["cafe"], config=config)


def animated(options: RenderOptions) -> list[Frame]:
    animals = engine()
    return list(animals.animate(animals.prepare(PORTRAIT, options), template(), options))


def test_it_is_an_engine_as_the_renderer_wants_one() -> None:
    opened: AnimationEngine[PreparedAnimal, MotionWithoutOpenings] = engine()
    assert opened.driving_passes == 1
    assert opened.driving_max_side_px is None


def test_a_persons_template_moves_an_animal_in_a_crop_of_its_own() -> None:
    frames = animated(OPTIONS)
    assert [frame.shape for frame in frames] == [(512, 512, 3)] * 6
    assert any(not np.array_equal(frames[0], frame) for frame in frames)
    assert engine().prepare(PORTRAIT, OPTIONS).box == Box(x0=0, y0=0, x1=512, y1=512)


def test_pasted_back_it_moves_inside_its_box_only() -> None:
    box = engine().prepare(PORTRAIT, PASTED).box
    outside = np.ones(PORTRAIT.shape[:2], dtype=bool)
    outside[box.slices] = False
    assert outside.any()
    for frame in animated(PASTED):
        assert np.array_equal(frame[outside], PORTRAIT[outside])


def test_a_picture_that_is_cropped_already_is_taken_whole() -> None:
    whole = replace(OPTIONS, face_points=FacePlace.CROPPED)
    assert animated(whole)[0].shape == (512, 512, 3)
    assert not np.allclose(
        engine().prepare(PORTRAIT, whole).feature, engine().prepare(PORTRAIT, OPTIONS).feature
    )
    with pytest.raises(InvalidOption, match=r"paste-back is on.*accepted: points"):
        replace(whole, paste_back=True)


def test_nobody_is_looked_for_in_driving_frames() -> None:
    motion = engine().analyse(clip(11), FPS)
    assert motion.frame_count == 11
    assert engine().analyse_picture(clip(1)[0]).frame_count == 1
    with pytest.raises(VideoNoFace):
        engine(EngineConfig(driving_crop=DrivingCrop.ALWAYS)).analyse(clip(11), FPS)


def test_its_motion_is_kept_and_is_no_persons() -> None:
    animals = engine()
    motion = animals.analyse(clip(13), FPS)
    packed = pack_motion(animals, MotionTemplate(motion=motion), max_seconds=10)
    restored = unpack_motion(animals, packed, max_seconds=10).motion
    assert restored.arrays.keys() == motion.arrays.keys()
    assert all(np.array_equal(restored.arrays[name], motion.arrays[name]) for name in motion.arrays)
    assert not any(name.endswith("ratios") for name in motion.arrays)


def test_without_points_it_says_what_would_be_accepted() -> None:
    with pytest.raises(ImageNoFace, match="no face points are given; accepted: three points"):
        engine().prepare(PORTRAIT, replace(OPTIONS, face_points=None))


def test_xpose_is_not_installed_and_says_what_is_missing() -> None:
    with pytest.raises(MethodNotInstalled, match=r"xpose\.pth.*non-commercial") as refusal:
        engine().prepare(PORTRAIT, replace(OPTIONS, face_points=FacePlace.XPOSE))
    assert refusal.value.code == "METHOD_NOT_INSTALLED"


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, animation_region=AnimationRegion.LIP),
        replace(OPTIONS, edit=PortraitEdit(smile=0.5)),
    ],
)
def test_what_animals_have_not_is_refused(options: RenderOptions) -> None:
    with pytest.raises(InvalidOption, match="the species is animal"):
        engine().prepare(PORTRAIT, options)


def test_still_is_the_crop_as_it_is_drawn_or_the_picture() -> None:
    animals = engine()
    assert animals.still(animals.prepare(PORTRAIT, OPTIONS), OPTIONS).shape == (512, 512, 3)
    still = animals.still(animals.prepare(PORTRAIT, PASTED), PASTED)
    assert np.array_equal(still, PORTRAIT)
