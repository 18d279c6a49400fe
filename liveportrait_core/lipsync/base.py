"""The ports: what changes a mouth in finished frames, and what refines a face in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.report import Frame
from liveportrait_core.speech.methods import MethodLicence
from liveportrait_core.speech.values import Speech


@dataclass(frozen=True, kw_only=True)
class FaceBox:
    """Around one face, in pixels of the frame: brows to chin, the face's width."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """In pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In pixels."""
        return self.y1 - self.y0


@dataclass(frozen=True, kw_only=True, eq=False)
class SyncFrame:
    """A frame that waits for its mouth."""

    picture: Frame
    box: FaceBox | None  # None: no face was found, and the frame stays as it is
    window: NDArray[np.float32]  # of the sound, as the method takes it
    activity: float  # of the voice, 0…1; where it is 0 the frame stays as it is


class LipSync(Protocol):
    """A method that paints mouths. Frames come and go one by one, in their order."""

    @property
    def name(self) -> str:
        """As users ask for it."""

    @property
    def licence(self) -> MethodLicence:
        """Of its weights."""

    def windows(self, speech: Speech, fps: Fraction, frame_count: int) -> NDArray[np.float32]:
        """Return what the method hears for each frame, N×…."""

    def sync(self, frames: Iterable[SyncFrame]) -> Iterator[Frame]:
        """Give as many frames, changed within the face alone."""


class Refiner(Protocol):
    """Sharpens a face. The same frame gives the same bytes."""

    @property
    def name(self) -> str:
        """As users ask for it."""

    @property
    def licence(self) -> MethodLicence:
        """Of its weights."""

    def refine(self, picture: Frame, points: NDArray[np.float32]) -> Frame:
        """Return the frame with the face of these mesh points refined, the rest as it is."""

    def seconds_for(self, faces: int) -> float:
        """Return how long so many faces take here, by a short trial."""
