"""The background: static, and filled in from its surroundings where the head uncovers it.

Knows the person's outline and the picture at rest.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.grid import Field, Grid
from liveportrait_core.report import Box, Frame

# Lengths in eye distances.
MARGIN, LEAST_MARGIN_PX = 0.06, 2.0  # outside the outline, still the head's: its blurred edge
EDGE, LEAST_EDGE_PX = 0.05, 3.0  # beyond it the head grows transparent
SPREAD = (0.04, 0.15, 0.6)  # how far the surroundings reach into what the head uncovers
WORKING_EYE_DISTANCE_PX = 48
GRAIN_BLUR = 0.03
GRAIN_GREY_LEVELS = 12  # what is stronger belongs to a thing, not to the grain


@dataclass(frozen=True, kw_only=True, eq=False)
class Backdrop:
    """The picture without the head.

    box: the part of the portrait that may change.
    plate: its picture; where the head covered it, its surroundings.
    cover: of the box, h×w uint8, how opaque the head is: 255 all of it.
    reach: rows×columns, above 0 where a node's cell holds something of the head.
    """

    box: Box
    plate: Frame
    cover: NDArray[np.uint8]
    reach: Field

    def compose(self, moved: Frame, part: Box, out: Frame) -> None:
        """Compose the moved head over the still background.

        Args:
            moved: a part of the portrait with everything moved, h×w×4, colours times opacity.
            part: which part, within the box.
            out: h×w×3, is written.
        """
        behind = self.plate[part.seen_from(self.box).slices]
        clear = cv2.merge([cv2.bitwise_not(cv2.extractChannel(moved, 3))] * 3)
        seen_through = cv2.multiply(behind, clear, scale=1 / 255)
        cv2.add(seen_through, cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), dst=out)


def backdrop(
    picture: Frame, person: Field, eye_distance_px: float, grid: Grid, box: Box
) -> Backdrop:
    """Cut the head out and fill the hole from its rim."""
    margin = max(MARGIN * eye_distance_px, LEAST_MARGIN_PX)
    edge = max(EDGE * eye_distance_px, LEAST_EDGE_PX)
    bare = (person[box.slices] <= 0.5).astype(np.uint8)
    beside = np.maximum(cv2.distanceTransform(bare, cv2.DIST_L2, 5) - margin, 0)
    cover = np.rint(255 * np.clip(1 - beside / edge, 0, 1)).astype(np.uint8)
    for line in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        # Beyond the border it goes on as it ends, and not for what lies just beside the head.
        cover[line][bare[line] > 0] = 0
    around = grid.box
    held = cv2.copyMakeBorder(
        (cover > 0).astype(np.float32),
        box.y0 - around.y0, around.y1 - box.y1, box.x0 - around.x0, around.x1 - box.x1,
        cv2.BORDER_REPLICATE,
    )  # fmt: skip
    reach = cv2.resize(held, grid.shape[::-1], interpolation=cv2.INTER_AREA)
    plate = _filled(picture[box.slices], cover == 255, eye_distance_px)
    return Backdrop(box=box, plate=plate, cover=cover, reach=np.asarray(reach, np.float32))


def _filled(picture: Frame, hole: NDArray[np.bool_], eye_distance_px: float) -> Frame:
    """Fill every hole with the colours around it and their mirrored grain."""
    _distance, nearest = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rim = np.zeros((int(nearest.max()) + 1, 2), np.intp)
    rim[nearest[~hole]] = np.argwhere(~hole)
    mirrored = np.clip(2 * rim[nearest[hole]] - np.argwhere(hole), 0, np.array(hole.shape) - 1)
    plate = picture.copy()
    plate[hole] = _spread(picture, ~hole, eye_distance_px)[hole]
    coarse = cv2.GaussianBlur(plate, (0, 0), GRAIN_BLUR * eye_distance_px)
    grain = cv2.subtract(plate, coarse, dtype=cv2.CV_16S)
    fine = np.clip(grain[tuple(mirrored.T)], -GRAIN_GREY_LEVELS, GRAIN_GREY_LEVELS)
    plate[hole] = np.clip(plate[hole] + fine, 0, 255)
    return plate


def _spread(picture: Frame, seen: NDArray[np.bool_], eye_distance_px: float) -> Frame:
    """Spread the visible pixels over the rest: sharp close by, averaged farther away."""
    scale = min(1.0, WORKING_EYE_DISTANCE_PX / eye_distance_px)
    height, width = seen.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    opaque = seen.astype(np.uint8) * np.uint8(255)
    shown = cv2.merge([*cv2.split(cv2.bitwise_and(picture, picture, mask=opaque)), opaque])
    weighted = cv2.resize(shown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    colour = np.full(weighted.shape, 1e-6, np.float32)
    for reach in SPREAD:
        sigma = reach * eye_distance_px * scale
        colour += cv2.GaussianBlur(weighted, (0, 0), sigma) * np.float32(sigma**-3)
    spread = cv2.resize(255 * colour[..., :3] / colour[..., 3:], (width, height))
    return np.rint(np.clip(spread, 0, 255)).astype(np.uint8)
