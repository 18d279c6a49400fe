"""A portrait's lids: the slit of each eye, and what the lid looks like when it is drawn down.

Knows points and pixels of the portrait at rest; when an eye closes is a matter of motion.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from liveportrait_core.engines.mesh.fields.sampling import Map
from liveportrait_core.engines.mesh.fields.slit import Slide, Slit, make_slit
from liveportrait_core.engines.mesh.points import EYES, Array
from liveportrait_core.report import Frame

LASHES = 0.10  # of the eye's width
MEETING = 0.86  # the lower lid rises a little
CORNER_MARGIN, LOWER_MARGIN = 0.08, 0.16  # in pictures an eye is opened wider than the mesh's
UNDER_EYE_WEIGHT = 0.3
DARK_GREY_LEVELS = 32.0  # so much darker than the skin around an eye is brow, lash or spectacles
SKIN_REACH = 0.85  # share of the room above an eye that is surely skin
BROW_GREY_LEVELS = 45.0  # so much darker is a brow or a spectacles' rim, not a shadow
WIDEST_EYE = 0.45  # gap between the lids relative to the width; people's are 0.25 to 0.43
MIDDLE_OF_EYE = 0.7  # half of the eye's width in which that is judged
GRAIN = 0.12  # of half an eye: what is finer belongs to the grain
GRAIN_GREY_LEVELS = 10.0  # what is stronger is a lash or a wrinkle
SKIN_SIGMAS = (0.15, 0.4, 1.2)  # of half an eye: fine where skin is seen, coarse elsewhere


@dataclass(frozen=True, kw_only=True, eq=False)
class Eye:
    """One eye; `skin` is a picture of `slit.support`."""

    slit: Slit
    skin: Frame


def eyes_of(picture: Frame, points: Array) -> tuple[Eye, Eye]:
    """Return the left and the right eye of the picture."""
    left, right = (_eye(picture, _slit(points, *eye)) for eye in EYES)
    return left, right


def lids_fit(points: Array) -> bool:
    """Tell whether the mesh's lids lie on the eyes' own.

    The mesh is a person's: in eyes drawn much rounder than people's it lies within the white, and
    lids closed along it would leave rims of the eye uncovered.
    """
    gaps = [
        np.linalg.norm(points[upper[4], :2] - points[lower[4], :2])
        / np.linalg.norm(points[upper[-1], :2] - points[upper[0], :2])
        for upper, lower, _brow in EYES
    ]
    return float(np.mean(gaps)) < WIDEST_EYE


def _eye(picture: Frame, slit: Slit) -> Eye:
    """End the lid's skin where a brow or spectacles begin: those do not move."""
    behind, darker, _bare = _looks(picture, slit)
    distances = np.arange(slit.above.rim, slit.above.room)
    dark = [darker[np.abs(behind - far) < 1].mean() > BROW_GREY_LEVELS for far in distances]
    lid_begins = dark.index(False) if False in dark else 0  # behind lashes and crease
    brow_begins = dark.index(True, lid_begins) if True in dark[lid_begins:] else len(dark)
    room = max(slit.above.rim + brow_begins, 2.5 * slit.above.rim)
    slit = replace(slit, above=replace(slit.above, room=min(room, slit.above.room)))
    return Eye(slit=slit, skin=_skin(picture, slit))


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
        corner_margin=CORNER_MARGIN,
        lower_margin=LOWER_MARGIN,
    )


def _skin(picture: Frame, slit: Slit) -> Frame:
    """Spread the skin around the eye over it, without eye, lashes, brow or grain."""
    weight = _looks(picture, slit)[2]
    weighted = _patch(picture, slit).astype(np.float32) * weight[..., None]
    colour = np.zeros(weighted.shape, np.float32)
    total = np.full((*weight.shape, 1), 1e-6, np.float32)
    for sigma in SKIN_SIGMAS:
        near = cv2.GaussianBlur(weight, (0, 0), sigma * slit.half_width)[..., None]
        faith = near * np.float32(sigma**-3)
        colour += faith * cv2.GaussianBlur(weighted, (0, 0), sigma * slit.half_width)
        total += faith * near
    return np.rint(np.clip(colour / total + _grain(picture, slit), 0, 255)).astype(np.uint8)


def _grain(picture: Frame, slit: Slit) -> Map:
    """Return the grain of the skin under the eye, mirrored up over eye and lid."""
    patch, (s, across) = _patch(picture, slit), _rest(slit)
    # Along a straight line below the eye: along the lid's edge the grain would be bent to rings.
    down = np.maximum(2 * (slit.edges(s)[1].max() + slit.above.rim - across), 0)
    rows, columns = np.indices(s.shape, np.float32)
    ax, ay = slit.along
    seen = cv2.remap(
        patch.astype(np.float32),
        columns - down * np.float32(ay),
        rows + down * np.float32(ax),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    fine = seen - cv2.GaussianBlur(seen, (0, 0), GRAIN * slit.half_width)
    return np.clip(fine, -GRAIN_GREY_LEVELS, GRAIN_GREY_LEVELS)


def _looks(picture: Frame, slit: Slit) -> tuple[Map, Map, Map]:
    """Measure what is around an eye, each of `slit.support`.

    Distance above the middle of the upper edge, pixels; how much darker than skin, grey levels; how
    surely bare skin, 0..1, by where it is and by not being darker than its like.
    """
    s, across = _rest(slit)
    upper, lower = slit.edges(s)
    lashes = slit.above.rim
    lid = (across < upper - lashes) & (across > upper - SKIN_REACH * slit.above.room)
    under = (across > lower + lashes) & (across < lower + 4 * lashes)
    light = cv2.cvtColor(_patch(picture, slit), cv2.COLOR_RGB2GRAY).astype(np.float32)
    darker = np.maximum(np.median(light[lid | under]) - light, 0)
    bare = (lid + UNDER_EYE_WEIGHT * under) * np.exp(-((darker / DARK_GREY_LEVELS) ** 2))
    behind = np.where(np.abs(s) < MIDDLE_OF_EYE, upper - across, -1)
    return np.asarray(behind, np.float32), darker, np.asarray(bare, np.float32)


def _rest(slit: Slit) -> tuple[Map, Map]:
    """Return the slit's coordinates of every pixel of its support."""
    box = slit.support
    places = np.meshgrid(np.arange(box.x0, box.x1), np.arange(box.y0, box.y1))
    return slit.coordinates(np.stack(places, axis=-1).astype(np.float32))


def _patch(picture: Frame, slit: Slit) -> Frame:
    box, (height, width) = slit.support, picture.shape[:2]
    rows = np.clip(np.arange(box.y0, box.y1), 0, height - 1)
    return picture[rows][:, np.clip(np.arange(box.x0, box.x1), 0, width - 1)]
