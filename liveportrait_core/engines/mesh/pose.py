"""Head pose from the points of a clip: one rigid shape, turned and moved in every frame.

Pure mathematics. The shape's depth is the mesh's own guess; the turns are fitted to what the
picture shows, the points' columns and rows. A wrong depth then does little harm: the portrait's is
wrong alike.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from liveportrait_core.engines.mesh.points import STABLE, STABLE_MIDDLE, Array

SHAPE_ROUNDS = 3
FIT_ROUNDS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Poses:
    """The head in N frames: place + size × (turn · (point - centre)), columns and rows of it.

    shape: 478×3, the face that is turned, as it stands in the first frame, pixels.
    centre: 3, mean of the shape's stable points.
    turns: N×3×3; log_scale: N; places: N×2 pixels.
    """

    shape: Array
    centre: Array
    turns: Array
    log_scale: Array
    places: Array

    def stilled(self, points: Array) -> Array:
        """Return the points, N×478×3, with the head's motion taken out, around `centre`."""
        moved = points.copy()
        moved[..., :2] -= self.places[:, None]
        moved[..., 2] -= points[:, list(STABLE), 2].mean(1)[:, None]
        unturned = np.einsum("nkj,nji->nki", moved, self.turns)
        return unturned / np.exp(self.log_scale)[:, None, None] + self.centre


def fit_poses(points: Array) -> Poses:
    """Fit turn, size and place of every frame, N×478×3 pixels, to the columns and rows."""
    stable = list(STABLE)
    centred = points - points[:, stable].mean(1, keepdims=True)
    turns, scales, shape = _procrustes(centred, stable)
    parameters = np.zeros((len(points), 3))
    parameters[:, 0] = np.log(scales)
    parameters[:, 1:] = points[:, stable, :2].mean(1)
    for _ in range(FIT_ROUNDS):
        turns, parameters = _refined(points[:, stable, :2], shape[stable], turns, parameters)
    turns = _level(points[..., :2], shape, turns)
    centre = np.append(parameters[0, 1:], 0.0)
    first = turns[0].copy()
    upright = shape @ first.T * np.exp(parameters[0, 0])
    return Poses(
        shape=upright + centre,
        centre=centre,
        turns=turns @ first.T,
        log_scale=parameters[:, 0] - parameters[0, 0],
        places=parameters[:, 1:],
    )


def _procrustes(centred: Array, stable: list[int]) -> tuple[Array, Array, Array]:
    """Fit turns N×3×3, sizes N and the mean shape 478×3, from all three coordinates."""
    shape = centred[0]
    turns, scales = np.empty((0, 3, 3)), np.empty(0)
    for _ in range(SHAPE_ROUNDS):
        covariance = np.einsum("nki,kj->nij", centred[:, stable], shape[stable])
        left, _singular, right = np.linalg.svd(covariance)
        mirror = np.ones((len(centred), 3))
        mirror[:, 2] = np.linalg.det(left @ right)
        turns = (left * mirror[:, None, :]) @ right
        unturned = np.einsum("nki,nij->nkj", centred, turns)
        overlap = np.einsum("nki,ki->n", unturned[:, stable], shape[stable])
        scales = overlap / float((shape[stable] ** 2).sum())
        shape = (unturned / scales[:, None, None]).mean(0)
    return turns, scales, shape


def _level(seen: Array, shape: Array, turns: Array) -> Array:
    """Return the turns with their roll halfway to what the middle of the face shows.

    When the head looks aside, the tracker tilts the face's outline one way and its middle the
    other; brows that are raised tilt the middle as well.
    """
    middle = list(STABLE_MIDDLE)
    found = seen[:, middle] - seen[:, middle].mean(1, keepdims=True)
    turned = np.einsum("nij,kj->nki", turns, shape[middle])[..., :2]
    turned -= turned.mean(1, keepdims=True)
    along = (turned * found).sum((1, 2))
    across = (turned[..., 0] * found[..., 1] - turned[..., 1] * found[..., 0]).sum(1)
    tilt = np.arctan2(across, along) / 2
    return Rotation.from_euler("z", tilt[:, None]).as_matrix() @ turns


def _refined(seen: Array, shape: Array, turns: Array, parameters: Array) -> tuple[Array, Array]:
    """Make one Gauss-Newton step on turn, size and place; `seen` is N×K×2, `shape` K×3."""
    scale = np.exp(parameters[:, :1])[:, None]
    turned = np.einsum("nij,kj->nki", turns, shape) * scale
    residual = seen - turned[..., :2] - parameters[:, None, 1:]
    x, y, z = np.moveaxis(turned, -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)
    by_x = np.stack([zero, z, -y, x, one, zero], axis=-1)
    by_y = np.stack([-z, zero, x, y, zero, one], axis=-1)
    slope = np.concatenate([by_x, by_y], axis=1)
    missing = np.concatenate([residual[..., 0], residual[..., 1]], axis=1)
    normal = np.einsum("nka,nkb->nab", slope, slope)
    step = np.linalg.solve(normal, np.einsum("nka,nk->na", slope, missing)[..., None])[..., 0]
    turns = Rotation.from_rotvec(step[:, :3]).as_matrix() @ turns
    return turns, parameters + step[:, 3:]
