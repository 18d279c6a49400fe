"""Flip averaging: measure a face a second time, mirrored and turned.

The face mesh errs by about half a pixel, and errs otherwise in a picture that is mirrored and
turned, so the mean of both errs less. Knows where the face is; which one is followed through
a clip is settled elsewhere.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.face.detector import SAME_PLACE, FaceMesh, Points
from liveportrait_core.report import Frame

PATCH_PX = 320
ROOM = 2.0  # side of the patch, relative to the face's longer side
TURN_DEG = 20.0

# In the mesh's numbering the points beside the middle of the face stand in the same order twice.
_MIDDLE = (
    *(0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19),
    *(94, 151, 152, 164, 168, 175, 195, 197, 199, 200),
)
_RIGHT = (*range(248, 468), 473, 476, 475, 474, 477)  # irises: middle, then right, up, left, down
_LEFT = (*(row for row in range(248) if row not in _MIDDLE), 468, 469, 470, 471, 472)
_ROWS = np.array((*_MIDDLE, *_LEFT, *_RIGHT))
OTHER_SIDE = np.array((*_MIDDLE, *_RIGHT, *_LEFT))[np.argsort(_ROWS)]
"""For each of the 478 points the one that a mirror shows in its place."""


def points_from_flip(mesh: FaceMesh, frame: Frame, face: Points) -> Points | None:
    """Return the face, 478×3 pixels, as it is seen in a mirror; None where it is not.

    Args:
        mesh: one that follows a single face, and sees nothing but these patches of one clip.
        frame: H×W×3.
        face: 478×3 pixels, as measured first.
    """
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    size = float((high - low).max())
    scale = PATCH_PX / (ROOM * size)
    to_patch = _mirrored_and_turned(scale, (low + high) / 2)
    patch = cv2.warpAffine(frame, to_patch, (PATCH_PX, PATCH_PX))
    found = mesh.follow(np.asarray(patch, np.uint8))
    if found is None:
        return None
    seen = found.points[OTHER_SIDE]
    back = cv2.invertAffineTransform(to_patch)
    places = np.column_stack([seen[:, :2] @ back[:, :2].T + back[:, 2], seen[:, 2] / scale])
    apart = float(np.linalg.norm((places - face)[:, :2].mean(0)))
    return places.astype(np.float32) if apart < SAME_PLACE * size else None


def _mirrored_and_turned(scale: float, middle: NDArray[np.floating]) -> NDArray[np.float64]:
    """From the frame to the patch, 2×3."""
    turn = np.radians(TURN_DEG)
    matrix = scale * np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([matrix, PATCH_PX / 2 - matrix @ middle])
