"""Where a render that is asked for is handed to: one port, two makers.

`inline_dispatch` renders in this process; `queued_dispatch` leaves a task in a queue for another.
"""

from typing import Protocol

from functions.domain.snapshot import RenderJob, TransactionResult, TransactionStatus
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome


class Dispatcher(Protocol):
    """Sees to it that what was asked is rendered."""

    @property
    def queues(self) -> bool:
        """Whether renders are left to a queue."""

    def hand_over(self, job: RenderJob) -> TransactionStatus:
        """Render, or have it rendered.

        Returns:
            DONE or FINAL: it has come to its end. HANDED: a task stands for it. AGAIN, NOT_YET:
            the next attempt is another delivery's. BUSY: another job works on it, read again.
            Anything else: something changed meanwhile, read again.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """


def tell_refusal(change: TransactionResult) -> None:
    """Tell of a render that must not start: its attempts, or its owner's renders, are used up."""
    shown = None if change.record is None else change.record.shown
    if change.status is TransactionStatus.FINAL and shown is not None and shown.error is not None:
        how, code = Outcome.FAILED, shown.error.code.value
        log.warning("claim refused", outcome=how, code=code, fingerprint=shown.fingerprint)
        telemetry.outcome(how, code)
