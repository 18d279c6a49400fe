"""The original's templates: pickles, read without executing anything they name.

A pickle is a program, run here by `pickle_machine`. It is given the few names by which numpy writes
arrays down, with inert objects in their place; any other name ends the reading, with that name in
the message. What is accepted is liveportrait.md, P6. No message shows a value that is not known to
be short: a list in a list, twenty times, is written down for minutes.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.engines.liveportrait.template.motion_template import (
    FrameArrays,
    LivePortraitMotion,
    checked_rate,
    shown,
)
from liveportrait_core.engines.liveportrait.template.pickle_machine import UnknownName, run
from liveportrait_core.errors import VideoUnsupported
from liveportrait_core.limits import MAX_TEMPLATE_BYTES

_DEFAULT_FPS = 25


def read_pickle(path: Path) -> LivePortraitMotion:
    """Read a template of the original, old or new.

    Raises:
        VideoUnsupported: too large, damaged, no template, or a pickle that asks for anything but
            arrays of numbers.
    """
    name = path.name
    content = _unpickled(path)
    if not isinstance(content, dict) or not isinstance(content.get("motion"), list):
        raise VideoUnsupported(f"{name} is no motion template: it holds no list named motion")
    frames = content["motion"]
    if not frames or not all(isinstance(frame, dict) for frame in frames):
        raise VideoUnsupported(f"template {name} has no frames")
    said = content.get("n_frames", len(frames))
    if not isinstance(said, int) or said != len(frames):
        raise VideoUnsupported(
            f"template {name} says n_frames {shown(said)} and holds {len(frames)}"
        )
    table = _Table(name=name, content=content, frames=frames)
    unknown = np.float32(math.nan)
    arrays = FrameArrays(
        # Nothing reads a driving face's own key points, and old files do not have them.
        canonical_keypoints=table.frame_values(("kp",), (KEYPOINT_COUNT, 3), missing=np.float32(0)),
        rotation=table.frame_values(("R", "R_d"), (3, 3)),
        expression=table.frame_values(("exp",), (KEYPOINT_COUNT, 3)),
        scale=table.frame_values(("scale",), (1,)),
        translation=table.frame_values(("t",), (3,)),
        eye_ratios=table.list_values(("c_eyes_lst", "c_d_eyes_lst"), (2,), missing=unknown),
        lip_ratios=table.list_values(("c_lip_lst", "c_d_lip_lst"), (1,), missing=unknown),
    )
    return LivePortraitMotion(
        measured=arrays.checked(name),
        fps=checked_rate(name, content.get("output_fps", _DEFAULT_FPS), 1),
    )


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read a pickled dict of arrays; what is no array is left out.

    Raises:
        VideoUnsupported: too large, damaged, no dict, or a pickle that asks for anything but
            arrays of numbers.
    """
    content = _unpickled(path)
    if not isinstance(content, dict):
        raise VideoUnsupported(f"{path.name} holds no dict of arrays")
    return {
        str(key): _numbers(path.name, value)
        for key, value in content.items()
        if isinstance(value, _Array)
    }


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The dict of a pickled template, read column by column."""

    name: str
    content: dict[Any, Any]
    frames: list[dict[Any, Any]]

    def frame_values(
        self, keys: tuple[str, ...], shape: tuple[int, ...], missing: np.float32 | None = None
    ) -> NDArray[np.float32]:
        """Return one value of every frame, by the first of these names that it has."""
        key = next((key for key in keys if key in self.frames[0]), None)
        if key is None:
            return self._missing(keys, shape, missing)
        return self._stacked(key, [frame.get(key) for frame in self.frames], shape)

    def list_values(
        self, keys: tuple[str, ...], shape: tuple[int, ...], missing: np.float32
    ) -> NDArray[np.float32]:
        """Return one of the lists beside the frames."""
        key = next((key for key in keys if key in self.content), None)
        if key is None:
            return self._missing(keys, shape, missing)
        values = self.content[key]
        if not isinstance(values, list) or len(values) != len(self.frames):
            raise VideoUnsupported(
                f"template {self.name} needs a list of {len(self.frames)} values under {key}"
            )
        return self._stacked(key, values, shape)

    def _missing(
        self, keys: tuple[str, ...], shape: tuple[int, ...], value: np.float32 | None
    ) -> NDArray[np.float32]:
        if value is None:
            raise VideoUnsupported(f"template {self.name} lacks {' or '.join(keys)}")
        return np.full((len(self.frames), *shape), value, dtype=np.float32)

    def _stacked(
        self, key: str, values: list[object], shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        arrays = [_numbers(self.name, value) for value in values]
        if not all(array.shape == (1, *shape) for array in arrays):
            shapes = sorted({str(array.shape) for array in arrays})
            raise VideoUnsupported(
                f"template {self.name} has {key} of shape {', '.join(shapes)}; "
                f"accepted: {(1, *shape)}"
            )
        return np.concatenate(arrays).astype(np.float32)


class _Dtype:
    """Stands in for `numpy.dtype`: remembers which plain type was meant."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code if isinstance(code, str) else ""
        self.order = "<"

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = state[1] if isinstance(state[1], str) else ""

    def plain(self) -> np.dtype[Any]:
        """Return the described type."""
        order = self.order if self.order in "<>=" else "?"
        if order == "?" or self.code not in ("f4", "f8", "i4", "i8"):
            raise ValueError(f"its elements are of type {self.code!r:.20}")
        return np.dtype(f"{order}{self.code}")


class _Array:
    """Stands in for a `numpy.ndarray` under construction."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def numbers(self) -> NDArray[Any]:
        """Return the array it describes."""
        _, shape, dtype, is_fortran, data = self.state
        flat = np.frombuffer(data, dtype=dtype.plain())
        return flat.reshape(shape, order="F" if is_fortran else "C")


class _ArrayType:
    """Stands in for the class `numpy.ndarray`, which is only ever named, never called."""


_STAND_INS: dict[tuple[str, str], type] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _Dtype,
}


def _unpickled(path: Path) -> Any:
    size = path.stat().st_size
    if size > MAX_TEMPLATE_BYTES:
        raise VideoUnsupported(
            f"template {path.name} has {size} bytes; accepted: up to {MAX_TEMPLATE_BYTES}"
        )
    data = path.read_bytes()
    try:
        return run(data, _STAND_INS)
    except UnknownName as name:
        raise VideoUnsupported(
            f"template {path.name}: the pickle asks for {name}: refused, nothing was executed; "
            "accepted: arrays of numbers in lists and dicts"
        ) from name
    except Exception as damage:  # a malformed pickle makes the parser raise almost anything
        raise VideoUnsupported(f"{path.name} is no motion template: {damage}") from damage


def _numbers(name: str, value: object) -> NDArray[Any]:
    if not isinstance(value, _Array):
        return np.empty(0)
    try:
        return value.numbers()
    except (ValueError, TypeError, AttributeError, OverflowError) as damage:
        raise VideoUnsupported(f"template {name} has a damaged array: {damage}") from damage
