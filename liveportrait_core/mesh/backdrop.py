"""What is behind the head: it stands still, and what the head uncovers is filled in from beside it.

Knows the outline and the picture at rest. Around neck and shoulders nothing is cut out: there the
motion is small, and collars are not always told from the background.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from liveportrait_core.mesh.grid import Field, eased
from liveportrait_core.mesh.head import HeadField
from liveportrait_core.mesh.points import HeadAxes
from liveportrait_core.options import Box, Frame

EDGE = 0.15  # soft edge of the head, all of it in the background, eye distances
UNCUT = (0.8, 1.5)  # between these heights below the eyes the cut ends, eye distances
FILL_BLUR = 0.06
BEYOND = 8.0  # how much faster the head ends beyond the picture's border


@dataclass(frozen=True, kw_only=True, eq=False)
class Backdrop:
    """The picture without the head.

    box: the part of the portrait that may change.
    plate: its picture; where the head covered it, its surroundings.
    cover: rows×columns, how opaque the head is; to be clipped to 0..1.
    """

    box: Box
    plate: Frame
    cover: Field

    def composed(self, moved: Frame, cover: Field, part: Box) -> Frame:
        """The moved head before the still background.

        Args:
            moved: a part of the portrait with everything moved, h×w×3.
            cover: how opaque the head is there, h×w, before clipping.
            part: which part, within the box.
        """
        behind = self.plate[part.seen_from(self.box).slices]
        opaque = np.clip(cover, 0, 1)
        return np.asarray(cv2.blendLinear(moved, behind, opaque, 1 - opaque), np.uint8)


def backdrop(picture: Frame, person: Field, axes: HeadAxes, head: HeadField, box: Box) -> Backdrop:
    """Cut the head out and fill the hole from its rim."""
    nodes = head.grid.nodes()
    within = np.clip(nodes, 0, np.array(picture.shape[1::-1], np.float32) - 1)
    # A head that ends below the border brings nothing from beyond it, which is its mirror image;
    # from the second node on, so that nothing changes for the pixels before the border.
    beyond = np.maximum(np.abs(nodes - within).max(-1) - head.grid.step, 0)
    bare = cv2.remap(person, within[..., 0], within[..., 1], cv2.INTER_LINEAR) < 0.5
    down = axes.seen_from(nodes)[..., 1]
    beside = head.beside * (1 - eased(down, *UNCUT)) + BEYOND * beyond * bare
    beside /= EDGE * axes.eye_distance
    cover = np.asarray(1 - beside, np.float32)
    hole = (head.grid.per_pixel(cover, box) >= 1).astype(np.uint8)
    plate = picture[box.slices].copy()
    _distance, nearest = cv2.distanceTransformWithLabels(
        hole, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colours[nearest[hole == 0]] = plate[hole == 0]
    filled = cv2.GaussianBlur(colours[nearest], (0, 0), FILL_BLUR * axes.eye_distance)
    np.copyto(plate, np.asarray(filled, np.uint8), where=(hole > 0)[..., None])
    return Backdrop(box=box, plate=plate, cover=cover)
