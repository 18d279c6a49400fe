"""Warp and decode by every form of the networks against the plain ones, as ratios.

All forms take turns in one process, so that a busy machine slows each alike. Wall time on a machine
with other work tells little; the processor time of the process tells more, and both are printed.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.model import load_networks
from liveportrait_core.engines.liveportrait.networks import NETWORK_PX
from liveportrait_core.engines.liveportrait.runtimes.device import (
    CPU_TORCH,
    Precision,
    choose_device,
)
from liveportrait_core.engines.liveportrait.runtimes.fast_torch import FastTorchRuntime
from liveportrait_core.engines.liveportrait.runtimes.openvino.opening import open_openvino
from liveportrait_core.engines.liveportrait.runtimes.processor import has_bf16
from liveportrait_core.engines.liveportrait.runtimes.quality import (
    Question,
    psnr_db,
    question,
)
from liveportrait_core.engines.liveportrait.runtimes.torch_opening import open_torch
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime
from liveportrait_core.weights.checkpoints import checked_path
from liveportrait_core.weights.digests import file_digest
from liveportrait_core.weights.manifest import NETWORK_CHECKPOINTS

HEAD = (
    f"{'warp + decode':44} {'wall s':>9} {'ratio':>6} {'core s':>9} {'ratio':>6}"
    f" {'max error':>10} {'dB':>6}"
)
PLAIN = "torch fp32, as written"


@dataclass(frozen=True, kw_only=True)
class RatioRow:
    """One form of the networks; ratios are the plain form's time by this one's."""

    form: str
    wall_s: float  # medians
    core_s: float
    wall_ratio: float
    core_ratio: float
    max_error: float  # on the final image in [0, 1], against the plain form
    psnr_db: float
    rounds: int


def measure_ratios(weights: Path, rounds: int) -> Iterator[RatioRow]:
    """Yield one row for each form that this machine can compute.

    Args:
        weights: folder of LivePortrait's weights; converted networks are kept in it.
        rounds: how often all forms take turns.
    """
    networks = load_networks(weights)
    device = choose_device(CPU_TORCH).device
    plain = TorchRuntime(networks, device)
    fast = FastTorchRuntime(networks, device, Precision.FP32)
    forms: dict[str, Callable[[Question], Tensor]] = {
        PLAIN: lambda asked: plain.warp_decode(*_parts(asked), Precision.FP32),
        "torch fp32, fast forms": _by(fast.warp_decode, Precision.FP32),
    }
    digests = [
        file_digest(weights, checked_path(weights, checkpoint))
        for checkpoint in NETWORK_CHECKPOINTS
    ]
    choice = choose_device("cpu", "fp32")
    runtime, _ = open_openvino(weights, choice, digests, lambda: networks)
    for precision in (Precision.FP32, Precision.MIXED, Precision.BF16):
        if precision is Precision.FP32 or has_bf16():
            forms[f"OpenVINO {precision}, fast forms"] = _by(runtime.warp_decode, precision)
    yield from take_turns(forms, question(plain, NETWORK_PX, device), rounds)


def measure_card_ratios(weights: Path, rounds: int) -> Iterator[RatioRow]:
    """Yield the forms on a CUDA device: a single frame, then a batch as renders draw it.

    Raises:
        EngineUnavailable: there is no such device.
    """
    networks = load_networks(weights)
    runtime, choice = open_torch(networks, choose_device("cuda"))
    plain = TorchRuntime(networks, choice.device)
    precision = choice.precision
    forms = {
        PLAIN: _by(plain.warp_decode, Precision.FP32),
        f"torch {precision}, as written": _by(plain.warp_decode, precision),
        f"{choice.runtime} {precision}, as opened": _by(runtime.warp_decode, precision),
    }
    for frames in (1, choice.frame_batch):
        asked = question(plain, NETWORK_PX, choice.device, frames)
        for row in take_turns(forms, asked, rounds):
            yield replace(row, form=f"{row.form}, {frames} at once")


def take_turns(
    forms: dict[str, Callable[[Question], Tensor]], asked: Question, rounds: int
) -> Iterator[RatioRow]:
    """Let the forms compute in turn; yield their medians, the plain one's first."""

    def finished(image: Tensor) -> Tensor:
        if image.is_cuda:
            torch.cuda.synchronize(image.device)
        return image

    images = {name: finished(form(asked)) for name, form in forms.items()}  # warms up too
    wall: dict[str, list[float]] = {name: [] for name in forms}
    core: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(rounds):
        for name, form in forms.items():
            began, began_core = time.perf_counter(), time.process_time()
            finished(form(asked))
            wall[name].append(time.perf_counter() - began)
            core[name].append(time.process_time() - began_core)
    for name, image in images.items():
        wall_s, core_s = statistics.median(wall[name]), statistics.median(core[name])
        yield RatioRow(
            form=name,
            wall_s=wall_s,
            core_s=core_s,
            wall_ratio=statistics.median(wall[PLAIN]) / wall_s,
            core_ratio=statistics.median(core[PLAIN]) / core_s,
            max_error=float((image - images[PLAIN]).abs().max()),
            psnr_db=psnr_db(images[PLAIN], image),
            rounds=rounds,
        )


def table_line(row: RatioRow) -> str:
    """Return one row as text."""
    return (
        f"{row.form:44} {row.wall_s:9.4f} {row.wall_ratio:6.2f} {row.core_s:9.4f}"
        f" {row.core_ratio:6.2f} {row.max_error:10.1e} {row.psnr_db:6.1f}"
    )


def _by(
    warp_decode: Callable[[Tensor, Tensor, Tensor, Precision], Tensor], precision: Precision
) -> Callable[[Question], Tensor]:
    return lambda asked: warp_decode(*_parts(asked), precision)


def _parts(asked: Question) -> tuple[Tensor, Tensor, Tensor]:
    return asked.feature, asked.source, asked.driving
