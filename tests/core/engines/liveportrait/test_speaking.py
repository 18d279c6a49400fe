"""A talk by the LivePortrait engine: silent it is the idle, and a voice moves the mouth alone."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.composition import LIP_ROWS
from liveportrait_core.engines.liveportrait.motion.pose import Floats
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.options import MouthInside, RenderOptions
from liveportrait_core.speech.values import MouthTrack
from tests.core.engines.liveportrait.motions import measured
from tests.core.engines.liveportrait.test_engine import PORTRAIT, engine, template
from tests.core.engines.mesh.speech.tracks import burst, held_shape, silent
from tests.core.small_networks import small_model, small_networks

OPTIONS = RenderOptions(driving_multiplier=0.4)
MOVED_BY_SPEECH = {*LIP_ROWS, 3, 7}


def talk(
    liveportrait: LivePortraitEngine,
    motion: LivePortraitMotion,
    mouth: MouthTrack,
    *,
    strength: float = 1.0,
    start_frame: int = 0,
) -> LivePortraitMotion:
    return liveportrait.speak(
        motion, mouth, strength=strength, inside=MouthInside.PAINTED, start_frame=start_frame
    )


def keypoints(motion: LivePortraitMotion, options: RenderOptions = OPTIONS) -> Floats:
    liveportrait = engine()
    return liveportrait.drive(liveportrait.prepare(PORTRAIT, options), motion, options).final


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001)])
def test_silence_in_idle_out_to_the_bit(fps: Fraction) -> None:
    liveportrait = engine(model=small_model())
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    idle = LivePortraitMotion(measured=measured(3, 3), fps=fps)
    drawn = list(liveportrait.animate(prepared, idle, OPTIONS))
    spoken = talk(liveportrait, idle, silent(5, fps), start_frame=1)
    frames = list(liveportrait.animate(prepared, spoken, OPTIONS))
    assert len(frames) == 5
    for i, frame in enumerate(frames):
        assert np.array_equal(frame, drawn[(1 + i) % 3])


def test_a_burst_moves_the_mouth_where_it_is_and_nothing_else() -> None:
    idle = replace(template(), fps=Fraction(30))
    before = keypoints(idle)
    after = keypoints(talk(engine(), idle, burst(14, slice(7, 9))))
    moved = after != before[np.arange(14) % 6]
    assert set(np.nonzero(moved.any((1, 2)))[0]) == {7, 8}
    assert set(np.nonzero(moved.any((0, 2)))[0]) <= MOVED_BY_SPEECH


def test_the_mouth_of_the_idle_gives_way_to_speech() -> None:
    idle = replace(template(), fps=Fraction(30))
    spoken = keypoints(talk(engine(), idle, held_shape(6)))
    lips = spoken[:, list(LIP_ROWS)] - keypoints(idle)[:, list(LIP_ROWS)]
    assert np.abs(lips).max() > 1e-3


def test_the_driving_multiplier_does_not_scale_speech() -> None:
    idle = replace(template(), fps=Fraction(30))

    def opened(multiplier: float) -> Floats:
        options = replace(OPTIONS, driving_multiplier=multiplier)
        rest, whole = (
            keypoints(talk(engine(), idle, held_shape(6, open=share)), options)
            for share in (0.0, 1.0)
        )
        return whole - rest

    assert np.allclose(opened(0.1), opened(1.0), atol=1e-5)
    scale = engine().prepare(PORTRAIT, OPTIONS).source.motion.scale[0, 0]
    assert np.allclose(opened(0.1)[:, 19, 1], 0.07 * scale, atol=1e-5)


def test_strength_scales_speech() -> None:
    idle = replace(template(), fps=Fraction(30))
    rest, half, whole = (
        keypoints(talk(engine(), idle, held_shape(6, open=1.0), strength=strength))
        for strength in (0.0, 0.5, 1.0)
    )
    assert np.allclose(2 * (half - rest), whole - rest, atol=1e-5)


def test_an_m_closes_open_lips() -> None:
    asked: list[Floats] = []

    class Watched(Model):
        def retarget_lip(self, source_keypoints: Floats, ratios: Floats) -> Floats:
            asked.append(ratios)
            return np.full_like(source_keypoints, 0.25)

    liveportrait = engine(model=Watched(small_networks(), small_model().choice))
    prepared = liveportrait.prepare(PORTRAIT, OPTIONS)
    idle = replace(template(), fps=Fraction(30))
    rest, pressed = (
        liveportrait.drive(prepared, talk(liveportrait, idle, mouth), OPTIONS).final
        for mouth in (held_shape(6), held_shape(6, press=1.0))
    )
    assert np.allclose(pressed - rest, 0.25 * (1 - 0.4), atol=1e-5)
    assert all(ratios[0, -1] == 0 for ratios in asked)


def test_a_track_of_another_rate_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="the mouth moves at 30 fps; accepted: 25"):
        talk(engine(), template(), silent(3))
