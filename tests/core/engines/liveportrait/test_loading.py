"""Opening the engine from a folder of weights: complete, incomplete, and with other faces."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.engines.liveportrait.loading import open_engine
from liveportrait_core.errors import EngineUnavailable, InvalidOption
from liveportrait_core.face.choice import Detector, FaceOrder
from liveportrait_core.options import Engine
from liveportrait_core.renderer import open_renderer
from tests.core.weights_folders import LANDMARKS, weights_folder

CPU = EngineConfig(device="cpu-torch")
LENIENT = replace(CPU, accept_no_landmarks=True)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder(tmp_path_factory.mktemp("complete"), detector=True)


@pytest.fixture(scope="module")
def without_landmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder(tmp_path_factory.mktemp("without"), landmarks=False)


def test_auto_takes_liveportrait_where_the_weights_are_complete(complete: Path) -> None:
    opened = open_renderer("auto", complete, CPU)
    assert opened.engine is Engine.LIVEPORTRAIT
    assert "is complete; networks on cpu fp32" in opened.reason
    assert opened.engine_version.startswith("liveportrait-3-")


def test_auto_takes_the_mesh_where_they_are_not_and_says_what_is_missing(
    without_landmarks: Path,
) -> None:
    opened = open_renderer("auto", without_landmarks)
    assert opened.engine is Engine.MESH
    assert "has no landmarks_203" in opened.reason


def test_without_landmarks_it_refuses_and_names_the_file(without_landmarks: Path) -> None:
    with pytest.raises(EngineUnavailable, match=rf"without .*{LANDMARKS}.*weights fetch --to"):
        open_renderer("liveportrait", without_landmarks)


def test_without_landmarks_it_may_be_told_to_go_on(
    without_landmarks: Path, complete: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        opened = open_renderer("liveportrait", without_landmarks, LENIENT)
    assert "has no landmark.onnx: the face mesh's points serve" in caplog.text
    usual = open_renderer("liveportrait", complete, LENIENT)
    assert opened.engine_version != usual.engine_version


def test_the_other_detector_is_another_version(complete: Path) -> None:
    versions = {
        open_engine(complete, replace(CPU, detector=detector)).version for detector in Detector
    }
    assert len(versions) == 2


def test_the_other_detectors_files_are_named_where_they_are_missing(
    without_landmarks: Path,
) -> None:
    with pytest.raises(EngineUnavailable, match=r"landmark\.onnx.*det_10g\.onnx.*2d106det\.onnx"):
        open_renderer(
            "liveportrait", without_landmarks, replace(LENIENT, detector=Detector.INSIGHTFACE)
        )


def test_a_damaged_file_is_found_before_anything_is_rendered(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path)
    data = bytearray((folder / LANDMARKS).read_bytes())
    data[-1] ^= 1
    (folder / LANDMARKS).write_bytes(data)
    with pytest.raises(EngineUnavailable, match=r"landmark\.onnx is truncated, altered"):
        open_renderer("liveportrait", folder, CPU)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (EngineConfig(device="tpu"), "device is 'tpu'"),
        (EngineConfig(device="cpu-torch", precision="int8"), "precision is 'int8'"),
    ],
)
def test_unknown_names_are_refused(config: EngineConfig, message: str, complete: Path) -> None:
    with pytest.raises(InvalidOption, match=message):
        open_renderer("liveportrait", complete, config)


def test_mediapipe_takes_the_largest_central_face() -> None:
    with pytest.raises(InvalidOption, match="takes the largest central face, not left-right"):
        EngineConfig(face_order=FaceOrder.LEFT_RIGHT)
    EngineConfig(face_order=FaceOrder.LEFT_RIGHT, detector=Detector.INSIGHTFACE)
