"""The record as a whole, and its form as a ledger document. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from functions.domain.document import State
from functions.domain.job_record.codec import Part, read, write
from functions.domain.job_record.parts import (
    Deletion,
    Dispatch,
    FailedTries,
    Lease,
    Missing,
    PublishedObject,
    Purpose,
    Result,
    StatusView,
)


@dataclass(frozen=True, kw_only=True)
class Record(Part):
    """The ledger of one avatar, or of one of its talks."""

    fingerprint: str = ""  # of the last request; "" when that one is not rendered
    wish: str = ""  # the fingerprint without the engine version
    attempts: int = 0  # claims for it
    returned: int = 0  # claims given back since, because a process ended
    others: Mapping[str, int] = field(default_factory=dict)  # for the wish's other fingerprints
    not_before: int = 0  # epoch ms of the next attempt
    missing: Missing | None = None
    trouble: FailedTries | None = None
    lease: Lease | None = None
    dispatch: Dispatch | None = None  # None: no task is in the queue
    percent: int = 0  # fine progress of the render in flight
    shown: StatusView | None = None
    results: tuple[Result, ...] = ()  # the last good one first
    deletions: tuple[Deletion, ...] = ()  # still to be carried out
    freed: str = ""  # by a clean-up: the owner whose next render is to be woken
    owner: str = ""  # the `userId` for which the last claim was made; "": none, or not known
    deleted: int = 0  # epoch ms: the last clean-up's begin; older inputs are a former life's

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing but when the avatar was deleted."""
        return replace(self, deleted=0) == Record()

    def lease_lives(self, now: int) -> bool:
        """Tell whether the lease has not expired, by the database's clock."""
        return self.lease is not None and self.lease.expires > now

    def cleaning(self, now: int) -> bool:
        """Tell whether a clean-up is under way, which no other job may take over.

        The same holds for a lease whose purpose only a newer version knows.
        """
        lease = self.lease
        return lease is not None and lease.expires > now and lease.purpose is not Purpose.RENDER

    @property
    def holds_clean_up(self) -> bool:
        """Whether the lease, expired or not, is a clean-up's."""
        return self.lease is not None and self.lease.purpose is Purpose.CLEAN_UP

    @property
    def owes_deletions(self) -> bool:
        """Whether something is noted for deletion, or a clean-up was begun."""
        return bool(self.deletions) or self.holds_clean_up

    def held_by(self, owner: str) -> bool:
        """Tell whether this claim holds the lease."""
        return self.lease is not None and self.lease.owner == owner

    def in_work(self, fingerprint: str, now: int) -> bool:
        """Tell whether an unexpired lease is for this very fingerprint."""
        lease = self.lease
        return lease is not None and lease.expires > now and lease.fingerprint == fingerprint

    def dispatched(self, fingerprint: str, now: int) -> bool:
        """Tell whether a task stands for this very fingerprint."""
        task = self.current_dispatch(now)
        return task is not None and task.fingerprint == fingerprint

    def current_dispatch(self, now: int) -> Dispatch | None:
        """Return the dispatch whose task can be relied on, if there is one."""
        return self.dispatch if self.dispatch is not None and self.dispatch.stands(now) else None

    @property
    def typical_s(self) -> float | None:
        """How long the kept results took to render, at the median; None: there are none."""
        took = [(each.finished - each.started) / 1000 for each in self.results if each.finished]
        return median(took) if took else None

    def result(self, fingerprint: str) -> Result | None:
        """Return the listed result of a fingerprint, if there is one."""
        return next((each for each in self.results if each.fingerprint == fingerprint), None)

    def asking(self, fingerprint: str, wish: str = "") -> "Record":
        """Return the record once this is asked for: count and lease of another request are dropped.

        The same wish under another engine version is not another request: while two versions are
        deployed, events reach both, and each keeps its own count.
        """
        record = self
        if record.fingerprint != fingerprint:
            if wish and wish == record.wish:
                counts = {**record.others, record.fingerprint: record.attempts}
                record = replace(record, attempts=counts.pop(fingerprint, 0), others=counts)
            else:
                record = replace(
                    record, attempts=0, returned=0, others={}, not_before=0, missing=None
                )
            record = replace(record, fingerprint=fingerprint, wish=wish)
        if record.lease is not None and record.lease.fingerprint != fingerprint:
            record = replace(record, lease=None)
        return record

    def queued_for(self, fingerprint: str) -> bool:
        """Tell whether this very request is shown as queued."""
        return self._shows(State.QUEUED, fingerprint)

    def failed_for_good(self, fingerprint: str) -> bool:
        """Tell whether this very request is shown as failed for good."""
        return self._shows(State.FAILED, fingerprint)

    def attends_to(self, fingerprint: str, now: int) -> bool:
        """Tell whether this very fingerprint has an answer, or a job that will give it one."""
        return (
            self.result(fingerprint) is not None
            or self.failed_for_good(fingerprint)
            or self.in_work(fingerprint, now)
            or self.dispatched(fingerprint, now)
        )

    def _shows(self, state: State, fingerprint: str) -> bool:
        shown = self.shown
        return (
            shown is not None
            and shown.state is state
            and shown.fingerprint == fingerprint == self.fingerprint
        )

    def deleting(self, *deletions: Deletion) -> "Record":
        """Return the record with these deletions added: each once, a folder as far as any says."""
        noted: dict[tuple[str, int], Deletion] = {}
        for each in (*self.deletions, *deletions):
            known = noted.setdefault((each.path, each.generation), each)
            if known.until is not None and (each.until is None or each.until > known.until):
                noted[each.path, each.generation] = each
        return replace(self, deletions=tuple(noted.values()))

    @property
    def objects(self) -> tuple[PublishedObject, ...]:
        """The objects of all listed results."""
        return tuple(each for result in self.results for each in result.objects)

    def lists(self, path: str, generation: int) -> bool:
        """Tell whether an object belongs to a listed result."""
        return any((each.path, each.generation) == (path, generation) for each in self.objects)


def to_fields(record: Record) -> dict[str, object]:
    """Return the record as the fields of its ledger document."""
    return write(record)


def from_fields(fields: Mapping[str, Any]) -> Record:
    """Return the record of a ledger document; an absent field has its default."""
    return read(Record, fields)
