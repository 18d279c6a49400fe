"""Motions made to order for tests."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.points import CONTROL_POINT_NAMES

Array = NDArray[np.float64]
CONTROL_POINT_COUNT = len(CONTROL_POINT_NAMES)


def held(
    *,
    rotation_deg: tuple[float, float, float] = (0, 0, 0),
    shift: tuple[float, float, float] = (0, 0, 0),
    closure: tuple[float, float] = (0, 0),
    control_points: Array | None = None,
    frames: int = 1,
) -> MeshMotion:
    """One posture, held."""
    return MeshMotion(
        fps=Fraction(30),
        rotation_deg=np.tile(np.array(rotation_deg, float), (frames, 1)),
        shift=np.tile(np.array(shift, float), (frames, 1)),
        control_points=np.tile(
            np.zeros((CONTROL_POINT_COUNT, 2)) if control_points is None else control_points,
            (frames, 1, 1),
        ),
        closure=np.tile(np.array(closure, float), (frames, 1)),
        periodic=True,
    )


def pulled(**movements: tuple[float, float]) -> Array:
    """Handles, H×2: `pulled(left_mouth_corner=(-0.05, -0.04))`."""
    control_points = np.zeros((CONTROL_POINT_COUNT, 2))
    for name, movement in movements.items():
        control_points[CONTROL_POINT_NAMES.index(name.replace("_", " "))] = movement
    return control_points


def swaying(axis: int, reach_deg: float, *, frames: int = 60) -> MeshMotion:
    """One slow turn to and fro about one axis: 0 pitch, 1 yaw, 2 roll."""
    rotation = np.zeros((frames, 3))
    rotation[:, axis] = reach_deg * np.sin(2 * np.pi * np.arange(frames) / frames)
    return MeshMotion(
        fps=Fraction(30),
        rotation_deg=rotation,
        shift=np.zeros((frames, 3)),
        control_points=np.zeros((frames, CONTROL_POINT_COUNT, 2)),
        closure=np.zeros((frames, 2)),
        periodic=True,
    )


def blinking(frames: int, *blinks: int) -> MeshMotion:
    """Both lids closed fully at the given frames, over three frames before and five after."""
    closure = np.zeros(frames)
    shape = np.array([0.3, 0.8, 1.0, 0.9, 0.6, 0.3, 0.1])
    for blink in blinks:
        closure[blink - 2 : blink + 5] = shape
    still = held(frames=frames)
    return MeshMotion(
        fps=still.fps,
        rotation_deg=still.rotation_deg,
        shift=still.shift,
        control_points=still.control_points,
        closure=np.stack([closure, closure], axis=1),
        periodic=True,
    )
