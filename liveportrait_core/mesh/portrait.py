"""Everything computed once per portrait: `MeshPortrait`, the fields by which a head can move.

Knows the portrait's points and silhouette; knows no clip and draws nothing.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from liveportrait_core.errors import ImageNoFace
from liveportrait_core.face.detector import FaceMesh, person_mask
from liveportrait_core.mesh.points import (
    BROWS,
    FACE_OVAL,
    HANDLES,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_BROW_LOWER,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    MOUTH,
    RIGHT_BROW_LOWER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    HeadAxes,
    handle_positions,
)
from liveportrait_core.mesh.slit import Margins, Slide, Slit, lid_skin, make_slit
from liveportrait_core.options import Box, Frame, RenderWarning

Array = NDArray[np.float64]
Field = NDArray[np.float32]

NODES_PER_EYE_DISTANCE = 16
HALF_EXTENT = (3.6, 4.6)  # of the grid around the eyes, eye distances
OPEN_MOUTH = 0.03  # gap between the lips, relative to the mouth's width
LEAST_HOLD = 0.002  # below it nothing moves: this bounds the box
BACKGROUND_BAND = 1.1  # over which the background beside the head gives way


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Coarse nodes over the box, `step` pixels apart, each in the middle of its cell."""

    box: Box  # may reach beyond the picture
    step: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return (self.box.y1 - self.box.y0) // self.step, (self.box.x1 - self.box.x0) // self.step

    def nodes(self) -> Field:
        """Pixel position of every node, rows×columns×2, x first."""
        rows, columns = self.shape
        middle = (self.step - 1) / 2
        x = self.box.x0 + middle + self.step * np.arange(columns, dtype=np.float32)
        y = self.box.y0 + middle + self.step * np.arange(rows, dtype=np.float32)
        return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)

    def sample(self, field: Field, places: Field) -> Field:
        """Value of a field, rows×columns×C, at pixel positions …×2."""
        middle = (self.step - 1) / 2
        x = (places[..., 0] - np.float32(self.box.x0 + middle)) / np.float32(self.step)
        y = (places[..., 1] - np.float32(self.box.y0 + middle)) / np.float32(self.step)
        sampled: Field = cv2.remap(  # type: ignore[assignment]
            field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return sampled


@dataclass(frozen=True, kw_only=True)
class MeshPortrait:
    """A portrait ready to be animated. Frozen; arrays are not to be written.

    picture: H×W×3 RGB uint8, already of the result's size.
    box: outside it every frame equals the portrait.
    lever: rows×columns×3, weight × distance from the head's pivot: right, down, away; pixels.
    hold: rows×columns, that weight: 1 on the head, 0 where nothing may move.
    expression: rows×columns×H, weight of every handle.
    handle_axes: 2×2, from the head's directions to the picture's, times the eye distance in px.
    """

    picture: Frame
    warnings: tuple[RenderWarning, ...]
    box: Box
    grid: Grid
    eye_distance_px: float
    lever: Field
    hold: Field
    expression: Field
    handle_axes: Array
    left_eye: Slit
    right_eye: Slit
    mouth: Slit
    left_lid_skin: Frame
    right_lid_skin: Frame

    @property
    def mouth_is_open(self) -> bool:
        """Whether lip normalisation has anything to close."""
        return self.mouth.opening_px > OPEN_MOUTH * 2 * self.mouth.half_width


def prepare_portrait(picture: Frame) -> MeshPortrait:
    """Find the face and build the fields.

    Raises:
        ImageNoFace: no face was found.
    """
    with FaceMesh(still=True) as mesh:
        found = mesh.find(picture)
    height, width = picture.shape[:2]
    if found is None:
        raise ImageNoFace(
            f"no face was found in the portrait of {width}×{height} pixels; "
            "accepted: one clearly visible face, seen from the front"
        )
    points = found.points.astype(np.float64)
    head = HeadAxes.of(points)
    unit = head.eye_distance
    grid = _grid_around(points, unit)
    place = _HeadPlace.of(points, head, grid.nodes())
    hold = _hold(place, person_mask(picture), grid, unit)
    grid, kept = _cropped(grid, hold)
    place = place.cropped(kept)
    hold = hold[kept]
    depth = _depth(points, place, unit)
    lever = np.concatenate(
        [place.nodes - place.pivot[:2], depth[..., None] - place.pivot[2]], axis=-1
    )
    left_eye = _eye(points, LEFT_EYE_UPPER, LEFT_EYE_LOWER, LEFT_BROW_LOWER)
    right_eye = _eye(points, RIGHT_EYE_UPPER, RIGHT_EYE_LOWER, RIGHT_BROW_LOWER)
    return MeshPortrait(
        picture=picture,
        warnings=() if found.alone else (RenderWarning.MULTIPLE_FACES_IMAGE,),
        box=_clipped(grid.box, width, height),
        grid=grid,
        eye_distance_px=unit,
        lever=(lever * hold[..., None]).astype(np.float32),
        hold=hold,
        expression=_expression(points, place, unit),
        handle_axes=head.axes[:2, :2] * unit,
        left_eye=left_eye,
        right_eye=right_eye,
        mouth=_mouth(points),
        left_lid_skin=lid_skin(picture, left_eye),
        right_lid_skin=lid_skin(picture, right_eye),
    )


@dataclass(frozen=True, kw_only=True)
class _HeadPlace:
    """Where every node lies as seen from the head.

    right, down: from the middle between the eyes, in eye distances, along the head's own axes.
    """

    nodes: Array
    right: Array
    down: Array
    pivot: Array
    middle: Array
    turn: Array  # 2×2, columns: the head's right and down in the picture

    @staticmethod
    def of(points: Array, head: HeadAxes, nodes: Field) -> "_HeadPlace":
        middle = head.middle
        down = head.axes[:2, 1] / np.linalg.norm(head.axes[:2, 1])
        turn = np.stack([[down[1], -down[0]], down], axis=1)
        local = (nodes - middle[:2]) @ turn / head.eye_distance
        return _HeadPlace(
            nodes=nodes.astype(np.float64),
            right=local[..., 0],
            down=local[..., 1],
            pivot=head.pivot,
            middle=middle,
            turn=turn,
        )

    def local(self, points: Array, unit: float) -> Array:
        """Points of the picture, …×2, in (right, down)."""
        return (points[..., :2] - self.middle[:2]) @ self.turn / unit

    def cropped(self, kept: tuple[slice, slice]) -> "_HeadPlace":
        return _HeadPlace(
            nodes=self.nodes[kept],
            right=self.right[kept],
            down=self.down[kept],
            pivot=self.pivot,
            middle=self.middle,
            turn=self.turn,
        )


def _grid_around(points: Array, unit: float) -> Grid:
    step = max(2, round(unit / NODES_PER_EYE_DISTANCE))
    x, y = points[[33, 133, 362, 263], :2].mean(0)
    columns = int(np.ceil(2 * HALF_EXTENT[0] * unit / step))
    rows = int(np.ceil(2 * HALF_EXTENT[1] * unit / step))
    x0, y0 = round(x - columns * step / 2), round(y - rows * step / 2)
    return Grid(box=Box(x0=x0, y0=y0, x1=x0 + columns * step, y1=y0 + rows * step), step=step)


def _smooth(values: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _hold(place: _HeadPlace, mask: Field, grid: Grid, unit: float) -> Field:
    """1 on the head, falling to 0 down the neck, and beside the silhouette into the background."""
    centre = np.stack([place.right / 1.35, (place.down - 0.25) / 1.9], axis=-1)
    face = np.linalg.norm(centre, axis=-1) < 1
    x, y = (place.nodes[..., i].astype(np.float32) for i in (0, 1))
    person = cv2.remap(mask, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) > 0.5
    outside = cv2.distanceTransform((~(person | face)).astype(np.uint8), cv2.DIST_L2, 5)
    band = 1 - _smooth(outside * grid.step / unit, 0.0, BACKGROUND_BAND)
    neck = 1 - _smooth(place.down, 1.3, 3.6)
    reach = np.hypot(place.right / 2.0, (place.down + 0.2) / 2.9)
    hold = band * neck * (1 - _smooth(reach, 0.9, 1.6))
    sigma = 0.15 * unit / grid.step
    soft = cv2.GaussianBlur(hold.astype(np.float32), (0, 0), sigma)
    return np.where(soft > LEAST_HOLD, soft, 0).astype(np.float32)


def _cropped(grid: Grid, hold: Field) -> tuple[Grid, tuple[slice, slice]]:
    """The part of the grid in which anything can move, one node of rest around it."""
    rows, columns = np.nonzero(hold.any(1))[0], np.nonzero(hold.any(0))[0]
    y0, y1 = max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, hold.shape[0])
    x0, x1 = max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, hold.shape[1])
    box = Box(
        x0=grid.box.x0 + x0 * grid.step,
        y0=grid.box.y0 + y0 * grid.step,
        x1=grid.box.x0 + x1 * grid.step,
        y1=grid.box.y0 + y1 * grid.step,
    )
    return Grid(box=box, step=grid.step), (slice(y0, y1), slice(x0, x1))


def _clipped(box: Box, width: int, height: int) -> Box:
    return Box(x0=max(box.x0, 0), y0=max(box.y0, 0), x1=min(box.x1, width), y1=min(box.y1, height))


def _depth(points: Array, place: _HeadPlace, unit: float) -> Array:
    """Depth of every node in pixels: the mesh's on the face, falling to the pivot's around it."""
    face = points[:468:3]
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    ring = np.concatenate(
        [
            np.stack([2.1 * np.sin(angles), 0.2 - 2.6 * np.cos(angles)], axis=1) * scale
            for scale in (1.0, 1.5)
        ]
    )
    centres = np.concatenate([place.local(face, unit), ring])
    values = np.concatenate([face[:, 2], np.full(len(ring), place.pivot[2])])
    smooth = RBFInterpolator(centres, values, smoothing=0.01, kernel="thin_plate_spline")
    nodes = np.stack([place.right, place.down], axis=-1)
    depth = smooth(nodes.reshape(-1, 2)).reshape(nodes.shape[:2])
    limit = points[:468, 2]
    return np.clip(depth, limit.min(), max(limit.max(), place.pivot[2]))


def _expression(points: Array, place: _HeadPlace, unit: float) -> Field:
    """How far every node follows each handle, rows×columns×H."""
    nodes = np.stack([place.right, place.down], axis=-1)
    handles = place.local(handle_positions(points), unit)
    eyes = place.local(points[[*LEFT_EYE_UPPER, *RIGHT_EYE_UPPER]], unit)
    lower_lids = place.local(points[[*LEFT_EYE_LOWER, *RIGHT_EYE_LOWER]], unit)
    nose = place.local(points[[168, 6, 197, 5, 4, 98, 327]], unit)
    oval = place.local(points[list(FACE_OVAL)], unit)
    upper_oval, sides = oval[oval[:, 1] < 0.5], oval[(oval[:, 1] >= 0.2) & (oval[:, 1] < 1.4)]
    weights = np.zeros((*nodes.shape[:2], len(HANDLES)))
    brow_window = (1 - _smooth(nodes[..., 1], -0.34, -0.12)) * _smooth(nodes[..., 1], -1.7, -1.2)
    weights[..., BROWS] = _follow(nodes, handles[BROWS], np.concatenate([eyes, upper_oval]))
    weights[..., BROWS] *= (brow_window * (1 - _smooth(np.abs(nodes[..., 0]), 1.0, 1.5)))[..., None]
    mouth_window = _smooth(nodes[..., 1], 0.35, 0.85) * (1 - _smooth(nodes[..., 1], 2.0, 2.7))
    weights[..., MOUTH] = _follow(nodes, handles[MOUTH], np.concatenate([lower_lids, nose, sides]))
    weights[..., MOUTH] *= (mouth_window * (1 - _smooth(np.abs(nodes[..., 0]), 0.9, 1.5)))[
        ..., None
    ]
    return weights.astype(np.float32)


def _follow(nodes: Array, handles: Array, anchors: Array) -> Array:
    """How far the nodes follow the handles while the anchors rest, rows×columns×len(handles)."""
    centres = np.concatenate([handles, anchors])
    values = np.eye(len(centres))[:, : len(handles)]
    spline = RBFInterpolator(centres, values, smoothing=1e-3, kernel="thin_plate_spline")
    flat = nodes.reshape(-1, 2)
    return spline(flat).reshape(*nodes.shape[:2], len(handles))


def _eye(
    points: Array, upper: tuple[int, ...], lower: tuple[int, ...], brow: tuple[int, ...]
) -> Slit:
    """The lids. In pictures the eye's opening reaches a little beyond the mesh's."""
    edge, brow_edge = points[list(upper), :2], points[list(brow), :2]
    width = float(np.linalg.norm(edge[-1] - edge[0]))
    to_brow = float(np.linalg.norm(edge[2:-2].mean(0) - brow_edge.mean(0)))
    rim = 0.10 * width
    return make_slit(
        edge,
        points[list(lower), :2],
        above=Slide(rim=rim, room=max(0.85 * to_brow, 2.5 * rim)),
        below=Slide(rim=0.05 * width, room=0.3 * width),
        meeting=0.94,
        feather=max(1.0, 0.03 * width),
        margins=Margins(corners=0.08, lower=0.16),
    )


def _mouth(points: Array) -> Slit:
    """The lips, which move as a whole."""
    upper, lower = points[list(INNER_LIP_UPPER), :2], points[list(INNER_LIP_LOWER), :2]
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    to_nose, to_chin, upper_lip, lower_lip = (
        float(np.linalg.norm(points[a, :2] - points[b, :2]))
        for a, b in ((13, 2), (14, 152), (13, 0), (14, 17))
    )
    return make_slit(
        upper,
        lower,
        above=Slide(rim=min(upper_lip, 0.5 * to_nose), room=0.9 * to_nose),
        below=Slide(rim=min(lower_lip, 0.4 * to_chin), room=0.7 * to_chin),
        meeting=0.55,
        feather=max(1.0, 0.01 * width),
        margins=Margins(),
    )
