"""Flip averaging: measure a face a second time, mirrored and turned.

The face mesh errs by about half a pixel, and errs otherwise in a picture that is mirrored and
turned, so the mean of both errs less. The second look sees every face at about the same angle,
however it stands; so it also tells a face that was read wrongly, upside down for example.
Knows where the face is; which one is followed through a clip is settled elsewhere.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.face.detector import FoundFace, Points
from liveportrait_core.report import Frame

PATCH_PX = 320
ROOM = 2.0  # side of the patch, relative to the face's longer side
TURN_DEG = 20.0
ROLL_STEP_DEG = 30.0  # faces that sway less than half of it are always seen at the same angle
SAME_POINTS = 0.06  # of a face's size, mean distance of its points; right looks: 0.005 to 0.03
FOREHEAD, CHIN = 10, 152  # rows of the points

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


def points_from_flip(
    look: Callable[[Frame], FoundFace | None], frame: Frame, face: Points
) -> Points | None:
    """Return the face, 478×3 pixels, as it is seen in a mirror; None where it is not.

    Args:
        look: finds one face in a patch; one that follows sees nothing but these of one clip.
        frame: H×W×3.
        face: 478×3 pixels, as measured first.
    """
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    scale = PATCH_PX / (ROOM * float((high - low).max()))
    step = np.radians(ROLL_STEP_DEG)
    roll = step * np.round(roll_rad(face) / step)
    to_patch = _upright_mirrored_and_turned(scale, (low + high) / 2, roll)
    patch = cv2.warpAffine(frame, to_patch, (PATCH_PX, PATCH_PX))
    found = look(np.asarray(patch, np.uint8))
    if found is None:
        return None
    seen = found.points[OTHER_SIDE]
    back = cv2.invertAffineTransform(to_patch)
    places = np.column_stack([seen[:, :2] @ back[:, :2].T + back[:, 2], seen[:, 2] / scale])
    same = places_apart(places, face) < SAME_POINTS
    return places.astype(np.float32) if same else None


def places_apart(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return the mean distance of two measurements of one face, relative to its size.

    Of each point from itself: the middle of a face that is read upside down is right.
    """
    distances = np.linalg.norm(one[:, :2] - other[:, :2], axis=1)
    return float(distances.mean() / np.ptp(other[:, :2], axis=0).max())


def roll_rad(face: NDArray[np.floating]) -> float:
    """Return by how much a face, 478×2 or 3, is turned clockwise in the picture, -π..π."""
    right, down = (face[CHIN] - face[FOREHEAD])[:2]
    return float(np.arctan2(-right, down))


def _upright_mirrored_and_turned(
    scale: float, middle: NDArray[np.floating], roll: float
) -> NDArray[np.float64]:
    """From the frame to the patch, 2×3."""
    turn = np.radians(TURN_DEG)
    mirror = np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    upright = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    matrix = scale * mirror @ upright
    return np.column_stack([matrix, PATCH_PX / 2 - matrix @ middle])
