"""The local part of an attempt: what is fetched for a video, and the video made of it.

Knows the limits of contract.md, section 2, and that the clip is not needed while its motion
is kept. Publishes nothing but that motion.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.snapshot import RenderJob
from functions.domain.storage_paths import StoredObject
from functions.errors import Code, Failure
from functions.jobs.lease import LeaseMonitor
from functions.jobs.motion_cache import MotionCache
from functions.jobs.ports import Dependencies, Renderer
from functions.observability import telemetry
from liveportrait_core import (
    MAX_IMAGE_BYTES,
    MAX_VIDEO_BYTES,
    CachedMotion,
    Clip,
    MotionUnusable,
    RenderedVideo,
    RenderRequest,
    SyntheticIdle,
)

_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a video is made of."""

    portrait: Path
    driving: Path | None = None  # the clip
    motion: bytes | None = None  # the clip's, in its stead


class Animation:
    """Fetch inputs and make the video, in a folder of its own, while the lease holds."""

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
                avatar_id=job.avatar_id,
                video=job.video,
                engine_version=job.spec.engine_version,
                folder=folder,
            )
        self.video = folder / "idle.mp4"
        self.poster = folder / "poster.jpg"
        self.download_s = 0.0

    def fetch(self) -> Inputs:
        """Fetch the portrait, and the clip's motion; the clip itself where that is not kept.

        Raises:
            Stopped: the attempt must end, or an input changed.
            Failure: an input is too large, or the time is over.
        """
        with self._downloading():
            portrait = self._fetch(self._job.image, "portrait", IMAGE_FIELD)
            motion = None if self._cache is None else self._cache.recall()
            driving = None if motion is not None else self._fetch_clip()
        return Inputs(portrait=portrait, driving=driving, motion=motion)

    def render(self, inputs: Inputs) -> RenderedVideo:
        """Make video and poster; keep the motion of a clip that was fetched.

        Raises:
            Stopped: the attempt must end, or the clip changed.
            Failure, RenderError: the request failed.
        """
        telemetry.describe(motion_recalled=inputs.motion is not None)
        if inputs.motion is not None and self._cache is not None:
            try:
                return self._render(inputs.portrait, CachedMotion(data=inputs.motion))
            except MotionUnusable as fault:
                self._cache.distrust(str(fault))
            telemetry.describe(motion_recalled=False)
            with self._downloading():
                inputs = replace(inputs, driving=self._fetch_clip(), motion=None)
        if inputs.driving is None or self._cache is None:
            return self._render(inputs.portrait, self._synthetic_idle())
        motion = Clip(path=inputs.driving)
        return self._render(inputs.portrait, motion, on_motion=self._cache.keep)

    def _render(
        self,
        portrait: Path,
        motion: Clip | CachedMotion | SyntheticIdle,
        on_motion: Callable[[bytes], None] | None = None,
    ) -> RenderedVideo:
        request = RenderRequest(
            portrait=portrait,
            motion=motion,
            output=self.video,
            poster=self.poster,
            options=self._options,
        )
        return self._renderer.render(
            request, on_motion=on_motion, on_progress=self._monitor.on_progress
        )

    def _synthetic_idle(self) -> SyntheticIdle:
        # Every avatar moves in its own way, always the same until a new nonce asks for another.
        nonce = self._job.spec.request.nonce
        return SyntheticIdle(seed=zlib.crc32(f"{self._job.avatar_id}/{nonce}".encode()))

    @contextmanager
    def _downloading(self) -> Iterator[None]:
        began = self._deps.clock.monotonic()
        with telemetry.stage("download"):
            yield
        self.download_s += self._deps.clock.monotonic() - began

    def _fetch_clip(self) -> Path | None:
        if self._job.video is None:
            return None
        return self._fetch(self._job.video, "driving", VIDEO_FIELD)

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
    limit, too_large, unsupported = MAX_VIDEO_BYTES, Code.VIDEO_TOO_LARGE, Code.VIDEO_UNSUPPORTED
    if field == IMAGE_FIELD:
        limit, too_large, unsupported = (
            MAX_IMAGE_BYTES, Code.IMAGE_TOO_LARGE, Code.IMAGE_UNSUPPORTED,
        )  # fmt: skip
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
