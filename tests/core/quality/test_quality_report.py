"""The report of a whole render: with an engine of known motion, and with the mesh engine."""

import json
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.options import SILENT_MP4, Delivery, RenderOptions, VideoFormat
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.report import QualityReport, RenderWarning
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest
from tests.core.clips import moving_clip
from tests.core.swaying import Sway, SwayingEngine, soft_portrait

ASTRONAUT = Path(str(files("skimage"))) / "data" / "astronaut.png"
STRONG = RenderOptions(driving_multiplier=1.0)


def swaying(
    tmp_path: Path, engine: SwayingEngine, delivery: Delivery = SILENT_MP4
) -> QualityReport:
    portrait = soft_portrait(tmp_path / "p.png", 160, 200)
    report = Renderer(engine, reason="test").render(
        RenderRequest(
            portrait=portrait,
            motion=MotionTemplate(motion=Sway(fps=Fraction(24), frame_count=24)),
            output=tmp_path / "out",
            options=STRONG,
            delivery=delivery,
        )
    )
    assert report.quality is not None
    return report.quality


def test_a_closed_loop_steps_no_further_at_its_seam(tmp_path: Path) -> None:
    quality = swaying(tmp_path, SwayingEngine())
    assert quality.frames == 24
    assert 0 < quality.loop_step_levels <= 1.5 * quality.median_step_levels
    assert quality.touched_outside_share == 0
    assert quality.measured_fps == quality.wanted_fps == 24
    assert quality.worst_frame_offset_ms == 0


def test_a_loop_left_open_shows(tmp_path: Path) -> None:
    quality = swaying(tmp_path, SwayingEngine(is_jumping=True))
    assert quality.loop_step_levels > 3 * quality.median_step_levels


def test_what_nobody_measured_is_not_made_up(tmp_path: Path) -> None:
    quality = swaying(tmp_path, SwayingEngine())
    assert quality.driving_frames is None
    assert quality.frames_without_face is None
    assert quality.jitter_driving_per_mille is None
    assert quality.lip_ratio_at_rest is None  # no face in that picture
    told = quality.as_json()
    assert told["drivingFrames"] is None
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("form", [VideoFormat.GIF, VideoFormat.WEBP])
def test_other_forms_say_how_well_they_keep_the_rate(tmp_path: Path, form: VideoFormat) -> None:
    quality = swaying(tmp_path, SwayingEngine(), Delivery(format=form, longest_side_px=100))
    assert 22 <= quality.frames <= 24  # neighbours that are alike are one
    assert float(quality.measured_fps) == pytest.approx(24, rel=0.01)
    assert 0 < quality.worst_frame_offset_ms <= 10


def test_the_driving_clip_is_measured_as_it_is_decoded(tmp_path: Path) -> None:
    portrait = soft_portrait(tmp_path / "p.png")
    clip = moving_clip(tmp_path / "c.mp4", rate="60", seconds=0.7)
    report = Renderer(SwayingEngine(), reason="test").render(
        RenderRequest(
            portrait=portrait, motion=Clip(path=clip), output=tmp_path / "a.mp4", options=STRONG
        )
    )
    assert report.quality is not None
    assert report.quality.driving_frames == 21  # at 30 a second
    assert report.quality.jitter_driving_per_mille is not None
    assert report.quality.warnings == report.warnings
    assert RenderWarning.LANDMARKS_INTERPOLATED in report.warnings


def test_a_face_through_the_mesh_engine(tmp_path: Path) -> None:
    renderer = open_renderer("mesh", tmp_path)
    hero, out = tmp_path / "hero.mp4", tmp_path / "a.mp4"
    motion = synthetic_idle(seed=3, seconds=1.0, fps=Fraction(24))
    renderer.render(
        RenderRequest(
            portrait=ASTRONAUT, motion=MotionTemplate(motion=motion), output=hero, options=STRONG
        )
    )
    quality = renderer.render(
        RenderRequest(
            portrait=ASTRONAUT, motion=Clip(path=hero), output=out, options=RenderOptions()
        )
    ).quality
    assert quality is not None
    assert (quality.driving_frames, quality.frames_without_face) == (24, 0)
    assert quality.touched_outside_share == 0
    assert quality.seam_levels is not None
    assert quality.seam_levels < 0.5
    assert quality.ring_delta_e is not None
    assert quality.ring_delta_e < 1
    assert quality.lip_ratio_portrait is not None
    assert quality.lip_ratio_at_rest is not None
    # She smiles; lip normalisation closes her mouth.
    assert quality.lip_ratio_portrait > 0.1 > quality.lip_ratio_at_rest
    assert quality.jitter_result_per_mille is not None
    assert np.isfinite(quality.jitter_result_per_mille)


def test_without_paste_back_there_is_no_border(tmp_path: Path) -> None:
    renderer = open_renderer("mesh", tmp_path)
    motion = synthetic_idle(seed=3, seconds=0.5, fps=Fraction(12))
    options = RenderOptions(paste_back=False)
    quality = renderer.render(
        RenderRequest(
            portrait=ASTRONAUT,
            motion=MotionTemplate(motion=motion),
            output=tmp_path / "a.mp4",
            options=options,
        )
    ).quality
    assert quality is not None
    assert quality.ring_delta_e is None
    assert quality.touched_outside_share is None
    assert quality.lip_ratio_at_rest is not None
