"""How far bf16 is from fp32 with the weights at hand: measured once, on an input of its own."""

import numpy as np
import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.runtimes.base import NetworkRuntime
from liveportrait_core.engines.liveportrait.runtimes.device import Precision

_SEED = 20_26
_CELLS = 16
_KEYPOINT_SPREAD, _MOTION_SPREAD = 0.3, 0.02  # in the units of the [−1, 1] cube
_KEYPOINTS = 21


def measure_bf16(runtime: NetworkRuntime, picture_px: int) -> float:
    """Return the PSNR in decibels of a bf16 frame against the fp32 one."""
    random = np.random.default_rng(_SEED)
    feature = runtime.extract_appearance(_lattice(random, picture_px), Precision.FP32)
    source = _normal(random, _KEYPOINT_SPREAD)
    driving = source + _normal(random, _MOTION_SPREAD)
    exact, rounded = (
        runtime.warp_decode(feature, source, driving, precision)
        for precision in (Precision.FP32, Precision.BF16)
    )
    return psnr_db(exact, rounded)


def psnr_db(exact: Tensor, other: Tensor) -> float:
    """Return the peak signal to noise ratio of pictures in [0, 1]."""
    error = float(torch.mean((exact.double() - other.double()) ** 2))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def _lattice(random: np.random.Generator, side_px: int) -> Tensor:
    """A picture of smooth noise."""
    corners = torch.from_numpy(random.random((1, 3, _CELLS + 1, _CELLS + 1), np.float32))
    return torch.nn.functional.interpolate(
        corners, (side_px, side_px), mode="bilinear", align_corners=True
    )


def _normal(random: np.random.Generator, spread: float) -> Tensor:
    points = spread * random.standard_normal((1, _KEYPOINTS, 3))
    return torch.from_numpy(points.astype(np.float32))
