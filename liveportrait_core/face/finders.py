"""The two makers of detectors behind one port: MediaPipe's face mesh, and SCRFD with 106 points.

A finder opens a detector for a portrait or for a clip and closes it again; MediaPipe's follows a
face from frame to frame and belongs to one thread. Knows no landmark network.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol

from liveportrait_core.face.choice import Detector, FaceOrder, finder_version
from liveportrait_core.face.crop import Points
from liveportrait_core.face.detector import FaceMesh, FoundFace
from liveportrait_core.face.scrfd import InsightFaceDetector
from liveportrait_core.face.tracking import FindFace
from liveportrait_core.face.upright import QuarterTurns, find_face, quarter_turns
from liveportrait_core.report import Frame


class FaceFinder(Protocol):
    """Where detectors come from."""

    @property
    def version(self) -> str:
        """Changes with everything that moves the points it finds."""

    def portrait(self) -> AbstractContextManager[FindFace]:
        """Return a detector for a still picture."""

    def clip(self) -> AbstractContextManager[FindFace]:
        """Return a detector for the frames of one clip, in order."""

    def upright(self) -> AbstractContextManager[QuarterTurns]:
        """Return what tells how a clip is to be turned for its face to stand upright."""


class MeshFinder:
    """MediaPipe's face mesh: the default, free for any use, in the wheel."""

    @property
    def version(self) -> str:
        """MediaPipe's, as its models come with it."""
        return finder_version(Detector.MEDIAPIPE)

    @contextmanager
    def portrait(self) -> Iterator[FindFace]:
        """Search small faces more closely, and faces that do not stand upright."""
        with FaceMesh(still=True) as mesh:
            yield partial(find_face, mesh)

    @contextmanager
    def clip(self) -> Iterator[FindFace]:
        """Follow the face of the first frame."""
        with FaceMesh(still=False) as mesh:
            yield mesh.follow

    @contextmanager
    def upright(self) -> Iterator[QuarterTurns]:
        """Look at a frame in each of four turns."""
        with FaceMesh(still=True) as mesh:
            yield partial(quarter_turns, mesh)


class InsightFaceFinder:
    """SCRFD and 106 points from local files: opt-in, for non-commercial research only."""

    def __init__(
        self, folder: Path, *, provider: str, order: FaceOrder = FaceOrder.LARGEST_CENTRAL
    ) -> None:
        self._detector = InsightFaceDetector(folder, provider=provider, order=order)

    @property
    def version(self) -> str:
        """Of the library; the files have digests of their own."""
        return finder_version(Detector.INSIGHTFACE)

    def portrait(self) -> AbstractContextManager[FindFace]:
        """Detect in every picture by itself."""
        return nullcontext(self._detector.find)

    def clip(self) -> AbstractContextManager[FindFace]:
        """Follow the face of the first frame: afterwards take the one nearest to it."""
        last: Points | None = None

        def follow(frame: Frame) -> FoundFace | None:
            nonlocal last
            found = self._detector.find(frame, near=last)
            last = last if found is None else found.points
            return found

        return nullcontext(follow)

    def upright(self) -> AbstractContextManager[QuarterTurns]:
        """Look at a frame in each of four turns; the surest face tells."""
        return nullcontext(self._detector.quarter_turns)
