"""Where the networks run and in which precision: one choice, with its reason.

Knows torch's devices. Knows no network.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch

from liveportrait_core.errors import EngineUnavailable, InvalidOption

AUTO = "auto"


class Precision(StrEnum):
    """The type of the heavy arithmetic; coordinates and small networks are always float32."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"

    @property
    def dtype(self) -> torch.dtype:
        """As torch names it."""
        return {
            Precision.FP32: torch.float32,
            Precision.FP16: torch.float16,
            Precision.BF16: torch.bfloat16,
        }[self]


@dataclass(frozen=True, kw_only=True)
class DeviceChoice:
    """The device, the precision, and why."""

    device: torch.device
    precision: Precision
    reason: str

    def __str__(self) -> str:
        return f"{self.device} {self.precision}: {self.reason}"


def choose_device(device: str = AUTO, precision: str = AUTO) -> DeviceChoice:
    """Choose where and how precisely to compute.

    Args:
        device: `auto`, `cpu`, `mps`, `cuda` or `cuda:<index>`.
        precision: `auto`, `fp32`, `fp16` or `bf16`.

    Raises:
        InvalidOption: a value is none of these.
        EngineUnavailable: the wanted device is not on this machine, or cannot do the precision.
    """
    chosen, device_reason = _choose_device(device)
    if precision != AUTO:
        wanted = _precision(precision)
        _require_supported(chosen, wanted)
        return DeviceChoice(
            device=chosen, precision=wanted, reason=f"{device_reason}; {wanted} was asked for"
        )
    best, precision_reason = _choose_precision(chosen)
    return DeviceChoice(
        device=chosen, precision=best, reason=f"{device_reason}; {precision_reason}"
    )


def _choose_device(wanted: str) -> tuple[torch.device, str]:
    if wanted == AUTO:
        if torch.cuda.is_available():
            return torch.device("cuda", 0), f"CUDA is here ({torch.cuda.get_device_name(0)})"
        if torch.backends.mps.is_available():
            return torch.device("mps"), "Apple's MPS is here, CUDA is not"
        return torch.device("cpu"), "neither CUDA nor MPS is here"
    device = _parse_device(wanted)
    _require_present(device)
    return device, f"{device} was asked for"


def _parse_device(wanted: str) -> torch.device:
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "mps", "cuda"):
        raise InvalidOption(f"device is {wanted!r}; accepted: auto, cpu, mps, cuda, cuda:<index>")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def _require_present(device: torch.device) -> None:
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise EngineUnavailable("device mps was asked for, but there is none; accepted: auto, cpu")
    if device.type == "cuda" and device.index >= torch.cuda.device_count():
        raise EngineUnavailable(
            f"device {device} was asked for, but torch {torch.__version__} sees"
            f" {torch.cuda.device_count()} CUDA devices; accepted: auto, cpu, or a smaller index"
        )


def _precision(wanted: str) -> Precision:
    try:
        return Precision(wanted)
    except ValueError:
        accepted = ", ".join([AUTO, *Precision])
        raise InvalidOption(f"precision is {wanted!r}; accepted: {accepted}") from None


def _require_supported(device: torch.device, precision: Precision) -> None:
    if device.type == "mps" and precision is not Precision.FP32:
        raise EngineUnavailable(f"precision {precision} is not supported on mps; accepted: fp32")


def _choose_precision(device: torch.device) -> tuple[Precision, str]:
    if device.type != "cuda":
        return Precision.FP32, f"fp32 is the exact mode, and fp16 is no gain on {device.type}"
    if torch.cuda.get_device_capability(device) < (7, 0):
        return Precision.FP32, "fp32, as this card has no tensor cores"
    if "GTX 16" in torch.cuda.get_device_name(device):
        return Precision.FP32, "fp32, as GTX 16 cards give black boxes in fp16"
    return Precision.FP16, "fp16 is fast here and has three more bits of mantissa than bf16"
