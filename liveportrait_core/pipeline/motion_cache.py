"""The motion of a driving clip as bytes, for later renders without the clip.

An `.npz` of plain arrays, never a pickle. Such bytes may be forged: nothing
in them is unpacked, run or allocated before it was seen to be of the size and the form that the
engine at hand gives to its own. Opens no file.
"""

import io
import math
import zipfile
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.base import AnimationEngine
from liveportrait_core.errors import MotionUnusable
from liveportrait_core.limits import MAX_MOTION_BYTES, least_frames
from liveportrait_core.media.clips.rate import HIGHEST_RATE
from liveportrait_core.report import RenderWarning
from liveportrait_core.request import MotionTemplate

_FORMAT = 1
_FACTS = (
    *("format", "engine_version", "max_seconds", "fps", "warnings", "clip_warnings"),
    *("driving_frames", "frames_without_face", "jitter_per_mille"),
)
_MOST_ENTRIES = 64
_DIRECTORY_ENTRY = b"PK\x01\x02"
_LONGEST_HEADER = 512
_LONGEST_FACT = 4096
_SPARE_FRAMES = 2  # at either end a frame may lie on the border of what is read

Array = NDArray[Any]
Engine = AnimationEngine[Any, Any]


def pack_motion(engine: Engine, template: MotionTemplate, *, max_seconds: float) -> bytes:
    """Return what `unpack_motion` makes the same motion of, to the last bit.

    Args:
        engine: whose motion it is.
        template: the clip's motion, by this engine.
        max_seconds: how much of the clip was to be read.
    """
    motion = template.motion
    facts = {
        "format": np.array(_FORMAT),
        "engine_version": np.array(engine.version),
        "max_seconds": np.array(float(max_seconds)),
        "fps": np.array(motion.fps.as_integer_ratio()),
        "warnings": _words(motion.warnings),
        "clip_warnings": _words(template.warnings),
        "driving_frames": _some(template.clip_frames, np.int64),
        "frames_without_face": _some(template.frames_without_face, np.int64),
        "jitter_per_mille": _some(template.jitter_per_mille, np.float64),
    }
    arrays = {_frames_name(name): array for name, array in motion.arrays.items()}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **facts, **arrays)
    return packed.getvalue()


def unpack_motion(engine: Engine, packed: bytes, *, max_seconds: float) -> MotionTemplate:
    """Return the motion that was packed for this engine.

    Args:
        engine: the engine that is to apply it.
        packed: what `pack_motion` gave, or anything else.
        max_seconds: how much of the clip is to be used.

    Raises:
        MotionUnusable: it was read by another version of the engine, or from more or less of the
            clip; it is damaged, too large, or not such bytes at all.
    """
    try:
        return _unpacked(engine, packed, max_seconds)
    except (MotionUnusable, MemoryError):
        raise  # too little memory says nothing about the bytes
    except Exception as fault:  # parsers fail in many ways on forged bytes
        raise MotionUnusable(f"kept motion is damaged: {type(fault).__name__}: {fault}") from fault


def _unpacked(engine: Engine, packed: bytes, max_seconds: float) -> MotionTemplate:
    form = engine.motion_type.form()
    arrays = _arrays(packed, {*_FACTS, *map(_frames_name, form)})
    wanted = {"format": _FORMAT, "engine_version": engine.version, "max_seconds": max_seconds}
    for name, value in wanted.items():
        if (found := arrays[name].tolist()) != value:
            raise MotionUnusable(f"kept motion has {name} {found!r:.80}; accepted: {value!r}")
    fps = _rate(arrays["fps"])
    most_frames = math.floor(Fraction(max_seconds) * fps) + _SPARE_FRAMES
    frames_without_face = _count(arrays, "frames_without_face", most_frames)
    motion = engine.motion_type.from_arrays(
        _frames(arrays, form, least_frames(fps), most_frames),
        fps=fps,
        frames_without_face=frames_without_face,
        warnings=_warnings(arrays["warnings"]),
    )
    return MotionTemplate(
        motion=motion,
        warnings=_warnings(arrays["clip_warnings"]),
        clip_frames=_count(arrays, "driving_frames", most_frames),
        frames_without_face=frames_without_face,
        jitter_per_mille=_optional(arrays["jitter_per_mille"], np.float64),
    )


# --- from the archive to arrays


def _arrays(packed: bytes, wanted: set[str]) -> dict[str, Array]:
    """Return the arrays of an archive that holds these and no other.

    Entries are never compressed, so that what is unpacked is no larger than what came.
    """
    if len(packed) > MAX_MOTION_BYTES:
        raise MotionUnusable(
            f"kept motion has {len(packed)} bytes; accepted: at most {MAX_MOTION_BYTES}"
        )
    if packed.count(_DIRECTORY_ENTRY) > _MOST_ENTRIES:
        raise MotionUnusable(f"kept motion has more than {_MOST_ENTRIES} entries")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        entries = archive.infolist()
        names = sorted(entry.filename for entry in entries)
        if names != sorted(f"{name}.npy" for name in wanted):
            raise MotionUnusable(f"kept motion holds other arrays than {', '.join(sorted(wanted))}")
        declared = sum(entry.file_size for entry in entries)
        if declared > MAX_MOTION_BYTES:
            raise MotionUnusable(
                f"kept motion unpacks to {declared} bytes; accepted: at most {MAX_MOTION_BYTES}"
            )
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise MotionUnusable("kept motion is compressed; accepted: stored as it is")
        arrays = {name: _array(archive.read(f"{name}.npy")) for name in wanted}
    if any(arrays[name].nbytes > _LONGEST_FACT for name in _FACTS):
        raise MotionUnusable(f"kept motion has facts of more than {_LONGEST_FACT} bytes")
    return arrays


def _array(data: bytes) -> Array:
    """Return one array, whose header has to say exactly what follows it."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array of another version of the format")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(
        stream, max_header_size=_LONGEST_HEADER
    )
    begin = stream.tell()
    if dtype.kind not in "fiU" or min(shape, default=0) < 0:
        raise ValueError(f"an array of type {dtype} and shape {shape}")
    if dtype.itemsize * math.prod(shape) != len(data) - begin:
        raise ValueError(f"an array of shape {shape} with {len(data) - begin} bytes")
    flat = np.ndarray(shape, dtype, data, begin, order="F" if is_fortran else "C")
    return flat.copy(order="K")  # as it lay in memory: sums depend on it in their last bit


# --- what the arrays mean


def _frames_name(name: str) -> str:
    return f"frames_{name}"


def _frames(
    arrays: Mapping[str, Array], form: Mapping[str, np.dtype[Any]], least: int, most: int
) -> dict[str, Array]:
    """Return the arrays that are the engine's own: as many frames in each, all numbers finite."""
    frames = {name: arrays[_frames_name(name)] for name in form}
    count = len(next(iter(frames.values())))
    if not least <= count <= most:
        raise MotionUnusable(f"kept motion has {count} frames; accepted: {least} to {most}")
    for name, array in frames.items():
        frame = form[name]
        if array.dtype != frame.base or array.shape != (count, *frame.shape):
            raise MotionUnusable(
                f"kept motion has {name} of shape {array.shape} and type {array.dtype}; "
                f"accepted: {(count, *frame.shape)}, {frame.base}"
            )
        if not np.isfinite(array).all():
            raise MotionUnusable(f"kept motion has values in {name} that are not finite")
    return frames


def _rate(array: Array) -> Fraction:
    numerator, denominator = array.tolist()
    fps = Fraction(numerator, denominator)
    if not 0 < fps <= HIGHEST_RATE:
        raise MotionUnusable(
            f"kept motion has {fps} frames a second; accepted: above 0, up to {HIGHEST_RATE}"
        )
    return fps


def _some(value: float | None, kind: type[np.generic]) -> Array:
    """Return a number as an array of one, or none as one of none."""
    return np.array([] if value is None else [value], dtype=kind)


def _optional(array: Array, kind: type[np.generic]) -> Any:
    if array.dtype != kind or array.shape not in ((0,), (1,)) or not np.isfinite(array).all():
        raise ValueError(f"no number, or one, is {array.tolist()!r}")
    return array.item() if array.size else None


def _count(arrays: Mapping[str, Array], name: str, most: int) -> int | None:
    count: int | None = _optional(arrays[name], np.int64)
    if count is not None and not 0 <= count <= most:
        raise MotionUnusable(f"kept motion has {name} {count}; accepted: 0 to {most}")
    return count


def _words(warnings: tuple[RenderWarning, ...]) -> Array:
    return np.array([warning.value for warning in warnings], dtype=np.str_)


def _warnings(array: Array) -> tuple[RenderWarning, ...]:
    if array.dtype.kind != "U" or array.ndim != 1:
        raise ValueError(f"warnings of shape {array.shape} and type {array.dtype}")
    return tuple(RenderWarning(word) for word in array.tolist())
