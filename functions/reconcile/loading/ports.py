"""What is read through: the documents and ledgers of all avatars and talks, and the bucket."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from functions.domain.document import Snapshot
from functions.domain.snapshot import AvatarSnapshot
from functions.domain.storage_paths import StoredObject
from functions.domain.subject import Subject
from functions.reconcile.loading.shard import IdRange


@dataclass(frozen=True, kw_only=True)
class DatedSnapshot:
    """Document and ledger of one avatar, read together."""

    avatar: AvatarSnapshot
    written: int  # epoch ms of the document's last write; 0: there is no document


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a query in the order of time has come."""

    name: str  # the id of a ledger, or of an avatar's document
    at: int  # epoch ms


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An avatar or a talk, and when it was last asked for, or written."""

    subject: Subject
    at: int  # epoch ms

    @property
    def place(self) -> Place:
        """Where the query is that has found it."""
        return Place(name=self.subject.ledger[1], at=self.at)


@dataclass(frozen=True, kw_only=True)
class TimedPage:
    """The next ones in the order of time, and where the page ends; None: there are no more."""

    found: tuple[Asked, ...]
    last: Place | None


@dataclass(frozen=True, kw_only=True)
class SubjectPage:
    """The next ones in the order of names, and where the page ends; "": there are no more."""

    subjects: tuple[Subject, ...]
    last: str


class Requests(Protocol):
    """The ledgers of avatars, or of talks, by their last request."""

    def newest(self, after: Place | None, limit: int) -> TimedPage:
        """Return the next ones by their last request, newest first."""

    def between(self, since: int, until: int, after: Place | None, limit: int) -> TimedPage:
        """Return the next ones that were last asked for from `since` on and before `until`."""

    def pending(self, ids: IdRange, after: str, limit: int) -> SubjectPage:
        """Return the next ones that are shown as pending, by their ledgers' ids."""


class AvatarRepository(Protocol):
    """All avatars, by their documents and by their ledgers."""

    def avatars(self, ids: IdRange, after: str, limit: int) -> Mapping[str, Snapshot]:
        """Return the next documents by id, in order; only the fields that `is_served` needs."""

    def saved(self, since: int, until: int, after: Place | None, limit: int) -> TimedPage:
        """Return the next avatars whose documents a client has saved between, if served."""

    def ledgers(self, ids: IdRange, after: str, limit: int) -> Mapping[str, bool]:
        """Return the next ledgers by id, in order: whether each has noted deletions."""

    def dated(self, avatar_ids: Sequence[str]) -> Sequence[DatedSnapshot]:
        """Return documents and ledgers of these, existing or not; leave unreadable ones out."""

    def without_document(self, avatar_ids: Sequence[str]) -> Sequence[str]:
        """Return those of these avatars that have no document."""


class TalkRepository(Protocol):
    """All talks, by their documents and by their ledgers."""

    def talks(self, avatars: IdRange, after: str, limit: int) -> SubjectPage:
        """Return the next talks of these avatars by their paths, from the database's root."""

    def ledgers(self, ids: IdRange, after: str, limit: int) -> SubjectPage:
        """Return the next talks by their ledgers' ids."""

    def dated(self, talk: Subject) -> DatedSnapshot:
        """Return one talk's document, with its avatar's, and its ledger."""


class ObjectLister(Protocol):
    """The bucket's objects by their names."""

    def objects(self, prefix: str, *, start: str = "", end: str = "") -> Iterator[StoredObject]:
        """Yield objects below a prefix, in the order of names: from `start` on and before `end`."""

    def folders(self, prefix: str, *, start: str = "") -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, in order, from `start` on."""

    def give_token(self, stored: StoredObject, token: str) -> bool:
        """Set the object's download token, unless the object has changed since."""
