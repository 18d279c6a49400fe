"""What is wrong with an avatar, told from its document, its ledger and its objects.

Pure. An avatar is healthy where the ordinary transitions would write nothing, the objects of its
results are in place and nothing else of ours lies about; while somebody holds a lease, or a task
stands for what is asked, it is theirs. Knows neither how the three were read nor how they are
mended. Rules: contract.md, section 10.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from functions.domain.document import ABSENT, State
from functions.domain.job_record import PublishedObject, Record, Result
from functions.domain.request import NotOptedIn, Refusal, RenderRequest, fingerprint
from functions.domain.snapshot import AvatarSnapshot, RenderSpec
from functions.domain.status_view import mirror_fields, shown_fields
from functions.domain.storage_paths import StoredObject, output_folder
from functions.domain.transitions import Transitions
from functions.jobs.disposal import owes_deletions

_ORPHAN_AGE_MS = 24 * 3_600_000
_TASK_AGE_MS = 6 * 3_600_000
# The middle part is the claim's id; what versions before it made has none.
_MADE_BY_US = re.compile(r"[0-9a-f]{16}/(?:[0-9a-f-]{36}/)?(?:idle\.mp4|poster\.jpg)")
_PENDING = (State.QUEUED, State.RENDERING)


class Finding(StrEnum):
    """What may be wrong, in the order in which it is mended."""

    NO_DOCUMENT = "no-document"  # ledger, objects or caches of an avatar that is gone
    ORPHAN = "litter"  # noted for deletion; or listed nowhere and a day old: a crash left it
    DEAD_TOKEN = "dead-token"  # noqa: S105 - the URL of a listed object opens it no longer
    LOST_EVENT = "lost-event"  # the document asks for something that nothing answers
    LEFT_OVER = "left-over"  # `queued` or `rendering`, and nobody is at it
    WITHDRAWN = "withdrawn"  # the same, and nobody asks for it any more
    RESULT_GONE = "result-gone"  # the objects of the video asked for are not in place
    DEAD_RESULT = "dead-result"  # those of the last good one, and nothing comes in its stead
    NOT_SHOWN = "not-shown"  # `livePortrait` is not what the ledger says
    STALE_MIRROR = "stale-mirror"  # the mirror lacks the URL, or has an earlier one of ours
    OUTDATED = "outdated"  # answered by another engine version; mended on demand only


@dataclass(frozen=True, kw_only=True)
class ListedObject:
    """An object as a listing tells of it."""

    stored: StoredObject
    created: int  # epoch ms


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One avatar as it stands."""

    avatar: AvatarSnapshot
    written: int  # epoch ms of the document's last write, by whomever; 0: there is no document
    objects: Mapping[str, ListedObject]  # by path: our own, and the inputs that are asked for

    def stored(self, path: str | None) -> StoredObject | None:
        """What stands at a path."""
        listed = None if path is None else self.objects.get(path)
        return None if listed is None else listed.stored


@dataclass(frozen=True, kw_only=True)
class Checker:
    """The standard of one deployment.

    Attributes:
        transitions: the ordinary rules.
        engine: which engine would render.
        engine_version: the full one, this deployment's settings folded in.
        quiet_s: an unanswered wish younger than this is still its event's matter.
    """

    transitions: Transitions
    engine: str
    engine_version: str
    quiet_s: float

    def findings(self, entry: Entry) -> tuple[Finding, ...]:
        """Everything that is wrong; nothing for a healthy avatar."""
        avatar = entry.avatar
        if avatar.document is None:
            left = avatar.record != Record() or entry.objects
            cleaned = avatar.record.cleaning(avatar.now)
            return (Finding.NO_DOCUMENT,) if left and not cleaned else ()
        if avatar.record.lease_lives(avatar.now):
            return ()
        found = {*self._objects(entry), *self._answers(entry)}
        return tuple(each for each in Finding if each in found)

    # --- objects

    def _objects(self, entry: Entry) -> Iterator[Finding]:
        if orphans(entry) or owes_deletions(entry.avatar.record):
            yield Finding.ORPHAN
        if dead_tokens(entry):
            yield Finding.DEAD_TOKEN

    # --- what the document asks for

    def _answers(self, entry: Entry) -> Iterator[Finding]:
        avatar = entry.avatar
        if avatar.document is None:
            return iter(())
        match self.transitions.reader.read(avatar.avatar_id, avatar.document):
            case NotOptedIn():
                return self._unasked(entry)
            case Refusal() as refusal:
                return self._refused(entry, refusal)
            case request:
                return self._spec(entry, request)

    def _unasked(self, entry: Entry) -> Iterator[Finding]:
        avatar = entry.avatar
        if avatar.record == Record() or avatar.document is None:
            return
        if avatar.document.shows_pending:
            if self._quiet(entry, _pending_since(entry)):
                yield Finding.WITHDRAWN
            return
        if dead_results(entry):
            yield Finding.DEAD_RESULT
        # What was taken away with the inputs is not brought back; what was forged is mended.
        is_there = avatar.document.output is not ABSENT and avatar.record.shown is not None
        if is_there and shown_fields(avatar.document, avatar.record):
            yield Finding.NOT_SHOWN

    def _refused(self, entry: Entry, refusal: Refusal) -> Iterator[Finding]:
        avatar = entry.avatar
        inputs_key = None if avatar.document is None else avatar.document.inputs_key
        if self.transitions.refuse(avatar, inputs_key, refusal).record is not None:
            if self._quiet(entry, entry.written):
                yield Finding.LOST_EVENT
            return
        yield from self._settled(entry)

    def _spec(self, entry: Entry, request: RenderRequest) -> Iterator[Finding]:
        record, spec = entry.avatar.record, self._wish(entry, request, self.engine_version)
        listed = record.result(spec.fingerprint)
        if _task_stands(entry, spec.fingerprint):
            return
        if record.failed_for_good(spec.fingerprint):
            yield from self._settled(entry)
        elif listed is not None and not in_place(entry, listed):
            yield Finding.RESULT_GONE
        elif listed is not None:
            if self.transitions.reuse(entry.avatar, spec, listed).record is None:
                yield from self._settled(entry)
            elif self._quiet(entry, entry.written):
                yield Finding.LOST_EVENT
        else:
            yield from self._unanswered(entry, request, spec)

    def _unanswered(
        self, entry: Entry, request: RenderRequest, spec: RenderSpec
    ) -> Iterator[Finding]:
        """No answer by the engine of today: perhaps by an earlier one, perhaps half of one."""
        shown = entry.avatar.record.shown
        if shown is not None and shown.engine_version not in ("", self.engine_version):
            earlier = self._wish(entry, request, shown.engine_version)
            spec = earlier if shown.fingerprint == earlier.fingerprint else spec
        if shown is None or shown.fingerprint != spec.fingerprint:
            if self._quiet(entry, entry.written):
                yield Finding.LOST_EVENT
        elif shown.state in _PENDING:
            if self._quiet(entry, _pending_since(entry)):
                yield Finding.LEFT_OVER
        elif shown.state is State.READY and not _last_in_place(entry):
            yield Finding.RESULT_GONE
        else:
            yield Finding.OUTDATED
            yield from self._settled(entry)

    def _settled(self, entry: Entry) -> Iterator[Finding]:
        """The wish has its answer: does the document tell of it, and is what it tells true?"""
        avatar = entry.avatar
        if dead_results(entry):
            yield Finding.DEAD_RESULT
        if avatar.document is None:
            return
        if shown_fields(avatar.document, avatar.record):
            yield Finding.NOT_SHOWN
        if mirror_fields(
            avatar.document,
            avatar.record,
            reader=self.transitions.reader,
            avatar_id=avatar.avatar_id,
        ):
            yield Finding.STALE_MIRROR

    def _wish(self, entry: Entry, request: RenderRequest, engine_version: str) -> RenderSpec:
        document = entry.avatar.document
        image, video = entry.stored(request.image_path), entry.stored(request.video_path)
        name, wish = (
            fingerprint(request, engine_version=version, image=image, video=video)
            for version in (engine_version, "")
        )
        return RenderSpec(
            inputs_key=None if document is None else document.inputs_key,
            request=request,
            fingerprint=name,
            wish=wish,
            engine=self.engine,
            engine_version=engine_version,
        )

    def _quiet(self, entry: Entry, since: int) -> bool:
        return entry.avatar.now - since >= self.quiet_s * 1000


def in_place(entry: Entry, result: Result) -> bool:
    """Whether both objects of a result are the published ones."""
    return all(_stands(entry, kept) for kept in (result.video, result.poster))


def dead_results(entry: Entry) -> tuple[Result, ...]:
    """The listed results whose objects are not in place, where the last good one is among them."""
    results = entry.avatar.record.results
    if not results or in_place(entry, results[0]):
        return ()
    return tuple(result for result in results if not in_place(entry, result))


def dead_tokens(entry: Entry) -> tuple[PublishedObject, ...]:
    """The listed objects in place whose URL has a download token that they have no longer."""
    kept = (
        item for result in entry.avatar.record.results for item in (result.video, result.poster)
    )
    return tuple(item for item in kept if _stands(entry, item) and not _opens(entry, item))


def orphans(entry: Entry) -> tuple[StoredObject, ...]:
    """What a crash left in the output folder: made as results are, listed nowhere, a day old."""
    avatar, folder = entry.avatar, output_folder(entry.avatar.avatar_id)
    return tuple(
        listed.stored
        for path, listed in entry.objects.items()
        if path.startswith(folder)
        and _MADE_BY_US.fullmatch(path.removeprefix(folder))
        and avatar.now - listed.created > _ORPHAN_AGE_MS
        and not avatar.record.lists(path, listed.stored.generation)
    )


def _stands(entry: Entry, kept: PublishedObject) -> bool:
    found = entry.stored(kept.path)
    return found is not None and found.generation == kept.generation


def _opens(entry: Entry, kept: PublishedObject) -> bool:
    found = entry.stored(kept.path)
    tokens = () if found is None else found.tokens
    return not set(parse_qs(urlsplit(kept.url).query).get("token", ())).isdisjoint(tokens)


def _task_stands(entry: Entry, fingerprint: str) -> bool:
    """Whether a task stands for a render; an old one is put again, which no queue takes twice."""
    task, now = entry.avatar.record.dispatch, entry.avatar.now
    return task is not None and task.fingerprint == fingerprint and now - task.at < _TASK_AGE_MS


def _last_in_place(entry: Entry) -> bool:
    results = entry.avatar.record.results
    return bool(results) and in_place(entry, results[0])


def _pending_since(entry: Entry) -> int:
    """Since when nobody has been heard of who works on it."""
    record = entry.avatar.record
    shown = record.shown
    told = (
        (shown.requested or 0, shown.started or 0, record.not_before)
        if shown and shown.state in _PENDING
        else (entry.written,)
    )
    return max(told)
