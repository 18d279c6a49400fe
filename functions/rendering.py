"""One claimed render: animate, publish, complete; or withdraw without a trace.

Knows the order and the promises of docs/contract.md, sections 3 and 4: poster before video,
objects that two jobs never share, one commit that makes the result visible. Knows no wire.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from functions import log, telemetry
from functions.animation import Animation, Assignment
from functions.contract import IMAGE_FIELD, VIDEO_FIELD
from functions.errors import Code, Failure, ObjectStands, Stopped
from functions.ports import Means, Renderer
from functions.record import KeptObject, Problem, Quality, Result
from functions.reference import Publication, StoredObject, download_url, output_folder
from functions.retrying import retry
from functions.standing import Change, Standing, Verdict
from functions.vigil import Vigil, require
from liveportrait_core import QualityReport, RenderedVideo, RenderError

_TRIES = 3


class Rendering:
    """One attempt."""

    def __init__(self, means: Means, renderer: Renderer, assignment: Assignment) -> None:
        self._means = means
        self._renderer = renderer
        self._assignment = assignment
        self._tokens: dict[str, str] = {}  # by path: how it knows what it made there

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
                poster = self._publish(animation.poster, "image/jpeg", vigil)
                video = self._publish(animation.video, "video/mp4", vigil)
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
        return self._transact(lambda standing: transitions.fail(standing, claim, problem)).verdict

    def withdraw(self) -> None:
        """Let go of the lease if it is still one's own, and delete what this attempt made."""
        transitions, owner = self._means.transitions, self._assignment.claim.owner
        self._transact(lambda standing: transitions.release(standing, owner))
        self.discard()

    def discard(self) -> None:
        """Delete what this attempt made, unless the ledger lists it: a commit's answer was lost."""
        for path, token in self._tokens.items():
            with _litter(path):
                found = self._means.media.find(path)
                if found is None or found.token != token:
                    continue
                record = self._means.ledger.read(self._assignment.avatar_id).record
                if not record.lists(path, found.generation):
                    self._means.media.discard(path, found.generation)

    def _publish(self, file: Path, content_type: str, vigil: Vigil) -> KeptObject:
        job = self._assignment
        path = f"{output_folder(job.avatar_id)}{job.claim.asked.fingerprint}/{file.name}"
        token = self._tokens[path] = str(uuid4())
        publication = Publication(
            path=path,
            file=file,
            content_type=content_type,
            token=token,
            facts={
                "avatarId": job.avatar_id,
                "fingerprint": job.claim.asked.fingerprint,
                "engineVersion": job.claim.asked.engine_version,
            },
        )
        stored = self._create(publication, vigil)
        policy = self._means.transitions.reader.policy
        return KeptObject(
            path=path,
            generation=stored.generation,
            url=download_url(path, token, policy),
        )

    def _create(self, publication: Publication, vigil: Vigil) -> StoredObject:
        """Create the object; replace what an earlier job left there, never what a later one made.

        What stands there was seen before the lease was found to be still ours: whoever publishes
        after us has another lease, hence another generation, and the replacement misses it.
        """
        replacing = 0
        try:
            for _ in range(_TRIES):
                try:
                    return self._means.media.publish(publication, replacing=replacing)
                except ObjectStands as stands:
                    vigil.renew("upload")
                    replacing = stands.generation
        except (Stopped, Failure):
            raise
        except Exception as fault:
            raise Failure(Code.UPLOAD_FAILED, f"{publication.path}: {fault}") from fault
        raise Failure(Code.UPLOAD_FAILED, f"{publication.path} is written by others all the time")

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
        self._delete_retired(change.retired)

    def _delete_retired(self, retired: tuple[Result, ...]) -> None:
        for kept in (item for result in retired for item in (result.video, result.poster)):
            with _litter(kept.path):
                self._means.media.discard(kept.path, kept.generation)

    def _transact(
        self, decide: Callable[[Standing], Change], *, within_s: float | None = None
    ) -> Change:
        clock, patience_s = self._means.clock, self._means.settings.patience_s
        return retry(
            clock,
            lambda: self._means.ledger.transact(self._assignment.avatar_id, decide),
            within_s=patience_s if within_s is None else within_s,
        )


@contextmanager
def _litter(path: str) -> Iterator[None]:
    """The outcome stands already: an object that cannot be deleted now is only litter."""
    try:
        yield
    except Exception as fault:
        log.warning("object not deleted", path=path, reason=str(fault))


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
