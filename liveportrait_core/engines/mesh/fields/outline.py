"""The person's outline: MediaPipe's coarse mask refined to the edges in the picture.

A guided filter: around every pixel the mask is explained, as well as it goes, by the colours there;
so its outline moves to where colours change.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.grid import Field
from liveportrait_core.engines.mesh.points import HeadAxes
from liveportrait_core.face.detector import person_mask
from liveportrait_core.face.upright import turned
from liveportrait_core.report import Frame

FACE_RADIUS, FACE_MIDDLE = (1.35, 1.9), 0.25  # from between the eyes, eye distances
RADIUS = 0.15  # within which the mask may be off, eye distances
FAITHFULNESS = 1e-3  # to colours: variance that counts as an edge, of 1
WORKING_EYE_DISTANCE_PX = 48  # finer it is not worked out; the outline itself is as fine as pixels


def person_in(picture: Frame, head: HeadAxes) -> Field:
    """Return a mask above 0.5 on the person, H×W; the face always belongs to it."""
    down = head.tilt[:2, 1]
    quarters = round(np.degrees(np.arctan2(-down[0], down[1])) / 90)  # it knows people who stand
    mask = turned(person_mask(turned(picture, quarters)), -quarters)
    mask = _at_the_edges(mask, picture, head.eye_distance)
    x, y = head.middle[:2] + FACE_MIDDLE * head.eye_distance * down
    size = tuple(2 * radius * head.eye_distance for radius in FACE_RADIUS)
    tilt = float(np.degrees(np.arctan2(-down[0], down[1])))
    cv2.ellipse(mask, ((float(x), float(y)), size, tilt), 1.0, cv2.FILLED)
    return mask


def _at_the_edges(person: Field, picture: Frame, eye_distance_px: float) -> Field:
    """Return the mask, H×W in 0..1, with its outline along the edges of the H×W×3 picture."""
    scale = min(1.0, WORKING_EYE_DISTANCE_PX / eye_distance_px)
    height, width = picture.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mask = _field(cv2.resize(person, size, interpolation=cv2.INTER_AREA))
    guide = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    radius = max(2, round(RADIUS * eye_distance_px * scale))

    def mean(values: NDArray[np.number]) -> Field:
        side = (2 * radius + 1, 2 * radius + 1)
        return _field(cv2.boxFilter(_field(values), -1, side, borderType=cv2.BORDER_REFLECT))

    colour, share = mean(guide), mean(mask)
    spread = np.stack(
        [mean(guide * guide[..., [i]]) - colour * colour[..., [i]] for i in range(3)], axis=-1
    )
    spread += np.float32(FAITHFULNESS) * np.eye(3, dtype=np.float32)
    together = mean(guide * mask[..., None]) - colour * share[..., None]
    slope = np.linalg.solve(spread, together[..., None])[..., 0]
    offset = share - (slope * colour).sum(-1)
    fitted = cv2.resize(mean(np.dstack([slope, offset])), (width, height))
    return _field((fitted[..., :3] * picture).sum(-1) / 255 + fitted[..., 3])


def _field(values: NDArray[np.number]) -> Field:
    return np.asarray(values, np.float32)
