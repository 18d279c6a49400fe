"""JoyVASA's files in small, with drawn weights: a checkpoint and a motion template as published."""

import argparse
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.joyvasa.denoiser import PositionTable
from liveportrait_core.engines.liveportrait.joyvasa.encoder import empty_encoder
from liveportrait_core.engines.liveportrait.joyvasa.generator import MotionGenerator
from liveportrait_core.engines.liveportrait.joyvasa.schedule import cosine_schedule, sinusoid
from liveportrait_core.engines.liveportrait.joyvasa.weights import convert
from tests.golden.recipe import Seeds
from tests.golden.sound_weights import sound_state

SIZES: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64,
    "conv_dim": [16] * 7,
}  # fmt: skip
STEPS = 6


def small_state() -> dict[str, Tensor]:
    """A whole state dict: motion generator, HuBERT, buffers."""
    empty = MotionGenerator(
        width=16, layers=1, steps=STEPS, previous_frames=10, sound_width=32,
        positions=PositionTable.INDEXED,
    )  # fmt: skip
    schedule = cosine_schedule(STEPS)
    encoder = sound_state(Seeds(), "hubert", empty_encoder(**SIZES).state_dict())
    return {
        **sound_state(Seeds(), "joyvasa", empty.state_dict()),
        **{f"audio_encoder.{key}": value for key, value in encoder.items()},
        "denoising_net.PE.pe": sinusoid(600, 16)[None],
        "denoising_net.TE.pe": sinusoid(STEPS + 1, 16)[None],
        "denoising_net.alignment_mask": ~torch.eye(110, dtype=torch.bool),
        "diffusion_sched.betas": schedule.betas,
        "diffusion_sched.sigmas_inflex": schedule.sigmas,
    }


def template_arrays() -> dict[str, np.ndarray]:
    """Statistics under which random weights move a face a little."""
    ends: dict[str, tuple[Any, Any]] = {
        "scale": (1.2, 1.5), "t": ([-0.1] * 3, [0.1] * 3), "pitch": (-15, 15), "yaw": (-15, 15),
        "roll": (-15, 15),
    }  # fmt: skip
    arrays = {"mean_exp": np.zeros(63, np.float32), "std_exp": np.full(63, 0.005, np.float32)}
    for name, (low, high) in ends.items():
        arrays[f"min_{name}"] = np.atleast_1d(low).astype(np.float32)
        arrays[f"max_{name}"] = np.atleast_1d(high).astype(np.float32)
    return arrays


def write_files(
    folder: Path, *, state: dict[str, Tensor] | None = None, template: object = None
) -> tuple[Path, Path]:
    """Write a checkpoint and a motion template as the original's training leaves them."""
    checkpoint, pickled = folder / "joyvasa.pt", folder / "motion_template.pkl"
    arguments = argparse.Namespace(fps=25, n_motions=100, exp_dir=Path("runs") / "first")
    content = {"args": arguments, "model": state or small_state(), "iter": 20_000}
    torch.save(content, checkpoint)
    pickled.write_bytes(pickle.dumps(template or template_arrays(), protocol=4))
    return checkpoint, pickled


def converted_folder(folder: Path) -> Path:
    """A weights folder with the small JoyVASA."""
    checkpoint, template = write_files(folder)
    convert(checkpoint, template, folder, positions=PositionTable.INDEXED, encoder_sizes=SIZES)
    return folder
