"""The aligned square around a face: where it lies, and the affine maps to it and back.

Pure arithmetic on landmarks (liveportrait.md, P4) and one `cv2.warpAffine`; does
not know who found the landmarks nor what the crop is for. Coordinates are pixels (x, y), pixel
centres at integers.

The number types are deliberate: landmarks are float32, the scale is the float32 quotient of a
Python integer, angles are Python floats, so that every product is float32. In float64 the matrices
differ in the last digit, and about one crop value in ten thousand by one level. Points of animals
are float64, and so is then everything but `across` and the finished matrix.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.report import Frame

Points = NDArray[np.float32]
"""N×2 (x, y) in pixels, float32."""
AnyPoints = NDArray[np.floating[Any]]
"""Likewise; float64 only of animals."""
Mapped = TypeVar("Mapped", Points, NDArray[np.float64])
Matrix = NDArray[np.float32]
"""3×3 homogeneous affine map of column vectors (x, y, 1), float32."""


@dataclass(frozen=True, kw_only=True)
class _ReferenceRows:
    """Which landmarks average to the two eyes and to the lips."""

    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    lip: tuple[int, ...]


_REFERENCE_ROWS = {
    203: _ReferenceRows(left_eye=(0, 6, 12, 18), right_eye=(24, 30, 36, 42), lip=(48, 66)),
    106: _ReferenceRows(left_eye=(33, 35, 40, 39), right_eye=(87, 89, 94, 93), lip=(52, 61)),
    101: _ReferenceRows(left_eye=(39, 42, 45, 48), right_eye=(51, 54, 57, 60), lip=(75, 81)),
    68: _ReferenceRows(left_eye=(36, 39), right_eye=(42, 45), lip=(48, 54)),
    9: _ReferenceRows(left_eye=(2, 3), right_eye=(0, 1), lip=(5, 6)),  # animals
    5: _ReferenceRows(left_eye=(0,), right_eye=(1,), lip=(3, 4)),
}

_MESH_POINTS = 478
# Of the face mesh those that make up the 68-point layout: no forehead, which no other layout has
# and which would make every crop larger.
_MESH_AS_68 = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)


@dataclass(frozen=True, kw_only=True, eq=False)
class OrientedBox:
    """The square around a face, turned with it."""

    centre: AnyPoints  # (x, y)
    side_px: np.float32 | np.float64
    angle_rad: float  # of the face's horizontal axis against the picture's

    def upright_corners(self) -> AnyPoints:
        """Return the corners along the picture's axes: 4×2, clockwise from top left."""
        horizontal = np.array([1, 0], dtype=np.float32)
        vertical = np.array([0, 1], dtype=np.float32)
        return self._corners(horizontal, vertical)

    def corners(self) -> AnyPoints:
        """Return the square itself: 4×2, clockwise from its own top left."""
        cos, sin = math.cos(self.angle_rad), math.sin(self.angle_rad)
        horizontal = np.array([cos, sin], dtype=np.float32)
        vertical = np.array([-sin, cos], dtype=np.float32)
        return self._corners(horizontal, vertical)

    def _corners(self, horizontal: Points, vertical: Points) -> AnyPoints:
        across, down = horizontal * (self.side_px / 2), vertical * (self.side_px / 2)
        return np.stack(
            [
                self.centre - across - down,
                self.centre + across - down,
                self.centre + across + down,
                self.centre - across + down,
            ]
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceCrop:
    """The aligned square cut out of a picture, and the maps between the two."""

    picture: Frame  # N×N×3
    original_to_crop: Matrix
    crop_to_original: Matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceAxes:
    """The face's own directions in the picture."""

    across: Points  # (x, y), of length 1
    down: AnyPoints  # from the eyes to the mouth, of length 1
    angle_rad: float  # of `across` against the picture's

    @classmethod
    def along(cls, down: AnyPoints) -> "FaceAxes":
        """Return the axes of a face whose mouth lies so from its eyes."""
        length = np.linalg.norm(down)
        down = np.array([0, 1], dtype=np.float32) if length <= 1e-3 else down / length
        across = np.array([down[1], -down[0]], dtype=np.float32)
        # Rounding can push the cosine of a level face a hair above 1.
        angle_rad = math.acos(min(max(float(across[0]), -1.0), 1.0))
        return cls(across=across, down=down, angle_rad=-angle_rad if across[1] < 0 else angle_rad)


def reference_points(points: AnyPoints, *, with_lip: bool = True) -> AnyPoints:
    """Return two points that carry the face's place and direction.

    Args:
        points: N×2 landmarks of a known layout: 478 (face mesh), 203, 106, 101, 68, 9 (animals) or
            5 points; of any other count above 101 the first 101 are read as the 101-point layout.
        with_lip: True: the middle of the eyes and the middle of the lips. False: the first point is
            the left eye, the second the right eye turned a quarter clockwise about it.

    Raises:
        ValueError: no layout with so many points is known.
    """
    points = _comparable(points)
    count = len(points)
    rows = _REFERENCE_ROWS.get(101 if count > 101 and count not in _REFERENCE_ROWS else count)
    if rows is None:
        known = ", ".join(str(known) for known in _REFERENCE_ROWS)
        raise ValueError(f"no landmark layout has {count} points; known: {known}")
    left_eye = np.mean(points[list(rows.left_eye)], axis=0)
    right_eye = np.mean(points[list(rows.right_eye)], axis=0)
    if with_lip:
        lip = np.mean(points[list(rows.lip)], axis=0)
        return np.stack([(left_eye + right_eye) / 2, lip])
    across = right_eye - left_eye
    return np.stack([left_eye, left_eye + np.stack([-across[1], across[0]])])


def oriented_box(
    points: AnyPoints, *, scale: float, vy_ratio: float, vx_ratio: float = 0.0
) -> OrientedBox:
    """Return the square that holds all landmarks along the face's axes, enlarged and shifted.

    Args:
        points: N×2 landmarks of a layout that `reference_points` knows.
        scale: side relative to the tight square.
        vy_ratio: shift along the face's vertical axis, in sides of the enlarged square; negative is
            towards the forehead.
        vx_ratio: shift along its horizontal axis.
    """
    points = _comparable(points)
    eyes, lip = reference_points(points)
    axes = FaceAxes.along(lip - eyes)
    across, down = axes.across, axes.down
    mean = np.mean(points, axis=0)
    turned = (points - mean) @ np.stack([across, down]).T
    low, high = np.min(turned, axis=0), np.max(turned, axis=0)
    middle = (low + high) / 2
    side_px = np.max(high - low) * scale
    centre = (
        mean
        + across * middle[0]
        + down * middle[1]
        + across * (vx_ratio * side_px)
        + down * (vy_ratio * side_px)
    )
    return OrientedBox(centre=centre, side_px=side_px, angle_rad=axes.angle_rad)


def crop_face(
    picture: Frame,
    points: AnyPoints,
    *,
    size_px: int,
    scale: float,
    vy_ratio: float,
    vx_ratio: float = 0.0,
    upright: bool = True,
) -> FaceCrop:
    """Cut the square around a face out of a picture.

    Args:
        picture: H×W×3.
        points: N×2 landmarks in the picture.
        size_px: side of the crop.
        scale: side of the square relative to the tight one.
        vy_ratio: vertical shift, in sides; see `oriented_box`.
        vx_ratio: horizontal shift, likewise.
        upright: turn the face upright; False keeps the picture's axes.
    """
    box = oriented_box(points, scale=scale, vy_ratio=vy_ratio, vx_ratio=vx_ratio)
    return crop_box(picture, box, size_px=size_px, upright=upright)


def crop_box(picture: Frame, box: OrientedBox, *, size_px: int, upright: bool = True) -> FaceCrop:
    """Cut a square out of a picture.

    Args:
        picture: H×W×3.
        box: the square.
        size_px: side of the crop.
        upright: turn the face upright; False keeps the picture's axes.
    """
    scale = np.float32(size_px) / box.side_px
    angle_rad = box.angle_rad if upright else 0.0
    return cut_crop(picture, _square_to_crop(box.centre, scale, angle_rad, size_px), size_px)


def square_matrix(box: Sequence[float], *, size_px: int, angle_rad: float = 0.0) -> Matrix:
    """Return the map from a picture to the crop of a square, the same for a whole clip.

    Args:
        box: left, top, right, bottom in pixels; the width sets the scale.
        size_px: side of the crop.
        angle_rad: turn of the square about its centre.
    """
    left, top, right, bottom = box
    centre = np.array([(left + right) / 2, (top + bottom) / 2], dtype=np.float32)
    return _square_to_crop(centre, size_px / (right - left), angle_rad, size_px)


def cut_crop(picture: Frame, original_to_crop: Matrix, size_px: int) -> FaceCrop:
    """Cut a square out of a picture by its map; black where it reaches beyond the picture."""
    cut = cv2.warpAffine(
        picture,
        original_to_crop[:2],
        (size_px, size_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return FaceCrop(
        picture=np.asarray(cut, dtype=np.uint8),
        original_to_crop=original_to_crop,
        crop_to_original=np.linalg.inv(original_to_crop),
    )


def mean_upright_box(boxes: Sequence[OrientedBox]) -> tuple[float, float, float, float]:
    """Return the mean of a clip's upright squares, as left, top, right, bottom.

    A square of its own per frame would turn the face's motion into the crop's.
    """
    corners = np.stack([box.upright_corners()[[0, 2]].reshape(4) for box in boxes])
    left, top, right, bottom = np.mean(corners, axis=0).tolist()
    return left, top, right, bottom


def map_points(points: Mapped, matrix: Matrix) -> Mapped:
    """N×2 points taken through a 3×3 affine map."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def _comparable(points: AnyPoints) -> AnyPoints:
    """Return the points whose extent is that of the other layouts."""
    return points[list(_MESH_AS_68)] if len(points) == _MESH_POINTS else points


def _square_to_crop(
    centre: AnyPoints, scale: np.float32 | np.float64 | float, angle_rad: float, size_px: int
) -> Matrix:
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    half = size_px / 2
    x, y = centre[0], centre[1]
    return np.array(
        [
            [scale * cos, scale * sin, half - scale * (cos * x + sin * y)],
            [-scale * sin, scale * cos, half - scale * (-sin * x + cos * y)],
            [0, 0, 1],
        ],
        dtype=np.float32,
    )
