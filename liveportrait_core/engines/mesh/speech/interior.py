"""Of one portrait: the line at which its lips part, and the colours behind them.

What is behind closed lips nobody has seen. It is painted plainly: a dark cavity, and a band of
upper teeth without single ones. Where the portrait shows its own teeth, those are kept.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from liveportrait_core.engines.mesh.fields.sampling import Map
from liveportrait_core.engines.mesh.fields.slit import Slit
from liveportrait_core.engines.mesh.points import EYES, OUTER_LIPS, Array, HeadAxes
from liveportrait_core.report import Frame

LINE_SAMPLES = 33
SEARCH = 0.045  # how far from the mesh's line the dark line between lips may be, eye distances
CAVITY_SHARE = 0.35  # of the lips' darkest tenth
TEETH_LIGHT = 0.95  # of the whites of the eyes, whatever the skin's colour
TEETH_RANGE = (0.65, 1.5)  # of the skin's light: eyes may be hidden, or behind reflections
TEETH_TINT, CAST = (1.0, 0.96, 0.88), 0.2  # the skin's hue stands for the light's, weakly
CHEEKS = (50, 280, 205, 425, 36, 266)  # mesh points on lit skin
SKIN_SPOT = 0.06  # radius, eye distances


@dataclass(frozen=True, kw_only=True, eq=False)
class MouthInterior:
    """Where a portrait's lips part, and what is then seen.

    upper, lower: px across the slit of the two inner edges, at LINE_SAMPLES places from corner to
        corner; the same line twice where the portrait's lips are closed.
    own: the gap in the middle, pixels; 0 where the lips are closed.
    cavity, teeth: RGB, 0..255.
    """

    upper: Array
    lower: Array
    own: float
    cavity: Map
    teeth: Map


def mouth_interior(
    picture: Frame, points: Array, head: HeadAxes, slit: Slit, gap: float
) -> MouthInterior:
    """Prepare a portrait's mouth; `gap` is between its lips, eye distances, 0 for closed ones."""
    s = np.linspace(-1, 1, LINE_SAMPLES).astype(np.float32)
    upper, lower = (np.asarray(edge, np.float64) for edge in slit.edges(s))
    if not gap:
        upper = lower = _dark_line(picture, slit, (upper + lower) / 2, head.eye_distance)
    return MouthInterior(
        upper=upper,
        lower=lower,
        own=float((lower - upper)[LINE_SAMPLES // 2]),
        cavity=_cavity(picture, points),
        teeth=_teeth(picture, points, head.eye_distance),
    )


def _dark_line(picture: Frame, slit: Slit, line: Array, eye_distance_px: float) -> Array:
    """Move the mesh's line between closed lips to the darkest one near it."""
    reach = max(SEARCH * eye_distance_px, 2.0)
    offsets = np.linspace(-reach, reach, 41)
    along = np.array(slit.along)
    down = np.array([-along[1], along[0]])
    s = np.linspace(-1, 1, len(line))
    places = (
        np.array(slit.centre)
        + (s * slit.half_width)[:, None, None] * along
        + (line[:, None] + offsets)[..., None] * down
    ).astype(np.float32)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    read = cv2.remap(grey, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    light = gaussian_filter1d(read.astype(np.float64), 2.0, axis=0, mode="nearest")
    light = gaussian_filter1d(light, 1.5, axis=1, mode="nearest")
    # Nearer the corners the mesh is trusted more: there a wrinkle may be darker than the line.
    cost = light + 25.0 * (offsets / reach) ** 2 * (1 + 3 * s[:, None] ** 4)
    found = gaussian_filter1d(offsets[cost.argmin(1)], 2.5, mode="nearest") * (1 - s**8)
    return np.asarray(line + found, np.float64)


def _cavity(picture: Frame, points: Array) -> Map:
    """Darken the lips' own darkest tenth: of their shade, and of the picture's light."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    outline = np.rint(points[list(OUTER_LIPS), :2]).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255)
    lips = picture[mask > 0].astype(np.float32)
    if not len(lips):
        return np.zeros(3, np.float32)
    light = lips.mean(1)
    darkest = lips[light <= np.percentile(light, 10)]
    return np.asarray(CAVITY_SHARE * darkest.mean(0), np.float32)


def _teeth(picture: Frame, points: Array, eye_distance_px: float) -> Map:
    """Return teeth nearly as light as the whites of the eyes, and hardly coloured."""
    height, width = picture.shape[:2]
    radius = max(1, round(SKIN_SPOT * eye_distance_px))
    spots = []
    for x, y in np.rint(points[list(CHEEKS), :2]).astype(int).tolist():
        if 0 <= x < width and 0 <= y < height:
            rows = slice(max(y - radius, 0), y + radius + 1)
            spots.append(picture[rows, max(x - radius, 0) : x + radius + 1].reshape(-1, 3))
    skin = np.median(np.concatenate(spots), axis=0) if spots else np.full(3, 128.0)
    skin_light = max(float(skin.max()), 1.0)
    least, most = (share * skin_light for share in TEETH_RANGE)
    light = np.clip(TEETH_LIGHT * _whites(picture, points), least, min(most, 255.0))
    return np.asarray(light * (skin / skin_light) ** CAST * np.array(TEETH_TINT), np.float32)


def _whites(picture: Frame, points: Array) -> float:
    """Return the light of the eyes' lightest tenth, 0..255."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for upper, lower, _brow in EYES:
        outline = np.concatenate([points[list(upper), :2], points[list(lower[::-1]), :2]])
        cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 255)
    eyes = picture[mask > 0]
    return float(np.percentile(eyes.max(1), 90)) if len(eyes) else 0.0
