"""Whether the eyes and lips of a portrait are seen, or something is before them.

The face mesh finds eyes behind sunglasses and lips behind a mask: it knows where they must be. So
they are measured in the picture, each turned level and brought to one size. Evidence is summed with
weights that were fitted (logistic regression) on 2,300 eyes and 320 mouths of 23 people, as they
are, in bad light and small, with spectacles, beards and make-up, and behind what hides them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.grid import Field
from liveportrait_core.engines.mesh.points import (
    EYES,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    IRISES,
    OUTER_LIPS,
    Array,
)
from liveportrait_core.face.detector import Points
from liveportrait_core.report import Frame

Mask = NDArray[np.bool_]

HALF_PX = 24  # of an eye's or a mouth's width, in the level patch
WIDE, EYE_TALL = 1.6, 1.2  # how far the patch reaches, half widths
SKIN = (118, 347, 50, 280, 4, 197, 151, 9, 101, 330)  # cheeks, nose, forehead: their median
SKIN_SPOT = 0.07  # radius of each, eye distances
SKIN_HUE, SKIN_LIGHT = 18.0, (0.35, 1.5)  # farthest in Lab's a and b; least and most of lightness
LEAST_LIGHT = 20.0  # of 255
NOT_SEEN_AGAIN = 0.4  # how far apart two looks count where there is but one

EYE_WEIGHTS = {
    "white": 3.9,  # how much lighter the white is than the iris, on the side where it is more
    "dark": 4.6,  # how much darker the iris is than the skin below
    "skin below": 2.5,  # share that is like skin
    "skin above": 2.7,
    "apart": -16.0,  # two looks of the tracker, half widths
    "streaks below": -24.0,  # what runs down across the skin, as hair does
    "streaks above": -25.0,
    "more streaks": -90.0,  # than beside the other eye
    "less dark": -9.3,  # than the other iris
}
EYE_LEAST = 2.35
LIP_WEIGHTS = {
    "red": 5.4,  # how much redder lips are than what is around them
    "dark": -1.9,
    "line": 12.5,  # how much darker it is between them
    "skin around": 2.2,
    "apart": -7.3,
    "parts": 4.5,  # share of the colours' variance that is told by lip, line or skin
}
LIP_LEAST = 2.2


@dataclass(frozen=True, kw_only=True, eq=False)
class _Patch:
    """An eye or a mouth, level; skin is the face's median colour."""

    lab: Field  # h×w×3, each 0..255
    points: Array  # 478×2, in the patch
    half_width_px: float  # in the picture
    skin: Field  # 3

    @property
    def light(self) -> Field:
        """Lightness, h×w."""
        return self.lab[..., 0]

    @property
    def skin_light(self) -> float:
        return max(float(self.skin[0]), LEAST_LIGHT)

    def area(self, rows: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return 1 within the polygon of these points."""
        mask = np.zeros(self.light.shape, np.uint8)
        return _drawn(cv2.fillPoly(mask, [_fixed(self.points[list(rows)])], 1, shift=4))

    def like_skin(self, where: Mask) -> float:
        """Return the share of these pixels that are like skin."""
        light, *hue = np.moveaxis(self.lab[where], -1, 0)
        if len(light) < 4:
            return 0.0
        near = np.hypot(hue[0] - self.skin[1], hue[1] - self.skin[2]) < SKIN_HUE
        share = light / self.skin_light
        return float((near & (share > SKIN_LIGHT[0]) & (share < SKIN_LIGHT[1])).mean())

    def apart(self, points: Array, again: Points | None, rows: tuple[int, ...]) -> float:
        """Return how far two looks at these points differ, half widths."""
        if again is None:
            return NOT_SEEN_AGAIN
        chosen = list(rows)
        away = np.linalg.norm(points[chosen, :2] - again[chosen, :2], axis=1).mean()
        return min(float(away) / self.half_width_px, NOT_SEEN_AGAIN)


def eyes_seen(picture: Frame, points: Array, again: Points | None) -> tuple[bool, bool]:
    """Tell of the left and the right eye in the picture whether nothing is before it.

    Args:
        picture: H×W×3.
        points: 478×3 pixels.
        again: the same as a second look sees them; None: it does not see a face.
    """
    skin = _skin(picture, points)
    left, right = (_eye(picture, points, again, side, skin) for side in (0, 1))
    return _is_seen(left, right), _is_seen(right, left)


def _is_seen(eye: dict[str, float], other: dict[str, float]) -> bool:
    compared = {
        "more streaks": max(eye["streaks below"] - other["streaks below"], 0.0),
        "less dark": max(other["dark"] - eye["dark"], 0.0),
    }
    return _sum(EYE_WEIGHTS, eye | compared) > EYE_LEAST


def _sum(weights: dict[str, float], evidence: dict[str, float]) -> float:
    return sum(weight * evidence[name] for name, weight in weights.items())


def _eye(
    picture: Frame, points: Array, again: Points | None, side: int, skin: Field
) -> dict[str, float]:
    upper, lower, brow = EYES[side]
    iris = IRISES[side]
    patch = _patch(picture, points, (upper[0], upper[-1]), EYE_TALL, skin)
    columns, rows = np.arange(patch.light.shape[1]), np.arange(patch.light.shape[0])[:, None]
    left, right = patch.points[[upper[0], upper[-1]], 0]
    over, under = (np.interp(columns, *patch.points[list(edge)].T) for edge in (upper, lower))
    between = (columns > left - 2) & (columns < right + 2)
    room = min(float(over.mean() - patch.points[list(brow), 1].mean()), 20.0)
    above = between & (rows < over - 5) & (rows > over - max(0.8 * room, 8.0))
    below = between & (rows > under + 4) & (rows < under + 15)
    across = slice(max(int(left), 0), int(right))
    return {
        **_iris_and_white(patch, upper + lower[::-1], iris, below),
        "skin below": patch.like_skin(below),
        "skin above": patch.like_skin(above),
        "apart": patch.apart(points, again, upper + lower + iris),
        "streaks below": min(_streaks(patch, rows - under, (5, 16), across), 0.15),
        "streaks above": min(_streaks(patch, rows - over, (-15, -6), across), 0.2),
    }


def _iris_and_white(
    patch: _Patch, outline: tuple[int, ...], iris: tuple[int, ...], below: Mask
) -> dict[str, float]:
    centre = patch.points[iris[0]]
    radius = np.linalg.norm(patch.points[list(iris[1:])] - centre, axis=1).mean()
    rows, columns = np.indices(patch.light.shape)
    away = np.hypot(columns - centre[0], rows - centre[1]) / radius
    inside = cv2.erode(patch.area(outline), np.ones((3, 3), np.uint8)) > 0
    dark = patch.light[inside & (away < 0.85)]
    sides = (
        inside & (away > 1.1) & (columns < centre[0]),
        inside & (away > 1.1) & (columns > centre[0]),
    )
    whites = [patch.light[side].mean() for side in sides if side.sum() > 3]
    if len(dark) <= 3:  # the lids are closed, as the tracker sees them
        return {"white": 0.0, "dark": 0.0}
    skin = max(float(np.median(patch.light[below])) if below.sum() > 3 else 0.0, LEAST_LIGHT)
    white = (max(whites) - dark.mean()) / skin if whites else 0.0
    return {
        "white": float(np.clip(white, -0.1, 0.5)),
        "dark": float(np.clip(1 - dark.mean() / skin, 0.0, 0.7)),
    }


def _streaks(patch: _Patch, beyond: Array, band: tuple[int, int], across: slice) -> float:
    """Return how much columns differ from their neighbours in a band along a lid."""
    there = (beyond >= band[0]) & (beyond < band[1])
    count = there.sum(0)[across]
    light = (patch.light * there).sum(0)[across]
    means = (light[count > 2] / count[count > 2]).astype(np.float32)[None]
    if means.size < 10:
        return 0.0
    coarse = cv2.GaussianBlur(means, (0, 0), 5, borderType=cv2.BORDER_REFLECT)
    return float((means - coarse).std()) / patch.skin_light


def lips_seen(picture: Frame, points: Array, again: Points | None) -> bool:
    """Tell whether nothing is before the lips; arguments as of `eyes_seen`."""
    skin = _skin(picture, points)
    patch = _patch(picture, points, (61, 291), WIDE, skin)
    inner = INNER_LIP_UPPER + INNER_LIP_LOWER[::-1]
    middle = (patch.points[list(INNER_LIP_UPPER)] + patch.points[list(INNER_LIP_LOWER)]) / 2
    line = patch.area(inner)
    line = _drawn(cv2.polylines(line, [_fixed(middle)], False, 1, 2, shift=4))
    outer = patch.area(OUTER_LIPS)
    lips = (outer > 0) & (cv2.dilate(line, np.ones((3, 3), np.uint8)) == 0)
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (23, 23))
    rows, columns = np.indices(outer.shape)
    around = (cv2.dilate(outer, wide) > 0) & (cv2.dilate(outer, np.ones((5, 5), np.uint8)) == 0)
    around &= rows > patch.points[2, 1] + 2
    between = (columns > patch.points[61, 0]) & (columns < patch.points[291, 0]) & (line > 0)
    if min(lips.sum(), around.sum(), between.sum()) < 4:
        return False
    lip, near = patch.lab[lips].mean(0), np.median(patch.lab[around], axis=0)
    evidence = {
        "red": float(lip[1] - near[1]) / 20,
        "dark": float(near[0] - lip[0]) / patch.skin_light,
        "line": float(lip[0] - patch.light[between].mean()) / patch.skin_light,
        "skin around": patch.like_skin(around),
        "apart": patch.apart(points, again, OUTER_LIPS + inner),
        "parts": _told_apart(patch.lab[..., :2] * np.array([1.0, 2.0]), (around, lips, between)),
    }
    return _sum(LIP_WEIGHTS, evidence) > LIP_LEAST


def _told_apart(values: Array, parts: tuple[Mask, ...]) -> float:
    """Return the share of the variance of values, h×w×C, that lies between the parts."""
    groups = [values[part] for part in parts]
    together = np.concatenate(groups)
    within = sum(float(((group - group.mean(0)) ** 2).sum()) for group in groups)
    return 1 - within / max(float(((together - together.mean(0)) ** 2).sum()), 1e-6)


def _skin(picture: Frame, points: Array) -> Field:
    """Return the median colour of skin that is hardly ever hidden, Lab."""
    eyes = points[[33, 133], :2].mean(0) - points[[362, 263], :2].mean(0)
    radius = max(1, int(SKIN_SPOT * np.linalg.norm(eyes)))
    spots = []
    for x, y in np.rint(points[list(SKIN), :2]).astype(int).tolist():
        rows, columns = (
            slice(max(y - radius, 0), y + radius + 1),
            slice(max(x - radius, 0), x + radius + 1),
        )
        spot = picture[rows, columns]
        if spot.size:
            lab = cv2.cvtColor(np.ascontiguousarray(spot), cv2.COLOR_RGB2LAB)
            spots.append(np.median(lab.reshape(-1, 3), axis=0))
    return np.asarray(np.median(spots, axis=0) if spots else np.full(3, 128), np.float32)


def _patch(
    picture: Frame, points: Array, corners: tuple[int, int], tall: float, skin: Field
) -> _Patch:
    left, right = points[list(corners), :2]
    half = max(float(np.linalg.norm(right - left)) / 2, 1e-3)
    along = (right - left) / (2 * half)
    scale = half / HALF_PX
    turn = scale * np.array([[along[0], -along[1]], [along[1], along[0]]])
    size = (int(2 * WIDE * HALF_PX), int(2 * tall * HALF_PX))
    to_picture = np.column_stack([turn, (left + right) / 2 - turn @ (np.array(size) / 2)])
    reach = int(np.ceil(2 * WIDE * half)) + 8
    x, y = np.clip(np.rint((left + right) / 2).astype(int) - reach, 0, None).tolist()
    near = picture[y : y + 2 * reach + 1, x : x + 2 * reach + 1]
    if scale > 1.5:
        near = np.asarray(cv2.GaussianBlur(near, (0, 0), 0.45 * scale), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    from_near = to_picture - np.array([[0, 0, x], [0, 0, y]])
    level = cv2.warpAffine(near, from_near, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    back = cv2.invertAffineTransform(to_picture)
    return _Patch(
        lab=cv2.cvtColor(level, cv2.COLOR_RGB2LAB).astype(np.float32),
        points=points[:, :2] @ back[:, :2].T + back[:, 2],
        half_width_px=half,
        skin=skin,
    )


def _fixed(points: Array) -> NDArray[np.int32]:
    """Round to sixteenths of a pixel, as the drawing functions take them."""
    return np.round(points * 16).astype(np.int32)


def _drawn(picture: object) -> NDArray[np.uint8]:
    return np.asarray(picture, np.uint8)
