"""JoyVASA as a method: the same sound and seed give the same motion, silence gives its rest.

That its numbers are the original's is `tests/parity`'s part; here networks are small and random.
"""

import hashlib
import os
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from liveportrait_core.engines.liveportrait.joyvasa import PLACE
from liveportrait_core.engines.liveportrait.joyvasa.denoiser import PositionTable
from liveportrait_core.engines.liveportrait.joyvasa.method import JoyVasa, SpokenMotion
from liveportrait_core.engines.liveportrait.joyvasa.motion import MotionStatistics, denormalised
from liveportrait_core.engines.liveportrait.joyvasa.sampler import Sampling
from liveportrait_core.engines.liveportrait.joyvasa.weights import convert, read
from liveportrait_core.engines.liveportrait.motion.composition import LIP_ROWS
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.errors import (
    CheckpointMismatch,
    InvalidOption,
    MethodNotInstalled,
    SpeechFailed,
)
from liveportrait_core.options import SpeechHead
from liveportrait_core.speech.values import MouthTrack, Speech
from tests.core.engines.liveportrait.joyvasa.files import (
    SIZES,
    STEPS,
    converted_folder,
    small_state,
    template_arrays,
    write_files,
)
from tests.core.engines.liveportrait.motions import measured


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted_folder(tmp_path_factory.mktemp("weights"))


def spoken(
    weights: Path, speech: Speech, *, seed: str = "one", steps: int | None = None
) -> SpokenMotion:
    method = JoyVasa.opened(weights, sampling=Sampling(steps=steps), strict=False)
    return method.motion(speech, seed=seed)


def humming(samples: int) -> Speech:
    wave = 0.3 * np.sin(np.arange(samples) * 2 * np.pi * 220 / 16_000)
    return Speech(samples=wave.astype(np.float32))


def test_the_same_sound_and_seed_give_the_same_motion(weights: Path) -> None:
    one, again = (spoken(weights, humming(20_000)) for _ in range(2))
    other = spoken(weights, humming(20_000), seed="two")
    assert one.speaking.expression.tobytes() == again.speaking.expression.tobytes()
    assert np.abs(one.speaking.expression - other.speaking.expression).max() > 1e-3


def test_silence_is_the_methods_own_rest_to_the_bit(weights: Path) -> None:
    motion = spoken(weights, Speech(samples=np.zeros(20_000, np.float32)))
    assert motion.speaking.expression.tobytes() == motion.silent.expression.tobytes()
    heard = spoken(weights, humming(20_000))
    assert np.abs(heard.speaking.expression - heard.silent.expression).max() > 1e-4


@pytest.mark.parametrize(
    ("samples", "frames"), [(4_800, 8), (16_000, 25), (16_001, 26), (64_000, 100), (70_000, 110)]
)
def test_every_frame_of_the_sound_has_a_motion(weights: Path, samples: int, frames: int) -> None:
    assert len(spoken(weights, humming(samples), steps=1).speaking.expression) == frames


def test_what_a_window_takes_is_tried_once(weights: Path) -> None:
    method = JoyVasa.opened(weights, strict=False)
    of_one_window = method.seconds_for(3.0)
    assert of_one_window > 0
    assert method.seconds_for(10.0) == pytest.approx(3 * of_one_window)


def test_fewer_steps_are_another_motion(weights: Path) -> None:
    every, few = (spoken(weights, humming(20_000), steps=steps) for steps in (None, STEPS // 2))
    assert np.isfinite(few.speaking.expression).all()
    assert np.abs(every.speaking.expression - few.speaking.expression).max() > 1e-4


def test_the_weights_file_says_in_how_many_steps(weights: Path, tmp_path: Path) -> None:
    files, few = write_files(tmp_path), STEPS // 2
    form: Any = {"positions": PositionTable.INDEXED, "encoder_sizes": SIZES}
    with pytest.raises(InvalidOption, match=f"steps is 7; accepted: 1 to {STEPS}"):
        convert(*files, tmp_path, steps=STEPS + 1, **form)
    convert(*files, tmp_path, steps=few, **form)
    made = JoyVasa.opened(tmp_path, strict=False).motion(humming(20_000), seed="one")
    asked = spoken(weights, humming(20_000), steps=few)
    assert made.speaking.expression.tobytes() == asked.speaking.expression.tobytes()


def test_only_lips_are_laid_over_an_idle_and_only_while_a_voice_is_heard(weights: Path) -> None:
    idle = LivePortraitMotion(measured=measured(20), fps=Fraction(30))
    sound, count = humming(16_000), 30
    activity = np.zeros(count, np.float32)
    activity[10:20] = 1
    mouth = MouthTrack(fps=idle.fps, shapes=np.zeros((count, 5), np.float32), activity=activity)
    method = JoyVasa.opened(weights, strict=False)
    half, whole = (
        method.talk(
            idle, sound, mouth, strength=strength, head=SpeechHead.IDLE, start_frame=3
        ).spoken
        for strength in (0.5, 1.0)
    )
    assert half is not None
    assert whole is not None
    assert (whole.start_frame, whole.frame_count) == (3, count)
    assert (whole.activity == activity).all()
    np.testing.assert_allclose(2 * half.expression, whole.expression, atol=1e-6)
    other_rows = sorted(set(range(21)) - set(LIP_ROWS))
    assert (whole.expression[:, other_rows] == 0).all()
    assert np.abs(whole.expression[:, list(LIP_ROWS)]).max() > 1e-4
    motion = method.motion(sound, seed=hashlib.sha256(sound.samples.tobytes()).hexdigest())
    lips = (motion.speaking.expression - motion.silent.expression)[:, list(LIP_ROWS)]
    np.testing.assert_allclose(whole.expression[6][list(LIP_ROWS)], lips[5], atol=1e-6)
    between = (lips[0] + 5 * lips[1]) / 6  # frame 1 of 30 a second lies at 5/6 of one of 25
    np.testing.assert_allclose(whole.expression[1][list(LIP_ROWS)], between, atol=1e-6)


def test_a_head_moved_by_the_voice_has_the_methods_own_motion(weights: Path) -> None:
    idle = LivePortraitMotion(measured=measured(20), fps=Fraction(25))
    sound, count = humming(16_000), 25
    mouth = MouthTrack(
        fps=idle.fps, shapes=np.zeros((count, 5), np.float32), activity=np.ones(count, np.float32)
    )
    method = JoyVasa.opened(weights, strict=False)

    def moved(strength: float) -> np.ndarray:
        motion = method.talk(
            idle, sound, mouth, strength=strength, head=SpeechHead.SPEECH, start_frame=0
        )
        assert (motion.spoken, motion.frame_count, motion.fps) == (None, count, idle.fps)
        return motion.measured.motion.expression

    assert np.abs(np.diff(moved(0), axis=0)).max() == 0
    change, half = (moved(strength) - moved(strength)[:1] for strength in (1.0, 0.5))
    np.testing.assert_allclose(2 * half, change, atol=1e-6)
    assert np.abs(change).max() > 1e-3


@pytest.mark.parametrize("value", [6.5, np.nan, np.inf])
def test_motion_that_no_face_makes_is_an_error(value: float) -> None:
    numbers = np.zeros((5, 70), np.float32)
    numbers[3, 7] = value
    with pytest.raises(SpeechFailed, match="no face makes"):
        denormalised(numbers, MotionStatistics.of(template_arrays()))


def test_without_weights_the_command_that_brings_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(MethodNotInstalled, match="weights convert joyvasa"):
        read(tmp_path)


def test_a_converted_file_has_no_pickle_and_says_how_positions_enter(tmp_path: Path) -> None:
    checkpoint, template = write_files(tmp_path)
    for positions in PositionTable:
        path = convert(checkpoint, template, tmp_path, positions=positions, encoder_sizes=SIZES)
        assert read(tmp_path).generator.denoising_net.positions is positions
    assert path.suffix == ".safetensors"
    assert not list(path.parent.glob("*.unfinished"))


@pytest.mark.parametrize("content", [b"no numbers", save({"x": torch.zeros(1)})])
def test_another_file_in_its_place_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / PLACE
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(CheckpointMismatch, match=r"no converted JoyVASA .* convert joyvasa writes"):
        read(tmp_path)


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_nothing_in_the_files_is_executed(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    checkpoint, template = write_files(tmp_path)
    torch.save({"args": Trap(trap), "model": small_state(), "iter": 1}, checkpoint)
    with pytest.raises(CheckpointMismatch, match="no JoyVASA checkpoint"):
        convert(checkpoint, template, tmp_path, positions=PositionTable.CONSTANT)
    checkpoint, template = write_files(tmp_path)
    template.write_bytes(pickle.dumps({"mean_exp": Trap(trap)}, protocol=4))
    with pytest.raises(CheckpointMismatch, match="nothing was executed"):
        convert(checkpoint, template, tmp_path, positions=PositionTable.CONSTANT)
    assert not trap.exists()
    assert not (tmp_path / "joyvasa").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"diffusion_sched.betas": torch.linspace(0, 0.1, STEPS + 1)}, "another schedule"),
        ({"start_motion_feat": torch.zeros(1, 25, 70)}, "start_audio_feat"),
        ({"audio_feature_map.weight": torch.zeros(16)}, "no motion generator"),
        ({"something.new": torch.zeros(1)}, "something.new"),
        ({"audio_encoder.masked_spec_embed": torch.zeros(7)}, "HuBERT"),
    ],
)
def test_another_networks_checkpoint_is_refused(
    tmp_path: Path, change: dict[str, torch.Tensor], words: str
) -> None:
    checkpoint, template = write_files(tmp_path, state=small_state() | change)
    with pytest.raises(CheckpointMismatch, match=words):
        convert(
            checkpoint, template, tmp_path, positions=PositionTable.INDEXED, encoder_sizes=SIZES
        )
    assert not (tmp_path / "joyvasa").exists()


@pytest.mark.parametrize("key", ["std_exp", "max_roll"])
def test_a_template_without_what_is_needed_is_refused(tmp_path: Path, key: str) -> None:
    arrays = template_arrays()
    del arrays[key]
    checkpoint, template = write_files(tmp_path, template=arrays)
    with pytest.raises(CheckpointMismatch, match=key):
        convert(
            checkpoint, template, tmp_path, positions=PositionTable.INDEXED, encoder_sizes=SIZES
        )
