"""A talk by the mesh engine: silent it is the idle, and a voice moves the mouth alone."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.options import MouthInside, RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from liveportrait_core.speech.values import MouthTrack
from tests.core.engines.mesh.motions import held
from tests.core.engines.mesh.speech.tracks import burst, held_shape, silent

FULL = RenderOptions(driving_multiplier=1.0)


def talk(
    engine: MeshEngine,
    motion: MeshMotion,
    mouth: MouthTrack,
    *,
    strength: float = 1.0,
    inside: MouthInside = MouthInside.PAINTED,
    start_frame: int = 0,
) -> MeshMotion:
    return engine.speak(motion, mouth, strength=strength, inside=inside, start_frame=start_frame)


def frames(engine: MeshEngine, portrait: MeshPortrait, motion: MeshMotion) -> list[Frame]:
    return list(engine.animate(portrait, motion, FULL))


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001)])
def test_silence_in_idle_out_to_the_bit(
    engine: MeshEngine, astronaut_portrait: MeshPortrait, fps: Fraction
) -> None:
    idle = replace(synthetic_idle(seed=3, seconds=0.2, fps=fps), periodic=False)
    drawn = frames(engine, astronaut_portrait, idle)
    spoken = frames(engine, astronaut_portrait, talk(engine, idle, silent(9, fps), start_frame=2))
    assert len(spoken) == 9
    for i, frame in enumerate(spoken):
        assert np.array_equal(frame, drawn[(2 + i) % len(drawn)])


def test_a_burst_opens_the_mouth_where_it_is_and_nowhere_else(
    engine: MeshEngine, hopper_portrait: MeshPortrait
) -> None:
    idle = synthetic_idle(seed=1, seconds=0.2, fps=Fraction(30))
    drawn = frames(engine, hopper_portrait, idle)
    spoken = frames(engine, hopper_portrait, talk(engine, idle, burst(9, slice(4, 6))))
    moved = [not np.array_equal(frame, drawn[i % len(drawn)]) for i, frame in enumerate(spoken)]
    assert moved == [i in (4, 5) for i in range(9)]
    above = round(hopper_portrait.eyes[0].slit.centre[1] + 16)
    for i in (4, 5):  # eyes and brows are the idle's
        difference = np.abs(spoken[i][:above].astype(int) - drawn[i % len(drawn)][:above])
        assert difference.max() <= 3
        assert (difference > 0).mean() < 0.01


def test_a_closed_mouth_that_is_not_opened_is_the_portrait_to_the_pixel(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame
) -> None:
    (frame,) = frames(engine, hopper_portrait, talk(engine, held(), held_shape(open=0)))
    assert np.array_equal(frame, hopper)


def test_the_driving_multiplier_does_not_scale_speech(
    engine: MeshEngine, hopper_portrait: MeshPortrait
) -> None:
    motion = talk(engine, held(), held_shape(open=0.6))
    weak, whole = (
        next(engine.animate(hopper_portrait, motion, replace(FULL, driving_multiplier=share)))
        for share in (0.1, 1.0)
    )
    assert np.array_equal(weak, whole)


def test_little_voice_is_little_change(
    engine: MeshEngine, astronaut_portrait: MeshPortrait
) -> None:
    (idle,) = frames(engine, astronaut_portrait, held())
    changes = []
    for activity in (0.01, 0.1, 0.5, 1.0):
        mouth = held_shape(open=0.8, activity=activity)
        (frame,) = frames(engine, astronaut_portrait, talk(engine, held(), mouth))
        changes.append(float(np.abs(frame.astype(float) - idle).mean()))
    assert changes == sorted(changes)
    assert changes[0] < 0.05 * changes[-1]


@pytest.mark.parametrize(
    ("inside", "opened", "warnings"),
    [
        (MouthInside.PAINTED, 1.0, (RenderWarning.MOUTH_INVENTED,)),
        (MouthInside.PAINTED, 0.1, ()),
        (MouthInside.NOTHING, 1.0, (RenderWarning.LIPS_LIMITED,)),
        (MouthInside.NOTHING, 0.1, ()),
    ],
)
def test_what_was_invented_or_limited_is_said(
    engine: MeshEngine, inside: MouthInside, opened: float, warnings: tuple[RenderWarning, ...]
) -> None:
    motion = talk(engine, held(), held_shape(open=opened), inside=inside)
    assert motion.warnings == warnings


def test_hidden_lips_do_not_speak(engine: MeshEngine, hopper_portrait: MeshPortrait) -> None:
    masked = replace(hopper_portrait, lips_move=False)
    (idle,) = frames(engine, masked, held())
    (frame,) = frames(engine, masked, talk(engine, held(), held_shape(open=1.0)))
    assert np.array_equal(frame, idle)


def test_a_track_of_another_rate_is_a_mistake(engine: MeshEngine) -> None:
    with pytest.raises(ValueError, match="the mouth moves at 25 fps; accepted: 30"):
        talk(engine, held(), silent(3, Fraction(25)))
