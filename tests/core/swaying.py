"""A small engine for tests: the upper half of the portrait sways sideways. No face is needed."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import cos, pi
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.options import Engine, MouthInside, RenderOptions
from liveportrait_core.report import Box, Frame, RenderWarning
from liveportrait_core.speech.values import MouthTrack

SWAY_PX = 10
OPEN_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class SwayingPortrait:
    pixels: Frame
    box: Box
    mask: None = None
    warnings: tuple[RenderWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sway:
    fps: Fraction
    frame_count: int
    frames_without_face: int | None = None
    warnings: tuple[RenderWarning, ...] = ()
    spoken: MouthTrack | None = None  # of a talk
    start_frame: int = 0

    @classmethod
    def form(cls) -> Mapping[str, np.dtype[Any]]:
        return {"beat": np.dtype((np.float64, ()))}

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"beat": np.arange(self.frame_count, dtype=np.float64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], **facts: Any) -> Self:
        return cls(frame_count=len(arrays["beat"]), **facts)


@dataclass(frozen=True, kw_only=True)
class SpokenSway(Sway):
    """A talk over a sway of `period` frames; an open mouth is a bright top of the picture."""

    period: int


class SwayingEngine:
    """Closes its loop unless it jumps; `slowness_s` is spent on every frame, in and out."""

    def __init__(self, *, slowness_s: float = 0.0, is_jumping: bool = False) -> None:
        self.slowness_s = slowness_s
        self.is_jumping = is_jumping
        self.prepared = 0

    engine = Engine.MESH
    version = "mesh-0-5a5a5a5a"
    driving_max_side_px = 64
    driving_passes = 1
    analyses_beside = False
    motion_type = Sway

    def warm_up(self) -> None:
        self.prepared = 0

    def prepare(self, portrait: Frame, options: RenderOptions) -> SwayingPortrait:
        self.prepared += 1
        height, width = portrait.shape[:2]
        box = Box(x0=0, y0=0, x1=width, y1=height // 2)
        return SwayingPortrait(
            pixels=portrait, box=box, warnings=(RenderWarning.MULTIPLE_FACES_IMAGE,)
        )

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> Sway:
        count = 0
        for frame in frames:
            assert max(frame.shape) <= self.driving_max_side_px
            time.sleep(self.slowness_s)
            count += 1
        return Sway(fps=fps, frame_count=count, warnings=(RenderWarning.LANDMARKS_INTERPOLATED,))

    def speak(
        self,
        template: Sway,
        mouth: MouthTrack,
        *,
        strength: float,
        inside: MouthInside,
        start_frame: int,
    ) -> SpokenSway:
        assert mouth.fps == template.fps
        return SpokenSway(
            fps=template.fps,
            frame_count=mouth.frame_count,
            period=template.frame_count,
            warnings=template.warnings,
            spoken=mouth,
            start_frame=start_frame,
        )

    def still(self, prepared: SwayingPortrait, options: RenderOptions) -> Frame:
        return prepared.pixels

    def animate(
        self, prepared: SwayingPortrait, template: Sway, options: RenderOptions
    ) -> Iterator[Frame]:
        rows, columns = prepared.box.slices
        half = prepared.pixels[rows, columns]
        period = template.period if isinstance(template, SpokenSway) else template.frame_count
        length = period * (1.75 if self.is_jumping else 1.0)
        for index in range(template.frame_count):
            place = (template.start_frame + index) % period
            time.sleep(self.slowness_s)
            shift = SWAY_PX * options.driving_multiplier * (1 - cos(2 * pi * place / length)) / 2
            matrix = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
            frame = prepared.pixels.copy()
            frame[rows, columns] = cv2.warpAffine(
                half, matrix, (half.shape[1], half.shape[0]), borderMode=cv2.BORDER_REPLICATE
            )
            if template.spoken is not None:
                opened = template.spoken.activity[index] * template.spoken.shapes[index, 0]
                top = frame[:OPEN_ROWS].astype(np.float32)
                frame[:OPEN_ROWS] = top + (255 - top) * opened
            yield frame


def soft_portrait(path: Path, width: int = 160, height: int = 200) -> Path:
    """A picture with enough texture to see motion in, and no noise that a codec would smear."""
    noise = np.random.default_rng(11).integers(20, 236, (height, width, 3), np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 4).astype(np.float32)
    stretched = np.clip((soft - soft.mean()) * 3 + 128, 0, 255).astype(np.uint8)
    cv2.imwrite(str(path), stretched)
    return path
