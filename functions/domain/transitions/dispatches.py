"""Decide what stands in the queue for an avatar, and whose turn it is among an owner's renders.

Pure. Each method takes an `AvatarSnapshot` and returns a `TransactionResult`. Rules: contract.md,
section 9.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from functions.domain.document import PENDING, State
from functions.domain.job_record import Dispatch, ErrorInfo, Record
from functions.domain.limits.daily_total import share_of
from functions.domain.limits.turns import MOST_WAITING
from functions.domain.snapshot import (
    AvatarSnapshot,
    RenderSpec,
    Started,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.domain.transitions.answers import Answers
from functions.errors import Code

ATTEMPTS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Dispatches(Answers):
    """The rules of one deployment for the queue between gate and renderer."""

    def dispatch(
        self, avatar: AvatarSnapshot, spec: RenderSpec, *, queue: str = ""
    ) -> TransactionResult[Started]:
        """Record a dispatch for this request; keep the one that is there already.

        Refuse what a claim would refuse, so that no renderer is started for it. A render in work
        does not prevent the dispatch: it may be stopped at any time, the task remains. Where as
        many of the owner's renders are in flight as may be, it is held: its task is to be made once
        its turn comes. NOT_YET: too many wait already.
        """
        record, now, wanted = avatar.record, avatar.now, spec.fingerprint
        if (answer := already_settled(avatar, spec)) is not None:
            return answer
        refusal = self._refuse_start(avatar, spec)
        if refusal is not None and not record.in_work(wanted, now):
            return refusal
        record = record.asking(wanted, spec.wish)
        before = record.current_dispatch(now)
        position = self._position(avatar, before)
        if position > MOST_WAITING:
            return TransactionResult(status=TransactionStatus.NOT_YET)
        if before is None or before.fingerprint != wanted:
            task = Dispatch(fingerprint=wanted, at=now, queue=queue)
            trouble = None if record.trouble is None else record.trouble.counted_anew(now)
            record = replace(record, trouble=trouble)
        else:
            task = before
        if task.held or task is not before:  # one whose task is made stays as that knows it
            since = now if before is None or not before.held else before.held
            task = replace(task, held=since if position else 0, owner=avatar.owner)
        record = self._told(replace(record, dispatch=task), spec, position, now)
        written: TransactionResult[Started] = self._write(
            avatar, record, status=TransactionStatus.DONE
        )
        return replace(written, dispatch=record.dispatch)

    def _position(self, avatar: AvatarSnapshot, task: Dispatch | None) -> int:
        """Return a render's place among those that wait for their owner's turn; 0: it has one."""
        if not avatar.owner or (task is not None and not task.held):
            return 0
        return avatar.turns.position(avatar.subject, self.settings.renders_per_owner_at_once)

    def _told(self, record: Record, spec: RenderSpec, position: int, now: int) -> Record:
        """Return the record once it tells that a request waits; told once, as that begins.

        The time is an estimate by how long this subject's last renders took: it does not know how
        long the queue is.
        """
        wanted, shown = spec.fingerprint, record.shown
        told = shown is not None and shown.position > 0 and record.queued_for(wanted)
        if not position or told or record.in_work(wanted, now):
            return record
        error = shown.error if shown is not None and record.queued_for(wanted) else None
        rounds = math.ceil(position / self.settings.renders_per_owner_at_once) + 1
        eta_s = None if record.typical_s is None else round(rounds * record.typical_s)
        pending = spec.pending(shown, State.QUEUED, now, error)
        return replace(record, shown=replace(pending, position=position, eta_s=eta_s))

    def take_turn(self, avatar: AvatarSnapshot) -> TransactionResult[Unleased]:
        """Let the render of a held dispatch begin, if it is its turn; return its dispatch.

        BUSY: it is not. Then the dispatch gets a name of its own, for its task has been made.
        """
        task, now = avatar.record.dispatch, avatar.now
        if task is None or not task.held:
            return TransactionResult(status=TransactionStatus.DONE, dispatch=task)
        status: Unleased = TransactionStatus.DONE
        if self._position(avatar, task):
            task, status = replace(task, at=max(now, task.at + 1)), TransactionStatus.BUSY
        else:
            task = replace(task, held=0)
        changed = avatar.changed(replace(avatar.record, dispatch=task))
        return TransactionResult(status=status, record=changed, dispatch=task)

    def leave_line(self, avatar: AvatarSnapshot, owner: str) -> TransactionResult[Unleased]:
        """Take off an owner's list what is dispatched no more: a version without lists ended it."""
        task = avatar.record.dispatch
        listed = task is not None and task.owner == owner
        return TransactionResult(status=TransactionStatus.DONE, leaves="" if listed else owner)

    def finish_task(
        self, avatar: AvatarSnapshot, inputs_key: object, dispatch: Dispatch
    ) -> TransactionResult[Unleased]:
        """End a task: remove its dispatch, while the document is still the one that was handled.

        From here on the task counts no more: the next request, even an equal one, gets a task of
        its own.
        """
        document, shown = avatar.document, avatar.record.shown
        if avatar.record.dispatch != dispatch:  # it was ended, or a newer one stands
            return TransactionResult(status=TransactionStatus.DONE)
        if avatar.inputs_key != inputs_key:
            return TransactionResult(status=TransactionStatus.MOVED)
        asks = document is not None and document.opted_in
        if asks and shown is not None and shown.state in PENDING:
            return TransactionResult(
                status=TransactionStatus.MOVED
            )  # it was requested again in between
        record = replace(avatar.record, dispatch=None)
        return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))

    def follow_up(
        self, avatar: AvatarSnapshot, task: Dispatch, after_s: float
    ) -> TransactionResult[Unleased]:
        """Let another task, due later, stand for what this task has not brought to its end.

        Return its dispatch. One that is not due yet is kept: it may be this follow-up, decided
        before, whose task is still to be made. None: another task stands, or none any more.
        """
        record, now = avatar.record, avatar.now
        if record.dispatch is not None and record.dispatch.due > now:
            return TransactionResult(status=TransactionStatus.DONE, dispatch=record.dispatch)
        if record.dispatch != task:
            return TransactionResult(status=TransactionStatus.MOVED)
        due = max(now + round(after_s * 1000), record.not_before)
        later = replace(task, at=max(now, task.at + 1), due=due)  # a name of its own
        changed = avatar.changed(replace(record, dispatch=later))
        return TransactionResult(status=TransactionStatus.DONE, record=changed, dispatch=later)

    def _refuse_start(
        self, avatar: AvatarSnapshot, spec: RenderSpec
    ) -> TransactionResult[Started] | None:
        """Return the final failure of a request whose attempts or daily renders are used up."""
        record, starts = avatar.record.asking(spec.fingerprint, spec.wish), avatar.starts
        rules = self.settings
        code = None
        if (
            starts.avatar >= rules.renders_per_day
            or starts.owner >= rules.renders_per_owner_day
            or starts.share >= share_of(avatar.avatar_id, rules.renders_per_day_total).most
            or (
                avatar.subject.is_talk
                and starts.spoken_ms >= rules.talk_seconds_per_owner_day * 1000
            )
        ):
            code = Code.QUOTA_EXCEEDED
        if record.attempts >= ATTEMPTS:
            code = Code.RENDER_FAILED
        if code is None:
            return None
        shown = spec.pending(record.shown, State.FAILED, avatar.now, ErrorInfo.of(code))
        record = replace(record, lease=None, shown=shown)
        return self._write(avatar, record, status=TransactionStatus.FINAL)


def already_settled(avatar: AvatarSnapshot, spec: RenderSpec) -> TransactionResult[Started] | None:
    """Return why this need not, or must not, be rendered; None: it is to be rendered."""
    if (precondition_failed := spec.precondition_failed(avatar)) is not None:
        return TransactionResult(status=precondition_failed)
    if avatar.record.result(spec.fingerprint) != spec.unfit:
        return TransactionResult(status=TransactionStatus.MOVED)
    if avatar.record.failed_for_good(spec.fingerprint):
        return TransactionResult(status=TransactionStatus.FINAL)
    return None
