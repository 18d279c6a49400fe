"""Boxes, crops and pasting as the original does them: what the golden vectors hold.

wav2lip.md, sections 3 and 5. What the product does instead stands in `method`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.lipsync.wav2lip.network import FACE_SIDE
from liveportrait_core.report import Frame

SMOOTHED_BOXES = 5
Boxes = NDArray[np.int64]
"""N×4: x1, y1, x2, y2, ends exclusive."""


def padded(
    boxes: Boxes, height: int, width: int, *, pads: tuple[int, int, int, int] = (0, 10, 0, 0)
) -> Boxes:
    """Lengthen boxes by (top, bottom, left, right) pixels, within the picture."""
    top, bottom, left, right = pads
    x1, y1, x2, y2 = boxes.T
    return np.stack(
        [
            np.maximum(0, x1 - left),
            np.maximum(0, y1 - top),
            np.minimum(width, x2 + right),
            np.minimum(height, y2 + bottom),
        ],
        axis=1,
    )


def smoothed(boxes: Boxes) -> Boxes:
    """Average five boxes ahead, in whole numbers and in place.

    Near the end the last five are taken instead, smoothed ones among them; where there are fewer
    than five in all, the slice begins as many from the end as they are short of.
    """
    result, count = boxes.copy(), len(boxes)
    for index in range(count):
        has_five = index + SMOOTHED_BOXES <= count
        ahead = (
            slice(index, index + SMOOTHED_BOXES)
            if has_five
            else slice(count - SMOOTHED_BOXES, None)
        )
        result[index] = np.trunc(result[ahead].mean(axis=0))
    return result


def resized(picture: Frame, width: int, height: int) -> Frame:
    """Scale in whole levels, bilinear."""
    return np.asarray(cv2.resize(picture, (width, height)), dtype=np.uint8)


def network_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """B×96×96×3 → B×6×96×96: the lower half hidden, then the whole face."""
    hidden = faces.copy()
    hidden[:, FACE_SIDE // 2 :] = 0
    both = np.concatenate([hidden, faces], axis=3)
    return (both / np.float32(255)).astype(np.float32).transpose(0, 3, 1, 2)


def pasted(frame: Frame, painted: NDArray[np.float32], box: NDArray[np.int64]) -> Frame:
    """Lay a painted face, 3×96×96 in 0…1, over its box; a hard rectangle."""
    x1, y1, x2, y2 = box.tolist()
    levels = (painted.transpose(1, 2, 0) * np.float32(255)).astype(np.uint8)
    result = frame.copy()
    result[y1:y2, x1:x2] = resized(levels, x2 - x1, y2 - y1)
    return result
