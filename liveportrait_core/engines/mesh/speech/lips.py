"""One frame's speaking mouth: lips that part as wholes, over what is between them.

Everything is placed in the picture of a head that does not turn: the upper lip and what is inside
belong to the skull, the lower lip to the jaw. Near the lips' edges skin moves with its lip as a
whole; farther away as the expression's smooth field has it, which alone would stretch the line
between the lips into a smear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.fields.sampling import Map, Sampler
from liveportrait_core.engines.mesh.fields.slit import Slit
from liveportrait_core.engines.mesh.grid import Field, Grid, eased
from liveportrait_core.engines.mesh.points import CONTROL_POINT_NAMES, Array
from liveportrait_core.engines.mesh.speech.interior import LINE_SAMPLES, MouthInterior
from liveportrait_core.engines.mesh.speech.shapes import SpokenFrame, opening_limit
from liveportrait_core.options import MouthInside
from liveportrait_core.report import Frame

ROUNDNESS = 0.85  # 1: an opening as a lens, below: fuller at the corners
FADE_IN = (0.03, 0.06)  # of the opening: what is painted appears between these
TEETH_SHARE = 0.35  # of the opening, at most
TEETH_BELOW_LINE = 0.028  # how far the teeth reach below the line of closed lips, eye distances
TEETH_LIT = (0.02, 0.09)  # openings between which light reaches them
EDGE = 0.012  # of painted edges
LIP_SHADOW, LIP_SHADOW_DEPTH = 0.60, 0.025  # what the upper lip leaves of the light below it
CORNER_SHADOW = 1.6  # power of the place along the slit by which teeth vanish in the corners
FLOOR_LIGHT = 0.9  # how much lighter the cavity is above the lower lip
EDGE_SHADE, EDGE_DEPTH = 0.35, 0.022  # of lips that turn away into the mouth
SHADED_FROM = 0.08  # opening from which they do so in full
OWN_TEETH_EDGE = 0.03  # below the portrait's own teeth the dark comes over so much of opening
CORNERS = (0.8, 1.0)  # between these places along the slit lips stop moving as wholes
MEETING = 0.55  # where closing lips meet: 0 at the upper one's edge, 1 at the lower one's
_TABLE = 1025  # entries of a curve from corner to corner
_UPPER, _LOWER = (CONTROL_POINT_NAMES.index(name) for name in ("upper lip", "lower lip"))
RIM_LEFT = 1.0  # of the lips' soft edge, left out beside the portrait's own teeth
SHARE_SEEN = 0.25  # from this activity on nothing of the idle's own lips is seen


@dataclass(frozen=True, kw_only=True, eq=False)
class MouthPlaces:
    """Of a part of the picture, h×w×2 each, x first.

    unturned: where it is before the head turns.
    resting: where it is in the portrait, before the expression too.
    """

    unturned: Map
    resting: Map


@dataclass(frozen=True, kw_only=True, eq=False)
class LipCurves:
    """The inner edges of the lips from corner to corner, px across the slit, LINE_SAMPLES each.

    upper_rest, lower_rest: in the portrait.
    upper, lower: how far they have moved; `lower_rest + lower` is never above the upper one.
    upper_closing, lower_closing: the part of it that closes the portrait's own gap.
    """

    upper_rest: Array
    lower_rest: Array
    upper: Array
    lower: Array
    upper_closing: Array
    lower_closing: Array

    @property
    def opening(self) -> float:
        """Gap between the moved edges in the middle, pixels."""
        middle = LINE_SAMPLES // 2
        rest = self.lower_rest[middle] - self.upper_rest[middle]
        return float(rest + self.lower[middle] - self.upper[middle])


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeakingMouth:
    """What the drawing of a mouth needs of a portrait."""

    slit: Slit
    interior: MouthInterior
    eye_distance_px: float


def lip_curves(
    spoken: SpokenFrame,
    mouth: SpeakingMouth,
    *,
    pull: Field,
    pull_of_speech: Field,
    grid: Grid,
    axes: Array,
) -> LipCurves:
    """Return where the lips' inner edges are in one frame.

    At the corners they move as the skin does; towards the middle as far as their control points.

    Args:
        spoken: what the mouth does.
        mouth: of the portrait.
        pull: the expression's whole field on the grid, pixels.
        pull_of_speech: the part of it that is speech.
        grid: of the fields.
        axes: 2×2, from a control point's movement to pixels of the picture.
    """
    slit, interior = mouth.slit, mouth.interior
    down = np.array([-slit.along[1], slit.along[0]])
    s = np.linspace(-1, 1, LINE_SAMPLES)
    profile = (1 - s**2) ** ROUNDNESS
    wanted = spoken.control_points[[_UPPER, _LOWER]] @ axes.T @ down
    limit = opening_limit(spoken.inside, interior.own / mouth.eye_distance_px)
    parting = min(max(wanted[1] - wanted[0], 0.0), limit * mouth.eye_distance_px)
    middle = wanted.mean()
    edges = []
    for rest, target in (
        (interior.upper, middle - parting / 2),
        (interior.lower, middle + parting / 2),
    ):
        whole, own = (_across(field, grid, slit, rest, down) for field in (pull, pull_of_speech))
        edges.append(whole + (target - own[LINE_SAMPLES // 2]) * profile)
    closing = spoken.closing * np.maximum(interior.lower - interior.upper, 0)
    upper_closing, lower_closing = MEETING * closing, (MEETING - 1) * closing
    upper, lower = edges[0] + upper_closing, edges[1] + lower_closing
    return LipCurves(
        upper_rest=interior.upper,
        lower_rest=interior.lower,
        upper=upper,
        lower=np.maximum(lower, interior.upper + upper - interior.lower),
        upper_closing=upper_closing,
        lower_closing=lower_closing,
    )


def _across(field: Field, grid: Grid, slit: Slit, line: Array, down: Array) -> Array:
    """Sample how far a field moves a line across the slit."""
    s = np.linspace(-1, 1, LINE_SAMPLES)[:, None] * slit.half_width
    places = np.array(slit.centre) + s * np.array(slit.along) + line[:, None] * down
    return np.asarray(grid.sample(field, places[None].astype(np.float32))[0] @ down, np.float64)


def draw_spoken(
    near: Frame,
    places: MouthPlaces,
    spoken: SpokenFrame,
    curves: LipCurves,
    mouth: SpeakingMouth,
    sampler: Sampler,
) -> Frame:
    """Draw the surroundings of a mouth that speaks.

    Args:
        near: h×w×3, the surroundings as the expression's smooth field alone has them.
        places: of its pixels.
        spoken: what the mouth does.
        curves: where its lips are.
        mouth: of the portrait.
        sampler: the portrait.
    """
    slit = mouth.slit
    s, across_rest = slit.coordinates(places.resting)
    _, across = slit.coordinates(places.unturned)
    at = _index(s)
    upper_move, lower_move = _table(curves.upper)[at], _table(curves.lower)[at]
    upper = _table(curves.upper_rest)[at] + upper_move
    lower = _table(curves.lower_rest)[at] + lower_move
    is_lower = across > (upper + lower) / 2
    behind = _map(np.where(is_lower, across - lower, upper - across))
    move = np.where(is_lower, lower_move, upper_move)
    closing = np.where(is_lower, _table(curves.lower_closing)[at], _table(curves.upper_closing)[at])
    whole = _whole(behind, is_lower, closing, slit)
    beside = 1 - eased(np.abs(s), *CORNERS)  # what closes is nothing at the corners by itself
    offset = whole * (beside * (across - (move - closing) - across_rest) - closing)
    down = np.array([-slit.along[1], slit.along[0]], np.float32)
    if mouth.interior.own:  # a lip brings no rim of the teeth along
        clear = np.float32(RIM_LEFT * slit.feather)
        lower_rest, upper_rest = _table(curves.lower_rest)[at], _table(curves.upper_rest)[at]
        least = np.where(is_lower & (closing != 0), lower_rest + clear - across_rest, -np.inf)
        most = np.where(~is_lower & (closing != 0), upper_rest - clear - across_rest, np.inf)
        offset = np.clip(offset, least, most)
    lips = _read(sampler, places.resting + _map(offset)[..., None] * down)
    # Two soft edges that meet are opaque together.
    opacity = sum(
        _map(np.clip(beyond / np.float32(slit.feather) + 0.5, 0, 1))
        for beyond in (across - lower, upper - across)
    )
    opacity = _map(np.minimum(opacity, 1))
    base = near.astype(np.float32)
    behind_lips = base
    if mouth.interior.own:
        inner = np.clip(across, _table(curves.upper_rest)[at], _table(curves.lower_rest)[at] - 1)
        behind_lips = _read(sampler, places.resting + _map(inner - across_rest)[..., None] * down)
    lips *= 1 - _rolled_in(behind, lower - upper, mouth.eye_distance_px)[..., None]
    if spoken.inside is MouthInside.PAINTED:
        painted, weight = _painted(across, s, upper, lower, curves, mouth)
        behind_lips = behind_lips + (painted - behind_lips) * weight[..., None]
    drawn = behind_lips + (lips - behind_lips) * opacity[..., None]
    share = np.float32(eased(np.array(spoken.share), 0.0, SHARE_SEEN))
    changed = _map(np.where((whole > 0) | (opacity < 1), share, 0))
    return np.rint(np.clip(base + (drawn - base) * changed[..., None], 0, 255)).astype(np.uint8)


def _rolled_in(behind: Map, gap: Map, unit: float) -> Map:
    """Return how much darker lips get at edges that turn away into an open mouth."""
    apart = np.clip(gap / np.float32(SHADED_FROM * unit), 0, 1)
    return _map(EDGE_SHADE * apart * np.exp(-((behind / np.float32(EDGE_DEPTH * unit)) ** 2)))


def _whole(behind: Map, is_lower: NDArray[np.bool_], closing: Map, slit: Slit) -> Map:
    """1 where skin moves with its lip as a whole, 0 where as the smooth field has it."""
    rim = np.where(is_lower, slit.below.rim, slit.above.rim)
    room = np.where(is_lower, slit.below.room, slit.above.room) + np.abs(closing)
    return _map(1 - eased(behind, rim, room))


def _painted(
    across: Map, s: Map, upper: Map, lower: Map, curves: LipCurves, mouth: SpeakingMouth
) -> tuple[Map, Map]:
    """Return the painted inside, h×w×3, and how much of it is seen, h×w."""
    interior, unit = mouth.interior, mouth.eye_distance_px
    gap = np.maximum(lower - upper, np.float32(1e-3))
    depth = np.maximum(across - upper, 0)
    lower_rest = _table(curves.lower_rest)[_index(s)]
    edge = np.float32(max(EDGE * unit, 0.7))
    if interior.own:
        # The portrait's own teeth end where its lower lip began; below them it is dark.
        light = np.zeros_like(across)
        weight = _map(eased(across, lower_rest - edge, lower_rest + edge))
        weight *= _map(np.clip((lower - lower_rest) / np.float32(OWN_TEETH_EDGE * unit), 0, 1))
    else:
        reach = lower_rest + np.float32(TEETH_BELOW_LINE * unit) * (1 - s * s) - upper
        ends = np.minimum(np.float32(TEETH_SHARE) * gap, reach)
        light = 1 - _map(eased(depth, ends - edge, ends + edge))
        light = light * np.float32(eased(np.array(curves.opening / unit), *TEETH_LIT))
        weight = np.full_like(across, eased(np.array(curves.opening / unit), *FADE_IN))
    shadow = LIP_SHADOW + (1 - LIP_SHADOW) * eased(depth, 0.0, LIP_SHADOW_DEPTH * unit)
    light = _map(light * shadow * (1 - np.abs(s) ** CORNER_SHADOW))
    cavity = interior.cavity * (1 + FLOOR_LIGHT * np.minimum(depth / gap, 1) ** 2)[..., None]
    return cavity + (interior.teeth - cavity) * light[..., None], weight


def _read(sampler: Sampler, positions: Map) -> Map:
    return sampler.at(_map(positions))[..., :3].astype(np.float32)


def _table(curve: Array) -> Map:
    """Return a curve's values at `_TABLE` places from corner to corner."""
    places = np.linspace(0, LINE_SAMPLES - 1, _TABLE)
    return _map(np.interp(places, np.arange(LINE_SAMPLES), curve))


def _index(s: Map) -> NDArray[np.intp]:
    return np.rint((s + 1) * ((_TABLE - 1) / 2)).astype(np.intp)


def _map(values: NDArray[np.generic]) -> Map:
    return np.asarray(values, np.float32)
