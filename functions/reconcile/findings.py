"""Check an avatar: its document, its ledger and its objects.

Pure. An avatar is sound where the ordinary transitions would write nothing, the objects of its
results are in place, and no other output of ours exists. An avatar with an unexpired lease, or with
a task for what it asks, is left to that job. Rules: contract.md, section 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from functions.domain.avatar_state import AvatarState
from functions.domain.document import PENDING, State
from functions.domain.field_values import ABSENT
from functions.domain.job_record.status_view import shown_fields
from functions.domain.next_step import (
    MissingInput,
    Reject,
    ReshowFailure,
    Reuse,
    Trigger,
    Withdraw,
    next_step,
)
from functions.domain.snapshot import RenderJob, RenderSpec
from functions.domain.storage_paths import OWNER_KEY, cache_folder, output_folder
from functions.domain.transitions.renders import Transitions
from functions.reconcile.entry import Entry

TASK_AGE_MS = 6 * 3_600_000  # of a task that is left to the queue


class Finding(StrEnum):
    """What may be wrong, in the order in which it is repaired."""

    NO_DOCUMENT = "no-document"  # ledger, objects or cache of a deleted avatar
    ORPHANED_INPUT = "orphaned-input"  # files of unknown origin without a document; left alone
    ORPHAN = "litter"  # noted for deletion; or listed nowhere and a day old
    DEAD_TOKEN = "dead-token"  # noqa: S105 - a listed object no longer has its URL's token
    LOST_EVENT = "lost-event"  # nothing answers what the document asks for
    LEFT_OVER = "left-over"  # `queued` or `rendering`, without a job
    WITHDRAWN = "withdrawn"  # the same, and the document does not ask for it
    RESULT_GONE = "result-gone"  # the objects of the requested video are not in place
    DEAD_RESULT = "dead-result"  # nor those of the last result, without a request that replaces it
    NOT_SHOWN = "not-shown"  # `livePortrait` differs from the ledger
    STALE_MIRROR = "stale-mirror"  # the mirror lacks the URL, or has an earlier one
    OUTDATED = "outdated"  # answered by another engine version, or for another idle video


@dataclass(frozen=True, kw_only=True)
class Checker:
    """Checks avatars by the rules of one deployment.

    Attributes:
        transitions: the ordinary rules.
        engine: the engine that would render.
        engine_version: the full one, with this deployment's settings.
        quiet_s: an unanswered request younger than this is left to its event.
    """

    transitions: Transitions
    engine: str
    engine_version: str
    quiet_s: float

    def findings(self, entry: Entry) -> tuple[Finding, ...]:
        """Return everything that is wrong; nothing for a sound avatar."""
        avatar = entry.avatar
        if avatar.document is None:
            return () if avatar.record.cleaning(avatar.now) else tuple(_remains(entry))
        if avatar.record.lease_lives(avatar.now):
            return ()
        found = {*self._objects(entry), *self._answers(entry)}
        return tuple(each for each in Finding if each in found)

    # --- objects

    def _objects(self, entry: Entry) -> Iterator[Finding]:
        if entry.orphans or entry.avatar.record.owes_deletions:
            yield Finding.ORPHAN
        if entry.dead_tokens:
            yield Finding.DEAD_TOKEN

    # --- what the document asks for

    def _answers(self, entry: Entry) -> Iterator[Finding]:
        """Ask what the handler would do next, and whether that would change anything."""
        avatar, state = entry.avatar, self._state(entry, self.engine_version)
        if state.spec is not None and _task_stands(entry, state.spec.fingerprint):
            return
        match next_step(Trigger.present(avatar), state):
            case Withdraw():
                yield from self._unasked(entry)
            case Reuse() | ReshowFailure() | Reject() as step:
                yield from self._answered(entry, step)
            case MissingInput(spec=spec) | RenderJob(spec=spec):
                if spec.unfit is not None:
                    yield Finding.RESULT_GONE
                else:
                    yield from self._unanswered(entry, spec)

    def _answered(self, entry: Entry, step: Reuse | ReshowFailure | Reject) -> Iterator[Finding]:
        """Check a request that something answers, perhaps another engine version's result."""
        if self.transitions.answer(entry.avatar, step).record is not None:
            if self._quiet(entry, entry.written):
                yield Finding.LOST_EVENT
            return
        if isinstance(step, Reuse) and step.result.engine_version != self.engine_version:
            yield Finding.OUTDATED
        yield from self._settled(entry)

    def _unasked(self, entry: Entry) -> Iterator[Finding]:
        avatar = entry.avatar
        if avatar.record.is_blank or avatar.document is None:
            return
        if avatar.document.shows_pending:
            if self._quiet(entry, _pending_since(entry)):
                yield Finding.WITHDRAWN
            return
        if entry.dead_results:
            yield Finding.DEAD_RESULT
        # Do not write again what was removed with the inputs; repair what was forged.
        is_there = avatar.document.output is not ABSENT and avatar.record.shown is not None
        if is_there and shown_fields(avatar.document, avatar.record):
            yield Finding.NOT_SHOWN

    def _unanswered(self, entry: Entry, spec: RenderSpec) -> Iterator[Finding]:
        """Check a request without a result of this engine version; it may have an earlier one."""
        shown = entry.avatar.record.shown
        spec = self._as_answered(entry, spec)
        if shown is None or shown.fingerprint != spec.fingerprint:
            if self._quiet(entry, entry.written):
                yield Finding.LOST_EVENT
        elif shown.state in PENDING:
            if self._quiet(entry, _pending_since(entry)):
                yield Finding.LEFT_OVER
        elif shown.state is State.READY and not entry.last_in_place:
            yield Finding.RESULT_GONE
        else:
            yield Finding.OUTDATED
            yield from self._settled(entry)

    def _as_answered(self, entry: Entry, spec: RenderSpec) -> RenderSpec:
        """Return the request as an earlier engine, or for its avatar as it was, was asked for it.

        A changed avatar renders no talk anew.
        """
        shown = entry.avatar.record.shown
        if shown is None:
            return spec
        if spec.said and shown.said == spec.said:
            return replace(spec, fingerprint=shown.fingerprint)
        if shown.engine_version not in ("", self.engine_version):
            earlier = self._state(entry, shown.engine_version).spec
            if earlier is not None and shown.fingerprint == earlier.fingerprint:
                return earlier
        return spec

    def _settled(self, entry: Entry) -> Iterator[Finding]:
        """Check an answered request: is it shown, and are its objects in place?"""
        avatar = entry.avatar
        if entry.dead_results:
            yield Finding.DEAD_RESULT
        if avatar.document is None:
            return
        if shown_fields(avatar.document, avatar.record):
            yield Finding.NOT_SHOWN
        if self.transitions.mirrors(avatar, avatar.record):
            yield Finding.STALE_MIRROR

    def _state(self, entry: Entry, engine_version: str) -> AvatarState:
        avatar = entry.avatar
        return AvatarState.of(
            avatar,
            self.transitions.reader.read(avatar.subject, avatar.document),
            engine=self.engine,
            engine_version=engine_version,
            find=entry.objects.get,
            accepts=self.transitions.settings.accepts,
        )

    def _quiet(self, entry: Entry, since: int) -> bool:
        return entry.avatar.now - since >= self.quiet_s * 1000


def _remains(entry: Entry) -> Iterator[Finding]:
    """Return what is left of an avatar without a document.

    Inputs are left alone until they are a day old, and as long as nothing proves that the avatar
    was there and is deleted: an app may upload before it makes the document. Proofs are what the
    service leaves, and the label that rules demand of uploads, which ask for the document first.
    """
    avatar, cache = entry.avatar, cache_folder(entry.avatar.avatar_id)
    ours = (output_folder(avatar.avatar_id), cache)
    made = any(path.startswith(ours) for path in entry.objects)
    inputs = [
        stored
        for path, stored in entry.objects.items()
        if not path.startswith(ours) and entry.is_old(stored)
    ]
    was_there = avatar.record.deleted > 0 or any(OWNER_KEY in each.metadata for each in inputs)
    if avatar.has_ledger or made or (inputs and was_there):
        yield Finding.NO_DOCUMENT
    elif inputs:
        yield Finding.ORPHANED_INPUT


def _task_stands(entry: Entry, fingerprint: str) -> bool:
    """Tell whether a task stands for a render; an older one is put again, under the same name."""
    task, now = entry.avatar.record.dispatch, entry.avatar.now
    return task is not None and task.fingerprint == fingerprint and now - task.at < TASK_AGE_MS


def _pending_since(entry: Entry) -> int:
    """Return the time of the last sign of work on a pending request."""
    record = entry.avatar.record
    shown = record.shown
    told = (
        (shown.requested or 0, shown.started or 0, record.not_before)
        if shown and shown.state in PENDING
        else (entry.written,)
    )
    return max(told)
