"""Where a render that is asked for is handed to: one port, two makers.

`inline_dispatch` renders in this process; `queued_dispatch` leaves a task in a queue for another.
"""

from dataclasses import dataclass
from typing import Protocol

from functions.domain.snapshot import RenderSpec, TransactionResult, TransactionStatus
from functions.domain.storage_paths import StoredObject
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome


@dataclass(frozen=True, kw_only=True)
class RequestedRender:
    """A render that nothing answers yet."""

    avatar_id: str
    spec: RenderSpec
    image: StoredObject
    video: StoredObject | None  # None: a synthetic idle
    in_work: bool  # a lease for this very fingerprint lived when it was read
    yielding: bool  # wait for any living lease: this job lost its own, the document is the same
    since_s: float  # Unix time of the wish, by the database's clock: its save, or its dispatch
    deadline: float  # on the clock's monotonic scale


class Dispatcher(Protocol):
    """Sees to it that what was asked is rendered."""

    def hand_over(self, job: RequestedRender) -> TransactionStatus:
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
