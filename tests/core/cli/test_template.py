"""`template`, `pose`, and templates given to `render`: what a person types and gets back."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.__main__ import main
from liveportrait_core.engines.liveportrait.motion.pose import pose_degrees, rotation_matrix
from liveportrait_core.engines.liveportrait.template import load_template, save_template
from liveportrait_core.report import RenderWarning
from tests.core.engines.liveportrait.test_template import Hostile, original, pickled, template
from tests.core.weights_folders import weights_folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def motion(weights: Path, driving: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template that the command made of the clip."""
    out = tmp_path_factory.mktemp("motion") / "motion.npz"
    assert main(["template", str(driving), "-o", str(out), *networks(weights)]) == 0
    return out


def networks(weights: Path) -> list[str]:
    return ["--weights", str(weights), "--device", "cpu-torch"]


def test_a_clip_becomes_a_template(motion: Path, driving: Path) -> None:
    loaded = load_template(motion)
    assert loaded.frame_count == 12
    assert loaded.fps == 24
    assert loaded.warnings == (RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED,)
    assert loaded.source_sha256 == hashlib.sha256(driving.read_bytes()).hexdigest()
    assert float(np.abs(np.diff(loaded.measured.motion.expression, axis=0)).max()) > 0
    assert np.isfinite(loaded.measured.eye_ratios).all()  # for whoever retargets by it


def test_edits_become_a_template_by_a_portrait(
    portrait: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edits, out = tmp_path / "edits.json", tmp_path / "motion.npz"
    edits.write_text('{"fps": 10, "keys": [{"frame": 0}, {"frame": 2, "edit": {"smile": 1}}]}')
    assert main(["template", str(edits), "-o", str(out)]) == 2
    assert "edits.json was given without --portrait" in capsys.readouterr().err
    command = ["template", str(edits), "-o", str(out), "--portrait", str(portrait)]
    assert main([*command, *networks(weights)]) == 0
    assert load_template(out).frame_count == 3
    assert load_template(out).fps == 10


def test_the_pose_of_a_template_is_told_frame_by_frame(
    motion: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pose", str(motion)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["fpsExact"] == "24"
    assert told["unit"] == "degrees"
    angles = pose_degrees(load_template(motion).measured.motion.rotation)
    told_angles = [[frame[name] for name in ("pitch", "yaw", "roll")] for frame in told["frames"]]
    assert np.array(told_angles) == pytest.approx(angles, abs=1e-3)


def test_what_is_neither_picture_nor_clip_has_no_pose(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    assert main(["pose", str(path), *networks(weights)]) == 2
    assert capsys.readouterr().err.startswith("VIDEO_UNSUPPORTED: ")


def test_the_pose_of_a_picture_has_one_frame_and_no_rate(
    portrait: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pose", str(portrait), *networks(weights)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["frames"]) == 1
    assert "fps" not in told


def test_a_template_can_be_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = pickled(tmp_path / "d.pkl", original(40))  # at 20 fps
    assert main(["pose", str(source), "--max-seconds", "0.5"]) == 0
    assert len(json.loads(capsys.readouterr().out)["frames"]) == 10


def test_an_original_template_becomes_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = pickled(tmp_path / "d.pkl", original(5)), tmp_path / "motion.npz"
    assert main(["template", str(source), "-o", str(out)]) == 0
    assert "5 frames at 20 fps" in capsys.readouterr().out
    assert load_template(out).source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


def test_a_hostile_template_ends_in_one_line(
    portrait: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "it-ran"
    hostile = tmp_path / "hostile.pkl"
    hostile.write_bytes(pickle.dumps(Hostile(os.system, f"touch {trace}")))
    out = tmp_path / "a.mp4"
    arguments = ["render", str(portrait), str(hostile), "-o", str(out), *networks(weights)]
    assert main([*arguments, "--engine", "liveportrait"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("VIDEO_UNSUPPORTED: template hostile.pkl: the pickle asks for ")
    assert not trace.exists()
    assert not out.exists()


def test_the_mesh_engine_takes_no_template(
    portrait: Path, motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "a.mp4")
    assert main(["render", str(portrait), str(motion), "-o", out, "--engine", "mesh"]) == 2
    assert "motion.npz is a motion template, which the engine mesh cannot use" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "option",
    [
        ["--motion", "absolute"],
        ["--no-stitch"],
        ["--eye-retargeting", "0.5"],
        ["--crop-driving", "always"],
        ["--lock-scale"],
        ["--smooth-pose", "0.1"],
        ["--lip-closure", "full"],
    ],
)
def test_what_the_mesh_engine_would_ignore_is_refused(
    option: list[str],
    portrait: Path,
    driving: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["render", str(portrait), str(driving), "-o", str(tmp_path / "a.mp4"), *option]
    assert main([*arguments, "--weights", str(tmp_path)]) == 2
    assert f"{option[0]}: only LivePortrait can do that" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--eye-retargeting", "1.5"], "retarget eyes is 1.5; accepted: 0 to 1"),
        (["--smooth-scale", "9"], "smooth scale s is 9.0; accepted: 0 to 1"),
        (["--lip-multiplier", "-1"], "lip multiplier is -1.0; accepted: 0 to 3"),
    ],
)
def test_values_out_of_range_are_refused(
    option: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "portrait.png", tmp_path / "driving.mp4"]
    for file in files:
        file.touch()
    arguments = ["render", *map(str, files), "-o", str(tmp_path / "a.mp4"), *option]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--max-seconds", "0"], ["--device", "tpu"]])
def test_options_out_of_range(
    arguments: list[str], driving: Path, weights: Path, tmp_path: Path
) -> None:
    out = str(tmp_path / "m.npz")
    command = ["template", str(driving), "-o", out, "--weights", str(weights), *arguments]
    assert main(command) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_template_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "motion.npz"
    save_template(template(), source)
    assert main(["template", str(source), "-o", str(tmp_path / "no" / "m.npz")]) == 2
    assert "no folder to write m.npz into" in capsys.readouterr().err


def test_angles_come_back_from_their_matrix() -> None:
    rng = np.random.default_rng(1)
    angles = rng.uniform(-80, 80, (50, 3)).astype(np.float32)
    rotation = rotation_matrix(angles[:, 0], angles[:, 1], angles[:, 2])
    assert pose_degrees(rotation) == pytest.approx(angles, abs=1e-3)
