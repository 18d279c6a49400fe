"""The transitions of reconcile that need no render.

Pure. Each takes an `AvatarSnapshot` and returns a `TransactionResult`, writes nothing that is there
already, and leaves an avatar with an unexpired lease alone. Rules: contract.md, section 10.
"""

from dataclasses import replace

from functions.domain.document import MIRROR, Document, State
from functions.domain.job_record import PublishedObject, Record, Result
from functions.domain.job_record.status_view import DELETED, shown_fields
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus, Unleased
from functions.domain.transitions.renders import Transitions


def show_again(avatar: AvatarSnapshot, rules: Transitions) -> TransactionResult[Unleased]:
    """Show the ledger's record in the document, in place of what was written there."""
    precondition_failed = _precondition_failed(avatar)
    return precondition_failed or _written(avatar, avatar.record, rules)


def drop_results(
    avatar: AvatarSnapshot, gone: tuple[Result, ...], rules: Transitions
) -> TransactionResult[Unleased]:
    """Remove results whose objects are gone: the next one listed becomes the last good one."""
    if (precondition_failed := _precondition_failed(avatar)) is not None:
        return precondition_failed
    record = avatar.record
    kept = tuple(result for result in record.results if result not in gone)
    if kept == record.results:
        return TransactionResult(status=TransactionStatus.MOVED)
    record = replace(record, results=kept)
    shown = record.shown
    lost = {result.fingerprint for result in gone}
    if shown is not None and shown.state is State.READY and shown.fingerprint in lost:
        last = kept[0] if kept else None
        shown = None if last is None else last.shown(requested=last.started)
        record = replace(record.asking(last.fingerprint if last else ""), shown=shown)
    return _written(avatar, record, rules)


def update_url(
    avatar: AvatarSnapshot, kept: PublishedObject, url: str, rules: Transitions
) -> TransactionResult[Unleased]:
    """Publish an object's new URL in every place of the old one."""
    if (precondition_failed := _precondition_failed(avatar)) is not None:
        return precondition_failed
    moved = replace(kept, url=url)
    results = tuple(
        replace(
            result,
            video=moved if result.video == kept else result.video,
            poster=moved if result.poster == kept else result.poster,
        )
        for result in avatar.record.results
    )
    if results == avatar.record.results:
        return TransactionResult(status=TransactionStatus.MOVED)
    return _written(avatar, replace(avatar.record, results=results), rules)


def _precondition_failed(avatar: AvatarSnapshot) -> TransactionResult[Unleased] | None:
    if avatar.document is None:
        return TransactionResult(status=TransactionStatus.MOVED)
    if avatar.record.lease_lives(avatar.now):
        return TransactionResult(status=TransactionStatus.BUSY)
    return None


def _written(
    avatar: AvatarSnapshot, record: Record, rules: Transitions
) -> TransactionResult[Unleased]:
    """Return the record, and the fields that the document does not show."""
    document = avatar.document
    fields: dict[str, object] = {}
    if document is not None:
        fields = shown_fields(document, record)
        if document.opted_in:
            fields |= _mirrors(avatar, document, record, rules)
    return TransactionResult(
        status=TransactionStatus.DONE,
        record=avatar.changed(record),
        fields=fields,
    )


def _mirrors(
    avatar: AvatarSnapshot, document: Document, record: Record, rules: Transitions
) -> dict[str, object]:
    """Return the changes of mirrors that hold a URL of ours; leave foreign URLs alone."""
    if not record.results:
        ours = rules.reader.is_own_output(avatar.avatar_id, document.mirror)
        return {".".join(MIRROR): DELETED} if ours else {}  # its object is gone
    return rules.mirrors(avatar, record)
