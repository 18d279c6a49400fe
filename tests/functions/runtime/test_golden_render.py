"""The golden avatar: what a candidate's figures are held to."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from functions.runtime.golden_render import judge, render_golden
from liveportrait_core import Box, Engine, QualityReport, RenderedVideo
from liveportrait_core.renderer import open_renderer

QUALITY = QualityReport(
    frames=60,
    driving_frames=60,
    frames_without_face=0,
    jitter_driving_per_mille=0.04,
    jitter_result_per_mille=0.1,
    median_step_levels=0.2,
    loop_step_levels=0.1,
    lip_ratio_portrait=0.0,
    lip_ratio_at_rest=0.0,
    ring_delta_e=0.1,
    seam_levels=0.1,
    touched_outside_share=0.0,
    wanted_fps=Fraction(30),
    measured_fps=Fraction(30),
    worst_frame_offset_ms=0.0,
    size_bytes=100_000,
    peak_mbit_s=1.0,
    warnings=(),
)
VIDEO = RenderedVideo(
    engine=Engine.LIVEPORTRAIT,
    engine_version="liveportrait-1-0123abcd",
    width_px=256,
    height_px=300,
    frame_count=60,
    fps=Fraction(30),
    size_bytes=100_000,
    box=Box(x0=0, y0=0, x1=256, y1=256),
    warnings=(),
    seconds=(),
    quality=QUALITY,
)


def test_a_good_video_has_no_problems() -> None:
    assert list(judge(VIDEO, 30.0)) == []


@pytest.mark.parametrize(
    ("video", "told"),
    [
        (replace(VIDEO, width_px=512), "512×300 pixels"),
        (replace(VIDEO, frame_count=59), "59 frames; accepted: 60"),
        (replace(VIDEO, quality=None), "not measured"),
        (replace(VIDEO, quality=replace(QUALITY, median_step_levels=0.0)), "nothing moves"),
        (replace(VIDEO, quality=replace(QUALITY, loop_step_levels=0.6)), "first is 0.6"),
        (replace(VIDEO, quality=replace(QUALITY, measured_fps=Fraction(29))), "rate is 29"),
        (replace(VIDEO, quality=replace(QUALITY, worst_frame_offset_ms=1.0)), "rate is 30"),
        (replace(VIDEO, quality=replace(QUALITY, ring_delta_e=2.1)), "border is 2.1"),
        (replace(VIDEO, quality=replace(QUALITY, ring_delta_e=float("nan"))), "border is nan"),
        (replace(VIDEO, quality=replace(QUALITY, seam_levels=None)), "seam is None"),
        (replace(VIDEO, quality=replace(QUALITY, touched_outside_share=0.1)), "box is 0.1"),
        (replace(VIDEO, quality=replace(QUALITY, frames_without_face=1)), "face is 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_figure(video: RenderedVideo, told: str) -> None:
    (problem,) = judge(video, 30.0)
    assert told in problem


def test_a_slow_render_is_a_problem() -> None:
    (problem,) = judge(VIDEO, 121.0)
    assert problem == "it took 121 s; accepted: 120"


def test_an_engine_that_cannot_render_is_a_problem_and_no_fault(tmp_path: Path) -> None:
    """A candidate that can is tests/functions/test_roles.py's."""
    weights, broken = Path("weights"), tmp_path / "golden.jpg"
    broken.write_bytes(b"no picture")
    report = render_golden(open_renderer("mesh", weights), weights, broken)
    assert not report.passed
    assert report.problems[0].startswith("ImageUnsupported: ")
