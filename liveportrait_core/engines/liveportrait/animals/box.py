"""The square around an animal's face, from nine points or from three taps.

Pure arithmetic in float64 (liveportrait.md, P10): pixels of the picture come in.
"""

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.networks import CROP_PX
from liveportrait_core.errors import InvalidOption
from liveportrait_core.face.crop import FaceAxes, FaceCrop, OrientedBox, crop_box, oriented_box
from liveportrait_core.report import Frame
from liveportrait_core.species import THREE_TAPS

PixelPoints = NDArray[np.float64]
"""Three taps or nine points, N×2 pixels."""

VY_RATIO = -0.125  # of the square's side: up, to take in the ears
# What three taps lack, read off animals with nine points: how much wider the outer corners of the
# eyes are than their middles, and how far the lower lip is from the line of the eyes.
_WIDTH_OF_EYES = 1.35
_HEIGHT_OF_FACE = 1.1


def crop_animal(picture: Frame, points: PixelPoints, *, scale: float) -> FaceCrop:
    """Return the upright 512×512 square around the face.

    Raises:
        InvalidOption: the points span nothing.
    """
    box = animal_box(points, scale=scale)
    if not box.side_px >= 1:
        raise InvalidOption(
            f"the face points span {box.side_px:.2g} pixels; accepted: points of a face"
        )
    return crop_box(picture, box, size_px=CROP_PX)


def animal_box(points: PixelPoints, *, scale: float, vy_ratio: float = VY_RATIO) -> OrientedBox:
    """Return the square: by all of nine points, or as three taps suggest it."""
    if len(points) == THREE_TAPS:
        return _box_of_taps(points, scale=scale, vy_ratio=vy_ratio)
    return oriented_box(points, scale=scale, vy_ratio=vy_ratio)


def _box_of_taps(taps: PixelPoints, *, scale: float, vy_ratio: float) -> OrientedBox:
    """Return the square of the middles of both eyes and of the mouth."""
    one_eye, other_eye, mouth = taps
    eyes = (one_eye + other_eye) / 2
    axes = FaceAxes.along(mouth - eyes)
    between_eyes = abs(float((other_eye - one_eye) @ axes.across))
    down_to_mouth = float(np.linalg.norm(mouth - eyes))
    height = _HEIGHT_OF_FACE * down_to_mouth
    side_px = np.float64(max(_WIDTH_OF_EYES * between_eyes, height) * scale)
    centre = eyes + axes.down * (height / 2 + vy_ratio * side_px)
    return OrientedBox(centre=centre, side_px=side_px, angle_rad=axes.angle_rad)
