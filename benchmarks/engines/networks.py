"""Parameters, arithmetic, time and memory of each network at several batch sizes.

Weights are torch's initial ones: neither time nor memory depends on their values.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.resources import peak_growth_bytes
from liveportrait_core.engines.liveportrait.networks.all_networks import empty_networks
from liveportrait_core.engines.liveportrait.networks.stitching_retargeting import (
    EYE_WIDTHS,
    LIP_WIDTHS,
    STITCHING_WIDTHS,
)
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, Precision
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import arithmetic

INPUT_SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    # of one sample
    "appearance_feature_extractor": ((3, 256, 256),),
    "motion_extractor": ((3, 256, 256),),
    "warping_module": ((32, 16, 64, 64), (21, 3), (21, 3)),
    "spade_generator": ((256, 64, 64),),
    "stitching": (STITCHING_WIDTHS[:1],),
    "lip_retargeting": (LIP_WIDTHS[:1],),
    "eye_retargeting": (EYE_WIDTHS[:1],),
}
SMALL = ("stitching", "lip_retargeting", "eye_retargeting")
"""These stay on the CPU in fp32, as in the product."""
HEAD = (
    f"{'network':28} {'batch':>5} {'parameters':>11} {'GFLOP':>9} {'ms':>9} {'GFLOP/s':>8}"
    f" {'peak MB':>8}"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network at one batch size."""

    network: str
    batch: int
    device: str
    precision: str
    parameters: int
    gflop: float  # of the whole batch, two per multiply-add
    ms: float  # median of the whole batch
    best_ms: float
    repeats: int
    peak_mb: float | None  # growth of memory while it runs, weights not counted
    threads: int
    torch: str


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long to measure."""

    repeats: int
    seconds: float  # no further repeat of a row once this long has been spent on it


def measure_networks(
    choice: DeviceChoice, names: Sequence[str], batches: Sequence[int], effort: Effort
) -> Iterator[Row]:
    """Yield one row for each network, by its name in `INPUT_SHAPES`, and batch size."""
    networks = empty_networks()
    for name in names:
        device = torch.device("cpu") if name in SMALL else choice.device
        precision = Precision.FP32 if name in SMALL else choice.precision
        network = _initialised(getattr(networks, name), device)
        for batch in batches:
            yield _measure(name, network, batch, device, precision, effort)


def table_line(row: Row) -> str:
    """Return one row as text."""
    rate = row.gflop / (row.ms / 1000) if row.ms else 0.0
    peak = "-" if row.peak_mb is None else f"{row.peak_mb:.0f}"
    return (
        f"{row.network:28} {row.batch:5} {row.parameters:11,} {row.gflop:9.3f}"
        f" {row.ms:9.2f} {rate:8.0f} {peak:>8}"
    )


def gflop(name: str, network: nn.Module, batch: int) -> float:
    """Return the GFLOP of one batch, counted by torch on tensors without content."""
    shapeless = network.to("meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        shapeless(*_inputs(name, batch, torch.device("meta")))
    return counter.get_total_flops() / 1e9


def _measure(
    name: str,
    network: nn.Module,
    batch: int,
    device: torch.device,
    precision: Precision,
    effort: Effort,
) -> Row:
    inputs = _inputs(name, batch, device)

    def run() -> None:
        with torch.inference_mode(), arithmetic(device, precision):
            network(*inputs)
        _wait_for(device)

    peak = peak_growth_bytes(device, run)  # the first run also warms up
    times = _times_ms(run, effort)
    return Row(
        network=name,
        batch=batch,
        device=_name(device),
        precision=precision.value,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        gflop=round(gflop(name, getattr(empty_networks(), name), batch), 6),
        ms=round(statistics.median(times), 3),
        best_ms=round(min(times), 3),
        repeats=len(times),
        peak_mb=None if peak is None else round(peak / 1e6, 1),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )


def _times_ms(run: Any, effort: Effort) -> list[float]:
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < effort.repeats and (
        not times or time.perf_counter() - began < effort.seconds
    ):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return times


def _initialised(network: nn.Module, device: torch.device) -> nn.Module:
    network = network.to_empty(device=device)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.02)
    for name, buffer in network.named_buffers():
        buffer.fill_(1 if name.endswith("running_var") else 0)
    return network.eval().requires_grad_(False)


def _inputs(name: str, batch: int, device: torch.device) -> list[Tensor]:
    return [torch.rand(batch, *shape, device=device) for shape in INPUT_SHAPES[name]]


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
