"""A portrait's lids: the slit of each eye, and what the lid looks like when it is drawn down.

Knows points and pixels of the portrait at rest; when an eye closes is a matter of motion.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.mesh.grid import Array
from liveportrait_core.mesh.points import (
    LEFT_BROW_LOWER,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    RIGHT_BROW_LOWER,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
)
from liveportrait_core.mesh.slit import Margins, Slide, Slit, make_slit
from liveportrait_core.options import Frame

LASHES = 0.10  # of the eye's width
MEETING = 0.94  # the lower lid rises a little
MARGINS = Margins(corners=0.08, lower=0.16)  # in pictures an eye is opened wider than the mesh's
SKIN_REACH = 0.75  # share of the room above an eye that is surely skin, not brow
UNDER_EYE_WEIGHT = 0.3
DARK_GREY_LEVELS = 18.0  # so much darker than the skin around an eye is brow, lash or spectacles
SKIN_SIGMAS = (
    0.15,
    0.4,
    1.2,
)  # of half an eye: fine where there is skin, coarse where there is none


@dataclass(frozen=True, kw_only=True)
class Eye:
    """One eye; `skin` is a picture of `slit.support`."""

    slit: Slit
    skin: Frame


def eyes_of(picture: Frame, points: Array) -> tuple[Eye, Eye]:
    """The left and the right eye of the picture."""
    left = _slit(points, LEFT_EYE_UPPER, LEFT_EYE_LOWER, LEFT_BROW_LOWER)
    right = _slit(points, RIGHT_EYE_UPPER, RIGHT_EYE_LOWER, RIGHT_BROW_LOWER)
    return Eye(slit=left, skin=_skin(picture, left)), Eye(slit=right, skin=_skin(picture, right))


def _slit(
    points: Array, upper: tuple[int, ...], lower: tuple[int, ...], brow: tuple[int, ...]
) -> Slit:
    edge, brow_edge = points[list(upper), :2], points[list(brow), :2]
    width = float(np.linalg.norm(edge[-1] - edge[0]))
    to_brow = float(np.linalg.norm(edge[2:-2].mean(0) - brow_edge.mean(0)))
    lashes = LASHES * width
    return make_slit(
        edge,
        points[list(lower), :2],
        above=Slide(rim=lashes, room=max(0.85 * to_brow, 2.5 * lashes)),
        below=Slide(rim=0.05 * width, room=0.3 * width),
        meeting=MEETING,
        feather=max(1.0, 0.03 * width),
        margins=MARGINS,
    )


def _skin(picture: Frame, slit: Slit) -> Frame:
    """The skin around the eye spread over all of it, without eye, lashes, brow or grain."""
    box = slit.support
    columns, rows = np.arange(box.x0, box.x1), np.arange(box.y0, box.y1)
    height, width = picture.shape[:2]
    patch = picture[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
    places = np.stack(np.meshgrid(columns, rows), axis=-1).astype(np.float32)
    weight = _skin_weight(patch, slit, places)
    weighted = patch.astype(np.float32) * weight[..., None]
    colour = np.zeros(patch.shape, np.float32)
    total = np.full((*weight.shape, 1), 1e-6, np.float32)
    for sigma in SKIN_SIGMAS:
        near = cv2.GaussianBlur(weight, (0, 0), sigma * slit.half_width)[..., None]
        faith = near * np.float32(sigma**-3)
        colour += faith * cv2.GaussianBlur(weighted, (0, 0), sigma * slit.half_width)
        total += faith * near
    return np.rint(np.clip(colour / total, 0, 255)).astype(np.uint8)


def _skin_weight(patch: Frame, slit: Slit, places: NDArray[np.float32]) -> NDArray[np.float32]:
    """How surely a pixel shows bare skin: by where it is, and by not being darker than the rest."""
    s, across = slit.coordinates(places)
    upper, lower = slit.edges(s)
    lashes, room = slit.above.rim, slit.above.room
    lid = (across < upper - lashes) & (across > upper - SKIN_REACH * room)
    under = (across > lower + lashes) & (across < lower + 4 * lashes)
    light = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float32)
    darker = np.clip((np.median(light[lid | under]) - light) / DARK_GREY_LEVELS, 0, None)
    return np.asarray((lid + UNDER_EYE_WEIGHT * under) * np.exp(-(darker**2)), np.float32)
