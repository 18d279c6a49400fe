"""Landmarks of faces that never were: plausible enough for geometry, exact enough to measure."""

import math

import numpy as np

from liveportrait_core.face.crop import Points
from liveportrait_core.face.detector import FoundFace
from liveportrait_core.report import Frame

# In face units: the eyes at ±0.4, the mouth below, everything within 1 of the middle.
_EYES_203 = ((0, -0.6, -0.3), (12, -0.2, -0.3), (24, 0.2, -0.3), (36, 0.6, -0.3))
_LIPS_203 = ((48, -0.3, 0.5), (66, 0.3, 0.5))


def face_203(
    *,
    x: float,
    y: float,
    size: float,
    angle_rad: float = 0.0,
    eyes: float = 0.25,
    lips: float = 0.1,
) -> Points:
    """203 points of a face: its middle, half its side, its turn, and how far it is open."""
    points = np.random.default_rng(203).uniform(-0.9, 0.9, (203, 2))
    points[100:104] = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    for row, u, v in (*_EYES_203, *_LIPS_203):
        points[row] = u, v
    for upper, lower, u in ((6, 18, -0.4), (30, 42, 0.4)):
        points[upper], points[lower] = (u, -0.3 - 0.2 * eyes), (u, -0.3 + 0.2 * eyes)
    points[90], points[102] = (0, 0.5 - 0.3 * lips), (0, 0.5 + 0.3 * lips)
    return placed(points, x=x, y=y, size=size, angle_rad=angle_rad)


def face_106(*, x: float, y: float, size: float, angle_rad: float = 0.0) -> Points:
    """106 points of a face."""
    points = np.random.default_rng(106).uniform(-0.9, 0.9, (106, 2))
    points[:4] = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    points[[33, 35, 40, 39]] = ((-0.6, -0.3), (-0.2, -0.3), (-0.4, -0.35), (-0.4, -0.25))
    points[[87, 89, 94, 93]] = ((0.2, -0.3), (0.6, -0.3), (0.4, -0.35), (0.4, -0.25))
    points[[52, 61]] = ((-0.3, 0.5), (0.3, 0.5))
    return placed(points, x=x, y=y, size=size, angle_rad=angle_rad)


def placed(points: np.ndarray, *, x: float, y: float, size: float, angle_rad: float) -> Points:
    """Points in face units, turned, enlarged and shifted."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    return (turned * size + (x, y)).astype(np.float32)


def found(points: Points, *, alone: bool = True) -> FoundFace:
    """What a detector says of it."""
    return FoundFace(points=points, alone=alone)


def gradient(height: int, width: int) -> Frame:
    """A picture in which every pixel tells its place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, (x + y) % 256], axis=2).astype(np.uint8)
