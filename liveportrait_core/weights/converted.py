"""A method's weights as a conversion writes them: one file of safetensors, with its metadata."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from liveportrait_core.errors import CheckpointMismatch


def write_converted(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a converted file, and return it; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    kept = {key: value.contiguous() for key, value in tensors.items()}
    save_file(kept, unfinished, metadata=dict(metadata) if metadata else None)
    unfinished.replace(path)
    return path


def read_converted(path: Path, what: str, convert: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a converted file.

    Args:
        path: a file that is there.
        what: the method, for the message.
        convert: the command that writes such a file.

    Raises:
        CheckpointMismatch: it cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dict
            return state, file.metadata() or {}
    except Exception as error:  # foreign bytes make the reader fail in any way there is
        raise foreign_conversion(path, what, convert, error) from error


def foreign_conversion(
    path: Path, what: str, convert: str, error: Exception
) -> CheckpointMismatch:
    """Return the error that refuses a file which no conversion has written."""
    return CheckpointMismatch(
        f"{path} is no converted {what} ({error}); accepted: what {convert} writes"
    )
