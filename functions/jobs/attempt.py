"""One claimed render: animate, publish, complete; or withdraw without a trace.

Knows the order and the promises of docs/contract.md, sections 3 and 4: poster before video,
paths that two attempts never share, one commit that makes the result visible. Knows no wire.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.job_record import Deletion, KeptObject, Problem, Quality, Result
from functions.domain.snapshot import Change, Standing, Verdict
from functions.domain.storage_paths import Publication, attempt_folder, download_url
from functions.errors import Code, Failure
from functions.jobs.animation import Animation, Assignment
from functions.jobs.disposal import dispose, noted
from functions.jobs.lease import Vigil, require
from functions.jobs.ports import Means, Renderer
from functions.jobs.retrying import retry
from functions.observability import log, telemetry
from liveportrait_core import QualityReport, RenderedVideo, RenderError


class Rendering:
    """One attempt."""

    def __init__(self, means: Means, renderer: Renderer, assignment: Assignment) -> None:
        self._means = means
        self._renderer = renderer
        self._assignment = assignment
        self._uploading = False  # whether objects of this attempt may be there

    def run(self) -> None:
        """Render and publish.

        Raises:
            Stopped: the lease is lost, the document moved on, or an input changed.
            Failure, RenderError: the request failed.
        """
        job, clock = self._assignment, self._means.clock
        vigil = Vigil(self._means, avatar_id=job.avatar_id, claim=job.claim, deadline=job.deadline)
        with tempfile.TemporaryDirectory(prefix="idle-") as name, vigil:
            animation = Animation(self._means, self._renderer, job, vigil, Path(name))
            inputs = animation.fetch()
            with telemetry.span("animate"):
                report = animation.render(inputs)
                stages = {each.stage.value: each.seconds for each in report.seconds}
                telemetry.stages_done(stages)
            rendered = clock.monotonic()
            with telemetry.stage("upload"):
                vigil.renew("upload")
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

    def fail(self, problem: Problem) -> Verdict:
        """Note that this attempt failed; what that means for the request is the verdict."""
        transitions, claim = self._means.transitions, self._assignment.claim
        change = self._transact(lambda standing: transitions.fail(standing, claim, problem))
        self._dispose(change)
        return change.verdict

    def withdraw(self) -> None:
        """Release the lease if it is still one's own, and delete what this attempt made.

        Not what the ledger lists: then it is the answer of the commit that was lost.
        """
        job = self._assignment
        transitions, owner = self._means.transitions, job.claim.owner
        change = self._transact(lambda standing: transitions.release(standing, owner))
        if change.verdict is Verdict.LOST and self._uploading:
            made = Deletion(path=attempt_folder(job.avatar_id, job.claim.asked.fingerprint, owner))
            change = self._transact(lambda standing: noted(standing, made, unless=owner))
        self._dispose(change)

    def _dispose(self, change: Change) -> None:
        """Delete what this job, or another before it, has left to be deleted.

        A change without a record may have been committed before, and its answer lost.
        """
        dispose(self._means, self._assignment.avatar_id, change.record)

    def _publish(self, file: Path, content_type: str) -> KeptObject:
        """Create an object at a path that no other attempt has."""
        job = self._assignment
        asked, token = job.claim.asked, str(uuid4())
        folder = attempt_folder(job.avatar_id, asked.fingerprint, job.claim.owner)
        path = f"{folder}{file.name}"
        self._uploading = True
        publication = Publication(
            path=path,
            file=file,
            content_type=content_type,
            token=token,
            facts={
                "avatarId": job.avatar_id,
                "fingerprint": asked.fingerprint,
                "engineVersion": asked.engine_version,
            },
        )
        try:
            stored = self._means.media.publish(publication)
        except Exception as fault:
            raise Failure(Code.UPLOAD_FAILED, f"{path}: {fault}") from fault
        policy = self._means.transitions.reader.policy
        return KeptObject(
            path=path,
            generation=stored.generation,
            url=download_url(path, token, policy),
        )

    def _complete(self, report: RenderedVideo, poster: KeptObject, video: KeptObject) -> None:
        asked, owner = self._assignment.claim.asked, self._assignment.claim.owner
        result = Result(
            fingerprint=asked.fingerprint,
            request_id=owner,
            parameters=asked.request.parameters,
            engine=asked.engine,
            engine_version=asked.engine_version,
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
        transitions, claim = self._means.transitions, self._assignment.claim
        change = self._transact(
            lambda standing: transitions.complete(standing, claim, result),
            within_s=self._means.settings.lease_s,  # the heartbeat goes on meanwhile
        )
        require(change.verdict)
        if change.retired:
            log.info("results retired", fingerprints=[each.fingerprint for each in change.retired])
        self._dispose(change)

    def _transact(
        self, decide: Callable[[Standing], Change], *, within_s: float | None = None
    ) -> Change:
        clock, patience_s = self._means.clock, self._means.settings.patience_s
        return retry(
            clock,
            lambda: self._means.ledger.transact(self._assignment.avatar_id, decide),
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


def problem_of(fault: Exception) -> Problem:
    """What the document says of a fault that ended a render."""
    if isinstance(fault, Failure):
        return Problem.of(fault.code, fault.field)
    if isinstance(fault, RenderError):
        code = Code(fault.code)
        field = {"IMAGE": IMAGE_FIELD, "VIDEO": VIDEO_FIELD}.get(code.partition("_")[0])
        return Problem(code=code, field=field, retryable=fault.retryable)
    if isinstance(fault, MemoryError):
        return Problem.of(Code.RENDER_OOM)
    return Problem.of(Code.INTERNAL)
