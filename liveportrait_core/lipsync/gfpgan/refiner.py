"""GFPGAN as a refiner. The network is spandrel's, installed by hand.

Its noise is the stored one, never drawn: two runs give the same bytes, and frames do not flicker by
it. What it gives is laid over the painted mouth alone; the rest of the face stays the portrait's.
"""

import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from liveportrait_core.errors import CheckpointMismatch, MethodNotInstalled
from liveportrait_core.lipsync.gfpgan import PLACE
from liveportrait_core.report import Frame
from liveportrait_core.speech.methods import GFPGAN, LICENCES

SIDE_PX: Final = 512
# Where the network expects eyes, nose and corners of the mouth, of a face that fills its picture:
# the alignment of the FFHQ set, on which it was trained.
ALIGNED: Final = np.array(
    [
        [192.98138, 239.94708], [318.90277, 240.19360], [256.63416, 314.01935],
        [201.26117, 371.41043], [313.08905, 371.15118],
    ],
    np.float32,
)  # fmt: skip
_MESH_POINTS: Final = (468, 473, 1, 61, 291)  # irises, tip of the nose, corners of the mouth
_BORDER_RGB: Final = (132, 133, 135)


class GfpganRefiner:
    """Satisfies `Refiner`."""

    name = GFPGAN
    licence = LICENCES[GFPGAN]

    def __init__(self, network: Any) -> None:
        """Take a GFPGAN network of spandrel's with its weights, for pictures of 512×512."""
        self._network = network.eval().requires_grad_(False)

    @classmethod
    def opened(cls, folder: Path) -> "GfpganRefiner":
        """Load the published weights of a folder, `gfpgan/GFPGANv1.4.pth`; nothing is executed.

        Raises:
            MethodNotInstalled: they are not there, or the package spandrel cannot be imported.
            CheckpointMismatch: the file holds something else.
        """
        path = folder / PLACE
        if not path.is_file():
            raise MethodNotInstalled(
                f"gfpgan has no weights: {path} is missing; accepted: the published GFPGANv1.4.pth "
                "there, or no refiner"
            )
        try:
            from spandrel import ModelLoader
        except Exception as error:  # a torchvision of another build of torch fails in its own way
            raise MethodNotInstalled(
                f"gfpgan needs the package spandrel, which cannot be imported here ({error}); "
                "accepted: pip install spandrel, with the torchvision of this torch from the same "
                "index, or no refiner"
            ) from error
        try:
            model = ModelLoader(device="cpu").load_from_file(path)
        except Exception as error:  # foreign bytes make the reader fail in any way there is
            raise CheckpointMismatch(f"{path}: {str(error)[:200]}") from error
        if model.architecture.id != "GFPGAN":
            raise CheckpointMismatch(
                f"{path} holds a {model.architecture.id}; accepted: GFPGAN v1.3 or v1.4"
            )
        return cls(model.model)

    def refine(self, picture: Frame, points: NDArray[np.float32]) -> Frame:
        """Return the frame with the face of these mesh points refined, in its whole aligned square.

        Args:
            picture: H×W×3 RGB.
            points: 478×3 pixels.
        """
        to_aligned = alignment(points)
        face = cv2.warpAffine(
            picture, to_aligned, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_CONSTANT,
            borderValue=_BORDER_RGB,
        )  # fmt: skip
        refined = self._asked(np.asarray(face, np.uint8))
        size = (picture.shape[1], picture.shape[0])
        back = cv2.invertAffineTransform(to_aligned)
        laid = cv2.warpAffine(refined, back, size, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(np.ones(face.shape[:2], np.float32), back, size)
        result = np.where(inside[:, :, None] >= 1, np.rint(laid), picture)
        return result.clip(0, 255).astype(np.uint8)

    def seconds_for(self, faces: int) -> float:
        """Return how long so many faces take here, by refining a grey one."""
        grey = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
        self._asked(grey)  # what is set up once does not count
        began = time.perf_counter()
        self._asked(grey)
        return faces * (time.perf_counter() - began)

    def _asked(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """512×512×3 levels → the same, refined."""
        values = torch.from_numpy(face.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.inference_mode():
            refined = self._network(values, return_rgb=False, randomize_noise=False)[0]
        levels = (refined[0].permute(1, 2, 0).clamp(-1, 1) + 1) * 127.5
        return np.ascontiguousarray(levels.numpy())


def alignment(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the 2×3 matrix that brings a face to where the network expects it."""
    found = np.ascontiguousarray(points[list(_MESH_POINTS), :2], np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(found, ALIGNED, method=cv2.LMEDS)
    return np.asarray(matrix, np.float64)
