"""How a portrait's head turns: a rigid motion that dies away down the neck and far beside.

Knows the head's depth and how far hair, neck and shoulders follow. That the background does not is
the business of `backdrop`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from liveportrait_core.engines.mesh.grid import NODES_PER_EYE_DISTANCE, Field, Grid, eased, extent
from liveportrait_core.engines.mesh.points import Array, HeadAxes

# Lengths are in eye distances, from between the eyes, along the head's own axes.
NECK = (1.3, 3.6)  # the turn dies away between these heights, downwards
HEAD_RADIUS = (2.0, 2.9)
HEAD_MIDDLE = -0.2
HEAD_END = (0.9, 1.6)  # the turn dies away between these multiples of the head's radius
LEAST_BODY = 0.002  # below it nothing moves: this bounds the box
MOST_MOVE = 0.7  # that limited turns and shifts can make; beyond it from the person nothing is seen


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadField:
    """What a turn of the head does to every node.

    tilt: 3×3, the head's directions in the picture's, by which motion is turned.
    lever: rows×columns×3, distance from the head's pivot: right, down, away; pixels.
    body: rows×columns, share of the turn, 1 on the head, 0 on the shoulders.
    """

    grid: Grid
    eye_distance_px: float
    tilt: Array
    lever: Field
    body: Field

    def displacement(self, rotation_deg: Array, shift: Array) -> Field:
        """Return where the turn takes every node, rows×columns×2 pixels, forwards.

        Args:
            rotation_deg: rotation vector about the head's right, down and away, degrees.
            shift: of the pivot, the head's right and down in eye distances, and the log of its
                size.
        """
        turn, _ = cv2.Rodrigues(np.radians(self.tilt @ rotation_deg))
        matrix = (turn * np.exp(shift[2]) - np.eye(3))[:2]
        rigid = self.lever @ matrix.T.astype(np.float32)
        rigid += (self.tilt[:2, :2] @ shift[:2] * self.eye_distance_px).astype(np.float32)
        return np.asarray(self.body[..., None] * rigid, np.float32)


def head_field(points: Array, head: HeadAxes, person: Field) -> HeadField:
    """Return the field of a portrait from its 478×3 points and its person mask, H×W in 0..1."""
    widest = Grid.around(head)
    body = _body(widest, head)
    reached = extent(np.where(_near(widest, person), body, 0))
    grid = widest.part(reached)
    nodes = grid.nodes.astype(np.float64)
    depth = _depth(points, head, nodes)
    lever = np.concatenate([nodes - head.pivot[:2], depth[..., None] - head.pivot[2]], axis=-1)
    return HeadField(
        grid=grid,
        eye_distance_px=head.eye_distance,
        tilt=head.tilt,
        lever=lever.astype(np.float32),
        body=body[reached.slices].astype(np.float32),
    )


def _near(grid: Grid, person: Field) -> NDArray[np.bool_]:
    """Return where the person is, or may come to be."""
    nodes = grid.nodes
    mask = cv2.remap(
        person, nodes[..., 0], nodes[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    side = 2 * round(MOST_MOVE * NODES_PER_EYE_DISTANCE) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate((mask > 0.5).astype(np.uint8), around) > 0


def _body(grid: Grid, head: HeadAxes) -> Array:
    place = head.seen_from(grid.nodes)
    right, down = place[..., 0], place[..., 1]
    reach = np.hypot(right / HEAD_RADIUS[0], (down - HEAD_MIDDLE) / HEAD_RADIUS[1])
    body = (1 - eased(down, *NECK)) * (1 - eased(reach, *HEAD_END))
    return np.where(body > LEAST_BODY, body, 0)


def _depth(points: Array, head: HeadAxes, nodes: Array) -> Array:
    """Return every node's depth in pixels: the mesh's on the face, the pivot's far away."""
    face = points[:468:3]
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    circle = np.stack([2.1 * np.sin(angles), 0.2 - 2.6 * np.cos(angles)], axis=1)
    ring = np.concatenate([circle, 1.5 * circle])
    centres = np.concatenate([head.seen_from(face[:, :2]), ring])
    values = np.concatenate([face[:, 2], np.full(len(ring), head.pivot[2])])
    surface = RBFInterpolator(centres, values, smoothing=0.01, kernel="thin_plate_spline")
    depth = surface(head.seen_from(nodes).reshape(-1, 2)).reshape(nodes.shape[:2])
    return np.clip(depth, face[:, 2].min(), max(face[:, 2].max(), head.pivot[2]))
