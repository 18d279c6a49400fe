"""The local part of an attempt: what is fetched for a video, and the video made of it.

Knows the limits of contract.md, section 2, and that the clip is not needed while its motion
is kept. Publishes nothing but that motion.
"""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.snapshot import RenderJob
from functions.domain.storage_paths import StoredObject
from functions.domain.talks.document import AUDIO_FIELD
from functions.errors import Code, Failure
from functions.jobs.lease import LeaseMonitor
from functions.jobs.ports import Dependencies, Renderer
from functions.jobs.rendering.motion_cache import MotionCache
from functions.observability import telemetry
from liveportrait_core import (
    MAX_AUDIO_BYTES,
    MAX_IMAGE_BYTES,
    MAX_VIDEO_BYTES,
    CachedMotion,
    Clip,
    Delivery,
    MotionUnusable,
    RenderedVideo,
    RenderRequest,
    SpeechHead,
    SpeechInput,
    SyntheticIdle,
)

_LIMITS = {
    IMAGE_FIELD: (MAX_IMAGE_BYTES, Code.IMAGE_TOO_LARGE, Code.IMAGE_UNSUPPORTED),
    VIDEO_FIELD: (MAX_VIDEO_BYTES, Code.VIDEO_TOO_LARGE, Code.VIDEO_UNSUPPORTED),
    AUDIO_FIELD: (MAX_AUDIO_BYTES, Code.AUDIO_TOO_LONG, Code.AUDIO_UNSUPPORTED),
}
_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


class Animation:
    """Fetch inputs and make the video, in a folder of its own, while the lease holds.

    The sound of a talk is fetched for this attempt alone, and kept nowhere: it is a person's voice.
    """

    def __init__(
        self,
        deps: Dependencies,
        renderer: Renderer,
        job: RenderJob,
        monitor: LeaseMonitor,
        folder: Path,
    ) -> None:
        self._deps = deps
        self._renderer = renderer
        self._job = job
        self._monitor = monitor
        self._folder = folder
        self._options = job.spec.request.parameters.options(deps.settings.max_seconds)
        self._cache = None
        if job.video is not None:  # what a synthetic idle moves by is made up in no time
            self._cache = MotionCache(
                deps,
                monitor,
                avatar_id=job.subject.avatar_id,
                video=job.video,
                engine_version=job.spec.engine_version,
                species=self._options.species,
                folder=folder,
            )
        self.video = folder / job.subject.video_name
        self.poster = folder / "poster.jpg"
        self.download_s = 0.0

    def fetch(self) -> RenderRequest:
        """Fetch the portrait, and the clip's motion; the clip itself where that is not kept.

        Raises:
            Stopped: the attempt must end, or an input changed.
            Failure: an input is too large, or the time is over.
        """
        with self._downloading():
            return RenderRequest(
                portrait=self._fetch(self._job.image, "portrait", IMAGE_FIELD),
                motion=self._motion(),
                output=self.video,
                poster=self.poster,
                options=self._options,
                delivery=Delivery(peak_mbit_s=self._deps.settings.peak_mbit_s),
                speech=self._speech(),
            )

    def render(self, request: RenderRequest) -> RenderedVideo:
        """Make video and poster; keep the motion of a clip that was fetched.

        Raises:
            Stopped: the attempt must end, or the clip changed.
            Failure, RenderError: the request failed.
        """
        is_cached = isinstance(request.motion, CachedMotion)
        telemetry.describe(motion_recalled=is_cached)
        if is_cached and self._cache is not None:
            try:
                return self._render(request)
            except MotionUnusable as fault:
                self._cache.discard(str(fault))
            telemetry.describe(motion_recalled=False)
            with self._downloading():
                request = replace(request, motion=self._clip(self._cache))
        return self._render(request)

    def _render(self, request: RenderRequest) -> RenderedVideo:
        on_motion = None
        if self._cache is not None and isinstance(request.motion, Clip):
            on_motion = self._cache.store
        return self._renderer.render(
            request, on_motion=on_motion, on_progress=self._monitor.on_progress
        )

    def _motion(self) -> Clip | CachedMotion | SyntheticIdle:
        if self._cache is None:
            return self._synthetic_idle()
        motion = self._cache.load()
        return self._clip(self._cache) if motion is None else CachedMotion(data=motion)

    def _synthetic_idle(self) -> SyntheticIdle:
        # Every avatar moves in its own way, always the same until a new nonce asks for another.
        nonce = self._job.spec.request.nonce
        return SyntheticIdle(seed=zlib.crc32(f"{self._job.subject.avatar_id}/{nonce}".encode()))

    def _speech(self) -> SpeechInput | None:
        talk, sound = self._job.spec.request.talk, self._job.sound
        if talk is None or sound is None:
            return None
        return SpeechInput(
            sound=self._fetch(sound, "speech", AUDIO_FIELD),
            visemes=talk.visemes,
            text=talk.text or None,
            strength=talk.parameters.strength / 100,
            method=talk.parameters.method,
            head=SpeechHead(talk.parameters.head),
            refine=talk.parameters.refine,
            within_s=self._deps.settings.deadline_s,
            max_seconds=talk.max_seconds,
        )

    @contextmanager
    def _downloading(self) -> Iterator[None]:
        began = self._deps.clock.monotonic()
        with telemetry.stage("download"):
            yield
        self.download_s += self._deps.clock.monotonic() - began

    def _clip(self, cache: MotionCache) -> Clip:
        return Clip(path=self._fetch(cache.video, "driving", VIDEO_FIELD))

    def _fetch(self, wanted: StoredObject, name: str, field: str) -> Path:
        _admit(wanted, field)
        suffix = PurePosixPath(wanted.path).suffix
        target = (self._folder / name).with_suffix(
            suffix if _PLAIN_SUFFIX.fullmatch(suffix) else ""
        )
        self._deps.media.fetch(wanted, target)
        self._monitor.check()
        return target


def _admit(wanted: StoredObject, field: str) -> None:
    """Refuse an input for what Storage says of it, before it is fetched."""
    limit, too_large, unsupported = _LIMITS[field]
    if wanted.encoding:
        raise Failure(
            unsupported,
            f"{wanted.path} has the content encoding {wanted.encoding[:40]!r}; accepted: none",
            field=field,
        )
    if wanted.size_bytes > limit:
        raise Failure(
            too_large,
            f"{wanted.path} has {wanted.size_bytes} bytes; accepted: at most {limit}",
            field=field,
        )
