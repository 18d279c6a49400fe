"""Whether a weight file is the manifest's: its size and SHA-256.

A digest is computed once and remembered beside the weights, with the size and the modification time
it was computed for; where the folder cannot be written, it is computed once per process.
"""

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from liveportrait_core.weights.manifest import (Checkpoint, Manifest, WeightFile, read_manifest)

MEMORY = ".digests.json"

_in_this_process: dict[str, dict[str, str]] = {}


class Condition(StrEnum):
    """What a weight file is found to be."""

    WHOLE = "whole"
    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_DIGEST = "wrong digest"


@dataclass(frozen=True, kw_only=True)
class FileState:
    """A weight file of the manifest as it lies in a folder."""

    file: WeightFile
    path: Path
    condition: Condition
    found: str  # the size or the digest that was found; empty if missing


def inspect_file(
    folder: Path, file: WeightFile, *, digest: bool = True, remembered: bool = True
) -> FileState:
    """Compare one file with its manifest entry.

    Args:
        folder: the weights folder.
        file: the manifest's entry.
        digest: compare the digest too, not only the size.
        remembered: a digest computed earlier for this very size and time counts.
    """
    path = folder / file.path
    if not path.is_file():
        return FileState(file=file, path=path, condition=Condition.MISSING, found="")
    size = path.stat().st_size
    if file.size_bytes is not None and size != file.size_bytes:
        return FileState(file=file, path=path, condition=Condition.WRONG_SIZE, found=str(size))
    sha256 = file_digest(folder, path, remembered=remembered) if digest else file.sha256
    condition = Condition.WHOLE if sha256 == file.sha256 else Condition.WRONG_DIGEST
    return FileState(file=file, path=path, condition=condition, found=sha256)


def present_form(folder: Path, manifest: Manifest, checkpoint: Checkpoint) -> WeightFile | None:
    """Return the preferred form of a checkpoint in the folder, whole or not; None: none."""
    for file in manifest.files_for(checkpoint):
        if (folder / file.path).is_file():
            return file
    return None


def missing_checkpoints(folder: Path, wanted: tuple[Checkpoint, ...]) -> tuple[Checkpoint, ...]:
    """Return the wanted checkpoints that are absent or of the wrong size; open no file."""
    manifest = read_manifest(folder)
    return tuple(
        checkpoint
        for checkpoint in wanted
        if not any(
            inspect_file(folder, file, digest=False).condition is Condition.WHOLE
            for file in manifest.files_for(checkpoint)
        )
    )


def file_digest(folder: Path, path: Path, *, remembered: bool = True) -> str:
    """SHA-256 of a file below the folder, remembered for its size and modification time."""
    key = _key(folder, path)
    known = {**_read_memory(folder), **_in_this_process.get(str(folder.resolve()), {})}
    if remembered and (digest := known.get(key)):
        return digest
    digest = sha256_of(path)
    remember_digest(folder, path, digest)
    return digest


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, computed now: 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remember_digest(folder: Path, path: Path, digest: str) -> None:
    """Note the digest that was just computed for a file below the folder."""
    key = _key(folder, path)
    _in_this_process.setdefault(str(folder.resolve()), {})[key] = digest
    memory = {**_read_memory(folder), key: digest}
    unfinished = folder / f"{MEMORY}.{os.getpid()}"
    with contextlib.suppress(OSError):  # a read-only folder: remembered in this process only
        unfinished.write_text(json.dumps(memory, indent=1))
        unfinished.replace(folder / MEMORY)


def _key(folder: Path, path: Path) -> str:
    stat = path.stat()
    return f"{path.relative_to(folder).as_posix()}:{stat.st_size}:{stat.st_mtime_ns}"


def _read_memory(folder: Path) -> dict[str, str]:
    # A memory that cannot be read costs a second of hashing, nothing else.
    with contextlib.suppress(OSError, ValueError):
        memory = json.loads((folder / MEMORY).read_bytes())
        if isinstance(memory, dict):
            return {str(key): str(value) for key, value in memory.items()}
    return {}
