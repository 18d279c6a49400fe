"""Where an animal's face is, as people write it."""

import re

import pytest

from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import RenderOptions
from liveportrait_core.species import FacePlace, FacePoints, Species, parse_face_location

TAPS = "0.41,0.38 0.6,0.37 0.5,0.62"


def test_three_taps_are_read_and_written() -> None:
    points = parse_face_location(TAPS.replace(" ", ";  "))
    assert points == FacePoints(points=((0.41, 0.38), (0.6, 0.37), (0.5, 0.62)))
    assert str(points) == TAPS


def test_a_word_stands_for_a_place() -> None:
    assert parse_face_location(" cropped ") is FacePlace.CROPPED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "are ''"),
        ("cat", "are 'cat'"),
        ("0.1,0.2 0.3,0.4", "2 of them"),
        ("0.1,0.2 0.3,0.4 0.5", "are '0.1"),
        ("0.1,0.2 0.3,0.4 0.5,1.01", "0.5,1.01"),
        ("0.1,0.2 0.3,0.4 0.5,nan", "0.5,nan"),
        ("0.1,0.2 0.1,0.2 0.5,0.5", "two of them are one"),
    ],
)
def test_what_is_neither_is_refused_with_what_would_be_accepted(text: str, said: str) -> None:
    with pytest.raises(InvalidOption, match=f"{re.escape(said)}.*accepted: three points x,y"):
        parse_face_location(text)


def test_people_are_found_and_not_pointed_out() -> None:
    with pytest.raises(InvalidOption, match="the species is human"):
        RenderOptions(face_points=FacePlace.CROPPED)


def test_animals_may_move_twice_as_much() -> None:
    assert RenderOptions(species=Species.ANIMAL, driving_multiplier=2.0).driving_multiplier == 2
    with pytest.raises(InvalidOption, match=r"accepted: 0\.0 to 1\.0"):
        RenderOptions(driving_multiplier=1.75)
