"""An edit of a face in terms of its motion: expression, pose, and what its eyes and lips add.

Pure but for the two small networks that open eyes and lips; knows no picture. The table is that of
liveportrait.md, P11. Everything is float32, added row by row in the table's order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from liveportrait_core.edit import PortraitEdit
from liveportrait_core.engines.liveportrait.motion.composition import (
    CLOSED_LIPS_EXPRESSION,
    EYE_ROWS,
)
from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    pose_degrees,
    rotation_matrix,
    smooth,
    transform_keypoints,
)
from liveportrait_core.engines.liveportrait.motion.retargeting import with_target
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT

_X, _Y, _Z = 0, 1, 2
Change = tuple[int, int, float]
"""Key point, component, and how much of the slider's value is added to it."""

# By slider: what a positive value does, and a negative one where that differs. `wink_right` is the
# mirror image of `wink_left`, which the original alone has.
_CHANGES: Mapping[str, tuple[tuple[Change, ...], tuple[Change, ...] | None]] = {
    "gaze_x": (
        ((11, _X, 0.0007), (15, _X, 0.001)),
        ((11, _X, 0.001), (15, _X, 0.0007)),
    ),
    "gaze_y": (
        (
            (11, _Y, -0.001), (15, _Y, -0.001), (11, _Y, 0.0005), (13, _Y, -0.00015),
            (15, _Y, 0.0005), (16, _Y, -0.00015),
        ),
        None,
    ),
    "smile": (
        (
            (20, _Y, -0.01), (14, _Y, -0.02), (17, _Y, 0.0065), (17, _Z, 0.003),
            (13, _Y, -0.00275), (16, _Y, -0.00275), (3, _Y, -0.0035), (7, _Y, -0.0035),
        ),
        None,
    ),
    "wink_left": (
        ((11, _Y, 0.001), (13, _Y, -0.0003), (17, _X, 0.0003), (17, _Y, 0.0003), (3, _Y, -0.0003)),
        None,
    ),
    "wink_right": (
        ((15, _Y, 0.001), (16, _Y, -0.0003), (17, _X, -0.0003), (17, _Y, 0.0003), (7, _Y, -0.0003)),
        None,
    ),
    "eyebrow": (
        ((1, _Y, 0.001), (2, _Y, -0.001)),
        ((1, _X, -0.001), (2, _X, 0.001), (1, _Y, 0.0003), (2, _Y, -0.0003)),
    ),
    "pout": (((19, _X, 1.0),), None),
    "purse": (((14, _Y, 0.001), (3, _Y, -0.0005), (7, _Y, -0.0005), (17, _Z, -0.0005)), None),
    "grin": (((20, _Z, -0.001), (20, _Y, -0.001), (14, _Y, -0.001)), None),
    "lips": (((19, _Y, 0.001), (19, _Z, 0.0001), (17, _Y, -0.0001)), None),
    "x": (((5, _X, -1.0),), None),
    "y": (((5, _Y, 1.0),), None),
}  # fmt: skip


class OpeningNetworks(Protocol):
    """The networks that bring eyes and lips to a wanted opening."""

    def retarget_eyes(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        """B×21×3 and B×3 (left, right, wanted) → B×21×3 offsets."""

    def retarget_lip(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        """B×21×3 and B×2 (lip, wanted) → B×21×3 offsets."""


@dataclass(frozen=True, kw_only=True)
class EditedFace:
    """B frames of a face as the edit has them: where its animation begins."""

    motion: Motion
    offset: Floats | float  # B×21×3, what opens eyes and lips: added to the moved key points
    is_edited: bool

    @property
    def keypoints(self) -> Floats:
        """B×21×3, before stitching."""
        return transform_keypoints(self.motion) + self.offset

    def first(self, count: int) -> "EditedFace":
        """Return its first frames."""
        offset = self.offset if isinstance(self.offset, float) else self.offset[:count]
        return replace(self, motion=self.motion.first(count), offset=offset)


def edit_face(
    motion: Motion,
    *,
    eye_ratios: Floats,
    lip_ratios: Floats,
    edit: PortraitEdit,
    networks: OpeningNetworks,
    observation_variance: float,
) -> EditedFace:
    """Apply an edit to every frame of a face.

    Args:
        motion: B frames.
        eye_ratios: B×2, how far its eyes are open, left and right.
        lip_ratios: B×1, likewise.
        edit: what is changed.
        networks: for eyes and lips; asked about the unedited face.
        observation_variance: of a clip, how strongly the offsets of eyes and lips are smoothed.
    """
    if edit.is_rest:
        return EditedFace(motion=motion, offset=0.0, is_edited=False)
    resting = transform_keypoints(motion)
    offset = np.zeros_like(resting)
    wanted = np.ones_like(lip_ratios)
    if edit.eyes_open is not None:
        ratios = with_target(eye_ratios, wanted * np.float32(edit.eyes_open))
        offset = offset + smooth(networks.retarget_eyes(resting, ratios), observation_variance)
    if edit.lips_open is not None:
        ratios = with_target(lip_ratios, wanted * np.float32(edit.lips_open))
        offset = offset + smooth(networks.retarget_lip(resting, ratios), observation_variance)
    edited = replace(
        motion,
        rotation=_turned(motion.rotation, edit),
        expression=edited_expression(motion.expression, edit),
        scale=motion.scale * np.float32(edit.z),
    )
    return EditedFace(motion=edited, offset=offset, is_edited=True)


def edited_motion(
    motion: Motion,
    *,
    eye_ratios: Floats,
    lip_ratios: Floats,
    edits: Iterable[PortraitEdit],
    networks: OpeningNetworks,
) -> Motion:
    """Return the motion of one face that goes through edits: a frame each.

    What opens eyes and lips is an offset of key points there; here it is part of the expression.

    Args:
        motion: one frame.
        eye_ratios: 1×2, how far its eyes are open, left and right.
        lip_ratios: 1×1, likewise.
        edits: of every frame.
        networks: for eyes and lips.
    """
    faces = (
        edit_face(
            motion,
            eye_ratios=eye_ratios,
            lip_ratios=lip_ratios,
            edit=edit,
            networks=networks,
            observation_variance=1.0,  # has no part in a single frame
        )
        for edit in edits
    )
    return Motion.joined(
        [
            replace(
                face.motion,
                expression=face.motion.expression + face.offset / face.motion.scale[..., None],
            )
            for face in faces
        ]
    )


def edited_expression(expression: Floats, edit: PortraitEdit) -> Floats:
    """Move the expression's rows as the sliders say: B×21×3 → B×21×3.

    The rows are offsets in the picture's axes, not the head's, whatever the pose.
    """
    edited = expression.copy()
    if edit.silent:
        resting = np.delete(np.arange(expression.shape[1]), EYE_ROWS)
        towards = CLOSED_LIPS_EXPRESSION[resting] - expression[:, resting]
        edited[:, resting] += np.float32(edit.silent) * towards
    for name, (positive, negative) in _CHANGES.items():
        value = np.float32(getattr(edit, name))
        rows = negative if value < 0 and negative is not None else positive
        if value:
            for keypoint, component, share in rows:
                edited[:, keypoint, component] += np.float32(share) * value
    return edited


def moved_by_sliders(values: Mapping[str, float]) -> Floats:
    """Return what positive values of sliders add to an expression: 21×3."""
    moves = np.zeros((KEYPOINT_COUNT, 3), np.float32)
    for name, value in values.items():
        for keypoint, component, share in _CHANGES[name][0]:
            moves[keypoint, component] += np.float32(share) * np.float32(value)
    return moves


def _turned(rotation: Floats, edit: PortraitEdit) -> Floats:
    """Add angles to a pose: B×3×3 → B×3×3."""
    added = np.array([edit.pitch, edit.yaw, edit.roll], dtype=np.float32)
    if not added.any():
        return rotation
    angles = pose_degrees(rotation) + added
    return rotation_matrix(angles[:, 0], angles[:, 1], angles[:, 2])
