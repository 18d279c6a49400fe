"""How a portrait's skin follows brows, cheeks and mouth, and how its lips part or close.

Knows the portrait's points and the control points of a motion; knows no head pose and no pixels.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from liveportrait_core.engines.mesh.fields.slit import Slide, Slit, make_slit
from liveportrait_core.engines.mesh.grid import Field, Grid, eased
from liveportrait_core.engines.mesh.points import (
    BROWS,
    EYES,
    FACE_OVAL,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LOWER_LIP,
    MOUTH,
    UPPER_LIP,
    Array,
    HeadAxes,
    control_point_positions,
)

OPEN_MOUTH = 0.03  # gap between lips that counts as open, relative to the mouth's width
MAX_PARTING = 0.05  # of closed lips, eye distances: there is nothing behind them to show
MAX_PRESSING = 0.02
MAX_SLOPE = 0.6  # of the skin's displacement; at 1 it would fold


@dataclass(frozen=True, kw_only=True, eq=False)
class ExpressionField:
    """How far every node follows each control point.

    weights: rows×columns×H; nodes `step_px` apart.
    axes: 2×2, from the head's directions to the picture's, times the eye distance in pixels.
    """

    weights: Field
    axes: Array
    step_px: int

    def displacement(self, control_points: Array) -> Field:
        """Displace every node at rest, forwards: H×2 movements → rows×columns×2 pixels.

        Control points that pull against each other are damped together: the skin never folds.
        """
        moves = self._moves(control_points)
        return moves * self._damping(moves)

    def quieted(self, control_points: Array, share: float) -> Field:
        """Displace every node likewise, the mouth by a share only, and the rest exactly as then."""
        quiet = control_points.copy()
        quiet[MOUTH] *= share
        return self._moves(quiet) * self._damping(self._moves(control_points))

    def _moves(self, control_points: Array) -> Field:
        pulls = (control_points @ self.axes.T).astype(np.float32)
        return np.ascontiguousarray(self.weights @ pulls)

    def _damping(self, moves: Field) -> np.float32:
        down, right = np.diff(moves, axis=0)[:, :-1], np.diff(moves, axis=1)[:-1]
        squares = down**2 + right**2
        steepest = float(np.sqrt((squares[..., 0] + squares[..., 1]).max())) / self.step_px
        return np.float32((1.0 + (steepest / MAX_SLOPE) ** 4) ** -0.25)


def expression_field(points: Array, head: HeadAxes, grid: Grid) -> ExpressionField:
    """Return the field of a portrait, 478×3 points; brows and mouth are kept off the eyes."""
    place = head.seen_from(grid.nodes)
    right, down = np.abs(place[..., 0]), place[..., 1]
    seen = head.seen_from(points[:, :2])
    control_points = head.seen_from(control_point_positions(points)[:, :2])
    oval = seen[list(FACE_OVAL)]
    upper_lids = seen[[row for upper, _lower, _brow in EYES for row in upper]]
    lower_lids = seen[[row for _upper, lower, _brow in EYES for row in lower]]
    nose = seen[[168, 6, 197, 5, 4, 98, 327]]
    above = oval[oval[:, 1] < 0.5]
    beside = oval[(oval[:, 1] >= 0.2) & (oval[:, 1] < 1.4)]
    weights = np.zeros((*grid.shape, len(control_points)), np.float32)
    brow_window = (1 - eased(down, -0.34, -0.12)) * eased(down, -1.7, -1.2)
    brow_window *= 1 - eased(right, 1.0, 1.5)
    mouth_window = eased(down, 0.35, 0.85) * (1 - eased(down, 2.0, 2.7))
    mouth_window *= 1 - eased(right, 0.9, 1.5)
    brows = _following(place, control_points[BROWS], np.concatenate([upper_lids, above]))
    mouth = _following(place, control_points[MOUTH], np.concatenate([lower_lids, nose, beside]))
    weights[..., BROWS] = brows * brow_window[..., None]
    weights[..., MOUTH] = mouth * mouth_window[..., None]
    return ExpressionField(
        weights=weights, axes=head.axes[:2, :2] * head.eye_distance, step_px=grid.step
    )


def _following(places: Array, control_points: Array, anchors: Array) -> Array:
    """Return how far places follow the control points while the anchors rest, rows×columns×H."""
    centres = np.concatenate([control_points, anchors])
    values = np.eye(len(centres))[:, : len(control_points)]
    spline = RBFInterpolator(centres, values, smoothing=1e-3, kernel="thin_plate_spline")
    return spline(places.reshape(-1, 2)).reshape(*places.shape[:2], len(control_points))


@dataclass(frozen=True, kw_only=True)
class Mouth:
    """The portrait's lips.

    gap: between them as they are, eye distances; 0 where they count as closed.
    """

    slit: Slit
    gap: float

    def posed(self, control_points: Array, *, normalize: bool) -> tuple[Array, float]:
        """Share a wanted parting of the lips between the existing gap and stretched skin.

        Returns the control points to pull, H×2, and how far the gap is closed, 0..1.
        """
        parting = float(control_points[LOWER_LIP, 1].mean() - control_points[UPPER_LIP, 1].mean())
        at_rest = 0.0 if normalize else self.gap
        shown = float(np.clip(at_rest + parting, 0.0, self.gap))
        stretched = parting - (shown - at_rest)
        limit = MAX_PARTING if stretched > 0 else MAX_PRESSING
        excess = parting - stretched / (1.0 + (stretched / limit) ** 4) ** 0.25
        pulled = control_points.copy()
        pulled[UPPER_LIP, 1] += excess / 2
        pulled[LOWER_LIP, 1] -= excess / 2
        return pulled, 1.0 - shown / self.gap if self.gap else 0.0


def mouth_of(points: Array, head: HeadAxes) -> Mouth:
    """Return the lips of a portrait; each moves as a whole over what is behind it."""
    upper, lower = points[list(INNER_LIP_UPPER), :2], points[list(INNER_LIP_LOWER), :2]
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    to_nose, to_chin, upper_lip, lower_lip = (
        float(np.linalg.norm(points[a, :2] - points[b, :2]))
        for a, b in ((13, 2), (14, 152), (13, 0), (14, 17))
    )
    slit = make_slit(
        upper,
        lower,
        above=Slide(rim=min(upper_lip, 0.5 * to_nose), room=0.9 * to_nose),
        below=Slide(rim=min(lower_lip, 0.4 * to_chin), room=0.7 * to_chin),
        meeting=0.55,
        feather=max(1.0, 0.01 * width),
    )
    is_open = slit.opening_px > OPEN_MOUTH * width
    return Mouth(slit=slit, gap=slit.opening_px / head.eye_distance if is_open else 0.0)
