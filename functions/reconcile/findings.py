"""Check an avatar: its document, its ledger and its objects.

Pure. An avatar is sound where the ordinary transitions would write nothing, the objects of its
results are in place, and no other output of ours exists. An avatar with an unexpired lease, or with
a task for what it asks, is left to that job. Rules: contract.md, section 10.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from functions.domain.avatar_state import AvatarState, in_place, is_published
from functions.domain.document import PENDING, State
from functions.domain.field_values import ABSENT
from functions.domain.job_record import PublishedObject, Result
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
from functions.domain.snapshot import AvatarSnapshot, RenderJob, RenderSpec
from functions.domain.storage_paths import (
    OWNER_KEY,
    StoredObject,
    cache_folder,
    output_folder,
)
from functions.domain.transitions.renders import Transitions

_ORPHAN_AGE_MS = 24 * 3_600_000
TASK_AGE_MS = 6 * 3_600_000  # of a task that is left to the queue
# The middle part is the claim's id; paths of earlier versions have none.
_MADE_BY_US = re.compile(r"[0-9a-f]{16}/(?:[0-9a-f-]{36}/)?(?:idle\.mp4|talk\.mp4|poster\.jpg)")


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
class ListedObject:
    """An object of a listing."""

    stored: StoredObject
    created: int  # epoch ms


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One avatar: its document, ledger and objects."""

    avatar: AvatarSnapshot
    written: int  # epoch ms of the document's last write by anyone; 0: there is no document
    objects: Mapping[str, ListedObject]  # by path: outputs, and the inputs that the document names

    def stored(self, path: str) -> StoredObject | None:
        """Return the object at a path, if there is one."""
        listed = self.objects.get(path)
        return None if listed is None else listed.stored


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
        if orphans(entry) or entry.avatar.record.owes_deletions:
            yield Finding.ORPHAN
        if dead_tokens(entry):
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
        if dead_results(entry):
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
        elif shown.state is State.READY and not _last_in_place(entry):
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
        if dead_results(entry):
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
            find=entry.stored,
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
        listed.stored
        for path, listed in entry.objects.items()
        if not path.startswith(ours) and _is_old(avatar, listed)
    ]
    was_there = avatar.record.deleted > 0 or any(OWNER_KEY in each.metadata for each in inputs)
    if avatar.has_ledger or made or (inputs and was_there):
        yield Finding.NO_DOCUMENT
    elif inputs:
        yield Finding.ORPHANED_INPUT


def dead_results(entry: Entry) -> tuple[Result, ...]:
    """Return the listed results without their objects, where the last good one is among them."""
    results = entry.avatar.record.results
    if not results or in_place(results[0], entry.stored):
        return ()
    return tuple(result for result in results if not in_place(result, entry.stored))


def dead_tokens(entry: Entry) -> tuple[PublishedObject, ...]:
    """Return the listed objects that no longer have the download token of their URL."""
    kept = (
        item for result in entry.avatar.record.results for item in (result.video, result.poster)
    )
    return tuple(
        item for item in kept if is_published(item, entry.stored) and not _opens(entry, item)
    )


def orphans(entry: Entry) -> tuple[StoredObject, ...]:
    """Return the orphans in the output folder: named as results are, listed nowhere, a day old."""
    avatar, folder = entry.avatar, entry.avatar.subject.output_folder
    return tuple(
        listed.stored
        for path, listed in entry.objects.items()
        if path.startswith(folder)
        and _MADE_BY_US.fullmatch(path.removeprefix(folder))
        and _is_old(avatar, listed)
        and not avatar.record.lists(path, listed.stored.generation)
    )


def _is_old(avatar: AvatarSnapshot, listed: ListedObject) -> bool:
    return avatar.now - listed.created > _ORPHAN_AGE_MS


def _opens(entry: Entry, kept: PublishedObject) -> bool:
    found = entry.stored(kept.path)
    tokens = () if found is None else found.tokens
    return not set(parse_qs(urlsplit(kept.url).query).get("token", ())).isdisjoint(tokens)


def _task_stands(entry: Entry, fingerprint: str) -> bool:
    """Tell whether a task stands for a render; an older one is put again, under the same name."""
    task, now = entry.avatar.record.dispatch, entry.avatar.now
    return task is not None and task.fingerprint == fingerprint and now - task.at < TASK_AGE_MS


def _last_in_place(entry: Entry) -> bool:
    results = entry.avatar.record.results
    return bool(results) and in_place(results[0], entry.stored)


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
