"""The fit of the mouth's map: what a phone is, and that a voice that is tested was not learnt."""

import numpy as np
import pytest

from benchmarks.mouth_fit.examples import Example
from benchmarks.mouth_fit.fit import held_out
from benchmarks.mouth_fit.phones import of_arpabet, of_ipa


@pytest.mark.parametrize(
    ("phone", "shapes"),
    [
        ("b", "PP"), ("tʃ", "CH"), ("aɪ", "aa ih"), ("oʊ", "oh ou"), ("yː", "ou"), ("ɑ̃", "aa"),
        ("", "sil"),
    ],
)  # fmt: skip
def test_a_phone_of_the_ipa(phone: str, shapes: str) -> None:
    assert " ".join(of_ipa(phone)) == shapes


def test_a_phone_of_arpabet() -> None:
    assert of_arpabet("ow") == ("oh", "ou")
    with pytest.raises(KeyError):
        of_arpabet("ö")


def clip(voice: str, sign: float, rng: np.random.Generator) -> Example:
    """A voice in which a shape is told by one band, one way or the other."""
    features = rng.standard_normal((200, 4))
    wanted = 0.5 + 0.1 * sign * features[:, :1].repeat(3, 1)
    return Example(
        voice=voice, features=features, wanted=wanted, ruled=wanted[:, :2], loudness=wanted[:, 0]
    )


def test_a_voice_is_judged_by_what_the_others_taught() -> None:
    rng = np.random.default_rng(0)
    alike = [clip(voice, 1, rng) for voice in "abcd"]
    figures = held_out(alike, alike, lambda curves: curves)["open"]
    assert figures.map > 0.95
    assert abs(figures.null) < 0.3
    other = [*alike, clip("e", -1, rng)]
    assert held_out(other, other[4:], lambda curves: curves)["open"].map < -0.95
