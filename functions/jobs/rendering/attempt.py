"""One attempt at a render: claim → fetch → render → upload → publish. Every end is in this file.

The order and the promises of contract.md, sections 3 and 4: poster before video, paths that two
attempts never share, one commit that makes the result visible. An attempt that fails, is superseded
or loses its lease publishes nothing and leaves no object. Knows no wire.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

from functions.domain.job_record import Deletion, ErrorInfo, Result
from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    RenderJob,
    Started,
    Status,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.transitions.deletions import noted
from functions.errors import (
    Code,
    LeaseLost,
    Postponed,
    ProcessEnding,
    RetryLater,
    Stopped,
)
from functions.jobs.cleanup import dispose
from functions.jobs.lease import LeaseMonitor, require, retry
from functions.jobs.outcomes import AttemptMetrics, AttemptOutcome, problem_of, tell_refusal
from functions.jobs.ports import Dependencies, Renderer
from functions.jobs.rendering.animation import Animation
from functions.jobs.rendering.publication import methods_of, result_of, upload_file
from functions.observability import log, telemetry
from liveportrait_core.errors import DeviceLost

_WITHDRAWN = (AttemptOutcome.LOST, AttemptOutcome.SUPERSEDED, AttemptOutcome.RETURNED)


class RenderAttempt:
    """One attempt at one job, under a claim of its own."""

    def __init__(self, deps: Dependencies, renderer: Renderer, job: RenderJob) -> None:
        self._deps = deps
        self._renderer = renderer
        self._job = job
        self._rules = deps.transitions
        self._claim = Claim(owner=str(uuid4()), spec=job.spec)
        self._uploading = False  # whether objects of this attempt may be there

    def run(self) -> AttemptOutcome:
        """Render and publish, if the claim is granted; what ends it becomes an outcome.

        Raises:
            RetryLater: too little time is left; or the outcome could not be written, so that the
                lease runs out by itself.
        """
        granted = self._take_lease()
        if granted.status is not TransactionStatus.DONE:
            tell_refusal(granted)
            return AttemptOutcome.of(granted.status)
        spec = self._job.spec
        with log.bound(render_id=spec.fingerprint):
            telemetry.describe(
                fingerprint=spec.fingerprint, engine=spec.engine, engine_version=spec.engine_version
            )
            log.info("claimed", request_id=self._claim.owner, engine=spec.engine)
            try:
                with self._metrics(granted) as metrics:
                    return self._render(metrics)
            except Exception as fault:
                log.fault("the outcome could not be written", fault)
                raise RetryLater("the outcome could not be written") from fault

    # --- the claim

    def _take_lease(self) -> TransactionResult[Started]:
        """Claim; the claim that was decided last is this attempt's.

        A claim that is decided again may have been granted before, and another job may have taken
        the lease since. Then the folder of that owner is noted for deletion, or being emptied: it
        is never granted a second time, but a new owner.
        """
        job = self._job
        claims: list[Claim] = []

        def decide(now: AvatarSnapshot, left_s: float) -> TransactionResult[Started]:
            held = (each for each in claims if now.record.held_by(each.owner))
            self._claim = next(held, None) or Claim(owner=str(uuid4()), spec=job.spec)
            claims.append(self._claim)
            return self._rules.claim(
                now, self._claim, left_s, dispatch=job.dispatch, yielding=job.yielding
            )

        def take() -> TransactionResult[Started]:
            left_s = job.deadline - self._deps.clock.monotonic()
            if left_s < self._deps.settings.deadline_s / 2:
                raise Postponed(f"only {left_s:.0f} s are left of this event's deadline")
            return self._deps.ledger.transact(
                job.subject, lambda now: decide(now, left_s), counting=True
            )

        # A claim that was granted, with its answer lost, costs an attempt and a wait for its lease.
        with telemetry.span("claim"):
            return retry(self._deps.clock, take, within_s=self._deps.settings.patience_s)

    def _metrics(self, granted: TransactionResult[Started]) -> AttemptMetrics:
        record, waited_s = granted.record, None
        if record is not None and record.attempts == 1 and record.shown is not None:
            started = record.shown.started
            waited_s = None if started is None else started / 1000 - self._job.since_s
        return AttemptMetrics(
            self._deps.clock,
            waited_s=waited_s,
            device=self._renderer.device,
            usd_per_hour=self._deps.settings.usd_per_hour,
        )

    # --- the ends

    def _render(self, metrics: AttemptMetrics) -> AttemptOutcome:
        """Render and publish, or note the failure, or withdraw and delete what was made."""
        code: Code | None = None
        health = self._deps.health
        try:
            with health.at_end(self._give_back):
                self._make_and_publish()
            outcome = AttemptOutcome.PUBLISHED
        except DeviceLost as fault:
            log.fault("device lost", fault)
            health.end(str(fault))
            outcome = AttemptOutcome.RETURNED
        except ProcessEnding as stop:
            log.info("render stopped", reason=str(stop), kind=type(stop).__name__)
            outcome = AttemptOutcome.RETURNED
        except Stopped as stop:
            log.info("render stopped", reason=str(stop), kind=type(stop).__name__)
            lost = isinstance(stop, LeaseLost)
            outcome = AttemptOutcome.LOST if lost else AttemptOutcome.SUPERSEDED
        except Exception as fault:
            problem = problem_of(fault)
            if problem.code is Code.INTERNAL:
                log.fault("render failed", fault)
            else:
                log.warning("render failed", code=problem.code.value, reason=str(fault))
            outcome, code = self._fail(problem), problem.code
        withdrawn = outcome in _WITHDRAWN
        metrics.ended(outcome, None if withdrawn else code)
        if outcome is AttemptOutcome.RETURNED:
            self._give_back()  # the loss of a device is announced too late for that
        if withdrawn:
            self._withdraw()
        else:
            health.count(internal=code is Code.INTERNAL)
        return outcome

    def _give_back(self) -> None:
        """Give the lease back uncounted; what was uploaded is noted with it and deleted."""
        change = self._transact(lambda avatar: self._rules.give_back(avatar, self._claim))
        dispose(self._deps, self._job.subject, change.record)

    def _fail(self, problem: ErrorInfo) -> AttemptOutcome:
        """Note that this attempt failed, and return what that means for the request."""
        change = self._transact(lambda avatar: self._rules.fail(avatar, self._claim, problem))
        dispose(self._deps, self._job.subject, change.record)
        return AttemptOutcome.of(change.status)

    def _withdraw(self) -> None:
        """Release the lease if this attempt still holds it, and delete what the attempt made.

        What the ledger lists is kept: the result was committed, and only the answer was lost.
        """
        job, owner = self._job, self._claim.owner
        released = self._transact(lambda avatar: self._rules.release(avatar, owner))
        record = released.record
        if released.status is TransactionStatus.LOST and self._uploading:
            made = Deletion(path=job.subject.attempt_folder(job.spec.fingerprint, owner))
            record = self._transact(lambda avatar: noted(avatar, made, unless=owner)).record
        # A change without a record may have been committed before, and its answer lost. Where the
        # avatar was deleted meanwhile, no event and no task comes upon what stays noted.
        dispose(self._deps, job.subject, record, within_s=self._deps.settings.patience_s)

    # --- the work, under the lease

    def _make_and_publish(self) -> None:
        """Fetch, render, upload, publish.

        Raises:
            Stopped: the lease is lost, the document moved on, or an input changed.
            Failure, RenderError: the request failed.
        """
        job, clock = self._job, self._deps.clock
        monitor = LeaseMonitor(
            self._deps, subject=job.subject, claim=self._claim, deadline=job.deadline
        )
        with tempfile.TemporaryDirectory(prefix="idle-") as name, monitor.heartbeat:
            animation = Animation(self._deps, self._renderer, job, monitor, Path(name))
            request = animation.fetch()
            with telemetry.span("animate"):
                report = animation.render(request)
                stages = {each.stage.value: each.seconds for each in report.seconds}
                telemetry.stages_done(stages)
            rendered = clock.monotonic()
            with telemetry.stage("upload"):
                monitor.renew("upload")
                self._uploading = True
                upload = partial(upload_file, self._deps, job.subject, self._claim)
                poster = upload(animation.poster, "image/jpeg")
                video = upload(animation.video, "video/mp4")
            uploaded = clock.monotonic()
            with telemetry.span("publish"):
                self._commit(result_of(self._claim, report, poster=poster, video=video))
        stages = {"download": animation.download_s, **stages, "upload": uploaded - rendered}
        seconds = {stage: round(value, 2) for stage, value in stages.items()}
        log.info(
            "published",
            path=video.path,
            frames=report.frame_count,
            seconds=seconds,
            **methods_of(report.talk),
        )
        telemetry.describe(
            frames=report.frame_count, width_px=report.width_px, height_px=report.height_px
        )

    def _commit(self, result: Result) -> None:
        """List the result and show it, in one transaction; delete what it takes the place of."""
        change = self._transact(
            lambda avatar: self._rules.complete(avatar, self._claim, result),
            within_s=self._deps.settings.lease_s,  # the heartbeat goes on meanwhile
            counting=result.talk is not None,
        )
        require(change.status)
        if change.retired:
            log.info("results retired", fingerprints=[each.fingerprint for each in change.retired])
        dispose(self._deps, self._job.subject, change.record)

    def _transact(
        self,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        *,
        within_s: float | None = None,
        counting: bool = False,
    ) -> TransactionResult[Status]:
        clock, patience_s = self._deps.clock, self._deps.settings.patience_s
        return retry(
            clock,
            lambda: self._deps.ledger.transact(self._job.subject, decide, counting=counting),
            within_s=patience_s if within_s is None else within_s,
        )
