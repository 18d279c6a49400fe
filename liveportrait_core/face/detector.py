"""MediaPipe's face mesh and person mask, as plain values.

478 points with irises, in pixels. Knows nothing of motion or of portraits against clips.
MediaPipe's graphs are not thread-safe: every object here belongs to one thread and is closed by
its `with`.
"""

import io
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.report import Frame

POINT_COUNT = 478
FACES_LOOKED_FOR = 4  # in a clip; costs time for every one that is there
FACES_IN_A_PICTURE = 8
SETTLING_ROUNDS = 12  # a clip's graph looks where it saw the face last; at first it drifts
STILL_CONFIDENCE = 0.5
RETRY_TILES = (0.6, 0.4, 0.25, 0.15)  # side of the tiles, relative to the picture's longest side
RETRY_MIN_SIDE_PX = 96
SAME_PLACE = 0.2  # of a face's size: as far apart it may be seen in the picture and in its mirror
LEAPED = 0.8  # of its size: no face goes as far between two frames, so it is another's

Points = NDArray[np.float32]
"""One face: 478×3 pixels, x and y in the picture, z away from the camera."""


@dataclass(frozen=True, kw_only=True)
class FoundFace:
    """The face that was chosen, and whether it was the only one.

    others: those that were seen beside it, as far as the detector tells where they are.
    """

    points: Points
    alone: bool
    others: tuple[Points, ...] = ()


class FaceMesh:
    """MediaPipe's face mesh: `find` for a still picture, `follow` for the frames of a clip."""

    def __init__(self, *, still: bool, most_faces: int | None = None) -> None:
        self._still = still
        self._most_faces = most_faces or (FACES_IN_A_PICTURE if still else FACES_LOOKED_FOR)
        self._stack = ExitStack()
        self._last: Points | None = None
        self._graph: Any = None
        self._warm = False  # the graph has found a face and has nothing more to complain of

    def __enter__(self) -> Self:
        with _quiet():
            from mediapipe.python.solutions.face_mesh import FaceMesh as Graph

            self._graph = self._stack.enter_context(
                Graph(
                    static_image_mode=self._still,
                    max_num_faces=self._most_faces,
                    refine_landmarks=True,
                    min_detection_confidence=STILL_CONFIDENCE,
                )
            )
            self._graph.process(np.zeros((64, 64, 3), np.uint8))  # until its models are loaded
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def find(self, picture: Frame) -> FoundFace | None:
        """Return the largest central face of a still picture; search tiles for small ones too."""
        return self.find_large(picture) or self.find_small(picture)

    def find_large(self, picture: Frame) -> FoundFace | None:
        """Return the largest central face that is seen in the whole picture."""
        return _chosen(self._faces(picture), picture)

    def find_small(
        self, picture: Frame, tiles: tuple[float, ...] = RETRY_TILES
    ) -> FoundFace | None:
        """Return the largest central face of the first tile, of these sides, that shows one."""
        for tile in _tiles(picture, tiles):
            faces = [face + tile.offset for face in self._sure_faces(picture[tile.slices])]
            if faces:
                return _chosen(faces, picture)
        return None

    def follow(self, frame: Frame) -> FoundFace | None:
        """Return the face followed so far, at first the largest central one; None: not found.

        Another face that stays behind when the followed one has left is not taken for it.
        """
        faces = self._faces(frame)
        if faces and self._last is None and not self._still:
            for _ in range(SETTLING_ROUNDS):
                faces = self._faces(frame) or faces
        if not faces:
            return None
        last = self._last
        if last is None:
            chosen = _most_prominent(faces, frame)
        else:
            chosen = min(faces, key=lambda face: _distance(face, last))
            if _distance(chosen, last) > LEAPED * _size(last):
                return None
        self._last = chosen
        return FoundFace(points=chosen, alone=len(faces) == 1)

    def _sure_faces(self, picture: Frame) -> list[Points]:
        """Return faces that are found in the mirrored picture too, which chance patterns are not.

        Not asked of whole pictures, where a face that the border cuts may be seen one way only.
        """
        width = picture.shape[1]
        mirrored = [
            face * np.array([-1, 1, 1], np.float32) + np.array([width - 1, 0, 0], np.float32)
            for face in self._faces(np.ascontiguousarray(picture[:, ::-1]))
        ]
        return [
            face
            for face in (self._faces(picture) if mirrored else ())
            if min(_distance(face, other) for other in mirrored) < SAME_PLACE * _size(face)
        ]

    def _faces(self, picture: Frame) -> list[Points]:
        """Return all faces. The graph's points are right in square pictures only: pad to one."""
        height, width = picture.shape[:2]
        side = max(height, width)
        square = cv2.copyMakeBorder(
            picture, 0, side - height, 0, side - width, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
        with nullcontext() if self._warm else _quiet():
            found = self._graph.process(square).multi_face_landmarks or []
        self._warm = self._warm or bool(found)
        return [
            np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * np.float32(side)
            for face in found
        ]


def person_mask(picture: Frame) -> NDArray[np.float32]:
    """Return each pixel's likelihood of being a person: H×W, 0..1, soft at the outline."""
    with _quiet(), ExitStack() as stack:
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        graph: Any = stack.enter_context(SelfieSegmentation(model_selection=0))
        mask = graph.process(np.ascontiguousarray(picture)).segmentation_mask
        return np.asarray(mask, np.float32).reshape(picture.shape[:2]).copy()


@dataclass(frozen=True, kw_only=True)
class _Tile:
    x: int
    y: int
    side: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y, self.y + self.side), slice(self.x, self.x + self.side)

    @property
    def offset(self) -> Points:
        return np.array([self.x, self.y, 0], np.float32)


def _tiles(picture: Frame, shares: tuple[float, ...]) -> Iterator[_Tile]:
    """Yield half-overlapping squares, the large ones first, the central ones before the outer."""
    height, width = picture.shape[:2]
    for share in shares:
        side = int(share * max(height, width))
        if side < RETRY_MIN_SIDE_PX:
            return
        tiles = [
            _Tile(x=x, y=y, side=side) for y in _starts(height, side) for x in _starts(width, side)
        ]
        yield from sorted(
            tiles,
            key=lambda tile: (
                abs(tile.x + side / 2 - width / 2) + abs(tile.y + side / 2 - height / 2)
            ),
        )


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _chosen(faces: list[Points], picture: Frame) -> FoundFace | None:
    if not faces:
        return None
    chosen = _most_prominent(faces, picture)
    others = tuple(face for face in faces if face is not chosen)
    return FoundFace(points=chosen, alone=not others, others=others)


def _most_prominent(faces: list[Points], picture: Frame) -> Points:
    """Return the largest face, those near the border counting for less."""
    height, width = picture.shape[:2]
    centre = np.array([width / 2, height / 2])

    def prominence(face: Points) -> float:
        off_centre = float(np.linalg.norm(face[:, :2].mean(0) - centre)) / max(height, width)
        return _size(face) * (1.0 - off_centre)

    return max(faces, key=prominence)


def _size(face: Points) -> float:
    return float(np.ptp(face[:, :2], axis=0).max())


def _distance(face: Points, other: Points) -> float:
    return float(np.linalg.norm(face[:, :2].mean(0) - other[:, :2].mean(0)))


_NOISE = re.compile(
    r"^([WI]0000 |WARNING: All log messages before absl|INFO: Created TensorFlow Lite XNNPACK"
    r"|AttributeError: 'MessageFactory' object has no attribute 'GetPrototype')"
)
_quiet_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MediaPipe's start-up chatter off stderr; everything else written meanwhile is passed on.

    Its C++ logger cannot be configured from Python, so the descriptor itself is redirected for the
    moment a graph starts. Its Python side calls a deprecated method of protobuf, and writes to
    `sys.stderr`, which need not be that descriptor.
    """
    with _quiet_lock, tempfile.TemporaryFile() as chatter, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, message="label\\(\\) is deprecated"
        )
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            chatter.seek(0)
            lines = chatter.read().decode(errors="replace").splitlines()
            for line in (*lines, *said.getvalue().splitlines()):
                if not _NOISE.match(line):
                    sys.stderr.write(f"{line}\n")
