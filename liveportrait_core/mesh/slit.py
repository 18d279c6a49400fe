"""Closing a slit analytically: lids over the eyeball, lips over the teeth.

What lies in the slit stays where it is, and the skin above and below slides over it like two
curtains. A mesh alone would squash the iris and leave a bright line. Knows curves and pixels of the
portrait at rest.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.options import Box, Frame

Array = NDArray[np.float64]
Map = NDArray[np.float32]

LEAST_CLOSURE = 0.004


@dataclass(frozen=True, kw_only=True)
class Slit:
    """One slit of the portrait, in axes along and across it, lengths in pixels.

    upper, lower: coefficients of the two edges, quartic and zero at both corners.
    upper_room, lower_room: how far from its edge each curtain's skin begins to slide.
    meeting: where the edges meet, 0 at the upper one, 1 at the lower one.
    feather: width of the soft border of the curtains.
    """

    centre: tuple[float, float]
    along: tuple[float, float]
    half_width: float
    upper: tuple[float, float, float]
    lower: tuple[float, float, float]
    upper_room: float
    lower_room: float
    meeting: float
    feather: float

    @property
    def opening(self) -> float:
        """Gap between the edges in the middle, in half widths."""
        return (self.lower[0] - self.upper[0]) / self.half_width

    @property
    def support(self) -> Box:
        """Outside it no closure changes anything."""
        reach_x = self.half_width
        low = max(self.upper_room, self.lower_room) + max(
            abs(v) for v in (*self.upper, *self.lower)
        )
        radius = float(np.hypot(reach_x, low)) + 2.0
        x, y = self.centre
        return Box(
            x0=int(np.floor(x - radius)),
            y0=int(np.floor(y - radius)),
            x1=int(np.ceil(x + radius)),
            y1=int(np.ceil(y + radius)),
        )


def fit_edge(points: Array, half_width: float) -> tuple[float, float, float]:
    """Fit (1 - s²)(a + b s + c s²) to points in slit axes, s from -1 to 1 between the corners."""
    s = points[:, 0] / half_width
    basis = (1 - s**2)[:, None] * np.stack([np.ones_like(s), s, s**2], axis=1)
    a, b, c = np.linalg.lstsq(basis, points[:, 1], rcond=None)[0]
    return float(a), float(b), float(c)


def make_slit(
    upper: Array,
    lower: Array,
    *,
    upper_room: float,
    lower_room: float,
    meeting: float,
    feather: float,
) -> Slit:
    """A slit from the points of its edges, K×2 pixels, both from left corner to right."""
    corners = (upper[0] + lower[0]) / 2, (upper[-1] + lower[-1]) / 2
    centre = (corners[0] + corners[1]) / 2
    half = float(np.linalg.norm(corners[1] - corners[0]) / 2)
    along = (corners[1] - corners[0]) / (2 * half)
    across = np.array([-along[1], along[0]])
    frame = np.stack([along, across], axis=1)
    return Slit(
        centre=(float(centre[0]), float(centre[1])),
        along=(float(along[0]), float(along[1])),
        half_width=half,
        upper=fit_edge((upper - centre) @ frame, half),
        lower=fit_edge((lower - centre) @ frame, half),
        upper_room=upper_room,
        lower_room=lower_room,
        meeting=meeting,
        feather=feather,
    )


def draw_closed(
    out: Frame, portrait: Frame, x: Map, y: Map, slit: Slit, closure: float, interpolation: int
) -> None:
    """Draw the closed part of the slit over `out`, in place.

    Args:
        out: h×w×3 picture of the slit's surroundings, drawn with the slit as in the portrait.
        portrait: whole portrait at rest.
        x: for each pixel of `out` the portrait's column, h×w.
        y: likewise the row.
        slit: where, at rest.
        closure: 0 as in the portrait, 1 closed.
        interpolation: OpenCV's, for sampling the portrait.
    """
    if closure < LEAST_CLOSURE:
        return
    ax, ay = (np.float32(v) for v in slit.along)
    dx, dy = x - np.float32(slit.centre[0]), y - np.float32(slit.centre[1])
    s = np.clip((dx * ax + dy * ay) / slit.half_width, -1, 1).astype(np.float32)
    across = (dy * ax - dx * ay).astype(np.float32)
    upper, lower = _edge(slit.upper, s), _edge(slit.lower, s)
    gap = np.maximum(lower - upper, 0)
    upper_move = (closure * slit.meeting) * gap
    lower_move = (closure * (1 - slit.meeting)) * gap
    from_above = _slide(across - (upper + upper_move), upper_move, slit.upper_room)
    from_below = _slide((lower - lower_move) - across, lower_move, slit.lower_room)
    shift = from_below - from_above
    opacity = _opacity(across, upper + upper_move, lower - lower_move, slit.feather, gap)
    curtain = cv2.remap(
        portrait,
        x - np.float32(ay) * shift,
        y + np.float32(ax) * shift,
        interpolation,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    blended = out + (curtain.astype(np.float32) - out) * opacity[..., None]
    changed = (shift != 0) | (opacity < 1)
    np.copyto(out, np.rint(np.clip(blended, 0, 255)).astype(np.uint8), where=changed[..., None])


def _edge(coefficients: tuple[float, float, float], s: Map) -> Map:
    a, b, c = (np.float32(v) for v in coefficients)
    one = np.float32(1)
    return np.asarray((one - s * s) * (a + s * (b + s * c)), np.float32)


def _slide(beyond: Map, move: Map, room: float) -> Map:
    """How far the skin at this place has come, by its distance behind the edge (negative: behind).

    At the edge the skin moves as a whole, so that lashes stay lashes; it comes to rest at the far
    end of its room.
    """
    share = np.clip(1 + beyond / (room + move), 0, 1)
    eased = share * share * (3 - 2 * share)
    return np.where(beyond <= 0, move * eased, 0).astype(np.float32)


def _opacity(across: Map, upper: Map, lower: Map, feather: float, gap: Map) -> Map:
    """1 on the curtains, 0 in what is left of the slit, soft between."""
    inside = np.minimum(across - upper, lower - across)
    shown = np.clip(inside / np.float32(feather) + 0.5, 0, 1)
    return (1 - np.where(gap > 0, shown, 0)).astype(np.float32)
