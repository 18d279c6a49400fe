"""Wav2Lip's published file, read without executing a pickle and converted once."""

from pathlib import Path

import torch
from torch import Tensor

from liveportrait_core.errors import CheckpointMismatch, MethodNotInstalled
from liveportrait_core.lipsync.wav2lip import PLACE
from liveportrait_core.lipsync.wav2lip.network import Wav2Lip
from liveportrait_core.weights.converted import read_converted, write_converted

CONVERT = "python -m liveportrait_core weights convert wav2lip"
_WRAPPER = "module."  # of the class that trained on several devices


def convert(checkpoint: Path, folder: Path) -> Path:
    """Check the original's file and write its numbers alone; returns the written file.

    Raises:
        CheckpointMismatch: it holds something else.
    """
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state = {key.replace(_WRAPPER, ""): value for key, value in content["state_dict"].items()}
    except Exception as error:  # foreign bytes make the reader fail in any way there is
        # The reader's own words advise to execute the file: they are not passed on.
        reason = f"it cannot be read as numbers alone: {type(error).__name__}"
        raise CheckpointMismatch(
            f"{checkpoint.name} is no Wav2Lip checkpoint ({reason}); accepted: wav2lip.pth or "
            "wav2lip_gan.pth, with the entry state_dict"
        ) from error
    loaded(state, checkpoint)  # refuses what does not fit, before anything is written
    return write_converted(folder / PLACE, state)


def read(folder: Path) -> Wav2Lip:
    """Load the converted weights.

    Raises:
        MethodNotInstalled: they are not there.
        CheckpointMismatch: the file holds something else.
    """
    path = folder / PLACE
    if not path.is_file():
        raise MethodNotInstalled(
            f"wav2lip has no weights: {path} is missing; accepted: {CONVERT} CHECKPOINT --to "
            f"{folder} (for research only), or another method"
        )
    state, _ = read_converted(path, "Wav2Lip", CONVERT)
    return loaded(state, path)


def loaded(state: dict[str, Tensor], path: Path) -> Wav2Lip:
    """Return the network with these weights, in eval mode.

    Raises:
        CheckpointMismatch: a key is missing or left over, or a shape differs.
    """
    network = Wav2Lip()
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise CheckpointMismatch(f"{path.name}: {' '.join(str(error).split())[:300]}") from error
    network.eval().requires_grad_(False)
    return network
