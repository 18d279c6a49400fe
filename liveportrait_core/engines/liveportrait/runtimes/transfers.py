"""Arrays to a device and back; of a GPU through page-locked memory, which it reads by itself."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def upload(array: NDArray[Any], device: torch.device) -> Tensor:
    """Copy an array to a device; to a GPU without waiting for the copy's end."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def download(tensor: Tensor) -> NDArray[Any]:
    """Wait for a tensor, and return its numbers."""
    if tensor.device.type != "cuda":
        return tensor.cpu().numpy()
    held = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    held.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensor.device).synchronize()
    return held.numpy()
