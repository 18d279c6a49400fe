"""Wav2Lip as a method: what it may change, and what it leaves to the bit.

That its numbers are the original's is `tests/parity`'s part; here weights are random.
"""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from liveportrait_core.errors import CheckpointMismatch, MethodNotInstalled
from liveportrait_core.lipsync.base import FaceBox, SyncFrame
from liveportrait_core.lipsync.blending import lower_face
from liveportrait_core.lipsync.wav2lip import PLACE
from liveportrait_core.lipsync.wav2lip.mel import SILENCE, frame_starts, mel_spectrogram
from liveportrait_core.lipsync.wav2lip.method import Wav2LipMethod
from liveportrait_core.lipsync.wav2lip.network import Wav2Lip
from liveportrait_core.lipsync.wav2lip.weights import convert, read
from liveportrait_core.speech.values import Speech

BOX = FaceBox(x0=40.3, y0=30.6, x1=140.2, y1=151.1)


@pytest.fixture(scope="module")
def method() -> Wav2LipMethod:
    torch.manual_seed(1)
    return Wav2LipMethod(Wav2Lip().eval().requires_grad_(False))


def frame(activity: float, box: FaceBox | None = BOX, seed: int = 0) -> SyncFrame:
    rng = np.random.default_rng(seed)
    return SyncFrame(
        picture=rng.integers(0, 256, (180, 200, 3), np.uint8),
        box=box,
        window=rng.uniform(-4, 4, (80, 16)).astype(np.float32),
        activity=activity,
    )


def test_without_voice_or_face_a_frame_is_left_as_it_is(method: Wav2LipMethod) -> None:
    frames = [frame(0.0), frame(1.0, box=None), frame(0.5)]
    silent, faceless, spoken = method.sync(frames)
    assert silent is frames[0].picture
    assert faceless is frames[1].picture
    assert (spoken != frames[2].picture).any()


def test_nothing_changes_outside_the_lower_face(method: Wav2LipMethod) -> None:
    given = frame(1.0)
    [painted] = method.sync([given])
    changed = (painted != given.picture).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed[100:130, 70:110].mean() > 0.9
    assert rows.min() > 31 + 0.42 * 120
    assert rows.max() < 151
    assert columns.min() > 40
    assert columns.max() < 139


def test_a_face_at_the_frames_edge_is_painted_as_far_as_it_shows(method: Wav2LipMethod) -> None:
    box = FaceBox(x0=-30, y0=100, x1=70, y1=230)
    given = frame(1.0, box=box)
    [painted] = method.sync([given])
    assert painted.shape == given.picture.shape
    assert (painted[:, 70:] == given.picture[:, 70:]).all()
    assert (painted != given.picture).any()


def test_the_voice_fades_the_mouth_in(method: Wav2LipMethod) -> None:
    changes = [
        np.abs(next(method.sync([frame(a)])).astype(int) - frame(a).picture).sum()
        for a in (0.1, 0.5, 1.0)
    ]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_batches_do_not_show(method: Wav2LipMethod) -> None:
    frames = [frame(1.0 if i % 3 else 0.0, seed=i) for i in range(17)]
    together = list(method.sync(frames))
    alone = [next(method.sync([each])) for each in frames]
    assert all(
        np.abs(one.astype(int) - two).max() <= 1 for one, two in zip(together, alone, strict=True)
    )


@pytest.mark.parametrize(("width", "height"), [(32, 32), (96, 96), (301, 420)])
def test_the_mask_is_whole_at_the_mouth_and_nothing_at_the_rim(width: int, height: int) -> None:
    weights = lower_face(width, height)
    assert weights[int(0.7 * height), width // 2] == 1
    rim = [weights[0], weights[-1], weights[:, 0], weights[:, -1], weights[: int(0.42 * height)]]
    assert all((edge == 0).all() for edge in rim)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_every_frame_has_a_window_of_its_own_time(method: Wav2LipMethod, fps: Fraction) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 32_000).astype(np.float32)
    count = int(2 * fps)
    windows = method.windows(Speech(samples=samples), fps, count)
    mel = mel_spectrogram(samples)
    assert windows.shape == (count, 80, 16)
    for index in (0, 7, count // 2):
        start = int(80 * index / fps)
        assert (windows[index] == mel[:, start : start + 16]).all()
    assert (windows[-1] == mel[:, -16:]).all()


def test_an_offset_shifts_the_pairing() -> None:
    plain = frame_starts(Fraction(25), 200, 20)
    earlier = frame_starts(Fraction(25), 200, 20, offset_frames=-1)
    assert (earlier[1:] == plain[:-1]).all()
    assert earlier[0] == 0


def test_a_sound_shorter_than_a_window_is_lengthened_by_silence(method: Wav2LipMethod) -> None:
    windows = method.windows(Speech(samples=np.ones(1000, np.float32)), Fraction(25), 3)
    assert windows.shape == (3, 80, 16)
    assert (windows[:, :, -5:] == SILENCE).all()


def checkpoint(folder: Path, content: object) -> Path:
    path = folder / "wav2lip.pth"
    torch.save(content, path)
    return path


def test_a_published_file_is_converted_once(tmp_path: Path) -> None:
    state = Wav2Lip().state_dict()
    wrapped = {f"module.{key}": value for key, value in state.items()}
    path = convert(checkpoint(tmp_path, {"state_dict": wrapped, "global_step": 1}), tmp_path)
    assert path.suffix == ".safetensors"
    again = read(tmp_path).state_dict()
    assert all((again[key] == value).all() for key, value in state.items())


class Trap:
    """Unpickled, it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_another_file_is_refused_and_nothing_in_it_is_executed(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    with pytest.raises(CheckpointMismatch, match="it cannot be read as numbers alone"):
        convert(checkpoint(tmp_path, {"state_dict": Trap(trap)}), tmp_path)
    assert not trap.exists()
    with pytest.raises(CheckpointMismatch, match="Missing key"):
        convert(checkpoint(tmp_path, {"state_dict": {"x": torch.zeros(1)}}), tmp_path)
    with pytest.raises(MethodNotInstalled, match="research"):
        read(tmp_path)
    (tmp_path / PLACE).parent.mkdir()
    (tmp_path / PLACE).write_bytes(b"no numbers")
    with pytest.raises(CheckpointMismatch, match="no converted Wav2Lip"):
        read(tmp_path)
