"""What a job in flight is held to: its lease, its deadline, and the document's wish.

A `Heartbeat` renews a lease at the clock's ticks; a `LeaseMonitor` belongs to one render, is asked
between batches, and raises as soon as the render must stop. `retry` repeats what failed while there
is time. Knows nothing of what is rendered.
"""

from collections.abc import Callable
from typing import Self, TypeVar

from functions.domain.snapshot import Claim, Held, ReportedProgress, TransactionStatus
from functions.domain.subject import Subject
from functions.errors import (
    Code,
    Failure,
    FunctionError,
    LeaseLost,
    ProcessEnding,
    Stopped,
    Superseded,
)
from functions.jobs.ports import Clock, Dependencies, Ticker
from functions.observability import log
from liveportrait_core import Progress

_LOOK_EVERY_S = 1.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0  # between repetitions
_RENDERED_PERCENT = 95  # the rest is for the upload
_T = TypeVar("_T")


class Heartbeat:
    """Renews a lease until the block ends; a lease that cannot be renewed is lost."""

    def __init__(
        self,
        renew: Callable[[], Held],
        clock: Clock,
        *,
        every_s: float,
        lease_s: float,
    ) -> None:
        self._renew = renew
        self._clock = clock
        self._every_s = every_s
        self._lease_s = lease_s
        self._renewed_at = clock.monotonic()
        self._stopped: Stopped | None = None
        self._ticker: Ticker | None = None

    def __enter__(self) -> Self:
        self._ticker = self._clock.every(self._every_s, self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ticker is not None:
            self._ticker.stop()  # a renewal that hangs finds the lease gone when it wakes

    def check(self) -> None:
        """Raise if the lease is lost, or was renewed too long ago to be sure of it.

        The second guards a process that was paused, and a renewal that hangs.
        """
        if self._stopped is not None:
            raise self._stopped
        since_s = self._clock.monotonic() - self._renewed_at
        if since_s > self._lease_s:
            raise LeaseLost(f"the lease of {self._lease_s:g} s was renewed {since_s:.1f} s ago")

    def beat(self) -> None:
        """Renew now.

        Raises:
            LeaseLost: the lease is another's.
            Superseded: the document no longer asks for what is being made.
        """
        self.check()
        asked_at = self._clock.monotonic()
        require(self._renew())
        self._renewed_at = asked_at

    def _tick(self) -> bool:
        """Renew at a tick; False: no more, the lease is lost."""
        try:
            self.beat()
        except Stopped as stop:
            self._stopped = stop
            return False
        except Exception as fault:  # tried again until the lease has run out
            log.warning("lease not renewed", reason=str(fault))
        return True


def require(status: Held) -> None:
    """Raise unless a job may go on."""
    if status is TransactionStatus.LOST:
        raise LeaseLost
    if status is not TransactionStatus.DONE:
        raise Superseded


class LeaseMonitor:
    """Renew the lease of one render, and tell it when it must stop."""

    def __init__(
        self, deps: Dependencies, *, subject: Subject, claim: Claim, deadline: float
    ) -> None:
        self._deps = deps
        self._subject = subject
        self._claim = claim
        self._deadline = deadline  # on the clock's monotonic scale
        self._began = self._looked = deps.clock.monotonic()
        self._progress = ReportedProgress(stage="download", percent=0, eta_s=None)
        settings = deps.settings
        self.heartbeat = Heartbeat(
            self._renew, deps.clock, every_s=settings.heartbeat_s, lease_s=settings.lease_s
        )

    def on_progress(self, progress: Progress) -> None:
        """Take note of a render's progress, and raise if it must stop; cheap enough per batch."""
        eta_s = None if progress.eta_s is None else round(progress.eta_s)
        percent = round(progress.fraction * _RENDERED_PERCENT)
        self._progress = ReportedProgress(stage=progress.stage.value, percent=percent, eta_s=eta_s)
        self.check(progress.eta_s or 0.0)

    def check(self, needed_s: float = 0.0) -> None:
        """Raise if the process ends, the lease is lost, the document moved on, or time is short.

        Args:
            needed_s: seconds the job will still need, as far as it is known.
        """
        if self._deps.health.ending:
            raise ProcessEnding(self._deps.health.ending)
        self.heartbeat.check()
        now, whole_s = self._deps.clock.monotonic(), self._deps.settings.deadline_s
        left_s = self._deadline - now
        if left_s <= 0:
            raise Failure(Code.RENDER_TIMEOUT, f"the {whole_s:.0f} s of this event are over")
        if needed_s > left_s:
            raise Failure(
                Code.RENDER_TIMEOUT,
                f"the render needs {needed_s:.0f} s more; {left_s:.0f} of {whole_s:.0f} s are left",
            )
        if now - self._looked >= _LOOK_EVERY_S:
            self._looked = now
            self._look()

    def renew(self, stage: str) -> None:
        """Before publishing: check everything, and renew the lease now.

        A fault is no reason to throw away what was rendered, as long as the lease lives.
        """
        self._progress = ReportedProgress(stage=stage, percent=_RENDERED_PERCENT, eta_s=None)
        clock = self._deps.clock
        left_s = self._deadline - clock.monotonic()
        retry(clock, self.confirm, within_s=min(left_s, self._deps.settings.lease_s))

    def confirm(self) -> None:
        """Check everything, and renew the lease now: nothing is sure but what the ledger says."""
        self.check()
        self.heartbeat.beat()

    def _look(self) -> None:
        try:
            avatar = self._deps.ledger.read(self._subject)
        except Exception as fault:  # whether the lease is still ours, the heartbeat will tell
            log.warning("document and ledger not read", reason=str(fault))
            return
        require(self._deps.transitions.hold(avatar, self._claim))

    def _renew(self) -> Held:
        progress = self._progress
        if self._deps.clock.monotonic() > self._deadline + self._deps.settings.lease_s:
            raise LeaseLost("the job hangs: the time of its event is long over")
        elapsed_s = self._deps.clock.monotonic() - self._began
        show = elapsed_s >= self._deps.settings.midway_s
        transitions = self._deps.transitions
        change = self._deps.ledger.transact(
            self._subject,
            lambda avatar: transitions.renew(avatar, self._claim, progress, show=show),
        )
        return change.status


def retry(clock: Clock, act: Callable[[], _T], *, within_s: float) -> _T:
    """Do it until it does not fail; pauses grow, and none begins that would end too late.

    Whether a transaction that failed was committed is not known: of its answer, or of the question,
    one was lost. To decide it again tells, for transitions change nothing the second time: what an
    owner has done under its lease cannot be done twice, because a lease is never granted twice to
    one owner.

    Args:
        clock: this machine's, to pause by.
        act: raises a `FunctionError` where nothing failed, but something was decided.
        within_s: seconds from now.
    """
    until = clock.monotonic() + within_s
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return act()
        except FunctionError:
            raise
        except Exception as fault:
            if clock.monotonic() + pause_s > until:
                raise
            log.warning("to be done again after a fault", reason=str(fault))
        clock.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
