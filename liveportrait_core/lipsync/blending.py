"""Laying a painted mouth over a face: an ellipse of the lower face, soft at its rim.

wav2lip.md, section 6.
"""

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.report import Frame

CENTRE_U, CENTRE_V = 0.5, 0.7  # of the box
RADIUS_U, RADIUS_V = 0.40, 0.24
FULL_UNTIL, NOTHING_FROM = 0.80, 1.15  # of the radii


def lower_face(width: int, height: int) -> NDArray[np.float32]:
    """Return the weights of a box, height×width in 0…1; 0 on its rim and in its upper part."""
    u = (np.arange(width) + 0.5) / width
    v = (np.arange(height) + 0.5)[:, None] / height
    distance = np.hypot((u - CENTRE_U) / RADIUS_U, (v - CENTRE_V) / RADIUS_V)
    share = np.clip((distance - FULL_UNTIL) / (NOTHING_FROM - FULL_UNTIL), 0, 1)
    return (1 - share * share * (3 - 2 * share)).astype(np.float32)


def blended(
    frame: Frame,
    painted: NDArray[np.float32],
    weights: NDArray[np.float32],
    corner: tuple[int, int],
) -> Frame:
    """Return the frame with a painted box laid over it; what lies outside the frame is left out.

    Args:
        frame: H×W×3.
        painted: h×w×3 levels, 0…255.
        weights: h×w in 0…1.
        corner: the box's first row and column in the frame; may be negative.
    """
    row, column = corner
    height, width = weights.shape
    top, left = max(0, row), max(0, column)
    bottom, right = min(frame.shape[0], row + height), min(frame.shape[1], column + width)
    result = frame.copy()
    if top >= bottom or left >= right:
        return result
    inside = np.s_[top - row : bottom - row, left - column : right - column]
    below = frame[top:bottom, left:right].astype(np.float32)
    mixed = below + weights[inside][:, :, None] * (painted[inside] - below)
    result[top:bottom, left:right] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return result
