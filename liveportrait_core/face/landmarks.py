"""The 203-point landmark network on onnxruntime.

Knows one picture at a time: who follows a face through a clip gives the previous frame's points as
the place to look. Where the face is at first is the detector's business.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.face.crop import Points, crop_face, map_points
from liveportrait_core.face.session import ProviderReport, Session, open_session, report_provider
from liveportrait_core.report import Frame

POINT_COUNT = 203
_INPUT_PX = 224
_CROP_SCALE = 1.5
_CROP_OFFSET = -0.1
_POINTS_OUTPUT = 2  # the first two outputs are not used


class LandmarkNetwork:
    """203 points of a face that is roughly known already."""

    def __init__(self, path: Path, *, provider: str) -> None:
        self.session: Session = open_session(path, provider=provider)
        self._input_name = _check(self.session, path)
        self.provider: ProviderReport = report_provider(self.session, path, asked=provider)

    def locate(self, picture: Frame, near: Points) -> Points:
        """Find the points of the face that lies where `near` says.

        Args:
            picture: H×W×3.
            near: N×2 landmarks of any layout that `crop.reference_points` knows: the detector's for
                the first frame, afterwards the previous frame's own.

        Returns:
            203×2 in pixels of the picture.
        """
        crop = crop_face(picture, near, size_px=_INPUT_PX, scale=_CROP_SCALE, vy_ratio=_CROP_OFFSET)
        outputs = self.session.run(None, {self._input_name: _blob(crop.picture)})
        points = outputs[_POINTS_OUTPUT].reshape(POINT_COUNT, 2) * _INPUT_PX
        return map_points(points, crop.crop_to_original)


def _blob(picture: Frame) -> NDArray[np.float32]:
    """1×3×224×224, RGB, 0..1."""
    return (picture.astype(np.float32) / np.float32(255)).transpose(2, 0, 1)[None]


def _check(session: Session, path: Path) -> str:
    """Return the input's name, once inputs and outputs are what this file needs."""
    inputs = [value.shape[1:] for value in session.get_inputs()]
    if inputs != [[3, _INPUT_PX, _INPUT_PX]]:
        raise EngineUnavailable(
            f"{path} takes inputs of shape {inputs}; the landmark network takes one of 3×224×224"
        )
    outputs = [value.shape for value in session.get_outputs()]
    if len(outputs) <= _POINTS_OUTPUT or outputs[_POINTS_OUTPUT][-1] != 2 * POINT_COUNT:
        raise EngineUnavailable(
            f"{path} gives outputs of shape {outputs}; the third of the landmark network is 1×406"
        )
    return session.get_inputs()[0].name
