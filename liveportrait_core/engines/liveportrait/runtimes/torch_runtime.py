"""The plain networks, computed by torch: the readable statement, for MPS and comparison."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.networks.motion_extractor import MotionHeads
from liveportrait_core.engines.liveportrait.runtimes.device import Precision


class TorchRuntime:
    """Satisfies `NetworkRuntime`. The weights stay in float32; a batch can be repeated in it."""

    def __init__(self, networks: Networks, device: torch.device) -> None:
        """Move the four large networks to the device."""
        self._networks = networks
        self._device = device
        for network in networks.large:
            network.to(device)

    def extract_appearance(self, images: Tensor, precision: Precision) -> Tensor:
        """As the port says."""
        with torch.inference_mode(), arithmetic(self._device, precision):
            return self._networks.appearance_feature_extractor(images).float()

    def extract_motion(self, images: Tensor, precision: Precision) -> MotionHeads:
        """As the port says."""
        with torch.inference_mode(), arithmetic(self._device, precision):
            return self._networks.motion_extractor(images)

    def compile_frames(self, precision: Precision) -> bool:
        """Return False: kernels are chosen by the first frame."""
        del precision
        return False

    def warp_decode(
        self, feature: Tensor, source: Tensor, driving: Tensor, precision: Precision
    ) -> Tensor:
        """As the port says."""
        # One by one in fp32: for a batch of 8 cuDNN takes 37 GB of work space, and no less time.
        size = 1 if precision is Precision.FP32 else len(driving)
        parts = [driving[start : start + size] for start in range(0, len(driving), size)]
        with torch.inference_mode(), arithmetic(self._device, precision):
            return torch.cat([self._warp_decode_batch(feature, source, part) for part in parts])

    def _warp_decode_batch(self, feature: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        count = len(driving)
        warped = self._networks.warping_module(
            feature.expand(count, -1, -1, -1, -1), driving, source.expand(count, -1, -1)
        )
        return self._networks.spade_generator(warped.feature)


def arithmetic(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Inside this context the heavy arithmetic has that precision; fp32 means all of its bits."""
    if precision is not Precision.FP32:
        return torch.autocast(device.type, dtype=precision.dtype)
    if device.type == "cuda":  # its convolutions would round to TF32, which keeps 10 bits
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return nullcontext()
