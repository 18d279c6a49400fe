"""How far eyes and lips are open, measured on 203 landmarks or on the face mesh's 478."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _OpeningRows:
    """Which landmarks tell an opening: (upper, lower, one corner, the other corner)."""

    left_eye: tuple[int, int, int, int]
    right_eye: tuple[int, int, int, int]
    lips: tuple[int, int, int, int]


_OPENING_ROWS = {
    203: _OpeningRows(left_eye=(6, 18, 0, 12), right_eye=(30, 42, 24, 36), lips=(90, 102, 48, 66)),
    478: _OpeningRows(
        left_eye=(159, 145, 33, 133), right_eye=(386, 374, 362, 263), lips=(13, 14, 61, 291)
    ),
}


def eye_close_ratios(landmarks: Floats) -> Floats:
    """Return both eyes' openings relative to their widths: B×(203 or 478)×2 → B×2."""
    rows = _OPENING_ROWS[landmarks.shape[1]]
    return np.stack([_opening(landmarks, rows.left_eye), _opening(landmarks, rows.right_eye)], 1)


def lip_close_ratio(landmarks: Floats) -> Floats:
    """Return the opening of the lips relative to their width: B×(203 or 478)×2 → B×1."""
    return _opening(landmarks, _OPENING_ROWS[landmarks.shape[1]].lips)[:, None]


def _opening(landmarks: Floats, points: tuple[int, int, int, int]) -> Floats:
    upper, lower, corner, other = (landmarks[:, point] for point in points)
    width = np.linalg.norm(corner - other, axis=1)
    return np.linalg.norm(upper - lower, axis=1) / (width + 1e-6)
