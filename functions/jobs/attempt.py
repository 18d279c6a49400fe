"""One claimed render: animate, publish, complete; or withdraw without a trace.

Knows the order and the promises of contract.md, sections 3 and 4: poster before video,
paths that two attempts never share, one commit that makes the result visible. Knows no wire.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from functions.domain.deletions import noted
from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.job_record import Deletion, ErrorInfo, PublishedObject, Quality, Result
from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    RenderJob,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.storage_paths import Upload, attempt_folder, download_url
from functions.errors import Code, Failure
from functions.jobs.animation import Animation
from functions.jobs.cleanup import dispose
from functions.jobs.lease import LeaseMonitor, require
from functions.jobs.ports import Dependencies, Renderer
from functions.jobs.retrying import retry
from functions.observability import log, telemetry
from liveportrait_core import QualityReport, RenderedVideo, RenderError


class RenderAttempt:
    """One attempt at one claimed render."""

    def __init__(
        self, deps: Dependencies, renderer: Renderer, job: RenderJob, claim: Claim
    ) -> None:
        self._deps = deps
        self._renderer = renderer
        self._job = job
        self._claim = claim
        self._uploading = False  # whether objects of this attempt may be there

    def run(self) -> None:
        """Render and publish.

        Raises:
            Stopped: the lease is lost, the document moved on, or an input changed.
            Failure, RenderError: the request failed.
        """
        job, clock = self._job, self._deps.clock
        monitor = LeaseMonitor(
            self._deps, avatar_id=job.avatar_id, claim=self._claim, deadline=job.deadline
        )
        with tempfile.TemporaryDirectory(prefix="idle-") as name, monitor:
            animation = Animation(self._deps, self._renderer, job, monitor, Path(name))
            inputs = animation.fetch()
            with telemetry.span("animate"):
                report = animation.render(inputs)
                stages = {each.stage.value: each.seconds for each in report.seconds}
                telemetry.stages_done(stages)
            rendered = clock.monotonic()
            with telemetry.stage("upload"):
                monitor.renew("upload")
                poster = self._publish(animation.poster, "image/jpeg")
                video = self._publish(animation.video, "video/mp4")
            uploaded = clock.monotonic()
            with telemetry.span("publish"):
                self._complete(report, poster, video)
        stages = {"download": animation.download_s, **stages, "upload": uploaded - rendered}
        seconds = {stage: round(value, 2) for stage, value in stages.items()}
        log.info("published", path=video.path, frames=report.frame_count, seconds=seconds)
        telemetry.describe(
            frames=report.frame_count, width_px=report.width_px, height_px=report.height_px
        )

    def fail(self, problem: ErrorInfo) -> TransactionStatus:
        """Note that this attempt failed; the status says what that means for the request."""
        transitions, claim = self._deps.transitions, self._claim
        change = self._transact(lambda avatar: transitions.fail(avatar, claim, problem))
        self._dispose(change)
        return change.status

    def withdraw(self) -> None:
        """Release the lease if it is still one's own, and delete what this attempt made.

        Not what the ledger lists: then it is the answer of the commit that was lost.
        """
        job, owner = self._job, self._claim.owner
        transitions = self._deps.transitions
        change = self._transact(lambda avatar: transitions.release(avatar, owner))
        if change.status is TransactionStatus.LOST and self._uploading:
            made = Deletion(path=attempt_folder(job.avatar_id, job.spec.fingerprint, owner))
            change = self._transact(lambda avatar: noted(avatar, made, unless=owner))
        self._dispose(change)

    def _dispose(self, change: TransactionResult) -> None:
        """Delete what this job, or another before it, has left to be deleted.

        A change without a record may have been committed before, and its answer lost.
        """
        dispose(self._deps, self._job.avatar_id, change.record)

    def _publish(self, file: Path, content_type: str) -> PublishedObject:
        """Create an object at a path that no other attempt has."""
        job = self._job
        spec, token = job.spec, str(uuid4())
        folder = attempt_folder(job.avatar_id, spec.fingerprint, self._claim.owner)
        path = f"{folder}{file.name}"
        self._uploading = True
        publication = Upload(
            path=path,
            file=file,
            content_type=content_type,
            token=token,
            metadata={
                "avatarId": job.avatar_id,
                "fingerprint": spec.fingerprint,
                "engineVersion": spec.engine_version,
            },
        )
        try:
            stored = self._deps.media.publish(publication)
        except Exception as fault:
            raise Failure(Code.UPLOAD_FAILED, f"{path}: {fault}") from fault
        policy = self._deps.transitions.reader.policy
        return PublishedObject(
            path=path,
            generation=stored.generation,
            url=download_url(path, token, policy),
        )

    def _complete(
        self, report: RenderedVideo, poster: PublishedObject, video: PublishedObject
    ) -> None:
        spec, owner = self._job.spec, self._claim.owner
        result = Result(
            fingerprint=spec.fingerprint,
            request_id=owner,
            parameters=spec.request.parameters,
            engine=spec.engine,
            engine_version=spec.engine_version,
            video=video,
            poster=poster,
            width=report.width_px,
            height=report.height_px,
            frame_count=report.frame_count,
            duration_ms=report.duration_ms,
            size_bytes=report.size_bytes,
            fps=float(report.fps),
            warnings=tuple(warning.value for warning in report.warnings),
            quality=_brief(report.quality),
        )
        transitions, claim = self._deps.transitions, self._claim
        change = self._transact(
            lambda avatar: transitions.complete(avatar, claim, result),
            within_s=self._deps.settings.lease_s,  # the heartbeat goes on meanwhile
        )
        require(change.status)
        if change.retired:
            log.info("results retired", fingerprints=[each.fingerprint for each in change.retired])
        self._dispose(change)

    def _transact(
        self,
        decide: Callable[[AvatarSnapshot], TransactionResult],
        *,
        within_s: float | None = None,
    ) -> TransactionResult:
        clock, patience_s = self._deps.clock, self._deps.settings.patience_s
        return retry(
            clock,
            lambda: self._deps.ledger.transact(self._job.avatar_id, decide),
            within_s=patience_s if within_s is None else within_s,
        )


def _brief(report: QualityReport | None) -> Quality | None:
    if report is None:
        return None
    return Quality(
        frames_without_face=report.frames_without_face,
        jitter_driving_per_mille=report.jitter_driving_per_mille,
        jitter_result_per_mille=report.jitter_result_per_mille,
        median_step_levels=report.median_step_levels,
        loop_step_levels=report.loop_step_levels,
        seam_levels=report.seam_levels,
        touched_outside_share=report.touched_outside_share,
    )


def problem_of(fault: Exception) -> ErrorInfo:
    """What the document says of a fault that ended a render."""
    if isinstance(fault, Failure):
        return ErrorInfo.of(fault.code, fault.field)
    if isinstance(fault, RenderError):
        if fault.code not in {code.value for code in Code}:  # a newer renderer's
            return ErrorInfo(code=Code.INTERNAL, field=None, retryable=fault.retryable)
        code = Code(fault.code)
        field = {"IMAGE": IMAGE_FIELD, "VIDEO": VIDEO_FIELD}.get(code.partition("_")[0])
        return ErrorInfo(code=code, field=field, retryable=fault.retryable)
    if isinstance(fault, MemoryError):
        return ErrorInfo.of(Code.RENDER_OOM)
    return ErrorInfo.of(Code.INTERNAL)
