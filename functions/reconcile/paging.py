"""Go once through all avatars of a shard, page by page, phase by phase.

Reads and checks; repairs nothing. Every step tells where the pass is once it is done, so that
another run can go on from there. `recent` goes through those that something has changed for.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import ClassVar, Final

from functions.domain.subject import Subject
from functions.reconcile.entry import Entry
from functions.reconcile.findings import Checker, Finding
from functions.reconcile.loading.page_loader import PageLoader
from functions.reconcile.loading.ports import Place, Requests
from functions.reconcile.loading.talk_loader import TalkLoader


class Phase(StrEnum):
    """The parts of a pass."""

    DOCUMENTS = "documents"  # by id, with the objects between them
    LEDGERS = "ledgers"  # by id: those without a document, or with something to be deleted
    CACHES = "caches"  # by id: those without a document
    TALKS = "talks"  # by path
    TALK_LEDGERS = "talk-ledgers"  # by id: those without a document, or with something noted
    UPGRADES = "upgrades"  # by the last request, newest first; only where wanted
    TALK_UPGRADES = "talk-upgrades"  # likewise
    # Of a pass over what is recent:
    SAVED = "saved"  # documents, by the time at which a client has saved them
    ASKED = "asked"  # ledgers, by their last request
    PENDING = "pending"  # by id: those that are shown as pending
    TALKS_ASKED = "talks-asked"
    TALKS_PENDING = "talks-pending"


UPGRADES: Final = (Phase.UPGRADES, Phase.TALK_UPGRADES)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The place that a pass has reached."""

    phase: Phase
    after: str = ""  # id, or a talk's path; "" at the beginning of a phase
    at: int = 0  # epoch ms, in phases that go by time: that of `after`
    since: int = 0  # epoch ms: what a pass over what is recent begins with
    until: int = 0  # and where it ends; 0: it has not begun


@dataclass(frozen=True, kw_only=True)
class ScanStep:
    """A subject that may need repair, or the end of a page."""

    place: Checkpoint  # where the pass is once this is done
    suspect: Subject | None = None  # None: the end of a page
    avatars: int = 0  # documents on the page that ends
    outdated: int = 0  # of these, answered by another engine version


@dataclass(frozen=True, kw_only=True)
class Scan(ABC):
    """One shard's pass."""

    phases: ClassVar[tuple[Phase, ...]]
    loader: PageLoader
    talks: TalkLoader
    checker: Checker
    requests: Requests
    talk_requests: Requests
    upgrading: bool = False

    @property
    def name(self) -> str:
        """The name of its checkpoint."""
        shard = self.loader.shard
        return f"{shard.index}-of-{shard.count}"

    def beginning(self, last: Checkpoint | None, now: int) -> Checkpoint:
        """Return where it begins, or goes on.

        Args:
            last: the stored checkpoint; None: there is none.
            now: epoch ms.
        """
        del now
        if last is None or (last.phase in UPGRADES and not self.upgrading):
            return Checkpoint(phase=self.phases[0])
        return last

    def last_checkpoint(self, place: Checkpoint, *, all_done: bool) -> Checkpoint | None:
        """Return what is kept at the end of a pass; None: nothing."""
        del place, all_done
        return None

    def steps(self, start: Checkpoint) -> Iterator[ScanStep]:
        """Yield all steps from a checkpoint to the end of the pass."""
        for phase in self.phases[self.phases.index(start.phase) :]:
            anew = replace(start, phase=phase, after="", at=0)
            yield from self._phase(start if phase is start.phase else anew)

    @abstractmethod
    def _phase(self, place: Checkpoint) -> Iterator[ScanStep]:
        """Yield the steps of one phase."""

    def entry(self, subject: Subject) -> Entry:
        """Load one subject as it is now.

        Raises:
            LedgerGarbled: its ledger cannot be read.
        """
        if subject.is_talk:
            return self.talks.entry(subject)
        return self.loader.entry(subject.avatar_id)

    def _found(self, entry: Entry) -> frozenset[Finding]:
        return frozenset(self.checker.findings(entry))


class PageScan(Scan):
    """One shard's pass over all of its avatars and talks."""

    phases = (
        Phase.DOCUMENTS,
        Phase.LEDGERS,
        Phase.CACHES,
        Phase.TALKS,
        Phase.TALK_LEDGERS,
        Phase.UPGRADES,
        Phase.TALK_UPGRADES,
    )

    def _phase(self, place: Checkpoint) -> Iterator[ScanStep]:
        match place.phase:
            case Phase.DOCUMENTS:
                yield from self._documents(place)
            case Phase.LEDGERS:
                yield from self._ledgers(place)
            case Phase.CACHES:
                yield from self._caches(place)
            case Phase.TALKS:
                yield from self._talks(place)
            case Phase.TALK_LEDGERS:
                yield from self._talk_ledgers(place)
            case Phase.UPGRADES if self._upgrades_here:
                yield from self._upgrades(place, self.requests)
            case Phase.TALK_UPGRADES if self._upgrades_here:
                yield from self._upgrades(place, self.talk_requests)

    @property
    def _upgrades_here(self) -> bool:
        """Whether this shard renders anew: one does, for the order is that of all requests."""
        return self.upgrading and self.loader.shard.index == 0

    def _documents(self, place: Checkpoint) -> Iterator[ScanStep]:
        ends = False
        while not ends:
            page = self.loader.page(place.after)
            ends = page.ends
            judged = [(entry.avatar.avatar_id, self._found(entry)) for entry in page.entries]
            suspects = {*page.strangers, *(name for name, found in judged if found - _UPGRADE)}
            yield from _suspects(place, suspects)
            for talk in filter(self._is_forgotten, page.talks):
                yield ScanStep(place=place, suspect=talk)
            place = replace(place, after=page.last)
            outdated = sum(Finding.OUTDATED in found for _, found in judged)
            yield ScanStep(place=place, avatars=page.avatars, outdated=outdated)

    def _is_forgotten(self, talk: Subject) -> bool:
        """Tell whether nothing but objects is left of a talk: no other phase comes upon it.

        A render that stood still for as long as its talk was deleted may upload, and die, later.
        """
        avatar = self.talks.repository.dated(talk).avatar
        return avatar.document is None and not avatar.has_ledger

    def _ledgers(self, place: Checkpoint) -> Iterator[ScanStep]:
        loader = self.loader
        while page := loader.repository.ledgers(loader.shard.ids, place.after, loader.page_size):
            owing = (each for each, owes in page.items() if owes)
            yield from _suspects(place, {*owing, *self._without_document(list(page))})
            place = replace(place, after=list(page)[-1])
            yield ScanStep(place=place)

    def _caches(self, place: Checkpoint) -> Iterator[ScanStep]:
        cached = self.loader.cached(place.after)
        while ids := list(islice(cached, self.loader.page_size)):
            yield from _suspects(place, self._without_document(ids))
            place = replace(place, after=ids[-1])
            yield ScanStep(place=place)

    def _talks(self, place: Checkpoint) -> Iterator[ScanStep]:
        ends = False
        while not ends:
            page = self.talks.page(place.after)
            outdated = 0
            for talk in page.subjects:
                found = self._found(self.talks.entry(talk))
                outdated += Finding.OUTDATED in found
                if found - _UPGRADE:
                    yield ScanStep(place=place, suspect=talk)
            place, ends = replace(place, after=page.last), not page.last
            yield ScanStep(place=place, outdated=outdated)

    def _talk_ledgers(self, place: Checkpoint) -> Iterator[ScanStep]:
        ends = False
        while not ends:
            page = self.talks.ledgers(place.after)
            for talk in page.subjects:
                avatar = self.talks.repository.dated(talk).avatar
                if avatar.document is None or avatar.record.owes_deletions:
                    yield ScanStep(place=place, suspect=talk)
            place, ends = replace(place, after=page.last), not page.last
            yield ScanStep(place=place)

    def _without_document(self, avatar_ids: Sequence[str]) -> Sequence[str]:
        return self.loader.repository.without_document(avatar_ids) if avatar_ids else ()

    def _upgrades(self, place: Checkpoint, requests: Requests) -> Iterator[ScanStep]:
        last = Place(name=place.after, at=place.at) if place.after else None
        ends = False
        while not ends:
            page = requests.newest(last, self.loader.page_size)
            earlier = self._answered_earlier([each.subject for each in page.found])
            for each in page.found:
                if each.subject in earlier:
                    yield ScanStep(place=_at(place, each.place), suspect=each.subject)
            last, ends = page.last, page.last is None
            if last is not None:
                yield ScanStep(place=_at(place, last))

    def _answered_earlier(self, subjects: Sequence[Subject]) -> set[Subject]:
        """Return those whose last answer may be outdated, to be checked again."""
        avatars = [each.avatar_id for each in subjects if not each.is_talk]
        found = self.loader.repository.dated(avatars) if avatars else ()
        earlier = {
            dated.avatar.subject
            for dated in found
            if (shown := dated.avatar.record.shown) is not None
            and shown.engine_version not in ("", self.checker.engine_version)
        }
        # A talk is also outdated where it was made for another idle video.
        return earlier | {each for each in subjects if each.is_talk}


_UPGRADE = frozenset({Finding.OUTDATED})


def _suspects(place: Checkpoint, avatar_ids: Iterable[str]) -> Iterator[ScanStep]:
    for avatar_id in sorted(avatar_ids):
        yield ScanStep(place=replace(place, after=avatar_id), suspect=Subject(avatar_id=avatar_id))


def _at(place: Checkpoint, reached: Place) -> Checkpoint:
    return replace(place, after=reached.name, at=reached.at)
