"""Erase a person: all that the pipeline knows of one owner's avatars.

Delete the documents of the owner's avatars, then what the clean-up of a deleted avatar deletes
(ledger, results, caches), what lies in their folders, what the owner has uploaded elsewhere, and
the quotas. The tombstones stay: they hold an avatar's id and a moment, and keep its id from being
used again. Knows ports only. contract.md, section 10.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from functions.domain.job_record import Deletion
from functions.domain.snapshot import TransactionStatus
from functions.domain.storage_paths import (
    OWNER_KEY,
    StoredObject,
    avatar_folder,
    cache_folder,
    output_folder,
    uploads_folder,
)
from functions.domain.subject import Subject, is_document_id
from functions.errors import RetryLater
from functions.jobs.cleanup import clean_up, deletion_fault
from functions.jobs.ports import Dependencies
from functions.observability import log
from functions.reconcile.loading.ports import ObjectLister

_AVATARS = "avatars/"
_LEASES_WAITED = 3  # how long another's clean-up is waited for, in durations of a lease


class OwnedDocuments(Protocol):
    """The documents by which an owner is known."""

    def avatars(self, owner: str) -> Sequence[str]:
        """Return the ids of the avatars whose document names this owner."""

    def delete_avatar(self, avatar_id: str, owner: str) -> bool:
        """Delete an avatar's document, while it names this owner; whether it did."""

    def talks(self, avatar_id: str) -> Sequence[Subject]:
        """Return the avatar's talks, those with a document and those with a ledger alone."""

    def quotas(self, owner: str, avatar_ids: Sequence[str]) -> Sequence[str]:
        """Return the names of the quotas that exist, of the owner and of these avatars."""

    def delete_quota(self, name: str) -> None:
        """Delete one quota."""


@dataclass(kw_only=True)
class ErasureReport:
    """What was found, and unless it was a dry run, erased."""

    avatars: list[str] = field(default_factory=list)
    documents: int = 0
    ledgers: int = 0
    objects: int = 0
    size_bytes: int = 0
    quotas: list[str] = field(default_factory=list)
    faults: int = 0  # what could not be erased: run it again


@dataclass(kw_only=True)
class Erasure:
    """The erasure of one owner.

    Attributes:
        deps: the ordinary ports and settings.
        documents: the documents, found by their owner.
        lister: the bucket's objects.
        owner: the user's id, as documents and uploads name it.
        dry_run: whether to report only.
    """

    deps: Dependencies
    documents: OwnedDocuments
    lister: ObjectLister
    owner: str
    dry_run: bool

    def run(self) -> ErasureReport:
        """Erase all there is; go on with the rest where something cannot be erased."""
        report = ErasureReport()
        owned = set(self.documents.avatars(self.owner))
        labelled = [each for each in self.lister.objects(_AVATARS) if self._is_owned(each)]
        # The folder of an avatar that is gone: its clean-up has not been done, or left this.
        ours = owned | set(filter(self._is_gone, set(map(_avatar_of, labelled)) - owned))
        report.avatars = sorted(ours)
        for avatar_id in report.avatars:
            with log.bound(avatar_id=avatar_id):
                self._attempt(report, partial(self._avatar, avatar_id, report))
        elsewhere = [each for each in labelled if _avatar_of(each) not in ours]
        self._attempt(report, lambda: self._objects([*elsewhere, *self._uploads()], report))
        self._attempt(report, lambda: self._quotas(report))
        return report

    def _is_owned(self, stored: StoredObject) -> bool:
        return stored.metadata.get(OWNER_KEY) == self.owner

    def _is_gone(self, avatar_id: str) -> bool:
        subject = Subject(avatar_id=avatar_id)
        return is_document_id(avatar_id) and self.deps.ledger.read(subject).document is None

    def _attempt(self, report: ErasureReport, act: Callable[[], object]) -> None:
        try:
            act()
        except RetryLater as later:
            report.faults += 1
            log.warning("not erased", reason=str(later))
        except Exception as fault:  # of one avatar; the others are erased all the same
            report.faults += 1
            log.fault("not erased", fault)

    def _avatar(self, avatar_id: str, report: ErasureReport) -> None:
        subject = Subject(avatar_id=avatar_id)
        avatar = self.deps.ledger.read(subject)
        held = list(self._objects_of(avatar_id))
        talks = [self.deps.ledger.read(each) for each in self.documents.talks(avatar_id)]
        report.documents += sum(each.document is not None for each in (avatar, *talks))
        report.ledgers += sum(each.has_ledger for each in (avatar, *talks))
        self._count(held, report)
        if self.dry_run:
            return
        # Inputs first: if one cannot be deleted, the document still tells the next run of it. What
        # is left after that, the deletion's own event and reconcile know of.
        ours = (output_folder(avatar_id), cache_folder(avatar_id))
        for stored in held:
            if not stored.path.startswith(ours):
                self.deps.media.delete(stored.path, stored.generation)
        if avatar.document is not None and not self.documents.delete_avatar(avatar_id, self.owner):
            raise RetryLater(f"{avatar_id} is another owner's by now")
        for each in (avatar, *talks):
            self._clean_up(each.subject)
        if left := [each.path for each in self._objects_of(avatar_id)]:
            raise RetryLater(f"there again: {', '.join(left)}")

    def _objects_of(self, avatar_id: str) -> Iterator[StoredObject]:
        for folder in (avatar_folder(avatar_id), cache_folder(avatar_id)):
            yield from self.lister.objects(folder)

    def _clean_up(self, subject: Subject) -> None:
        """Clean up, or wait for another that does: the document's deletion has its own event."""
        settings, clock = self.deps.settings, self.deps.clock
        until = clock.monotonic() + _LEASES_WAITED * settings.lease_s
        while (status := clean_up(self.deps, subject)) is TransactionStatus.BUSY:
            if clock.monotonic() > until:
                raise RetryLater(f"another clean-up of {subject} does not end")
            clock.sleep(settings.poll_s)
        if status is not TransactionStatus.DONE:
            raise RetryLater(f"{subject} was made again meanwhile")

    def _uploads(self) -> Iterator[StoredObject]:
        if self.deps.settings.accept_uploads and "/" not in self.owner:
            yield from self.lister.objects(uploads_folder(self.owner))

    def _objects(self, objects: Sequence[StoredObject], report: ErasureReport) -> None:
        self._count(objects, report)
        for stored in () if self.dry_run else objects:
            deletion = Deletion(path=stored.path, generation=stored.generation)
            if deletion_fault(self.deps, deletion) is not None:
                report.faults += 1

    def _count(self, objects: Sequence[StoredObject], report: ErasureReport) -> None:
        report.objects += len(objects)
        report.size_bytes += sum(each.size_bytes for each in objects)
        for each in objects:
            log.info("erasing", path=each.path, dry_run=self.dry_run)

    def _quotas(self, report: ErasureReport) -> None:
        report.quotas = list(self.documents.quotas(self.owner, report.avatars))
        for name in () if self.dry_run else report.quotas:
            self.documents.delete_quota(name)


def _avatar_of(stored: StoredObject) -> str:
    """Return the id of the avatar in whose folder an object lies; "": it lies in none."""
    return stored.path.removeprefix(_AVATARS).rpartition("/")[0].partition("/")[0]
