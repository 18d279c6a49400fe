"""Reading a weight file into a state dict with official keys.

Only tensors are ever unpickled. Every refusal names the file, what was expected, what was found and
the command that mends it. Knows no network.
"""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.weights.digests import (Condition, FileState, inspect_file, present_form)
from liveportrait_core.weights.manifest import Checkpoint, fetch_command, read_manifest

StateDict = Mapping[str, Tensor]

PERCEPTRONS = ("retarget_shoulder", "retarget_mouth", "retarget_eye")
"""The entries of the stitching file: stitching, lip retargeting, eye retargeting."""


def read_state(folder: Path, checkpoint: Checkpoint) -> tuple[Path, StateDict]:
    """Return one network's file and flat state dict, tensors on the CPU, memory-mapped.

    Raises:
        EngineUnavailable: the file is missing, not the manifest's, or holds something else.
    """
    path = checked_path(folder, checkpoint)
    content = _read(folder, path)
    if not all(isinstance(value, Tensor) for value in content.values()):
        raise foreign_file(folder, path, "a flat state dict of tensors", _describe(content))
    return path, content


def read_perceptrons(folder: Path) -> tuple[Path, dict[str, StateDict]]:
    """Return the stitching file and its three state dicts, by the names of `PERCEPTRONS`.

    Raises:
        EngineUnavailable: as `read_state`.
    """
    path = checked_path(folder, Checkpoint.STITCHING_RETARGETING)
    content = _read(folder, path)
    states = {name: _perceptron(content, name) for name in PERCEPTRONS}
    if empty := [name for name, state in states.items() if not state]:
        raise foreign_file(
            folder,
            path,
            f"entries {', '.join(PERCEPTRONS)}",
            f"no {', '.join(empty)} in {_describe(content)}",
        )
    return path, states


def checked_path(folder: Path, checkpoint: Checkpoint) -> Path:
    """Return the path of a checkpoint's file, after comparing size and digest with the manifest.

    Raises:
        EngineUnavailable: it is missing, or not the manifest's file.
    """
    manifest = read_manifest(folder)
    file = present_form(folder, manifest, checkpoint)
    if file is None:
        accepted = " or ".join(str(folder / form.path) for form in manifest.files_for(checkpoint))
        raise EngineUnavailable(
            f"{checkpoint}: no weights; expected {accepted or 'an entry in ' + str(manifest.path)}."
            f" Run: {fetch_command(folder, (checkpoint,))}"
        )
    state = inspect_file(folder, file)
    if state.condition is not Condition.WHOLE:
        raise EngineUnavailable(_refusal(state, folder))
    return state.path


def foreign_file(folder: Path, path: Path, expected: str, found: str) -> EngineUnavailable:
    """Return the error for a file that is the manifest's and yet not what its name says.

    To fetch it again would bring the same; the other format may serve.
    """
    pickled = path.suffix == ".pth"
    place = path.relative_to(folder).as_posix()
    named = [
        file.checkpoint
        for weight_set in read_manifest(folder).sets
        for file in weight_set.files
        if file.path.as_posix() == place
    ]
    remedy = fetch_command(folder, named) + (" --safetensors" if pickled else "")
    return EngineUnavailable(
        f"{path} holds something else: expected {expected}; found {found}."
        f" {'Run' if pickled else 'Remove it and run'}: {remedy}"
    )


def _refusal(state: FileState, folder: Path) -> str:
    if state.condition is Condition.WRONG_SIZE:
        expected, found = f"{state.file.size_bytes} bytes", f"{state.found} bytes"
    else:
        expected, found = f"SHA-256 {state.file.sha256}", f"SHA-256 {state.found}"
    return (
        f"{state.path} is truncated, altered or another file: expected {expected}; found {found}."
        f" Run: {fetch_command(folder, (state.file.checkpoint,))}"
    )



def _read(folder: Path, path: Path) -> dict[str, Any]:
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except Exception as error:  # foreign bytes make the readers fail in any way there is
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise foreign_file(folder, path, f"a {path.suffix} file of tensors", reason) from error
    if not isinstance(content, dict):
        raise foreign_file(folder, path, "a dictionary", type(content).__name__)
    return content


def _read_pickle(path: Path) -> Any:
    # Mapping needs torch's zip container; files saved before torch 1.6 are plain pickles.
    mapped = zipfile.is_zipfile(path)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _perceptron(content: Mapping[str, Any], name: str) -> StateDict:
    entry = content.get(name)
    if not isinstance(entry, dict):  # safetensors: one flat dict, the entry's name in front
        entry = {
            key[len(name) :].lstrip("._"): value
            for key, value in content.items()
            if re.match(rf"{name}[._]", key)
        }
    # Saved from DistributedDataParallel, whose wrapper shows in the keys.
    return {key.replace("module.", ""): value for key, value in entry.items()}


def _describe(content: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{key}: {type(value).__name__}" for key, value in list(content.items())[:3])
    return f"{len(content)} entries ({shown}{', …' if len(content) > 3 else ''})"
