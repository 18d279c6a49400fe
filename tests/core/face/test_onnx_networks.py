"""Detector and landmark networks on the real onnxruntime, with small files that answer as told."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.face.choice import FaceOrder
from liveportrait_core.face.crop import crop_face, map_points
from liveportrait_core.face.finders import InsightFaceFinder
from liveportrait_core.face.landmarks import LandmarkNetwork
from liveportrait_core.face.scrfd import DETECTOR_FILE, INPUT_PX, LANDMARK_FILE, InsightFaceDetector
from liveportrait_core.face.session import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    ProviderReport,
    open_session,
    report_provider,
)
from tests.core.faces import face_106, face_203, gradient
from tests.golden.onnx_files import write_constant_network

NOTHING = np.zeros((1, 1), np.float32)
PICTURE = gradient(256, 512)  # the detector sees it at its own size, without a resize


def landmark_file(folder: Path, answer: NDArray[Any]) -> Path:
    return write_constant_network(
        folder / "landmark.onnx",
        inputs=(1, 3, 224, 224),
        outputs=[NOTHING, NOTHING, answer.reshape(1, -1).astype(np.float32)],
    )


def detector_folder(folder: Path, *faces: tuple[float, float, float, float]) -> Path:
    """SCRFD that sees faces at (x, y) of a size with a score, and a face in the 106 points."""
    rows = [2 * (INPUT_PX // stride) ** 2 for stride in (8, 16, 32)]
    scores, boxes, points = (
        [np.zeros((count, width), np.float32) for count in rows] for width in (1, 4, 10)
    )
    for x, y, size, score in faces:
        row = 2 * (int(y) // 8 * (INPUT_PX // 8) + int(x) // 8)
        scores[0][row], boxes[0][row] = score, size / 8
    write_constant_network(
        folder / DETECTOR_FILE, inputs=(1, 3, "?", "?"), outputs=[*scores, *boxes, *points]
    )
    answer = face_106(x=0, y=0, size=2 / 3).reshape(1, 212)  # of the square around the box
    write_constant_network(
        folder / LANDMARK_FILE, inputs=("N", 3, 192, 192), outputs=[answer], nodes=("Sub0", "Mul0")
    )
    return folder


def test_landmarks_come_back_from_the_crop_they_were_found_in(tmp_path: Path) -> None:
    near = face_106(x=250, y=120, size=50, angle_rad=0.3)
    crop = crop_face(PICTURE, near, size_px=224, scale=1.5, vy_ratio=-0.1)
    truth = face_203(x=255, y=118, size=45, angle_rad=0.3)
    answer = map_points(truth, crop.original_to_crop) / 224
    network = LandmarkNetwork(landmark_file(tmp_path, answer), provider=CPU_PROVIDER)
    assert network.locate(PICTURE, near) == pytest.approx(truth, abs=1e-2)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"landmark\.onnx is missing.*weights list"):
        LandmarkNetwork(tmp_path / "landmark.onnx", provider=CPU_PROVIDER)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "landmark.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(EngineUnavailable, match=r"onnxruntime cannot load .*landmark\.onnx"):
        LandmarkNetwork(path, provider=CPU_PROVIDER)


@pytest.mark.parametrize(
    ("inputs", "count", "message"),
    [
        ((1, 3, 112, 112), 406, r"takes inputs of shape .*112.*one of 3×224×224"),
        ((1, 3, 224, 224), 212, r"gives outputs of shape .*212.*is 1×406"),
    ],
)
def test_another_network_is_refused(
    inputs: tuple[int, ...], count: int, message: str, tmp_path: Path
) -> None:
    answers = [NOTHING, NOTHING, np.zeros((1, count), np.float32)]
    path = write_constant_network(tmp_path / "other.onnx", inputs=inputs, outputs=answers)
    with pytest.raises(EngineUnavailable, match=message):
        LandmarkNetwork(path, provider=CPU_PROVIDER)


def test_a_network_with_too_few_answers_is_refused(tmp_path: Path) -> None:
    path = write_constant_network(
        tmp_path / "other.onnx", inputs=(1, 3, 224, 224), outputs=[NOTHING]
    )
    with pytest.raises(EngineUnavailable, match="gives outputs of shape"):
        LandmarkNetwork(path, provider=CPU_PROVIDER)


def test_the_detector_finds_boxes_and_points(tmp_path: Path) -> None:
    detector = InsightFaceDetector(
        detector_folder(tmp_path, (160, 120, 40, 0.9)), provider=CPU_PROVIDER
    )
    (face,) = detector.detect(PICTURE)
    assert face.box == pytest.approx([120, 80, 200, 160])
    assert face.score == pytest.approx(0.9)
    found = detector.find(PICTURE)
    assert found is not None
    assert found.alone
    # 192 pixels of the network hold 1.5 boxes: two thirds of its half are half a box.
    assert found.points == pytest.approx(face_106(x=160, y=120, size=40), abs=1e-2)


@pytest.mark.parametrize(
    ("order", "x"),
    [
        (FaceOrder.LARGEST_CENTRAL, 256),
        (FaceOrder.LARGE_SMALL, 64),
        (FaceOrder.SMALL_LARGE, 400),
        (FaceOrder.RIGHT_LEFT, 400),
    ],
)
def test_the_face_is_chosen_by_the_order(order: FaceOrder, x: int, tmp_path: Path) -> None:
    folder = detector_folder(tmp_path, (64, 128, 40, 0.9), (256, 128, 36, 0.5), (400, 128, 16, 0.7))
    detector = InsightFaceDetector(folder, provider=CPU_PROVIDER, order=order)
    found = detector.find(PICTURE)
    assert found is not None
    assert not found.alone
    assert (found.points.min(axis=0) + found.points.max(axis=0))[0] / 2 == pytest.approx(x, abs=0.5)


def test_in_a_clip_the_first_frames_face_is_followed(tmp_path: Path) -> None:
    """The other one is larger and more central from the second frame on."""
    one = detector_folder(tmp_path / "one", (64, 128, 20, 0.9))
    two = detector_folder(tmp_path / "two", (72, 128, 20, 0.5), (256, 128, 48, 0.9))
    finder = InsightFaceFinder(one, provider=CPU_PROVIDER)
    both = InsightFaceDetector(two, provider=CPU_PROVIDER)
    with finder.clip() as follow:
        first = follow(PICTURE)
        assert first is not None
        chosen = both.find(PICTURE, near=first.points)
    assert chosen is not None
    assert float(chosen.points[:, 0].mean()) < 100
    assert not chosen.alone


def test_faces_below_the_threshold_are_none(tmp_path: Path) -> None:
    folder = detector_folder(tmp_path, (160, 120, 40, 0.149))
    assert InsightFaceDetector(folder, provider=CPU_PROVIDER).find(PICTURE) is None


def test_one_detector_serves_portraits_and_clips(tmp_path: Path) -> None:
    finder = InsightFaceFinder(
        detector_folder(tmp_path, (160, 120, 40, 0.9)), provider=CPU_PROVIDER
    )
    with finder.portrait() as find, finder.clip() as follow:
        assert find(PICTURE) is not None
        assert follow(PICTURE) is not None
        assert follow(PICTURE) is not None
    assert finder.version.startswith("insightface ")


def test_a_detector_is_never_downloaded(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"det_10g\.onnx is missing"):
        InsightFaceDetector(tmp_path, provider=CPU_PROVIDER)
    assert list(tmp_path.iterdir()) == []


def test_files_that_were_exchanged_are_noticed(tmp_path: Path) -> None:
    folder = detector_folder(tmp_path)
    shutil.copy(folder / LANDMARK_FILE, folder / DETECTOR_FILE)
    with pytest.raises(EngineUnavailable, match=r"det_10g\.onnx is read .* as Landmark"):
        InsightFaceDetector(folder, provider=CPU_PROVIDER)


def test_where_a_session_runs_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = landmark_file(tmp_path, np.zeros((203, 2)))
    session = open_session(path, provider=CPU_PROVIDER)
    with caplog.at_level(logging.INFO):
        report = report_provider(session, path, asked=CPU_PROVIDER)
    assert report.as_asked
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "landmark.onnx runs on CPUExecutionProvider, as asked" in caplog.text


def test_another_provider_than_asked_for_is_loud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = landmark_file(tmp_path, np.zeros((203, 2)))
    session = open_session(path, provider=CPU_PROVIDER)
    with caplog.at_level(logging.INFO):
        report = report_provider(session, path, asked=CUDA_PROVIDER)
    assert report == ProviderReport(file="landmark.onnx", asked=CUDA_PROVIDER, there=CPU_PROVIDER)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "was to run on CUDAExecutionProvider but runs on CPUExecutionProvider" in caplog.text


def test_what_onnxruntime_prints_stays_off_standard_output(tmp_path: Path) -> None:
    """Asked for CUDA where there may be none; standard output belongs to the caller."""
    path = landmark_file(tmp_path, np.zeros((203, 2)))
    code = (
        "import sys; from pathlib import Path;"
        "from liveportrait_core.face.landmarks import LandmarkNetwork;"
        f"n = LandmarkNetwork(Path(sys.argv[1]), provider={CUDA_PROVIDER!r});"
        "print(n.provider.asked)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout == f"{CUDA_PROVIDER}\n"


@pytest.mark.gpu
def test_with_a_gpu_the_networks_run_there(tmp_path: Path) -> None:
    path = landmark_file(tmp_path, np.full((203, 2), 0.5))
    network = LandmarkNetwork(path, provider=CUDA_PROVIDER)
    assert network.provider.as_asked
    assert network.locate(PICTURE, face_106(x=250, y=120, size=50)).shape == (203, 2)
    finder = InsightFaceDetector(detector_folder(tmp_path), provider=CUDA_PROVIDER)
    assert all(report.as_asked for report in finder.providers)
