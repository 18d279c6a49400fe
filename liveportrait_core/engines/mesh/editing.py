"""A portrait's edit as this engine can draw it: turned, moved, smiling, lids and lips set.

Pure mathematics. The sliders are those of the LivePortrait engine, whose effect on a usual face
sets the sizes here. What lids, skin and head can do bounds everything: nothing is drawn that the
picture does not hold, neither the inside of a mouth nor another gaze.
"""

from dataclasses import replace

import numpy as np

from liveportrait_core.edit import PortraitEdit
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.points import CONTROL_POINT_NAMES, Array
from liveportrait_core.engines.mesh.portrait import MeshPortrait

NOT_DRAWN = frozenset({"gaze_x", "gaze_y", "pout", "purse", "silent"})
"""Sliders without effect here."""

HALF_CROP = 2.3  # of LivePortrait's crop, eye distances: the unit of its moves
MOUTH_WIDTH = 0.85  # eye distances
PARTING = 0.0022  # of the lips, by one step of the slider `lips`, eye distances
WHOLE_WINK = 25.0  # the slider's value that shuts a lid
# What a value of 1 moves, right and down, eye distances.
SMILE = {
    "left mouth corner": (-0.055, -0.065),
    "right mouth corner": (0.055, -0.065),
    "left cheek": (-0.010, -0.035),
    "right cheek": (0.010, -0.035),
    "left upper lip": (-0.020, -0.015),
    "right upper lip": (0.020, -0.015),
    "left lower lip": (-0.020, -0.010),
    "right lower lip": (0.020, -0.010),
}
GRIN = {
    "left mouth corner": (-0.006, 0.0),
    "right mouth corner": (0.006, 0.0),
    "left lower lip": (-0.002, 0.001),
    "right lower lip": (0.002, 0.001),
}
EYEBROW = {
    "left outer brow": (0.0, -0.0025),
    "left middle brow": (0.0, -0.0032),
    "left inner brow": (0.0, -0.0028),
    "right inner brow": (0.0, -0.0028),
    "right middle brow": (0.0, -0.0032),
    "right outer brow": (0.0, -0.0025),
}
LOWERED = {"lower lip": 1.0, "left lower lip": 0.7, "right lower lip": 0.7, "chin": 0.8}
RAISED = {"upper lip": 1.0, "left upper lip": 0.7, "right upper lip": 0.7}


def edited(motion: MeshMotion, portrait: MeshPortrait, edit: PortraitEdit) -> MeshMotion:
    """Add the edit to every frame of the motion that is to be drawn."""
    if edit.is_rest:
        return motion
    lids = [_closed(edit, portrait, side) for side in (0, 1)]
    turn = np.array([edit.pitch, edit.yaw, edit.roll])
    shift = np.array([edit.x * HALF_CROP, edit.y * HALF_CROP, np.log(edit.z)])
    return replace(
        motion,
        rotation_deg=motion.rotation_deg + turn,
        shift=motion.shift + shift,
        control_points=motion.control_points + _expression(edit, portrait),
        closure=1 - (1 - motion.closure) * (1 - np.array(lids)),
    )


def _expression(edit: PortraitEdit, portrait: MeshPortrait) -> Array:
    """Return what the control points move, H×2."""
    moves = _moves(SMILE) * edit.smile + _moves(GRIN) * edit.grin + _moves(EYEBROW) * edit.eyebrow
    parting = edit.lips * PARTING
    if edit.lips_open is not None:
        parting += edit.lips_open * MOUTH_WIDTH - portrait.mouth.gap
    moves[:, 1] += parting * (_shares(LOWERED) * 0.75 - _shares(RAISED) * 0.25)
    return moves


def _closed(edit: PortraitEdit, portrait: MeshPortrait, side: int) -> float:
    """Return how far a lid is closed, 0..1; it cannot open wider than in the picture."""
    wink = (edit.wink_left, edit.wink_right)[side] / WHOLE_WINK
    if edit.eyes_open is not None:
        slit = portrait.eyes[side].slit
        opening = slit.opening_px / (2 * slit.half_width)
        wink = max(wink, 1 - edit.eyes_open / max(opening, 1e-6))
    return float(np.clip(wink, 0.0, 1.0))


def _moves(table: dict[str, tuple[float, float]]) -> Array:
    return np.array([table.get(name, (0.0, 0.0)) for name in CONTROL_POINT_NAMES])


def _shares(table: dict[str, float]) -> Array:
    return np.array([table.get(name, 0.0) for name in CONTROL_POINT_NAMES])
