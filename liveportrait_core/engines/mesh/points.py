"""Which of the face mesh's 478 points make up what; left is left in the picture.

Index lists of MediaPipe's mesh, from its published map. Knows no geometry beyond head axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Corners first and last; points run from left to right in the picture.
LEFT_EYE_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_EYE_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_EYE_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
LEFT_BROW_LOWER = (46, 53, 52, 65, 55)
RIGHT_BROW_LOWER = (285, 295, 282, 283, 276)
EYES = (
    (LEFT_EYE_UPPER, LEFT_EYE_LOWER, LEFT_BROW_LOWER),
    (RIGHT_EYE_UPPER, RIGHT_EYE_LOWER, RIGHT_BROW_LOWER),
)
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))  # the middle first
OUTER_LIPS = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
)
INNER_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

# Skin over bone, which no expression moves much: the head's pose is read from these.
STABLE_MIDDLE = (168, 6, 197, 195, 5, 4, 1, 33, 133, 362, 263, 98, 327, 122, 351, 193, 417)
STABLE_OUTLINE = (127, 356, 234, 454, 10, 109, 338, 67, 297, 54, 284, 162, 389)
STABLE = STABLE_MIDDLE + STABLE_OUTLINE


# Handles are spots of the face that the expression moves: each the mean of a few mesh points.
BROW_HANDLES = {
    "left outer brow": (70, 46, 63, 53),
    "left middle brow": (105, 52, 63, 53, 66, 65),
    "left inner brow": (107, 55, 66, 65),
    "right inner brow": (336, 285, 296, 295),
    "right middle brow": (334, 282, 296, 295, 293, 283),
    "right outer brow": (300, 276, 293, 283),
}
MOUTH_HANDLES = {
    "left mouth corner": (61, 76, 62, 78, 57),
    "right mouth corner": (291, 306, 292, 308, 287),
    "left upper lip": (39, 40, 73, 74),
    "upper lip": (0, 37, 267, 11, 12),
    "right upper lip": (269, 270, 303, 304),
    "left lower lip": (181, 91, 180, 90),
    "lower lip": (17, 84, 314, 16, 15),
    "right lower lip": (405, 321, 404, 320),
    "chin": (152, 175, 199, 148, 377),
    "left cheek": (205, 50, 187, 207),
    "right cheek": (425, 280, 411, 427),
}
CONTROL_POINTS = BROW_HANDLES | MOUTH_HANDLES
BROWS = slice(0, len(BROW_HANDLES))
MOUTH = slice(len(BROW_HANDLES), len(CONTROL_POINTS))
UPPER_LIP = tuple(i for i, name in enumerate(CONTROL_POINTS) if "upper lip" in name)
LOWER_LIP = tuple(i for i, name in enumerate(CONTROL_POINTS) if "lower lip" in name)
CONTROL_POINT_NAMES = tuple(CONTROL_POINTS)


def control_point_positions(points: Array) -> Array:
    """Return the mean position of every control point: …×478×D → …×H×D."""
    return np.stack(
        [points[..., list(rows), :].mean(-2) for rows in CONTROL_POINTS.values()], axis=-2
    )


PIVOT = np.array([0.0, 1.3, 1.5])  # right, down and away from between the eyes, eye distances


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadAxes:
    """A head's own directions and yardstick, in the units of its points.

    axes: 3×3, columns to the right, down and away as the head itself sees the picture; orthonormal.
    eye_distance: from the middle of one eye to the middle of the other, in space.
    middle: between the eyes.
    """

    axes: Array
    eye_distance: float
    middle: Array

    @property
    def pivot(self) -> Array:
        """Where the head turns on the spine: behind the ears, as low as the mouth."""
        return self.middle + self.axes @ PIVOT * self.eye_distance

    @property
    def tilt(self) -> Array:
        """3×3, columns right, down and away of a head that only tilts, in the picture's axes."""
        right, down = self.axes[:2, 1] / np.linalg.norm(self.axes[:2, 1])
        return np.array([[down, right, 0.0], [-right, down, 0.0], [0.0, 0.0, 1.0]])

    def seen_from(self, places: NDArray[np.floating]) -> Array:
        """Convert places, …×2 pixels, to eye distances right and down of the eyes' middle."""
        return (places - self.middle[:2]) @ self.tilt[:2, :2] / self.eye_distance

    @staticmethod
    def of(points: Array) -> "HeadAxes":
        """Return the axes of one face, 478×3."""
        left, right = points[[33, 133]].mean(0), points[[362, 263]].mean(0)
        middle = (left + right) / 2
        across = points[[263, 356, 454]].mean(0) - points[[33, 127, 234]].mean(0)
        across /= np.linalg.norm(across)
        down = points[152] - points[10]
        down -= across * float(across @ down)
        down /= np.linalg.norm(down)
        axes = np.stack([across, down, np.cross(across, down)], axis=1)
        return HeadAxes(axes=axes, eye_distance=float(np.linalg.norm(right - left)), middle=middle)
