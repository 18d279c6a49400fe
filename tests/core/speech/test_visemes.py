"""Timed visemes of every synthesiser, and spelling, become a mouth over the voice alone."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from liveportrait_core.errors import InvalidOption
from liveportrait_core.speech.reader import SoundReader, TextReader
from liveportrait_core.speech.spelling import visemes_of
from liveportrait_core.speech.values import MOUTH_SHAPES, MouthTrack
from liveportrait_core.speech.viseme_formats import VISEMES, TimedViseme, parse_visemes
from liveportrait_core.speech.visemes import MOUTHS, VisemeReader
from tests.core.sounds import Samples, burst, silence, speech, spoken

FPS = Fraction(25)
TONE = burst(2, begin_s=0.4, end_s=1.6)
WORD = (
    ("sil", 0),
    ("PP", 400),
    ("aa", 520),
    ("FF", 800),
    ("ou", 1000),
    ("ih", 1300),
    ("sil", 1600),
)


def read(samples: Samples, visemes: tuple[TimedViseme, ...]) -> MouthTrack:
    return VisemeReader(visemes=visemes).read(speech(samples), FPS, 50)


def at(track: MouthTrack, second: float) -> dict[str, float]:
    """What is shown when the lips are where they are heard at that moment."""
    row = track.shapes[round((second - 0.08) * FPS)]
    return dict(zip(MOUTH_SHAPES, row.tolist(), strict=True))


def test_each_viseme_is_shown_when_it_is_heard() -> None:
    track = read(TONE, tuple(TimedViseme(at_ms=ms, viseme=name) for name, ms in WORD))
    assert (at(track, 0.44)["press"], at(track, 0.44)["open"]) == (1, 0)
    assert at(track, 0.68)["open"] > 0.8
    assert at(track, 0.88)["bite"] > 0.7
    assert at(track, 1.16)["round"] > 0.8
    assert at(track, 1.44)["wide"] > 0.5
    rests = [*range(8), *range(46, 50)]
    assert not track.activity[rests].any()
    assert track.activity[12:34].min() == 1


def test_where_no_voice_is_heard_visemes_move_nothing() -> None:
    visemes = (TimedViseme(at_ms=0, viseme="aa"),)
    assert not read(silence(2), visemes).activity.any()
    late = read(burst(2, begin_s=1.2, end_s=1.5), visemes)
    assert not late.activity[:20].any()
    assert late.activity.max() == 1


def test_the_table_knows_every_viseme() -> None:
    assert tuple(MOUTHS) == VISEMES


OURS = [{"ms": 0, "viseme": "PP"}, {"ms": 80, "viseme": "aa"}, {"ms": 250, "viseme": "sil"}]
EXPECTED = (("PP", 0), ("aa", 80), ("sil", 250))


def lines(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OURS),
        json.dumps([{"ms": 0, "viseme": 21}, {"ms": 80.2, "viseme": 2}, {"ms": 250, "viseme": 0}]),
        json.dumps([{"ms": 0, "viseme": "p"}, {"ms": 80, "viseme": "a"}, {"ms": 250, "viseme": 0}]),
        json.dumps([
            {"audioOffset": 0, "visemeId": 21}, {"audioOffset": 800_000, "visemeId": 1},
            {"audioOffset": 2_500_000, "visemeId": 0},
        ]),
        lines(
            {"time": 0, "type": "word", "start": 0, "end": 2, "value": "Pa"},
            {"time": 0, "type": "viseme", "value": "p"},
            {"time": 80, "type": "viseme", "value": "a"},
            {"time": 250, "type": "viseme", "value": "sil"},
        ),
        json.dumps({"alignment": {
            "characters": ["P", "a"],
            "character_start_times_seconds": [0.0, 0.08],
            "character_end_times_seconds": [0.08, 0.25],
        }}),
    ],
    ids=["ours", "Azure's numbers", "Polly's names", "Azure", "Polly", "ElevenLabs"],
)  # fmt: skip
def test_every_form_says_the_same(text: str) -> None:
    assert tuple((each.viseme, each.at_ms) for each in parse_visemes(text)) == EXPECTED


def test_an_alignment_s_pauses_are_silent() -> None:
    times = [0.0, 0.1, 0.2, 0.6]
    alignment = {
        "characters": ["M", "o", " ", "v"],
        "character_start_times_seconds": times,
        "character_end_times_seconds": [*times[1:], 0.7],
    }
    names = [(each.viseme, each.at_ms) for each in parse_visemes(json.dumps(alignment))]
    assert names == [("PP", 0), ("oh", 100), ("sil", 200), ("FF", 600), ("sil", 700)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "line 1, are no JSON"),
        ("[" * 100_000, "line 1, are no JSON"),
        ("7", "visemes are a int"),
        ('["PP"]', "row 1, is 'PP'"),
        ('[{"ms": 0, "viseme": "PP"}, {"at": 3}]', "row 2, has the fields at"),
        ('[{"ms": 0, "viseme": "PP"}, {"ms": 9, "viseme": "oops"}]', "row 2: viseme is 'oops'"),
        ('[{"ms": 0, "viseme": 22}]', "row 1: viseme is 22"),
        ('[{"ms": 0, "viseme": true}]', "row 1: viseme is True"),
        ('[{"ms": -1, "viseme": "PP"}]', "row 1, is at -1"),
        ('[{"ms": NaN, "viseme": "PP"}]', "row 1, is at nan"),
        ('[{"ms": "0", "viseme": "PP"}]', "row 1, is at '0'"),
        ('[{"audioOffset": "0", "visemeId": 1}]', "row 1, is at '0'"),
        ('[{"ms": 9, "viseme": "PP"}, {"ms": 3, "viseme": "aa"}]', "in the order of time"),
        ('{"characters": ["a"]}', "three lists of one length"),
        (
            '{"characters": ["a"], "character_start_times_seconds": [1], '
            '"character_end_times_seconds": [0]}',
            "character 1, is 'a' from 1 to 0",
        ),
        (json.dumps(OURS[:1] * 10_001), "10001 visemes"),
    ],
)
def test_what_is_no_viseme_is_named_by_its_row(text: str, says: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        parse_visemes(text)
    assert says in str(refusal.value)
    assert "accepted: " in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("Mama", "PP aa PP aa"),
        ("Füße", "FF ou SS E"),
        ("she", "CH E"),
        ("мама", "PP aa PP aa"),
        ("Quai!", "kk ou aa ih"),
        ("e\u0301", "E"),
        ("3", "E nn"),
    ],
)
def test_letters_are_visemes(text: str, shapes: str) -> None:
    assert [shape for group in visemes_of(text) for shape in group] == shapes.split()


@pytest.mark.parametrize(
    ("text", "says"),
    [("...", "no letters"), ("a 木", "holds '木', character 3"), ("a" * 5001, "5001 characters")],
)
def test_a_text_that_cannot_be_spelt_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        TextReader(text=text)


def test_a_text_is_spread_over_the_voice_clause_by_clause() -> None:
    """A long and a short clause, and a pause where the comma is."""
    sound = np.concatenate([silence(0.2), burst(0.8, begin_s=0, end_s=0.8), silence(0.5),
                            burst(0.3, begin_s=0, end_s=0.3), silence(0.2)])  # fmt: skip
    track = TextReader(text="Arara rarara, puh").read(speech(sound), FPS, 50)
    closed_s = np.flatnonzero(track.shapes[:, MOUTH_SHAPES.index("press")] == 1) / float(FPS)
    assert 1.3 < closed_s.min() < 1.5  # the "p" is the first thing behind the pause
    assert closed_s.max() < 1.6
    assert not track.activity[32].any()


def test_readers_rest_alike() -> None:
    sound = speech(spoken((" ", 0.3), ("a", 0.6), (" ", 0.6)))
    spoken_a = (TimedViseme(at_ms=0, viseme="aa"),)
    readers = SoundReader(), TextReader(text="aaa"), VisemeReader(visemes=spoken_a)
    for reader in readers:
        track = reader.read(sound, FPS, 38)
        assert track.activity[0] == track.activity[-1] == 0
        assert not track.activity[-6:].any()
        assert track.activity.max() == 1
