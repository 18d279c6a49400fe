"""The portrait before it enters the networks: its size, its crop.

Knows pictures and the source crop's constants (liveportrait.md, P2, P4.4, P4.5); knows no
network and no driving clip.
"""

import cv2
import numpy as np

from liveportrait_core.engines.liveportrait.networks import CROP_PX, NETWORK_PX
from liveportrait_core.face.crop import FaceCrop, Points, crop_face
from liveportrait_core.face.tracking import LocatedFace
from liveportrait_core.media.pictures.image import fitted_size, scaled_size
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame

_DETECTOR_OF_THE_ORIGINAL = 106


def fit_portrait(portrait: Frame, max_dim_px: int) -> Frame:
    """Reduce a picture to even sides of at most `max_dim_px`, bilinear; never enlarge."""
    height, width = portrait.shape[:2]
    scaled = scaled_size(width, height, max_dim_px)
    if scaled != (width, height):
        portrait = np.asarray(cv2.resize(portrait, scaled), dtype=np.uint8)
    cut_width, cut_height = fitted_size(width, height, max_dim_px)
    return portrait[:cut_height, :cut_width]


def portrait_points(face: LocatedFace) -> Points:
    """Return the points a portrait is cropped by.

    The detector's where they are the 106 of the original; those of other detectors lie differently,
    so the landmarks serve, as they do in every frame of a source clip.
    """
    if len(face.detected) == _DETECTOR_OF_THE_ORIGINAL:
        return face.detected
    return face.landmarks


def crop_source(picture: Frame, points: Points, options: RenderOptions) -> FaceCrop:
    """Return the upright 512×512 square around the face, from which the result is pasted back.

    Args:
        picture: H×W×3.
        points: of the face.
        options: how large the square is, and how far it is shifted; usually to take in the hair.
    """
    across, down = options.source_crop_shift
    scale = options.source_crop_scale
    return crop_face(picture, points, size_px=CROP_PX, scale=scale, vy_ratio=down, vx_ratio=across)


def network_frame(crop: FaceCrop) -> Frame:
    """Return a source crop as the networks see it: 256×256×3, averaged over areas."""
    size = (NETWORK_PX, NETWORK_PX)
    return np.asarray(cv2.resize(crop.picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
