"""Synthetic idle: alive, seeded, and the same at the end as at the beginning."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveportrait_core.__main__ import main
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame

RATES = [Fraction(25), Fraction(30), Fraction(30000, 1001)]

UNHURRIED = settings(deadline=None)  # the machine may be busy


@UNHURRIED
@given(seed=st.integers(0, 2**31), seconds=st.floats(2, 30), fps=st.sampled_from(RATES))
def test_it_begins_at_rest_and_comes_round(seed: int, seconds: float, fps: Fraction) -> None:
    idle = synthetic_idle(seed=seed, seconds=seconds, fps=fps)
    assert idle.periodic
    assert idle.frame_count == round(seconds * fps)
    for channel in (idle.rotation_deg, idle.shift, idle.control_points, idle.closure):
        assert np.abs(channel[0]).max() < 1e-9
        steps = np.abs(np.diff(channel, axis=0)).max()
        assert np.abs(channel[-1] - channel[0]).max() <= steps * 1.05 + 1e-9


@pytest.mark.parametrize("seconds", [3.0, 6.0, 12.0])
def test_the_head_is_slow_where_the_video_jumps_to_its_start(seconds: float) -> None:
    paces = []
    for seed in range(40):
        turns = synthetic_idle(seed=seed, seconds=seconds, fps=Fraction(30)).rotation_deg
        speed = np.linalg.norm(np.diff(np.vstack([turns, turns[:1]]), axis=0), axis=1)
        paces.append(speed[-1] / np.median(speed))
    assert np.median(paces) < 0.8
    assert np.max(paces) < 2


@UNHURRIED
@given(seed=st.integers(0, 2**31))
def test_it_is_alive_within_what_a_person_does(seed: int) -> None:
    idle = synthetic_idle(seed=seed, seconds=10, fps=Fraction(30))
    reach = np.abs(idle.rotation_deg).max(0)
    assert (reach > 1.0).all()
    assert (reach < 9.0).all()
    turning = np.abs(np.diff(idle.rotation_deg, axis=0)) * 30
    assert turning.max() < 40


@UNHURRIED
@given(seed=st.integers(0, 2**31), seconds=st.floats(4, 30))
def test_blinks_are_whole_and_come_at_human_intervals(seed: int, seconds: float) -> None:
    closure = synthetic_idle(seed=seed, seconds=seconds, fps=Fraction(30)).closure
    shut = np.flatnonzero(closure.min(1) > 0.95)
    blinks = shut[np.flatnonzero(np.diff(np.append(-100, shut)) > 5)]
    assert len(blinks) >= 1
    assert len(blinks) <= seconds / 1.5 + 1
    assert (closure[0] == 0).all()
    assert (closure[-1] == 0).all()
    intervals = np.diff(blinks) / 30
    assert (intervals > 1.5).all()
    assert (intervals < 8).all()


def test_the_seed_decides() -> None:
    one, same, other = (
        synthetic_idle(seed=seed, seconds=4, fps=Fraction(30)).rotation_deg for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert np.abs(one - other).max() > 0.5


def test_render_takes_it_for_a_driving_file(
    astronaut: Frame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    portrait, video = tmp_path / "portrait.png", tmp_path / "idle.mp4"
    write_picture(astronaut, portrait)
    command = ["render", str(portrait), "-o", str(video)]
    assert main([*command, "--motion", "synthetic", "--seconds", "1", "--fps", "25"]) == 0
    assert probe(video, 10).expected_frames == 25
    assert main(command) == 2
    assert "accepted: PORTRAIT [PORTRAIT ...] DRIVING" in capsys.readouterr().err
    assert main([*command, "--motion", "synthetic", "--engine", "liveportrait"]) == 2
    assert "accepted: mesh, auto" in capsys.readouterr().err


@pytest.mark.parametrize("loop", [True, False])
def test_it_needs_no_closing(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame, loop: bool
) -> None:
    idle = synthetic_idle(seed=2, seconds=2, fps=Fraction(25))
    frames = list(engine.animate(hopper_portrait, idle, RenderOptions(loop=loop)))
    assert np.array_equal(frames[0], hopper)
    steps = [
        np.abs(one.astype(float) - other).mean()
        for one, other in zip(frames, frames[1:] + frames[:1], strict=True)
    ]
    assert steps[-1] <= 1.5 * max(steps[:-1])
    assert min(steps) > 0
