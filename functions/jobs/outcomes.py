"""How handling ended: the outcomes of attempts, and what is told of them.

To log and metrics alike, and of a fault to the document. The log's lines are what alerts rest on
(deploy/monitoring), because they need no collector.
"""

import math
from dataclasses import replace
from enum import StrEnum
from typing import Self

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.job_record import ErrorInfo
from functions.domain.next_step import Answer, MissingInput, Reject, Reuse
from functions.domain.snapshot import TransactionResult, TransactionStatus
from functions.domain.talks.document import AUDIO_FIELD, METHOD_FIELD
from functions.errors import Code, Failure
from functions.jobs.ports import Clock
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome
from liveportrait_core import RenderError
from liveportrait_core.errors import EngineUnavailable, MethodTooSlow

_PLACES = 3
# The renderer knows no fields: which one an error is about follows from its code's first word.
_FIELDS = {"IMAGE": IMAGE_FIELD, "VIDEO": VIDEO_FIELD, "AUDIO": AUDIO_FIELD}
_MISSED = {TransactionStatus.AGAIN: Outcome.MISSING, TransactionStatus.FINAL: Outcome.FAILED}


class AttemptOutcome(StrEnum):
    """How an attempt to have something rendered ended."""

    PUBLISHED = "published"  # a new video
    DISPATCHED = "dispatched"  # a task stands for it
    FAILED = "failed"  # for good, which the document shows
    RETRIED = "retried"  # the next attempt is another delivery's
    SUPERSEDED = "superseded"  # document or ledger has changed: look again
    LOST = "lost"  # so has the lease's owner: look again, and yield from now on
    RETURNED = "returned"  # its process ends: the lease is given back, the attempt not counted
    BUSY = "busy"  # another job works on it: look again later

    @classmethod
    def of(cls, status: TransactionStatus) -> "AttemptOutcome":
        """Return what the status of a claim, a dispatch or a failure means for the attempt."""
        return _OUTCOMES[status]


_OUTCOMES = {
    TransactionStatus.MOVED: AttemptOutcome.SUPERSEDED,
    TransactionStatus.BUSY: AttemptOutcome.BUSY,
    TransactionStatus.LOST: AttemptOutcome.LOST,
    TransactionStatus.NOT_YET: AttemptOutcome.RETRIED,
    TransactionStatus.AGAIN: AttemptOutcome.RETRIED,
    TransactionStatus.FINAL: AttemptOutcome.FAILED,
}


class AttemptMetrics:
    """Measure one attempt while it holds the render lock; log and count how it ended."""

    def __init__(
        self, clock: Clock, *, waited_s: float | None, device: str, usd_per_hour: float | None
    ) -> None:
        """Begin to measure.

        Args:
            clock: this machine's.
            waited_s: seconds from save or dispatch to the claim; None after the first attempt.
            device: the renderer's: `cpu`, `cuda`, `cuda:0`.
            usd_per_hour: the price of an instance; None: none is set.
        """
        self._clock = clock
        self._began = clock.monotonic()
        self._waited_s = waited_s
        self._on_gpu = device.startswith("cuda")
        self._usd_per_hour = usd_per_hour
        # What is reported if the attempt never says how it ended: the lease runs out by itself.
        self._how, self._code = Outcome.RETRIED, Code.INTERNAL.value

    def ended(self, outcome: AttemptOutcome, code: Code | None = None) -> None:
        """Say how the attempt ended."""
        self._how, self._code = Outcome(outcome.value), "" if code is None else code.value

    def __enter__(self) -> Self:
        if self._waited_s is not None:
            telemetry.queue_wait(self._waited_s)
        return self

    def __exit__(self, *_: object) -> None:
        worked_s = self._clock.monotonic() - self._began
        telemetry.worked(worked_s, on_gpu=self._on_gpu, usd_per_hour=self._usd_per_hour)
        telemetry.outcome(self._how, self._code)
        figures: dict[str, object] = {
            "worked_s": round(worked_s, _PLACES),
            "gpu_s": round(worked_s, _PLACES) if self._on_gpu else 0.0,
        }
        if self._waited_s is not None:
            figures["waited_s"] = round(max(self._waited_s, 0.0), _PLACES)
            if self._how is Outcome.PUBLISHED:
                figures["took_s"] = round(max(self._waited_s, 0.0) + worked_s, _PLACES)
        if self._usd_per_hour is not None:
            figures["cost_usd"] = round(worked_s * self._usd_per_hour / 3600, 6)
        log.info("render ended", outcome=self._how.value, code=self._code, **figures)


def tell_answer(step: Answer, change: TransactionResult[TransactionStatus]) -> None:
    """Log and count an answer, where it is new."""
    match step:
        case Reuse() if change.record is not None:
            how, wanted = Outcome.REUSED, step.spec.fingerprint
            log.info("answered by a kept result", outcome=how, fingerprint=wanted)
            telemetry.outcome(how)
        case Reject(refusal=refusal) if change.fields:
            code = None if refusal.code is None else refusal.code.value
            how, state = Outcome.REFUSED, refusal.state.value
            log.info("refused", outcome=how, code=code or "", state=state, reason=refusal.reason)
            telemetry.outcome(how, code)
        case MissingInput(problem=problem) if change.status in _MISSED:
            how, code = _MISSED[change.status], problem.code.value
            log.info("input not found", outcome=how, code=code, path=step.path)
            telemetry.outcome(how, code)


def tell_refusal(change: TransactionResult[TransactionStatus]) -> None:
    """Tell of a render that must not start: its attempts, or its owner's renders, are used up."""
    shown = None if change.record is None else change.record.shown
    if change.status is TransactionStatus.FINAL and shown is not None and shown.error is not None:
        how, code = Outcome.FAILED, shown.error.code.value
        log.warning("claim refused", outcome=how, code=code, fingerprint=shown.fingerprint)
        telemetry.outcome(how, code)


def problem_of(fault: Exception) -> ErrorInfo:
    """Return what the document says of a fault that ended a render."""
    if isinstance(fault, Failure):
        return ErrorInfo.of(fault.code, fault.field)
    if isinstance(fault, MethodTooSlow):
        seconds = math.ceil(fault.seconds)
        return replace(ErrorInfo.of(Code.METHOD_TOO_SLOW, METHOD_FIELD), seconds=seconds)
    if isinstance(fault, EngineUnavailable):
        return ErrorInfo(code=Code.RENDER_FAILED, field=None, retryable=fault.retryable)
    if isinstance(fault, RenderError):
        if fault.code not in {code.value for code in Code}:  # a newer renderer's
            return ErrorInfo(code=Code.INTERNAL, field=None, retryable=fault.retryable)
        code = Code(fault.code)
        field = _FIELDS.get(code.partition("_")[0])
        return ErrorInfo(code=code, field=field, retryable=fault.retryable)
    if isinstance(fault, MemoryError):
        return ErrorInfo.of(Code.RENDER_OOM)
    return ErrorInfo.of(Code.INTERNAL)
