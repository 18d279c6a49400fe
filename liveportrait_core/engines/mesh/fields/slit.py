"""Closing a slit analytically: lids over the eyeball, lips over the teeth.

What lies in the slit stays where it is, and the skin above and below slides over it like two
curtains. A mesh alone would flatten the iris and leave a bright line. Knows curves and pixels of
the portrait at rest.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.fields.sampling import Map, Sampler
from liveportrait_core.engines.mesh.grid import eased
from liveportrait_core.engines.mesh.points import Array
from liveportrait_core.report import Box, Frame

SHADE, SHADE_WIDTH = 0.5, 0.11  # of lashes where lids meet; the width in half eyes
LEAST_CLOSURE = 0.004  # below it nothing is drawn


@dataclass(frozen=True, kw_only=True)
class Slide:
    """How the skin on one side of a slit follows its edge; lengths in pixels.

    rim: strip along the edge that moves as a whole: lashes stay lashes, lips stay lips.
    room: from the edge to where the skin rests.
    """

    rim: float
    room: float


@dataclass(frozen=True, kw_only=True)
class Slit:
    """One slit of the portrait, in axes along and across it, lengths in pixels.

    upper, lower: coefficients of the two edges, quartic and zero at both corners.
    meeting: where the edges meet, 0 at the upper one, 1 at the lower one.
    feather: width of the soft border of the curtains.
    """

    centre: tuple[float, float]
    along: tuple[float, float]
    half_width: float
    upper: tuple[float, float, float]
    lower: tuple[float, float, float]
    above: Slide
    below: Slide
    meeting: float
    feather: float

    @property
    def opening_px(self) -> float:
        """Gap between the edges in the middle."""
        return self.lower[0] - self.upper[0]

    @property
    def reach(self) -> float:
        """Farther than this from the centre no closure changes anything."""
        edges = max(map(abs, (*self.upper, *self.lower)))
        return float(np.hypot(self.half_width, max(self.above.room, self.below.room) + edges)) + 2

    @property
    def support(self) -> Box:
        """The square of that reach."""
        (x, y), reach = self.centre, self.reach
        return Box(
            x0=int(np.floor(x - reach)),
            y0=int(np.floor(y - reach)),
            x1=int(np.ceil(x + reach)),
            y1=int(np.ceil(y + reach)),
        )

    def coordinates(self, positions: Map) -> tuple[Map, Map]:
        """Place along the slit, -1..1 between its corners, and px downwards across it."""
        ax, ay = self.along
        dx, dy = np.moveaxis(positions - np.array(self.centre, np.float32), -1, 0)
        return _map(np.clip((dx * ax + dy * ay) / self.half_width, -1, 1)), _map(dy * ax - dx * ay)

    def edges(self, s: Map) -> tuple[Map, Map]:
        """Return the distance across of the upper and the lower edge at `s`."""
        return _edge(self.upper, s), _edge(self.lower, s)


def make_slit(
    upper: Array,
    lower: Array,
    *,
    above: Slide,
    below: Slide,
    meeting: float,
    feather: float,
    corner_margin: float = 0.0,
    lower_margin: float = 0.0,
) -> Slit:
    """Fit a slit to the points of its edges, K×2 pixels, both from left corner to right.

    It reaches beyond them by the margins, relative to its own width and opening.
    """
    left, right = (upper[0] + lower[0]) / 2, (upper[-1] + lower[-1]) / 2
    centre = (left + right) / 2
    half = float(np.linalg.norm(right - left) / 2)
    along = (right - left) / (2 * half)
    frame = np.stack([along, [-along[1], along[0]]], axis=1)
    half *= 1 + corner_margin
    upper_edge = _fit_edge((upper - centre) @ frame, half)
    lower_edge = _fit_edge((lower - centre) @ frame, half)
    extra = lower_margin * max(lower_edge[0] - upper_edge[0], 0.0)
    return Slit(
        centre=(float(centre[0]), float(centre[1])),
        along=(float(along[0]), float(along[1])),
        half_width=half,
        upper=upper_edge,
        lower=(lower_edge[0] + extra, lower_edge[1], lower_edge[2]),
        above=above,
        below=below,
        meeting=meeting,
        feather=feather,
    )


def draw_closed(
    near: Frame, positions: Map, slit: Slit, closure: float, sampler: Sampler, skin: Frame | None
) -> Frame:
    """Draw the slit's surroundings with the slit more closed.

    Args:
        near: h×w×3 picture of the surroundings, drawn with the slit as in the portrait.
        positions: for each of its pixels the place of the portrait at rest, h×w×2, x first.
        slit: where, at rest.
        closure: 0 as in the portrait, 1 closed.
        sampler: the portrait.
        skin: what stretched skin looks like, a picture of `slit.support`; None: as stretched.
    """
    s, across = slit.coordinates(positions)
    upper, lower = slit.edges(s)
    gap = np.maximum(lower - upper, 0)
    upper_move = _map(gap * np.float32(closure * slit.meeting))
    lower_move = _map(gap * np.float32(closure * (1 - slit.meeting)))
    below = across - (lower - lower_move)
    above = upper + upper_move - across
    # Neither curtain brings a rim of the eyeball along, nor lets it through where they meet.
    clear = np.float32(0.5 * slit.feather * closure)
    from_below = np.maximum(across + _slide(below, lower_move, slit.below), lower + clear)
    from_above = np.minimum(across - _slide(above, upper_move, slit.above), upper - clear)
    across_axis = np.array([-slit.along[1], slit.along[0]], np.float32)
    drawn = near.astype(np.float32)
    for behind, come_from, overlap in ((below, from_below, clear), (above, from_above, 0)):
        offset = _map(np.where(gap > 0, come_from - across, 0))
        read = sampler.at(positions + offset[..., None] * across_axis)
        curtain = read[..., :3].astype(np.float32)
        if skin is not None and behind is above:
            thin = _stretch(above, upper_move, slit.above)[..., None]
            curtain += (_skin_at(skin, slit, positions) - curtain) * thin
        opacity = np.clip((behind + overlap) / np.float32(slit.feather) + 0.5, 0, 1)
        drawn += (curtain - drawn) * _map(np.where(offset != 0, opacity, 0))[..., None]
    if skin is not None:
        apart = above / np.float32(SHADE_WIDTH * slit.half_width)
        shade = (
            np.float32(SHADE * closure**2) * np.exp(-(apart**2)) * gap / max(slit.opening_px, 1.0)
        )
        drawn *= 1 - _map(shade)[..., None]
    return np.rint(np.clip(drawn, 0, 255)).astype(np.uint8)


def _skin_at(skin: Frame, slit: Slit, positions: Map) -> Frame:
    x, y = np.moveaxis(positions - np.array([slit.support.x0, slit.support.y0], np.float32), -1, 0)
    read = cv2.remap(skin, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.uint8)


def _fit_edge(points: Array, half_width: float) -> tuple[float, float, float]:
    """Fit (1 - s²)(a + b s + c s²) to points in slit axes, s from -1 to 1 between the corners."""
    s = points[:, 0] / half_width
    basis = (1 - s**2)[:, None] * np.stack([np.ones_like(s), s, s**2], axis=1)
    a, b, c = np.linalg.lstsq(basis, points[:, 1], rcond=None)[0]
    return float(a), float(b), float(c)


def _edge(coefficients: tuple[float, float, float], s: Map) -> Map:
    a, b, c = (np.float32(v) for v in coefficients)
    return _map((1 - s * s) * (a + s * (b + s * c)))


def _slide(behind: Map, move: Map, slide: Slide) -> Map:
    """Return how far the skin has come that is now `behind` pixels behind the moved edge."""
    return _map(move * (1 - eased(behind, slide.rim, slide.room + move)))


def _stretch(behind: Map, move: Map, slide: Slide) -> Map:
    """0 where skin moved as a whole or not at all, towards 1 where it was stretched thin."""
    reach = slide.room + move
    onset = eased(behind, 0.6 * slide.rim, 1.4 * slide.rim)
    end = 1 - eased(behind, 0.4 * reach, reach)
    thin = np.clip(move / np.float32(0.35 * slide.room), 0, 1)
    return _map(onset * end * thin)


def _map(values: NDArray[np.generic]) -> Map:
    return np.asarray(values, np.float32)
