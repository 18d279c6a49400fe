"""A bound on the rate: grain, which takes any number of bits, keeps to it."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.errors import InvalidOption
from liveportrait_core.inspection import read_mp4
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings, encoding
from liveportrait_core.options import Delivery, RenderOptions, VideoFormat
from liveportrait_core.renderer import Renderer
from liveportrait_core.request import MotionTemplate, RenderRequest
from tests.core.swaying import Sway, SwayingEngine

SIDE = 160
FPS = Fraction(24)


def grain(path: Path, seconds: int, **how: object) -> Path:
    """A frame of noise that wanders, which is what a warp makes of a photograph's grain."""
    noise = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE + 48, 3), np.uint8)
    settings = EncoderSettings(width_px=SIDE, height_px=SIDE, rate_fps=FPS, **how)  # type: ignore[arg-type]
    with FrameEncoder(path, settings) as encoder:
        for place in range(int(seconds * FPS)):
            left = abs(place % 96 - 48)
            encoder.write(np.ascontiguousarray(noise[:, left : left + SIDE]))
    return path


@pytest.mark.parametrize("is_preview", [False, True])
def test_no_second_of_it_has_more(tmp_path: Path, is_preview: bool) -> None:
    free = read_mp4(grain(tmp_path / "a.mp4", 4, is_preview=is_preview))
    bound = free.peak_mbit_s / 2
    kept = grain(tmp_path / "b.mp4", 4, is_preview=is_preview, peak_mbit_s=bound)
    facts = read_mp4(kept)
    assert bound / 2 < facts.peak_mbit_s <= bound
    assert sum(facts.sizes) < sum(free.sizes)
    again = grain(tmp_path / "c.mp4", 4, is_preview=is_preview, peak_mbit_s=bound)
    assert again.read_bytes() == kept.read_bytes()


def test_without_a_bound_the_encoder_is_told_what_it_always_was(tmp_path: Path) -> None:
    settings = EncoderSettings(width_px=SIDE, height_px=SIDE, rate_fps=FPS)
    told = encoding(settings, tmp_path / "a.mp4")
    assert not {"-maxrate", "-bufsize"} & set(told)


@pytest.mark.parametrize("rate", [0.0, 0.4, 100.1, float("nan")])
def test_a_bound_is_within_reason(rate: float) -> None:
    with pytest.raises(InvalidOption, match=r"peak rate in Mbit/s is .*; accepted: 0\.5 to 100"):
        Delivery(peak_mbit_s=rate)


@pytest.mark.parametrize("form", [VideoFormat.GIF, VideoFormat.WEBP])
def test_what_has_no_rate_is_not_bound(form: VideoFormat) -> None:
    with pytest.raises(InvalidOption, match=r"and (gif|webp) has no rate; accepted: none, or mp4"):
        Delivery(peak_mbit_s=8, format=form)


def test_a_render_keeps_to_it_and_tells_its_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (200, 160, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "p.png")
    request = RenderRequest(
        portrait=tmp_path / "p.png",
        motion=MotionTemplate(motion=Sway(fps=FPS, frame_count=48)),
        output=tmp_path / "a.mp4",
        options=RenderOptions(driving_multiplier=1.0),
        delivery=Delivery(peak_mbit_s=0.5),
    )
    report = Renderer(SwayingEngine(), reason="test").render(request)
    assert report.quality is not None
    told = json.loads(json.dumps(report.quality.as_json()))["file"]
    facts = read_mp4(tmp_path / "a.mp4")
    assert told["bytes"] == (tmp_path / "a.mp4").stat().st_size == report.size_bytes
    assert told["peakMbitPerS"] == pytest.approx(facts.peak_mbit_s, abs=1e-3)
    assert 0.1 < told["peakMbitPerS"] <= 0.5
