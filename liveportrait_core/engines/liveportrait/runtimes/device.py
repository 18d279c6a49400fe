"""Who computes the networks, where, and in which precision: one choice, with its reason.

Knows torch's devices. Knows no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec

import torch

from liveportrait_core.engines.liveportrait.runtimes.processor import has_bf16
from liveportrait_core.errors import EngineUnavailable, InvalidOption

AUTO = "auto"
CPU_TORCH = "cpu-torch"
"""The CPU by torch, where OpenVINO is installed too: what OpenVINO's results are compared with."""
CUDA_PLAIN = "cuda-plain"
"""A GPU with the networks as they are written: what the fast forms are compared with."""
LEAST_DB = 50.0
"""On a CPU less than fp32 is chosen where a frame is at least so close to the one in fp32."""
_ACCEPTED = f"auto, cpu, mps, cuda, cuda:<index>, {CPU_TORCH}, {CUDA_PLAIN}"
_CUDA_BATCH = 8


class RuntimeName(StrEnum):
    """Who computes, from which form of the networks."""

    TORCH = "torch"  # as they are written
    TORCH_FAST = "torch-fast"
    OPENVINO = "openvino"


class Precision(StrEnum):
    """The type of the heavy arithmetic; coordinates and small networks are always float32."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    MIXED = "mixed"  # bf16 but for the parts that it rounds most; by OpenVINO alone

    @property
    def dtype(self) -> torch.dtype:
        """As torch names it, which has no name for `mixed`."""
        return {
            Precision.FP32: torch.float32,
            Precision.FP16: torch.float16,
            Precision.BF16: torch.bfloat16,
        }[self]


LESS_THAN_FP32 = (Precision.BF16, Precision.MIXED)
"""What `auto` may choose on a CPU, the quickest first."""


@dataclass(frozen=True, kw_only=True)
class DeviceChoice:
    """The device, the runtime, the precision, and why."""

    device: torch.device
    precision: Precision
    reason: str
    runtime: RuntimeName = RuntimeName.TORCH
    awaits_quality: bool = False  # the precision is `settle_precision`'s to choose

    def __str__(self) -> str:
        return f"{self.device} {self.precision}: {self.reason}"

    @property
    def pastes_back(self) -> bool:
        """Whether crops are blended into the portrait there, before they leave the device."""
        return self.device.type == "cuda"

    @property
    def frame_batch(self) -> int:
        """How many frames are warped and decoded at once."""
        return _CUDA_BATCH if self.device.type == "cuda" else 1


def choose_device(device: str = AUTO, precision: str = AUTO) -> DeviceChoice:
    """Choose where and how precisely to compute.

    Args:
        device: `auto`, `cpu`, `cpu-torch`, `mps`, `cuda`, `cuda:<index>` or `cuda-plain`.
        precision: `auto`, `fp32`, `fp16`, `bf16` or `mixed`.

    Raises:
        InvalidOption: a value is none of these.
        EngineUnavailable: the wanted device is not on this machine, or cannot do the precision.
    """
    chosen, runtime, device_reason = _choose_device(device)
    awaits_quality = False
    if precision != AUTO:
        wanted = _precision(precision)
        _require_supported(chosen, runtime, wanted)
        precision_reason = f"{wanted} was asked for"
    elif runtime is RuntimeName.OPENVINO:
        awaits_quality = has_bf16()
        wanted = Precision.BF16 if awaits_quality else Precision.FP32
        precision_reason = "fp32, as this processor has no bf16 arithmetic"
    else:
        wanted, precision_reason = _choose_precision(chosen)
    if runtime is RuntimeName.TORCH_FAST and wanted is Precision.FP32:
        runtime = RuntimeName.TORCH  # the exact mode
    return DeviceChoice(
        device=chosen,
        precision=wanted,
        reason=f"{device_reason}; {precision_reason}",
        runtime=runtime,
        awaits_quality=awaits_quality,
    )


def settle_precision(choice: DeviceChoice, distances_db: Mapping[Precision, float]) -> DeviceChoice:
    """Choose the quickest precision whose frame is near enough to the one in fp32.

    Args:
        choice: one that awaits this.
        distances_db: peak signal to noise ratios of frames in `LESS_THAN_FP32`.
    """
    device_reason, _, _ = choice.reason.rpartition("; ")
    bf16_db, mixed_db = (distances_db[precision] for precision in LESS_THAN_FP32)
    bf16 = f"bf16 is {bf16_db:.1f} dB from fp32 with these weights"
    too_far = f"(less than {LEAST_DB:g})"
    if bf16_db >= LEAST_DB:
        precision, reason = Precision.BF16, f"{bf16}, and this processor has its arithmetic"
    elif mixed_db >= LEAST_DB:
        precision = Precision.MIXED
        reason = f"mixed, which is {mixed_db:.1f} dB from fp32, as {bf16} {too_far}"
    else:
        precision = Precision.FP32
        reason = f"fp32, as {bf16} and mixed {mixed_db:.1f} {too_far}"
    return replace(
        choice, precision=precision, reason=f"{device_reason}; {reason}", awaits_quality=False
    )


def settle_form(choice: DeviceChoice, runtime: RuntimeName, found: str) -> DeviceChoice:
    """Take a form of the networks for good, with what was found when it was opened."""
    return replace(choice, runtime=runtime, reason=f"{choice.reason}; {found}")


def _choose_device(wanted: str) -> tuple[torch.device, RuntimeName, str]:
    if wanted == AUTO:
        if torch.cuda.is_available():
            name = torch.cuda.get_device_name(0)
            return torch.device("cuda", 0), RuntimeName.TORCH_FAST, f"CUDA is here ({name})"
        if torch.backends.mps.is_available():
            return torch.device("mps"), RuntimeName.TORCH, "Apple's MPS is here, CUDA is not"
        return _cpu("neither CUDA nor MPS is here")
    if wanted == CPU_TORCH:
        return torch.device("cpu"), RuntimeName.TORCH, f"{wanted} was asked for"
    device = _parse_device("cuda" if wanted == CUDA_PLAIN else wanted)
    _require_present(device)
    if device.type == "cpu":
        return _cpu("cpu was asked for")
    is_fast = device.type == "cuda" and wanted != CUDA_PLAIN
    runtime = RuntimeName.TORCH_FAST if is_fast else RuntimeName.TORCH
    return device, runtime, f"{device if is_fast else wanted} was asked for"


def _cpu(reason: str) -> tuple[torch.device, RuntimeName, str]:
    if find_spec("openvino") is None:
        missing = "OpenVINO is not installed, torch computes"
        return torch.device("cpu"), RuntimeName.TORCH, f"{reason}; {missing}"
    return torch.device("cpu"), RuntimeName.OPENVINO, f"{reason}; OpenVINO computes"


def _parse_device(wanted: str) -> torch.device:
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "mps", "cuda"):
        raise InvalidOption(f"device is {wanted!r}; accepted: {_ACCEPTED}")
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


def _require_supported(device: torch.device, runtime: RuntimeName, precision: Precision) -> None:
    if device.type == "mps" and precision is not Precision.FP32:
        raise EngineUnavailable(f"precision {precision} is not supported on mps; accepted: fp32")
    if runtime is not RuntimeName.OPENVINO and precision is Precision.MIXED:
        raise EngineUnavailable(
            f"precision mixed is not supported on {device} by torch; accepted: fp32, fp16, bf16, "
            "or the device cpu, where OpenVINO computes"
        )
    if runtime is not RuntimeName.OPENVINO or precision is Precision.FP32:
        return
    if precision is Precision.FP16 or not has_bf16():
        raise EngineUnavailable(
            f"precision {precision} is not supported by OpenVINO on this processor; accepted: "
            f"fp32{', mixed, bf16' if has_bf16() else ''}, or the device {CPU_TORCH}"
        )


def _choose_precision(device: torch.device) -> tuple[Precision, str]:
    if device.type != "cuda":
        return Precision.FP32, f"fp32 is the exact mode, and fp16 is no gain on {device.type}"
    if torch.cuda.get_device_capability(device) < (7, 0):
        return Precision.FP32, "fp32, as this card has no tensor cores"
    if "GTX 16" in torch.cuda.get_device_name(device):
        return Precision.FP32, "fp32, as GTX 16 cards give black boxes in fp16"
    return Precision.FP16, "fp16 is fast here and has three more bits of mantissa than bf16"
