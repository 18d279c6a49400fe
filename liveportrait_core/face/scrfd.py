"""The original's detector: SCRFD boxes and 106 points, through insightface's model zoo.

Opt-in, because both model files are for non-commercial research only; read from local files and
never fetched (insightface would download what it misses, so the files are checked first). Knows
nothing of the 203-point landmarks. Pictures are RGB here as everywhere; insightface's BGR stays
inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.face.choice import FaceOrder
from liveportrait_core.face.crop import Points
from liveportrait_core.face.detector import FoundFace
from liveportrait_core.face.session import (
    ProviderReport,
    provider_list,
    report_provider,
    require_file,
    stdout_to_log,
)
from liveportrait_core.face.upright import turned
from liveportrait_core.report import Frame

DETECTOR_FILE = "det_10g.onnx"
LANDMARK_FILE = "2d106det.onnx"
INPUT_PX = 512
THRESHOLD = 0.15
_OVERLAP = 0.4
_SURER = 0.1  # a frame is turned for a face whose score is higher by so much


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectedFace:
    """One face as the detector sees it."""

    box: NDArray[np.float32]  # left, top, right, bottom in pixels
    score: float
    points: Points  # 5×2: eyes, nose, corners of the mouth

    @property
    def middle(self) -> NDArray[np.float32]:
        """Of the box: (x, y)."""
        return (self.box[:2] + self.box[2:]) / np.float32(2)

    @property
    def is_upright(self) -> bool:
        """Whether the mouth lies below the eyes rather than beside or above them."""
        right, down = self.points[3:].mean(0) - self.points[:2].mean(0)
        return bool(down > abs(right))

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


class InsightFaceDetector:
    """SCRFD and the 106-point network on local files; satisfies the same port as the face mesh."""

    def __init__(
        self, folder: Path, *, provider: str, order: FaceOrder = FaceOrder.LARGEST_CENTRAL
    ) -> None:
        self._order = order
        self.boxes = _open(folder / DETECTOR_FILE, "SCRFD", provider)
        self.boxes.prepare(
            0, input_size=(INPUT_PX, INPUT_PX), det_thresh=THRESHOLD, nms_thresh=_OVERLAP
        )
        self.landmarks = _open(folder / LANDMARK_FILE, "Landmark", provider)
        self.providers: tuple[ProviderReport, ...] = (
            report_provider(self.boxes.session, folder / DETECTOR_FILE, asked=provider),
            report_provider(self.landmarks.session, folder / LANDMARK_FILE, asked=provider),
        )

    def find(self, picture: Frame, near: Points | None = None) -> FoundFace | None:
        """Return one face, with its 106×2 points; None where there is none.

        Args:
            picture: H×W×3.
            near: points of the face that is wanted, as it was a moment ago; None: the first face in
                the order chosen.
        """
        faces = self.detect(picture)
        if not faces:
            return None
        if near is None:
            chosen = in_order(faces, self._order, picture)[0]
        else:
            middle = np.mean(near, axis=0)
            chosen = min(faces, key=lambda face: float(np.linalg.norm(face.middle - middle)))
        return FoundFace(points=self.locate(picture, chosen.box), alone=len(faces) == 1)

    def quarter_turns(self, frame: Frame) -> int | None:
        """Return by how many quarters to turn a frame for its surest face to stand upright.

        The detector finds faces that lie too, less surely; None: it finds none in any turn.
        """
        best: int | None = None
        surest = 0.0
        for quarters in range(4):
            faces = self.detect(turned(frame, quarters))
            score = max((face.score for face in faces if face.is_upright), default=0.0)
            if score > surest:
                best, surest = quarters, score + _SURER
        return best

    def detect(self, picture: Frame) -> list[DetectedFace]:
        """Return all faces of an H×W×3 picture, the surest first."""
        boxes, points = self.boxes.detect(_bgr(picture), max_num=0)
        return [
            DetectedFace(box=box[:4], score=float(box[4]), points=five)
            for box, five in zip(boxes, points, strict=True)
        ]

    def locate(self, picture: Frame, box: NDArray[np.float32]) -> Points:
        """106×2 points in pixels of the face in a box (left, top, right, bottom)."""
        from insightface.app.common import Face

        return np.asarray(self.landmarks.get(_bgr(picture), Face(bbox=box)), dtype=np.float32)


def in_order(faces: Sequence[DetectedFace], order: FaceOrder, picture: Frame) -> list[DetectedFace]:
    """Sort the faces of a picture; equal ones keep their order."""
    middle = np.array([picture.shape[1] // 2, picture.shape[0] // 2])

    def largest_central(face: DetectedFace) -> float:
        off_centre = face.middle - middle
        return 2 * float(off_centre @ off_centre) - face.area

    keys = {
        FaceOrder.LARGEST_CENTRAL: largest_central,
        FaceOrder.LARGE_SMALL: lambda face: -face.area,
        FaceOrder.SMALL_LARGE: lambda face: face.area,
        FaceOrder.LEFT_RIGHT: lambda face: face.box[0],
        FaceOrder.RIGHT_LEFT: lambda face: -face.box[0],
        FaceOrder.TOP_BOTTOM: lambda face: face.box[1],
        FaceOrder.BOTTOM_TOP: lambda face: -face.box[1],
    }
    return sorted(faces, key=keys[order])


def _bgr(picture: Frame) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _open(path: Path, kind: str, provider: str) -> Any:
    from insightface import model_zoo

    require_file(path)
    try:
        with stdout_to_log():
            model = model_zoo.get_model(str(path), providers=provider_list(provider))
    except Exception as error:  # onnx and onnxruntime raise trees of their own
        raise EngineUnavailable(f"insightface cannot load {path}: {error}") from error
    if type(model).__name__ != kind:
        raise EngineUnavailable(
            f"{path} is read by insightface as {type(model).__name__}; expected {kind}"
        )
    return model
