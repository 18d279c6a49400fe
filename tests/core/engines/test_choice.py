"""An engine's name without opening it: the very string that the opened engine has."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from liveportrait_core.engines.choice import engine_identity
from liveportrait_core.engines.liveportrait.config import (
    DEFAULT_CONFIG,
    EngineConfig,
    engine_version,
)
from liveportrait_core.engines.liveportrait.motion.settings import AnimationSettings, MotionMode
from liveportrait_core.errors import EngineUnavailable, InvalidOption
from liveportrait_core.face.choice import Detector
from liveportrait_core.options import Engine
from liveportrait_core.renderer import open_renderer
from tests.core.weights_folders import weights_folder

CPU = EngineConfig(device="cpu-torch", precision="fp32")


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder(tmp_path_factory.mktemp("complete"), detector=True)


@pytest.fixture(scope="module")
def without_landmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder(tmp_path_factory.mktemp("without"), landmarks=False)


@pytest.mark.parametrize(
    "config",
    [
        CPU,
        replace(CPU, precision="bf16"),
        replace(CPU, detector=Detector.INSIGHTFACE),
        replace(CPU, animation=AnimationSettings(mode=MotionMode.ABSOLUTE)),
    ],
)
def test_liveportrait_is_named_as_it_opens(complete: Path, config: EngineConfig) -> None:
    opened = open_renderer("liveportrait", complete, config)
    named = engine_identity("liveportrait", complete, config)
    assert (named.engine, named.engine_version) == (opened.engine, opened.engine_version)


def test_without_landmarks_it_has_another_name_that_is_the_opened_ones(
    without_landmarks: Path, complete: Path
) -> None:
    lenient = replace(CPU, accept_no_landmarks=True)
    opened = open_renderer("auto", complete, lenient)
    fewer = engine_identity("liveportrait", without_landmarks, lenient)
    assert fewer.engine_version != opened.engine_version
    assert (
        open_renderer("liveportrait", without_landmarks, lenient).engine_version
        == fewer.engine_version
    )


def test_the_mesh_is_named_as_it_opens(without_landmarks: Path) -> None:
    for asked in ("mesh", "auto"):
        opened, named = (
            open_renderer(asked, without_landmarks),
            engine_identity(asked, without_landmarks),
        )
        assert named.engine is Engine.MESH
        assert named.engine_version == opened.engine_version


def test_a_precision_that_only_the_device_can_tell_is_refused(complete: Path) -> None:
    with pytest.raises(InvalidOption, match=r"precision is 'auto'.*fp32, fp16, bf16, mixed"):
        engine_identity("liveportrait", complete, EngineConfig())


def test_missing_files_are_named(without_landmarks: Path) -> None:
    with pytest.raises(EngineUnavailable, match="weights fetch --to"):
        engine_identity("liveportrait", without_landmarks, CPU)


def test_no_network_is_touched(complete: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from liveportrait_core.engines.choice import engine_identity\n"
        "from liveportrait_core.engines.liveportrait.config import EngineConfig\n"
        "config = EngineConfig(precision='fp16')\n"
        "print(engine_identity('liveportrait', Path(sys.argv[1]), config))\n"
        "heavy = ('torch', 'onnxruntime', 'mediapipe', 'cv2', 'scipy')\n"
        "sys.exit(any(name in sys.modules for name in heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(complete)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "liveportrait-3-" in done.stdout


@pytest.mark.parametrize(
    ("precision", "digest"),
    [("fp16", "70e5274a"), ("fp32", "ab08f1f0"), ("bf16", "3abd8725"), ("mixed", "5f9958a9")],
)
def test_the_version_of_the_defaults_is_the_one_that_renders_are_filed_under(
    precision: str, digest: str
) -> None:
    """Another digest here renders every avatar again: raise REVISION with it, or take it back."""
    version = engine_version(
        DEFAULT_CONFIG,
        finder_version="mediapipe 1.2.3",
        has_landmarks=True,
        precision=precision,
        digests=["f00d"],
    )
    assert version == f"liveportrait-3-{digest}"
