"""Which thin things are before an eye or the lips: lines that go on far beyond them.

Lids, lashes, wrinkles and teeth make lines too; all of them end near the eye or the mouth. Knows
the face's points and the picture at rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from liveportrait_core.engines.mesh.front.tracing import STEP, Line, Look, followed
from liveportrait_core.engines.mesh.grid import Field
from liveportrait_core.engines.mesh.points import EYES, OUTER_LIPS, Array, HeadAxes
from liveportrait_core.report import Frame

# Lengths in eye distances.
WORKING_EYE_DISTANCE_PX = 96  # finer lines are not looked for
REACH = 2.6  # of what is looked at, from between the eyes
HALF_WIDTHS = (0.009, 0.024)  # of lines
LEAST_HALF_WIDTH_PX = 0.5
BLUR_PX = 0.6
AROUND_EYE = 0.05  # lines are looked for in an eye and so far around it
EYE_WIDE, LIPS_WIDE = 0.9, 0.85  # within this share of its half width
ANGLES = np.radians(np.arange(0, 180, 15.0))
APART = 0.025  # places from which lines are followed
MOST_PLACES = 20
FIRST_CONTRAST = 10.0
LEAST_LENGTH = 0.7
MOST_WIDTH = 0.08  # what is wider hides an eye
LEAST_WITHIN = 0.05  # of it seen before the eye or the lips
LEAST_BEYOND = 0.5  # so far it goes on, on one side at least; what is the face's ends before 0.4
LEAST_SEEN = 0.8  # share of it beyond them
LEAST_CONTRAST = 8.0
TWIN = 0.04  # nearer than that two lines are one
TWIN_SHARE = 0.7
SMOOTHING = 1.5  # of a line, steps


class Part(Enum):
    """What of a face a thing may cross; left is left in the picture."""

    LEFT_EYE = auto()
    RIGHT_EYE = auto()
    LIPS = auto()


@dataclass(frozen=True, kw_only=True, eq=False)
class Thing:
    """One thin thing; pixels of the portrait.

    before: what it crosses.
    places: K×2 along its middle.
    width_px: across it.
    """

    before: Part
    places: Array
    width_px: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Zone:
    """Where a line would be painted over.

    part: of the face.
    mask: h×w.
    """

    part: Part
    mask: NDArray[np.bool_]


def thin_things(picture: Frame, points: Array, head: HeadAxes) -> list[Thing]:
    """Find the thin things before eyes and lips; points 478×3."""
    lab, corner, scale = _near_face(picture, head)
    unit_px = head.eye_distance * scale
    local = (points[:, :2] - corner + 0.5) * scale - 0.5
    found: list[tuple[Look, Part, Line]] = []
    for zone in _zones(local, lab.shape[:2], unit_px):
        for half_width in HALF_WIDTHS:
            half_width_px = max(half_width * unit_px, LEAST_HALF_WIDTH_PX)
            look = Look(lab=lab, half_width_px=half_width_px, unit_px=unit_px)
            found += [(look, zone.part, line) for line in _crossing(look, zone)]
    things = (
        Thing(
            before=part,
            places=(_smooth(line.places) + 0.5) / scale - 0.5 + corner,
            width_px=_width(look, line) / scale,
        )
        for look, part, line in _distinct(found)
    )
    return [thing for thing in things if thing.width_px < MOST_WIDTH * head.eye_distance]


def _near_face(picture: Frame, head: HeadAxes) -> tuple[Field, Array, float]:
    """Return the face's surroundings in Lab, small; where they begin, and by how much smaller."""
    unit = head.eye_distance
    scale = min(1.0, WORKING_EYE_DISTANCE_PX / unit)
    x0, y0 = np.maximum(np.rint(head.middle[:2] - REACH * unit), 0).astype(int).tolist()
    x1, y1 = np.maximum(np.rint(head.middle[:2] + REACH * unit), 1).astype(int).tolist()
    near = picture[y0:y1, x0:x1]
    if scale < 1:
        size = (max(1, round(near.shape[1] * scale)), max(1, round(near.shape[0] * scale)))
        near = np.asarray(cv2.resize(near, size, interpolation=cv2.INTER_AREA), np.uint8)
    lab = cv2.cvtColor(near.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    smooth = np.asarray(cv2.GaussianBlur(lab, (0, 0), BLUR_PX), np.float32)
    return smooth, np.array([x0, y0], float), scale


def _zones(points: Array, shape: tuple[int, ...], unit_px: float) -> Iterator[_Zone]:
    for part, (upper, lower, _brow) in zip((Part.LEFT_EYE, Part.RIGHT_EYE), EYES, strict=True):
        mask = cv2.dilate(_area(points, upper + lower[::-1], shape), _square(AROUND_EYE * unit_px))
        yield _zone(part, points[[upper[0], upper[-1]]], np.asarray(mask) > 0, EYE_WIDE)
    yield _zone(Part.LIPS, points[[61, 291]], _area(points, OUTER_LIPS, shape) > 0, LIPS_WIDE)


def _area(points: Array, outline: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(points[list(outline)] * 16).astype(np.int32)], 1, shift=4)
    return mask


def _square(reach_px: float) -> NDArray[np.uint8]:
    side = 2 * round(reach_px) + 1
    return np.ones((side, side), np.uint8)


def _zone(part: Part, corners: Array, mask: NDArray[np.bool_], wide: float) -> _Zone:
    """Keep of a mask what is nearer to the middle than that share of half the width."""
    (x, y), (width_x, width_y) = corners.mean(0), corners[1] - corners[0]
    half = max(float(np.hypot(width_x, width_y)) / 2, 1e-6)
    rows, columns = np.indices(mask.shape)
    beside = np.abs((columns - x) * width_x + (rows - y) * width_y) / (2 * half * half)
    return _Zone(part=part, mask=mask & (beside < wide))


def _crossing(look: Look, zone: _Zone) -> Iterator[Line]:
    """Follow every line that shows in the zone; give those that are no part of a face."""
    rows, columns = np.nonzero(zone.mask[::2, ::2])
    if not len(rows):
        return
    places = np.stack([columns, rows], axis=1).astype(np.float64) * 2
    shown = np.stack(
        [look.contrasts(places, np.full(len(places), angle))[0] for angle in ANGLES], axis=1
    )
    most = shown.max(1)
    chosen = _apart(places, most, APART * look.unit_px)
    if len(chosen):
        lines = followed(look, places[chosen], ANGLES[shown[chosen].argmax(1)])
        yield from (line for line in lines if _is_before(line, zone, look.unit_px))


def _apart(places: Array, shown: Array, apart_px: float) -> list[int]:
    """Return the places where lines show most, none of them near another."""
    chosen: list[int] = []
    for index in np.argsort(-shown).tolist():
        if shown[index] < FIRST_CONTRAST or len(chosen) == MOST_PLACES:
            break
        if (np.abs(places[chosen] - places[index]).max(1) > apart_px).all():
            chosen.append(index)
    return chosen


def _is_before(line: Line, zone: _Zone, unit_px: float) -> bool:
    """Tell whether a line is of a thing before the face, not of the face."""
    rows, columns = np.rint(line.places.T[::-1]).astype(int)
    within = zone.mask[
        np.clip(rows, 0, zone.mask.shape[0] - 1), np.clip(columns, 0, zone.mask.shape[1] - 1)
    ]
    seen, inside = line.contrasts > 0, np.flatnonzero(within)
    if STEP * (within & seen).sum() < LEAST_WITHIN:
        return False
    goes_on = STEP * max(int(inside[0]), len(within) - 1 - int(inside[-1]))
    length = np.linalg.norm(np.diff(line.places, axis=0), axis=1).sum() / unit_px
    return bool(
        goes_on >= LEAST_BEYOND
        and length >= LEAST_LENGTH
        and seen[~within].mean() >= LEAST_SEEN
        and np.median(line.contrasts[seen]) >= LEAST_CONTRAST
    )


def _distinct(found: list[tuple[Look, Part, Line]]) -> list[tuple[Look, Part, Line]]:
    """Return every line once, as it was followed farthest."""
    kept: list[tuple[Look, Part, Line]] = []
    for look, part, line in sorted(found, key=lambda one: -len(one[2].places)):
        apart = TWIN * look.unit_px
        known = np.zeros(len(line.places), bool)
        for _look, _part, other in kept:
            gaps = np.linalg.norm(line.places[:, None] - other.places[None], axis=-1)
            known |= gaps.min(1) < apart
        if known.mean() < TWIN_SHARE:
            kept.append((look, part, line))
    return kept


def _smooth(places: Array) -> Array:
    """Take the steps' corrections out of a line; its ends stay."""
    reach = min(6, len(places) - 1)
    before, after = places[reach:0:-1], places[-2 : -reach - 2 : -1]
    drawn_out = np.concatenate([2 * places[0] - before, places, 2 * places[-1] - after])
    smooth = gaussian_filter1d(drawn_out, SMOOTHING, axis=0)
    return np.asarray(smooth[reach:-reach], np.float64)


def _width(look: Look, line: Line) -> float:
    """Return how wide a line is: the width of a bar of its full contrast with the same sum."""
    ahead = np.gradient(line.places, axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
    across = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    reach = 3 * look.half_width_px + 3
    offsets = np.arange(-reach, reach + 0.25, 0.5)
    spots = line.places[:, None] + offsets[:, None] * across[:, None]
    profile = look.colours(spots)[line.contrasts > 0]
    share = np.linspace(0, 1, len(offsets))[:, None]
    ground = profile[:, :1] * (1 - share) + profile[:, -1:] * share
    mean = np.linalg.norm(np.median(profile - ground, axis=0), axis=-1)
    return float(np.clip(0.5 * mean.sum() / max(mean.max(), 1e-6), 1.0, 2 * reach))
