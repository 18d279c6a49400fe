"""The fitted numbers: from where they are, what they are worth, and that the reader needs them."""

import json
from importlib import resources
from typing import Any

import numpy as np
import pytest

from liveportrait_core.speech.voice.activity import voiced_rows
from liveportrait_core.speech.voice.mouth_map import NUMBERS, fitted_shapes
from liveportrait_core.speech.voice.spectrum import power_spectra
from tests.core.sounds import spoken

FILE = resources.files("liveportrait_core.speech.voice").joinpath(NUMBERS)


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return content


def test_their_origin_stands_beside_them(content: dict[str, Any]) -> None:
    assert len(FILE.read_bytes()) < 100_000
    assert content["made by"] == "python -m benchmarks.mouth_fit"
    assert all("(" in each for each in content["material"]["synthesisers"])  # a licence
    assert {len(column) for column in content["weights"].values()} == {338}


def test_on_voices_that_it_never_heard_it_is_better_than_chance_and_loudness(
    content: dict[str, Any],
) -> None:
    for figures in content["held out by voice"].values():
        for shape in ("open", "wide", "round"):
            assert figures[shape]["reader"] > 0.45
            assert abs(figures[shape]["null"]) < 0.1
            assert figures[shape]["reader"] > figures[shape]["loudness"] + 0.1


def test_vowels_differ_by_the_map_alone() -> None:
    powers = power_spectra(spoken(("a", 0.4), ("i", 0.4), ("u", 0.4)))
    shapes = fitted_shapes(powers, voiced_rows(powers))
    means = np.array([shapes[begin : begin + 20].mean(0) for begin in (10, 50, 90)])
    assert means.argmax(0).tolist() == [0, 1, 2]  # a opens, i is wide, u is round
