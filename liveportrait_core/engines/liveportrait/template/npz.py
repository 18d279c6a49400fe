"""Our own template files: versioned `.npz` archives, written and read without pickle."""

import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.template.motion_template import (
    FrameArrays,
    LivePortraitMotion,
    checked_rate,
)
from liveportrait_core.errors import EncodeFailed, VideoUnsupported
from liveportrait_core.limits import MAX_TEMPLATE_BYTES
from liveportrait_core.media.output import draft_of, require_folder
from liveportrait_core.report import RenderWarning

FORMAT_VERSION = 1
_FRAME_ARRAYS = tuple(field.name for field in fields(FrameArrays))
_ARRAYS = ("format_version", "fps", "warnings", "source_sha256", *_FRAME_ARRAYS)


def save_template(template: LivePortraitMotion, path: Path) -> None:
    """Write a template; it appears complete or not at all.

    Raises:
        InvalidOption: its folder is not there.
        EncodeFailed: the file cannot be written.
    """
    require_folder(path)
    frames = FrameArrays.of(template.measured)
    try:
        with draft_of(path) as draft, draft.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                format_version=np.array(FORMAT_VERSION),
                fps=np.array([template.fps.numerator, template.fps.denominator]),
                warnings=np.array([str(warning) for warning in template.warnings], dtype=np.str_),
                source_sha256=np.array(template.source_sha256, dtype=np.str_),
                **{name: getattr(frames, name).astype("<f4") for name in _FRAME_ARRAYS},
            )
    except OSError as error:
        raise EncodeFailed(f"template {path} cannot be written: {error}") from error


def read_npz(path: Path) -> LivePortraitMotion:
    """Read a template of our own.

    Raises:
        VideoUnsupported: damaged, too large, or of another version.
    """
    name = path.name
    arrays = _unpacked(path)
    missing = [array for array in _ARRAYS if array not in arrays]
    if missing:
        raise VideoUnsupported(f"{name} is no motion template: it lacks {', '.join(missing)}")
    version = arrays["format_version"].tolist()
    if version != FORMAT_VERSION:
        raise VideoUnsupported(
            f"template {name} has version {version!r:.40}; accepted: {FORMAT_VERSION}. "
            "Make it again from its clip."
        )
    try:
        numerator, denominator = arrays["fps"].tolist()
        warnings = tuple(RenderWarning(warning) for warning in arrays["warnings"].tolist())
    except (TypeError, ValueError) as error:
        raise VideoUnsupported(f"template {name} is damaged: {error}") from error
    return LivePortraitMotion(
        measured=FrameArrays(**{part: arrays[part] for part in _FRAME_ARRAYS}).checked(name),
        fps=checked_rate(name, numerator, denominator),
        warnings=warnings,
        source_sha256=str(arrays["source_sha256"]),
    )


def _unpacked(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_TEMPLATE_BYTES:
            raise VideoUnsupported(
                f"template {path.name} unpacks to {size} bytes; "
                f"accepted: up to {MAX_TEMPLATE_BYTES}"
            )
        with np.load(path, allow_pickle=False) as arrays:
            # What is no array is given as bytes, and counts as missing.
            return {name: each for name, each in arrays.items() if isinstance(each, np.ndarray)}
    except VideoUnsupported:
        raise
    except Exception as error:  # a malformed archive makes its parsers raise almost anything
        raise VideoUnsupported(f"template {path.name} is damaged: {error}") from error
