"""`Speech` and `MouthTrack` refuse what no reader may give."""

from fractions import Fraction

import numpy as np
import pytest

from liveportrait_core.speech.values import MouthTrack, Speech


def _track(shapes: np.ndarray, activity: np.ndarray) -> MouthTrack:
    return MouthTrack(fps=Fraction(25), shapes=shapes, activity=activity)


def test_speech_has_an_exact_duration() -> None:
    assert Speech(samples=np.zeros(16_001, np.float32)).seconds == Fraction(16_001, 16_000)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((2, 8), np.float32), "shape"),
        (np.zeros(8), "float64"),
        (np.array([0, np.nan], np.float32), "finite"),
        (np.array([0, np.inf], np.float32), "finite"),
    ],
)
def test_speech_is_one_row_of_finite_float32(samples: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Speech(samples=samples)


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan])
@pytest.mark.parametrize("field", ["shapes", "activity"])
def test_a_mouth_track_stays_from_0_to_1(value: float, field: str) -> None:
    values = {"shapes": np.zeros((3, 5), np.float32), "activity": np.zeros(3, np.float32)}
    values[field][1] = value
    with pytest.raises(ValueError, match=field):
        _track(**values)


def test_a_mouth_track_has_five_shapes_a_frame() -> None:
    with pytest.raises(ValueError, match=r"\(3, 5\)"):
        _track(np.zeros((2, 5), np.float32), np.zeros(3, np.float32))
    assert _track(np.zeros((3, 5), np.float32), np.zeros(3, np.float32)).frame_count == 3
