"""How well a video follows its driving clip, measured on videos of which it is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.__main__ import main
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.errors import VideoNoFace, VideoTooShort
from liveportrait_core.inspection import Following, measure_following
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.options import AnimationRegion, RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest
from tests.core.clips import moving_clip
from tests.core.engines.mesh.motions import held

FULL_MOTION = RenderOptions(driving_multiplier=1.0, normalize_lip=False)


@pytest.fixture(scope="module")
def renderer(engine: MeshEngine) -> Renderer:
    return Renderer(engine, reason="a test asks for it")


@pytest.fixture(scope="module")
def driving(renderer: Renderer, astronaut: Frame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut sways and blinks, 3.2 s."""
    folder = tmp_path_factory.mktemp("driving")
    write_picture(astronaut, folder / "astronaut.png")
    idle = synthetic_idle(seed=3, seconds=3.2, fps=held().fps)
    renderer.render(
        RenderRequest(
            portrait=folder / "astronaut.png",
            motion=MotionTemplate(motion=idle),
            output=folder / "driving.mp4",
            options=FULL_MOTION,
        )
    )
    return folder / "driving.mp4"


@pytest.fixture(scope="module")
def portrait(hopper: Frame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "hopper.png"
    write_picture(hopper, path)
    return path


def followed(
    renderer: Renderer, portrait: Path, driving: Path, video: Path, region: AnimationRegion
) -> Following:
    options = RenderOptions(driving_multiplier=0.6, animation_region=region)
    renderer.render(
        RenderRequest(portrait=portrait, motion=Clip(path=driving), output=video, options=options)
    )
    return measure_following(video, driving, max_seconds=10)


def test_a_clip_follows_itself(driving: Path) -> None:
    itself = measure_following(driving, driving, max_seconds=10)
    assert {turning.axis for turning in itself.turnings} == {"pitch", "yaw", "roll"}
    for turning in itself.turnings:
        assert turning.correlation == pytest.approx(1, abs=1e-3)
        assert turning.gain == pytest.approx(1, abs=1e-3)
    assert itself.blinks_hit == itself.blinks >= 1
    assert itself.jitter_per_mille == itself.driving_jitter_per_mille


def test_a_render_follows_its_clip(
    renderer: Renderer, portrait: Path, driving: Path, tmp_path: Path
) -> None:
    seen = followed(renderer, portrait, driving, tmp_path / "v.mp4", AnimationRegion.ALL)
    yaw = next(turning for turning in seen.turnings if turning.axis == "yaw")
    assert yaw.correlation > 0.9
    assert 0.3 < yaw.gain < 0.9
    assert seen.blinks_hit == seen.blinks
    assert seen.edge_residual < 4
    assert seen.edge_steepness < 1


def test_lids_alone_leave_the_head_behind(
    renderer: Renderer, portrait: Path, driving: Path, tmp_path: Path
) -> None:
    seen = followed(renderer, portrait, driving, tmp_path / "v.mp4", AnimationRegion.EYES)
    assert all(abs(turning.gain) < 0.15 for turning in seen.turnings)
    assert seen.blinks_hit == seen.blinks


def test_what_cannot_be_compared_is_refused(driving: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoNoFace):
        measure_following(moving_clip(tmp_path / "wall.mp4"), driving, max_seconds=10)
    with pytest.raises(VideoTooShort, match=r"accepted: more than 1\.2 s"):
        measure_following(driving, driving, max_seconds=1)


def test_inspect_prints_it(
    portrait: Path, driving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["inspect", str(driving), "--portrait", str(portrait), "--following"]
    assert main(asked) == 2
    assert "--driving" in capsys.readouterr().err
    main([*asked, "--driving", str(driving)])
    printed = json.loads(capsys.readouterr().out)["following"]
    assert printed["blinks"] >= 1
    assert np.isclose(printed["turnings"][0]["gain"], 1)
