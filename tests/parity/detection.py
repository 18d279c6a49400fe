"""The face part of `geometry.npz`: detector and landmark networks, run by the real onnxruntime.

The networks themselves are small files that answer what the golden set says they did; what is
compared is what is shown to them and what is made of their answers.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.face.choice import FaceOrder
from liveportrait_core.face.landmarks import LandmarkNetwork
from liveportrait_core.face.scrfd import (
    DETECTOR_FILE,
    INPUT_PX,
    LANDMARK_FILE,
    InsightFaceDetector,
    in_order,
)
from liveportrait_core.face.session import CPU_PROVIDER, Session
from liveportrait_core.report import Frame
from tests.golden.onnx_files import write_constant_network
from tests.parity.golden_set import FEW_SAMPLES, GoldenFile

STRIDES = (8, 16, 32)
ANCHORS = 2
NO_OUTPUT = np.zeros((1, 1), np.float32)


def check_detection(golden: GoldenFile, picture: Frame) -> None:
    """Compare the `det_`, `lm106_` and `lm203_` arrays."""
    with TemporaryDirectory() as folder:
        _write_networks(golden, Path(folder))
        detector = InsightFaceDetector(Path(folder), provider=CPU_PROVIDER)
        _check_detector(golden, detector, picture)
        _check_106(golden, detector, picture)
        _check_203(golden, Path(folder) / "landmark.onnx", picture)


def _write_networks(golden: GoldenFile, folder: Path) -> None:
    write_constant_network(
        folder / DETECTOR_FILE, inputs=(1, 3, INPUT_PX, INPUT_PX), outputs=_answers(golden)
    )
    write_constant_network(
        folder / LANDMARK_FILE,
        inputs=("N", 3, 192, 192),
        outputs=[golden.given("lm106_netout")],
        nodes=("Sub0", "Mul0"),  # says: this network wants plain levels
    )
    write_constant_network(
        folder / "landmark.onnx",
        inputs=(1, 3, 224, 224),
        outputs=[NO_OUTPUT, NO_OUTPUT, golden.given("lm203_netout")],
    )


def _answers(golden: GoldenFile) -> list[NDArray[np.float32]]:
    """Scores, boxes and points of the three strides: everything the file lists, and silence."""
    rows = [ANCHORS * (INPUT_PX // stride) ** 2 for stride in STRIDES]
    scores, boxes, points = (
        [np.zeros((count, width), np.float32) for count in rows] for width in (1, 4, 10)
    )
    hot = zip(
        golden.given("det_hot_level_row").tolist(),
        golden.given("det_hot_score"),
        golden.given("det_hot_bbox"),
        golden.given("det_hot_kps"),
        strict=True,
    )
    for (level, row), score, box, five in hot:
        scores[level][row], boxes[level][row], points[level][row] = score, box, five
    return [*scores, *boxes, *points]


def _check_detector(golden: GoldenFile, detector: InsightFaceDetector, picture: Frame) -> None:
    detector.boxes.session = watched = _Watched(detector.boxes.session)
    faces = detector.detect(picture)
    golden.compare_summary("det_blob", watched.shown)
    boxes = np.array([[*face.box, face.score] for face in faces])
    golden.compare("det_boxes", boxes)
    golden.compare("det_kps", np.stack([face.points for face in faces]))
    best = in_order(faces, FaceOrder.LARGEST_CENTRAL, picture)[:3]
    golden.compare("det_boxes_max3", np.array([[*face.box, face.score] for face in best]))
    for order in FaceOrder:
        if f"det_order_{order}" in golden.arrays:
            indices = [faces.index(face) for face in in_order(faces, order, picture)]
            golden.compare(f"det_order_{order}", indices)


def _check_106(golden: GoldenFile, detector: InsightFaceDetector, picture: Frame) -> None:
    detector.landmarks.session = watched = _Watched(detector.landmarks.session)
    golden.compare("lm106_pts", detector.locate(picture, golden.given("lm106_bbox")))
    golden.compare_summary("lm106_blob", watched.shown, few=FEW_SAMPLES)


def _check_203(golden: GoldenFile, path: Path, picture: Frame) -> None:
    network = LandmarkNetwork(path, provider=CPU_PROVIDER)
    network.session = watched = _Watched(network.session)
    golden.compare("lm203_pts", network.locate(picture, golden.given("cr_l106")))
    golden.compare_summary("lm203_blob", watched.shown, few=FEW_SAMPLES)


class _Watched:
    """A session that remembers what it was shown last."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.shown: NDArray[np.float32] = np.empty(0, np.float32)

    def run(self, names: Any, inputs: dict[str, Any]) -> list[Any]:
        (self.shown,) = inputs.values()
        return self._session.run(names, inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
