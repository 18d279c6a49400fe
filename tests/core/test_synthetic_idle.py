"""A portrait moved without any driving clip, from file to file."""

from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from liveportrait_core import RenderOptions, SyntheticIdle
from liveportrait_core.errors import InvalidOption
from liveportrait_core.inspection import inspect
from liveportrait_core.options import Engine
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.request import RenderRequest
from tests.core.swaying import SwayingEngine

HOPPER = Path("emulator/seed/grace_hopper.jpg")
IDLE = SyntheticIdle(seed=5, seconds=2.0, fps=Fraction(15))


class WithoutIdle(SwayingEngine):
    engine = Engine.LIVEPORTRAIT


def test_a_portrait_idles_without_a_clip(tmp_path: Path) -> None:
    portrait, video = tmp_path / "portrait.png", tmp_path / "idle.mp4"
    picture = cv2.imread(str(HOPPER))
    assert picture is not None
    cv2.imwrite(str(portrait), cv2.resize(picture, (256, 300), interpolation=cv2.INTER_AREA))
    poster = tmp_path / "poster.jpg"
    report = open_renderer("mesh", Path("weights")).render(
        RenderRequest(
            portrait=portrait, motion=IDLE, output=video, poster=poster, options=RenderOptions()
        )
    )
    assert (report.frame_count, report.fps) == (30, Fraction(15))
    assert poster.is_file()
    assert [check for check in inspect(video, portrait=portrait).checks if not check.ok] == []


def test_an_engine_that_knows_no_idle_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="accepted: mesh"):
        Renderer(WithoutIdle(), reason="a test").render(
            RenderRequest(
                portrait=HOPPER, motion=IDLE, output=tmp_path / "idle.mp4", options=RenderOptions()
            )
        )


@pytest.mark.parametrize("seconds", [0.4, 61, float("nan")])
def test_a_length_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(InvalidOption, match=r"accepted: 0\.5 to 60"):
        SyntheticIdle(seconds=seconds)
