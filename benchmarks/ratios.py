"""Warp and decode, frame by frame: OpenVINO against the plain networks, as ratios.

All forms take turns in one process, so that a busy machine slows each alike. Wall time on a machine
with other work tells little; the processor time of the process tells more, and both are printed.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.fast.generator import FastGenerator
from liveportrait_core.engines.liveportrait.fast.hints import axis_hints
from liveportrait_core.engines.liveportrait.fast.warping import Compress, Flatten, MotionField
from liveportrait_core.engines.liveportrait.model import load_networks
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT, NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.networks.grid import sample_volume
from liveportrait_core.engines.liveportrait.runtimes.bf16_quality import psnr_db
from liveportrait_core.engines.liveportrait.runtimes.device import (
    CPU_TORCH,
    Precision,
    choose_device,
)
from liveportrait_core.engines.liveportrait.runtimes.openvino_opening import open_openvino
from liveportrait_core.engines.liveportrait.runtimes.processor import has_bf16
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime
from liveportrait_core.weights.checkpoints import checked_path
from liveportrait_core.weights.digests import file_digest
from liveportrait_core.weights.manifest import NETWORK_CHECKPOINTS

HEAD = (
    f"{'warp + decode, one frame':34} {'wall s':>8} {'ratio':>6} {'core s':>8} {'ratio':>6}"
    f" {'max error':>10} {'dB':>6}"
)
PLAIN = "torch fp32, as written"
_SEED = 0


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """A portrait's feature and two sets of key points."""

    feature: Tensor
    source: Tensor
    driving: Tensor


def measure_ratios(weights: Path, rounds: int) -> Iterator[RatioRow]:
    """Yield one row for each form that this machine can compute.

    Args:
        weights: folder of LivePortrait's weights; converted networks are kept in it.
        rounds: how often all forms take turns.
    """
    networks = load_networks(weights)
    plain = TorchRuntime(networks, choose_device(CPU_TORCH).device)
    forms: dict[str, Callable[[Question], Tensor]] = {
        PLAIN: lambda asked: plain.warp_decode(*_parts(asked), Precision.FP32),
        "torch fp32, fast forms": fast_torch(networks),
    }
    digests = [
        file_digest(weights, checked_path(weights, checkpoint))
        for checkpoint in NETWORK_CHECKPOINTS
    ]
    choice = choose_device("cpu", "fp32")
    runtime, _ = open_openvino(weights, choice, digests, lambda: networks)
    for precision in (Precision.FP32, Precision.BF16):
        if precision is Precision.FP32 or has_bf16():
            forms[f"OpenVINO {precision}, fast forms"] = _by(runtime.warp_decode, precision)
    yield from take_turns(forms, _question(plain), rounds)


def take_turns(
    forms: dict[str, Callable[[Question], Tensor]], asked: Question, rounds: int
) -> Iterator[RatioRow]:
    """Let the forms compute in turn; yield their medians, the plain one's first."""
    images = {name: form(asked) for name, form in forms.items()}  # warms up too
    wall: dict[str, list[float]] = {name: [] for name in forms}
    core: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(rounds):
        for name, form in forms.items():
            began, began_core = time.perf_counter(), time.process_time()
            form(asked)
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


def fast_torch(networks: Networks) -> Callable[[Question], Tensor]:
    """Return the fast forms, computed by torch."""
    dense, warping = networks.warping_module.dense_motion, networks.warping_module
    channels, depth = networks.appearance_feature_extractor.reshape
    del channels
    side = NETWORK_PX // 2 ** len(networks.appearance_feature_extractor.down_blocks)
    size = (depth, side, side)
    compress, field = Compress(dense), MotionField(dense, size)
    flatten, generator = Flatten(warping), FastGenerator(networks.spade_generator)

    @torch.inference_mode()
    def compute(asked: Question) -> Tensor:
        deformation, occlusion = field(
            compress(asked.feature),
            asked.source - asked.driving,
            *axis_hints(asked.driving, asked.source, size),
        )
        moved = sample_volume(asked.feature, deformation)
        image: Tensor = generator(flatten(moved, occlusion))
        return image

    return compute


def table_line(row: RatioRow) -> str:
    """Return one row as text."""
    return (
        f"{row.form:34} {row.wall_s:8.2f} {row.wall_ratio:6.2f} {row.core_s:8.2f}"
        f" {row.core_ratio:6.2f} {row.max_error:10.1e} {row.psnr_db:6.1f}"
    )


def _by(
    warp_decode: Callable[[Tensor, Tensor, Tensor, Precision], Tensor], precision: Precision
) -> Callable[[Question], Tensor]:
    return lambda asked: warp_decode(*_parts(asked), precision)


def _parts(asked: Question) -> tuple[Tensor, Tensor, Tensor]:
    return asked.feature, asked.source, asked.driving


def _question(plain: TorchRuntime) -> Question:
    random = np.random.default_rng(_SEED)
    picture = torch.from_numpy(random.random((1, 3, 17, 17), np.float32))
    picture = torch.nn.functional.interpolate(
        picture, (NETWORK_PX, NETWORK_PX), mode="bilinear", align_corners=True
    )
    source = torch.from_numpy(
        (0.3 * random.standard_normal((1, KEYPOINT_COUNT, 3))).astype(np.float32)
    )
    moves = 0.02 * random.standard_normal((1, KEYPOINT_COUNT, 3))
    return Question(
        feature=plain.extract_appearance(picture, Precision.FP32),
        source=source,
        driving=source + torch.from_numpy(moves.astype(np.float32)),
    )
