"""How far apart two ways to compute a frame are, on an input of their own."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.engines.liveportrait.runtimes.base import NetworkRuntime
from liveportrait_core.engines.liveportrait.runtimes.device import Precision

_SEED = 20_26
_CELLS = 16
_KEYPOINT_SPREAD, _MOTION_SPREAD = 0.3, 0.02  # in the units of the [−1, 1] cube


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """A portrait's feature and two sets of key points, on one device."""

    feature: Tensor
    source: Tensor  # 1×21×3
    driving: Tensor  # B×21×3


def question(
    runtime: NetworkRuntime, picture_px: int, device: torch.device, frames: int = 1
) -> Question:
    """Return the same question every time, but for the number of driving frames."""
    random = np.random.default_rng(_SEED)
    picture = _lattice(random, picture_px).to(device)
    source = _normal(random, 1, _KEYPOINT_SPREAD)
    driving = source + _normal(random, frames, _MOTION_SPREAD)
    return Question(
        feature=runtime.extract_appearance(picture, Precision.FP32),
        source=source.to(device),
        driving=driving.to(device),
    )


def measure_distances(
    runtime: NetworkRuntime, picture_px: int, precisions: Iterable[Precision]
) -> dict[Precision, float]:
    """Return the PSNR in decibels of frames in these precisions against fp32's, on a CPU."""
    asked = question(runtime, picture_px, torch.device("cpu"))

    def frame(precision: Precision) -> Tensor:
        return runtime.warp_decode(asked.feature, asked.source, asked.driving, precision)

    exact = frame(Precision.FP32)
    return {precision: psnr_db(exact, frame(precision)) for precision in precisions}


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


def _normal(random: np.random.Generator, frames: int, spread: float) -> Tensor:
    points = spread * random.standard_normal((frames, KEYPOINT_COUNT, 3))
    return torch.from_numpy(points.astype(np.float32))
