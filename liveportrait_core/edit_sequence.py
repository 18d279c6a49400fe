"""Edits at key frames, and those of the frames between them, in place of a driving clip.

Values only. A file is `{"fps": 25, "keys": [{"frame": 0, "edit": {}}, {"frame": 25, "edit":
{"smile": 1}}]}`: sliders in camel case, eased from key to key, the last key's frame is the last.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from liveportrait_core.edit import SLIDERS, InvalidSlider, PortraitEdit
from liveportrait_core.errors import InvalidOption
from liveportrait_core.limits import written_rate
from liveportrait_core.report import RenderWarning

MOST_FRAMES = 3600
LOWEST_FPS, HIGHEST_FPS = 1, 60
MAX_EDITS_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class EditSequence:
    """Edits by frame, from frame 0 on; `eyes_open` and `lips_open` are in every key or in none."""

    fps: Fraction
    keys: tuple[tuple[int, PortraitEdit], ...]  # frames ascending

    def __post_init__(self) -> None:
        frames = [frame for frame, _ in self.keys]
        if len(frames) < 2 or frames[0] != 0 or any(a >= b for a, b in pairwise(frames)):
            raise InvalidOption(
                f"the keys are of frames {frames[:10]}; accepted: two or more, ascending from 0"
            )
        if frames[-1] >= MOST_FRAMES:
            raise InvalidOption(f"the last frame is {frames[-1]}; accepted: below {MOST_FRAMES}")
        if not LOWEST_FPS <= self.fps <= HIGHEST_FPS:
            raise InvalidOption(f"fps is {self.fps}; accepted: {LOWEST_FPS} to {HIGHEST_FPS}")
        for frame, edit in self.keys:
            edit.require_in_range()
            for name, slider in SLIDERS.items():
                rests = getattr(edit, name) is None
                if slider.of_picture and rests != (getattr(self.keys[0][1], name) is None):
                    raise InvalidOption(
                        f"{name} is set in some keys and not in frame {frame if rests else 0}; "
                        "accepted: in every key, or in none"
                    )

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return self.keys[-1][0] + 1

    @property
    def frames_without_face(self) -> int | None:
        """None: it comes from no clip."""
        return None

    @property
    def warnings(self) -> tuple[RenderWarning, ...]:
        """None of its own."""
        return ()

    @property
    def uses(self) -> PortraitEdit:
        """An edit in which every slider that is moved somewhere is moved."""
        moved = {name: value for _, edit in self.keys for name, value in edit.changed.items()}
        return PortraitEdit(**moved)

    def as_json(self) -> str:
        """Return the file that `read_edit_sequence` reads."""
        keys = [{"frame": frame, "edit": edit.as_fields()} for frame, edit in self.keys]
        fps = self.fps.numerator if self.fps.denominator == 1 else str(self.fps)
        return json.dumps({"fps": fps, "keys": keys}, indent=1)

    def edits(self) -> Iterator[PortraitEdit]:
        """Yield the edit of every frame."""
        for (start, before), (end, after) in pairwise(self.keys):
            for frame in range(start, end):
                part = (frame - start) / (end - start)
                yield _between(before, after, part * part * (3 - 2 * part))
        yield self.keys[-1][1]


def _between(before: PortraitEdit, after: PortraitEdit, share: float) -> PortraitEdit:
    if share == 0 or before == after:
        return before
    values: dict[str, Any] = {}
    for name in SLIDERS:
        one, other = getattr(before, name), getattr(after, name)
        values[name] = None if one is None else one + (other - one) * share
    return PortraitEdit(**values)


def read_edit_sequence(path: Path) -> EditSequence:
    """Read a file of key frames.

    Raises:
        InvalidOption: it is not as this module's description says; names what is wrong.
    """
    try:
        if path.stat().st_size > MAX_EDITS_BYTES:
            raise InvalidOption(f"{path.name} has more than {MAX_EDITS_BYTES} bytes")
        read = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidOption(f"{path.name} holds no key-framed edits: {error}") from error
    try:
        return edit_sequence(read)
    except InvalidOption as error:
        raise InvalidOption(f"{path.name}: {error}") from error


def edit_sequence(read: object) -> EditSequence:
    """Return the sequence of a file's JSON.

    Raises:
        InvalidOption: it is not as this module's description says; names what is wrong.
    """
    if not isinstance(read, Mapping) or not isinstance(read.get("keys"), list):
        raise InvalidOption('accepted: {"fps": 25, "keys": [{"frame": 0, "edit": {}}, ...]}')
    try:
        fps = written_rate(str(read.get("fps", 25)))
    except (ValueError, ZeroDivisionError):
        raise InvalidOption(f"fps is {read['fps']!r:.40}; accepted: 1 to 60") from None
    return EditSequence(fps=fps, keys=tuple(map(_key, read["keys"])))


def _key(key: object) -> tuple[int, PortraitEdit]:
    frame = key.get("frame") if isinstance(key, Mapping) else None
    if not isinstance(key, Mapping) or not isinstance(frame, int) or isinstance(frame, bool):
        raise InvalidOption(f'a key is {key!r:.80}; accepted: {{"frame": 0, "edit": {{}}}}')
    sliders = key.get("edit", {})
    if not isinstance(sliders, Mapping):
        raise InvalidOption(f"the edit of frame {frame} is {sliders!r:.80}; accepted: a map")
    try:
        edit, clamped = PortraitEdit.from_fields(sliders)
    except InvalidSlider as error:
        raise InvalidOption(f"frame {frame}, {error}") from error
    if clamped:
        raise InvalidOption(
            f"frame {frame} has a value beyond its slider: {dict(sliders)}; accepted: the ranges "
            "that `edit --help` lists"
        )
    return frame, edit
