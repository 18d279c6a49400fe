"""JoyVASA's published files, read without executing a pickle and converted once.

joyvasa.md, section 1. What is written: `joyvasa/joyvasa.safetensors` in the weights folder, with
the motion generator, HuBERT, the statistics of the training data, and how positions enter.
"""

import argparse
import json
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.joyvasa import PLACE
from liveportrait_core.engines.liveportrait.joyvasa.denoiser import PositionTable
from liveportrait_core.engines.liveportrait.joyvasa.encoder import SoundEncoder
from liveportrait_core.engines.liveportrait.joyvasa.generator import MotionGenerator
from liveportrait_core.engines.liveportrait.joyvasa.motion import MotionStatistics
from liveportrait_core.engines.liveportrait.template.pickled import read_arrays
from liveportrait_core.errors import (
    CheckpointMismatch,
    InvalidOption,
    MethodNotInstalled,
    VideoUnsupported,
)
from liveportrait_core.weights.converted import (
    foreign_conversion,
    read_converted,
    write_converted,
)

ENCODER = "audio_encoder."
STATISTICS = "motion_template."
POSITIONS = "positions"
ENCODER_SIZES = "encoder_sizes"
STEPS = "steps"
CONVERT = "python -m liveportrait_core weights convert joyvasa"
_NAMESPACE_TYPES: list[Any] = [
    argparse.Namespace,
    pathlib.PurePosixPath,
    pathlib.PosixPath,
    pathlib.PureWindowsPath,
    pathlib.WindowsPath,
]
"""What the training's arguments hold: the only names beside tensors that are unpickled."""


@dataclass(frozen=True, kw_only=True, eq=False)
class JoyVasaWeights:
    """Networks with their weights, in eval mode."""

    generator: MotionGenerator
    encoder: SoundEncoder
    statistics: MotionStatistics
    steps: int | None = None  # that motion is drawn in; None: all of the schedule's


def convert(
    checkpoint: Path,
    template: Path,
    folder: Path,
    *,
    positions: PositionTable,
    steps: int | None = None,
    encoder_sizes: Mapping[str, Any] | None = None,
) -> Path:
    """Check the original's two files and write them as one without pickles.

    Args:
        checkpoint: the motion generator's `.pt`, with HuBERT in it.
        template: `motion_template.pkl`.
        folder: the weights folder.
        positions: how the weights were trained; joyvasa.md, section 3.
        steps: that motion is drawn in; fewer are quicker and give other motion. None: all of them.
        encoder_sizes: of HuBERT's configuration, where it is not the base model.

    Returns:
        The written file.

    Raises:
        CheckpointMismatch: a file holds something else.
        InvalidOption: the schedule has not so many steps.
    """
    state = _read_checkpoint(checkpoint)
    try:
        statistics = MotionStatistics.of(read_arrays(template))
    except VideoUnsupported as error:
        raise CheckpointMismatch(str(error)) from error
    # What does not fit is refused before anything is written.
    most = MotionGenerator.of(state, positions).schedule.steps
    if steps is not None and not 1 <= steps <= most:
        raise InvalidOption(f"steps is {steps}; accepted: 1 to {most}, or none: all of them")
    SoundEncoder(_under(state, ENCODER), **(encoder_sizes or {}))
    arrays = {STATISTICS + f.name: torch.from_numpy(getattr(statistics, f.name))
              for f in fields(statistics)}  # fmt: skip
    kept = {key: value.contiguous().clone() for key, value in state.items()}
    return write(folder, kept | arrays, positions, steps=steps, encoder_sizes=encoder_sizes)


def write(
    folder: Path,
    tensors: Mapping[str, Tensor],
    positions: PositionTable,
    *,
    steps: int | None = None,
    encoder_sizes: Mapping[str, Any] | None = None,
) -> Path:
    """Write a converted file; it appears whole or not at all."""
    metadata = {POSITIONS: positions.value, ENCODER_SIZES: json.dumps(encoder_sizes or {})}
    if steps is not None:
        metadata[STEPS] = str(steps)
    return write_converted(folder / PLACE, tensors, metadata)


def read(folder: Path) -> JoyVasaWeights:
    """Load the converted weights.

    Raises:
        MethodNotInstalled: they are not there, or transformers is not.
        CheckpointMismatch: the file holds something else.
    """
    path = folder / PLACE
    if not path.is_file():
        raise MethodNotInstalled(
            f"joyvasa has no weights: {path} is missing; accepted: {CONVERT} CHECKPOINT TEMPLATE "
            f"--to {folder}, or another method"
        )
    state, metadata = read_converted(path, "JoyVASA", CONVERT)
    try:
        positions = PositionTable(metadata[POSITIONS])
        sizes = json.loads(metadata[ENCODER_SIZES])
        steps = int(metadata[STEPS]) if STEPS in metadata else None
    except (KeyError, ValueError) as error:
        raise foreign_conversion(path, "JoyVASA", CONVERT, error) from error
    statistics = {key: value.numpy() for key, value in _under(state, STATISTICS).items()}
    networks = {key: value for key, value in state.items() if not key.startswith(STATISTICS)}
    return JoyVasaWeights(
        generator=MotionGenerator.of(networks, positions),
        encoder=SoundEncoder(_under(state, ENCODER), **sizes),
        statistics=MotionStatistics.of(statistics),
        steps=steps,
    )


def _under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    try:
        with torch.serialization.safe_globals(_NAMESPACE_TYPES):
            content = torch.load(path, map_location="cpu", weights_only=True)
        state = content["model"]
    except Exception as error:  # foreign bytes make the reader fail in any way there is
        # The reader's own words advise to execute the file: they are not passed on.
        reason = f"it cannot be read as numbers alone: {type(error).__name__}"
        raise CheckpointMismatch(
            f"{path.name} is no JoyVASA checkpoint ({reason}); accepted: the motion generator's "
            ".pt with the entries args and model"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointMismatch(f"{path.name}: its entry model is no flat state dict")
    return state
