"""What is read from sound: where the mouth opens, closes and rests."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from liveportrait_core.speech.reader import SoundReader
from liveportrait_core.speech.values import MOUTH_SHAPES, MouthTrack, Speech
from tests.core.sounds import Samples, burst, silence, speech, spoken

RATES = (Fraction(24), Fraction(25), Fraction(30000, 1001))
WORD = spoken((" ", 0.3), ("a", 0.25), ("m", 0.09), ("a", 0.25), (" ", 0.4))


def read(samples: Samples, fps: Fraction = Fraction(25)) -> MouthTrack:
    sound: Speech = speech(samples)
    return SoundReader().read(
        sound, fps, -(-sound.seconds.numerator * fps // sound.seconds.denominator)
    )


def shape(track: MouthTrack, name: str) -> NDArray[np.float32]:
    """What is shown of it, with the idle's part left out."""
    return track.activity * track.shapes[:, MOUTH_SHAPES.index(name)]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("begin_s", [0.5, 0.61, 1.0])
def test_a_tone_opens_the_mouth_when_it_is_heard_and_nowhere_else(
    fps: Fraction, begin_s: float
) -> None:
    track = read(burst(2, begin_s=begin_s, end_s=begin_s + 0.3), fps)
    opening = shape(track, "open")
    frame_s = float(1 / fps)
    first, *_, last = np.flatnonzero(opening > 0.5 * opening.max()) * frame_s
    assert opening.max() > 0.6
    assert first == pytest.approx(begin_s, abs=frame_s + 1e-9)
    assert begin_s + 0.2 < last < begin_s + 0.5
    times_s = np.arange(track.frame_count) * frame_s
    rests = (times_s < begin_s - 0.1 - frame_s) | (times_s > begin_s + 0.5 + frame_s)
    assert rests.sum() > 10
    assert not track.activity[rests].any()
    assert not track.shapes[rests].any()


@pytest.mark.parametrize("fps", RATES)
def test_m_closes_for_two_frames_at_least(fps: Fraction) -> None:
    track = read(WORD, fps)
    is_closed = (shape(track, "press") == 1) & (track.shapes[:, 0] == 0)
    (closed,) = [np.flatnonzero(is_closed)]
    assert len(closed) >= 2
    assert np.array_equal(closed, np.arange(closed[0], closed[-1] + 1))
    assert 0.42 < closed.mean() / fps < 0.64  # the hum is heard from 0.55 to 0.64 s
    opening = shape(track, "open")
    assert opening[: closed[0]].max() > 0.5
    assert opening[closed[-1] :].max() > 0.5


def test_vowels_differ() -> None:
    track = read(spoken((" ", 0.2), ("a", 0.4), ("i", 0.4), ("u", 0.4), (" ", 0.2)))
    when = {"a": slice(7, 11), "i": slice(17, 21), "u": slice(26, 30)}
    opens, spreads, rounds = (
        {vowel: shape(track, name)[frames].mean() for vowel, frames in when.items()}
        for name in ("open", "wide", "round")
    )
    assert opens["a"] > 1.5 * max(opens["i"], opens["u"])
    assert spreads["i"] > spreads["a"] + 0.2
    assert spreads["i"] > spreads["u"] + 0.2
    assert rounds["u"] > max(rounds["a"], rounds["i"]) + 0.1


def test_f_bites_and_s_does_not() -> None:
    bites = {
        hiss: shape(
            read(spoken((" ", 0.2), ("a", 0.2), (hiss, 0.12), ("a", 0.2), (" ", 0.2))), "bite"
        ).max()
        for hiss in "fs"
    }
    assert bites["f"] > 0.3
    assert bites["s"] < 0.1


@pytest.mark.parametrize("sound", [silence(1), silence(1) + np.float32(0.3), silence(0.01)])
def test_silence_moves_nothing(sound: Samples) -> None:
    track = read(sound)
    assert not track.activity.any()
    assert not track.shapes.any()


def test_neither_end_jumps() -> None:
    track = read(spoken(("a", 0.5)))
    assert track.activity[0] == track.activity[-1] == 0
    assert track.activity.max() == 1


def test_frames_behind_the_sound_rest() -> None:
    track = SoundReader().read(speech(WORD), Fraction(25), 100)
    assert track.frame_count == 100
    assert not track.activity[40:].any()
    assert SoundReader().read(speech(WORD), Fraction(25), 0).frame_count == 0


def test_the_mouth_opens_no_faster_than_in_80_ms() -> None:
    for fps in RATES:
        opening = shape(read(WORD, fps), "open")
        assert np.diff(opening).max() <= float(1 / fps) / 0.080 + 1e-6


def test_the_same_sound_gives_the_same_bytes() -> None:
    first, again = read(WORD), read(WORD.copy())
    assert first.shapes.tobytes() == again.shapes.tobytes()
    assert first.activity.tobytes() == again.activity.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda sound: sound + np.float32(0.25),  # an offset
        lambda sound: np.clip(2 * sound, -0.3, 0.3),  # clipped
        lambda sound: 0.05 * sound,  # quiet
        lambda sound: 4 * sound,  # beyond full scale
    ],
)  # fmt: skip
def test_how_it_was_recorded_hardly_counts(change: object) -> None:
    assert callable(change)
    opening, changed = shape(read(WORD), "open"), shape(read(change(WORD)), "open")
    assert np.corrcoef(opening, changed)[0, 1] > 0.9
    assert np.abs(opening - changed).mean() < 0.1


def test_a_background_of_noise_moves_nothing_in_the_pauses() -> None:
    noise = 0.003 * np.random.default_rng(3).standard_normal(len(WORD))
    track = read((WORD + noise).astype(np.float32))
    assert not track.activity[:4].any()
    assert not track.activity[-3:].any()
    assert shape(track, "open").max() > 0.5
