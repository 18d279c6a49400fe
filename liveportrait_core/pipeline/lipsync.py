"""A clip whose mouth is made to fit a sound: frames as they are, but for the face where a voice is.

Knows clips, sounds and the port of the methods; paints nothing.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import InvalidOption, VideoNoFace
from liveportrait_core.face.detector import FaceMesh
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.lipsync.base import FaceBox, LipSync, Refiner, SyncFrame
from liveportrait_core.lipsync.boxes import averaged_ahead, face_box
from liveportrait_core.lipsync.refinement import Refinement
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings, Sound
from liveportrait_core.media.clips.probe import DrivingClip, probe
from liveportrait_core.media.output import require_distinct
from liveportrait_core.media.sounds.reading import read_speech
from liveportrait_core.options import SpeechMethod
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.pipeline.writer import publish, write_poster
from liveportrait_core.report import Frame, Progress, RenderWarning, Stage
from liveportrait_core.speech.reader import SoundReader
from liveportrait_core.speech.values import MouthTrack, Speech


@dataclass(frozen=True, kw_only=True)
class LipSyncRequest:
    """A clip, what is to be said in it, and the file to write."""

    clip: Path
    sound: Path
    output: Path  # MP4; appears complete or not at all
    poster: Path | None = None  # a JPEG of frame 0 to write as well
    repeat: bool = False  # begin the clip again where the sound lasts longer
    method: str = SpeechMethod.AUTO  # of those that paint mouths into frames
    refine: bool = False  # sharpen the painted mouth
    within_s: float | None = None  # refuse a method that takes longer here


@dataclass(frozen=True, kw_only=True)
class SyncedVideo:
    """What a finished file is."""

    method: str
    licence: str  # of its weights, in words
    refiner: str | None
    refiner_licence: str | None
    flicker: float | None  # what refining adds to the change between frames; 1: nothing
    width_px: int
    height_px: int
    frame_count: int
    fps: Fraction
    frames_without_face: int  # they stay as they are
    has_speech: bool  # False: no voice was heard, and nothing was painted
    size_bytes: int
    warnings: tuple[RenderWarning, ...]


class ClipSync:
    """Makes clips speak by one method; may be used again and again."""

    def __init__(self, method: LipSync, refiner: Refiner | None = None) -> None:
        """Take a method, and what refines the faces it painted."""
        self._method = method
        self._refiner = refiner

    def sync(
        self,
        request: LipSyncRequest,
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> SyncedVideo:
        """Write the clip with the sound, as long as the sound, rounded up to whole frames.

        Args:
            request: what to make.
            on_progress: is told the progress several times a second, on the caller's thread; what
                it raises cancels the work.

        Raises:
            BadInput: the clip or the sound is at fault, or the file to write is one of them; see
                its subclasses.
            OutOfMemory: the machine had too little.
            EncodeFailed: the video could not be written.
        """
        for written in filter(None, (request.output, request.poster)):
            require_distinct(written, (request.clip, request.sound))

        def work(progress: RenderProgress, video: Path, poster: Path) -> SyncedVideo:
            progress.enter(Stage.PREPARE)
            clip = probe(request.clip, MAX_SPEECH_SECONDS)
            progress.enter(Stage.SPEECH)
            speech, warnings = read_speech(request.sound)
            count = math.ceil(speech.seconds * clip.rate_fps)
            mouth = SoundReader().read(speech, clip.rate_fps, count)
            drawing = _Drawing(self._method, self._refiner, clip, request, speech, mouth, progress)
            return drawing.write(video, poster, (*clip.warnings, *warnings))

        return publish(work, request.output, request.poster, on_progress)


class PaintedFrames:
    """Frames on their way through a method and a refiner: an iterable that counts as it goes."""

    def __init__(
        self,
        method: LipSync,
        frames: Iterable[Frame],
        speech: Speech,
        mouth: MouthTrack,
        refiner: Refiner | None = None,
    ) -> None:
        """Paint nothing yet; `mouth` tells when a voice is heard, and has a row a frame."""
        self._method = method
        self._frames = frames
        self._speech = speech
        self._mouth = mouth
        self._refinement = None if refiner is None else Refinement(refiner)
        self._waiting: deque[tuple[SyncFrame, NDArray[np.float32] | None]] = deque()
        self.without_face = 0

    @property
    def flicker(self) -> float | None:
        """Of refined mouths, as `Refinement.flicker`; None: nothing was refined."""
        return None if self._refinement is None else self._refinement.flicker

    def __iter__(self) -> Iterator[Frame]:
        with FaceMesh(still=False) as mesh:
            for painted in self._method.sync(self._given(mesh)):
                frame, points = self._waiting.popleft()
                if self._refinement is None or points is None or frame.box is None:
                    yield painted
                else:
                    yield self._refinement.refined(painted, points, frame.box, frame.activity)

    def _given(self, mesh: FaceMesh) -> Iterator[SyncFrame]:
        windows = self._method.windows(self._speech, self._mouth.fps, self._mouth.frame_count)
        found = averaged_ahead(self._boxed(mesh, frame) for frame in self._frames)
        for index, ((picture, points), box) in enumerate(found):
            frame = SyncFrame(
                picture=picture,
                box=box,
                window=windows[index],
                activity=float(self._mouth.activity[index]),
            )
            self._waiting.append((frame, points))
            yield frame

    def _boxed(
        self, mesh: FaceMesh, frame: Frame
    ) -> tuple[tuple[Frame, NDArray[np.float32] | None], FaceBox | None]:
        face = mesh.follow(frame)
        box = None if face is None else face_box(face.points)
        self.without_face += box is None
        return (frame, None if face is None else face.points), box


class _Drawing:
    """One clip on its way; counts what it meets."""

    def __init__(
        self,
        method: LipSync,
        refiner: Refiner | None,
        clip: DrivingClip,
        request: LipSyncRequest,
        speech: Speech,
        mouth: MouthTrack,
        progress: RenderProgress,
    ) -> None:
        self._method = method
        self._refiner = refiner
        self._clip = clip
        self._request = request
        self._mouth = mouth
        self._speech = speech
        self._progress = progress
        self._drawn = 0

    def write(self, video: Path, poster: Path, warnings: tuple[RenderWarning, ...]) -> SyncedVideo:
        clip, count = self._clip, self._mouth.frame_count
        painted = PaintedFrames(
            self._method, self._frames(), self._speech, self._mouth, self._refiner
        )
        frames = iter(painted)
        self._progress.enter(Stage.RENDER, lambda: self._drawn / count)
        first = next(frames)
        settings = EncoderSettings(
            width_px=first.shape[1],
            height_px=first.shape[0],
            rate_fps=clip.rate_fps,
            sound=Sound(
                path=self._request.sound, start_s=Fraction(0), seconds=count / clip.rate_fps
            ),
        )
        with FrameEncoder(video, settings) as encoder, self._progress.register_child(encoder):
            for frame in chain((first,), frames):
                self._progress.check()
                encoder.write(frame)
                self._drawn += 1
            self._progress.enter(Stage.ENCODE)
            encoder.finish()
        write_poster(first, poster, settings.origin)
        if painted.without_face == count:
            raise VideoNoFace(
                f"no face was found in any of the {count} frames of {clip.path.name}; "
                "accepted: a clip with one clearly visible face"
            )
        return SyncedVideo(
            method=self._method.name,
            licence=self._method.licence.words,
            refiner=self._refiner.name if self._refiner else None,
            refiner_licence=self._refiner.licence.words if self._refiner else None,
            flicker=painted.flicker,
            width_px=settings.width_px,
            height_px=settings.height_px,
            frame_count=count,
            fps=clip.rate_fps,
            frames_without_face=painted.without_face,
            has_speech=bool((self._mouth.activity > 0).any()),
            size_bytes=video.stat().st_size,
            warnings=tuple(dict.fromkeys(warnings)),
        )

    def _frames(self) -> Iterator[Frame]:
        """Give as many frames as the sound lasts, even-sided.

        Raises:
            InvalidOption: the clip ends before, and is not to be repeated.
        """
        left = self._mouth.frame_count
        while left:
            given = 0
            with (
                FrameReader(self._clip, max_side_px=None) as reader,
                self._progress.register_child(reader),
            ):
                for frame in reader:
                    self._progress.check()
                    yield frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
                    given, left = given + 1, left - 1
                    if not left:
                        return
            self._progress.check()
            if not self._request.repeat:
                raise InvalidOption(
                    f"{self._clip.path.name} has {given} frames, and {self._request.sound.name} "
                    f"lasts {self._mouth.frame_count} of them; accepted: a longer clip, a shorter "
                    "sound, or to repeat the clip"
                )
