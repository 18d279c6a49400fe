"""From a drawn frame to the planes that the encoder is fed: green, blue, red; or Y'CbCr, halved.

Arithmetic on one frame: knows no process and no file.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.media.clips.formats import PlaneFormat
from liveportrait_core.report import Frame

Plane = NDArray[np.uint8]

# BT.709 in limited range, in 1024ths: what OpenCV's transform of bytes computes with, so that
# every processor rounds alike. Rows: Y', Cb, Cr; columns: red, green, blue, and a constant.
_BT709 = (
    np.array(
        [[187, 629, 63, 16 << 10], [-103, -347, 450, 128 << 10], [450, -409, -41, 128 << 10]],
        np.float32,
    )
    / 1024
)


class PlaneConverter:
    """Converts frames of one size; keeps what it works in, since fresh memory costs more time."""

    def __init__(self, width_px: int, height_px: int, form: PlaneFormat) -> None:
        """Expect frames of even sides."""
        self._shape = height_px, width_px
        self._form = form
        self._full = np.empty((0, 0, 3), np.uint8)
        if form is PlaneFormat.YUV420P:
            self._full = np.empty((height_px, width_px, 3), np.uint8)
            # A column more at the left: the halved planes begin with what lies around column 0.
            self._chroma = np.empty((2, height_px, width_px + 1), np.uint8)
            self._halves = np.empty((2, height_px // 2, width_px // 2), np.uint8)

    def room(self) -> Plane:
        """Return memory for one frame's planes, one behind the other."""
        height, width = self._shape
        halved = self._form is PlaneFormat.YUV420P
        return np.empty(height * width * 3 // 2 if halved else height * width * 3, np.uint8)

    def convert(self, frame: Frame, room: Plane) -> None:
        """Write the planes of an H×W×3 RGB frame into `room`."""
        height, width = self._shape
        if self._form is PlaneFormat.GBRP:
            green, blue, red = room.reshape(3, height, width)
            cv2.split(frame, [red, green, blue])
            return
        luma = room[: height * width].reshape(height, width)
        halved = room[height * width :].reshape(2, height // 2, width // 2)
        cv2.transform(frame, _BT709, self._full)
        cv2.split(self._full, [luma, *self._chroma[:, :, 1:]])
        self._chroma[:, :, 0] = self._chroma[:, :, 1]
        size = (width // 2, height // 2)
        for plane, target in zip(self._chroma, halved, strict=True):
            # Means of two columns, one column apart: together they weigh 1, 2, 1.
            left, right = self._halves
            cv2.resize(plane[:, :-1], size, dst=left, interpolation=cv2.INTER_AREA)
            cv2.resize(plane[:, 1:], size, dst=right, interpolation=cv2.INTER_AREA)
            # Each was rounded up where it lay between; down here, or textures turn reddish.
            cv2.addWeighted(left, 0.5, right, 0.5, -0.25, dst=target)
