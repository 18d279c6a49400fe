"""Go once through all avatars of a shard, page by page, phase by phase.

Reads and checks; repairs nothing. Every step tells where the pass is once it is done, so that
another run can go on from there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from functions.domain.subject import Subject
from functions.reconcile.findings import Checker, Entry, Finding
from functions.reconcile.page_loader import PageLoader, Requested
from functions.reconcile.talk_loader import TalkLoader


class Phase(StrEnum):
    """The parts of a pass, in order."""

    DOCUMENTS = "documents"  # by id, with the objects between them
    LEDGERS = "ledgers"  # by id: those without a document, or with something to be deleted
    CACHES = "caches"  # by id: those without a document
    TALKS = "talks"  # by path
    TALK_LEDGERS = "talk-ledgers"  # by id: those without a document, or with something noted
    UPGRADES = "upgrades"  # by the last request, newest first; only where wanted


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The place that a pass has reached."""

    phase: Phase = Phase.DOCUMENTS
    after: str = ""  # id, or a talk's path; "" at the beginning of a phase
    at: int = 0  # epoch ms of that avatar's last request, in the order of upgrades


@dataclass(frozen=True, kw_only=True)
class ScanStep:
    """A subject that may need repair, or the end of a page."""

    place: Checkpoint  # where the pass is once this is done
    suspect: Subject | None = None  # None: the end of a page
    avatars: int = 0  # documents on the page that ends
    outdated: int = 0  # of these, answered by another engine version


@dataclass(frozen=True, kw_only=True)
class PageScan:
    """One shard's pass over its avatars."""

    loader: PageLoader
    talks: TalkLoader
    checker: Checker
    upgrading: bool

    def turns(self, start: Checkpoint) -> Iterator[ScanStep]:
        """Yield all steps from a checkpoint to the end of the pass."""
        phases = list(Phase)
        for phase in phases[phases.index(start.phase) :]:
            place = start if phase is start.phase else Checkpoint(phase=phase)
            match phase:
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
                case Phase.UPGRADES if self.upgrading:
                    yield from self._upgrades(place)

    def entry(self, subject: Subject) -> Entry:
        """Load one subject as it is now.

        Raises:
            LedgerGarbled: its ledger cannot be read.
        """
        if subject.is_talk:
            return self.talks.entry(subject)
        return self.loader.entry(subject.avatar_id)

    def _documents(self, place: Checkpoint) -> Iterator[ScanStep]:
        ends = False
        while not ends:
            page = self.loader.page(place.after)
            ends = page.ends
            judged = [(entry.avatar.avatar_id, self._found(entry)) for entry in page.entries]
            suspects = {*page.strangers, *(name for name, found in judged if found - _UPGRADE)}
            yield from _suspects(place, suspects)
            place = replace(place, after=page.last)
            outdated = sum(Finding.OUTDATED in found for _, found in judged)
            yield ScanStep(place=place, avatars=page.avatars, outdated=outdated)

    def _found(self, entry: Entry) -> frozenset[Finding]:
        return frozenset(self.checker.findings(entry))

    def _ledgers(self, place: Checkpoint) -> Iterator[ScanStep]:
        loader = self.loader
        while page := loader.repository.ledgers(place.after, loader.page_size):
            own = {each: owes for each, owes in page.items() if loader.shard.has(each)}
            owing = (each for each, owes in own.items() if owes)
            yield from _suspects(place, {*owing, *self._without_document(list(own))})
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
            for talk in page.talks:
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
            for talk in page.talks:
                avatar = self.talks.repository.dated(talk).avatar
                if avatar.document is None or avatar.record.owes_deletions:
                    yield ScanStep(place=place, suspect=talk)
            place, ends = replace(place, after=page.last), not page.last
            yield ScanStep(place=place)

    def _without_document(self, avatar_ids: Sequence[str]) -> Sequence[str]:
        return self.loader.repository.without_document(avatar_ids) if avatar_ids else ()

    def _upgrades(self, place: Checkpoint) -> Iterator[ScanStep]:
        loader = self.loader
        last = Requested(avatar_id=place.after, at=place.at) if place.after else None
        while page := loader.repository.requested(last, loader.page_size):
            own = [each for each in page if loader.shard.has(each.avatar_id)]
            earlier = self._answered_earlier([each.avatar_id for each in own])
            for each in own:
                if each.avatar_id in earlier:
                    yield ScanStep(
                        place=_at(place, each), suspect=Subject(avatar_id=each.avatar_id)
                    )
            last = page[-1]
            yield ScanStep(place=_at(place, last))

    def _answered_earlier(self, avatar_ids: Sequence[str]) -> set[str]:
        """Return those whose last answer is of another engine version, to be checked again."""
        found = self.loader.repository.dated(avatar_ids) if avatar_ids else ()
        return {
            dated.avatar.avatar_id
            for dated in found
            if (shown := dated.avatar.record.shown) is not None
            and shown.engine_version not in ("", self.checker.engine_version)
        }


_UPGRADE = frozenset({Finding.OUTDATED})


def _suspects(place: Checkpoint, avatar_ids: Iterable[str]) -> Iterator[ScanStep]:
    for avatar_id in sorted(avatar_ids):
        yield ScanStep(place=replace(place, after=avatar_id), suspect=Subject(avatar_id=avatar_id))


def _at(place: Checkpoint, requested: Requested) -> Checkpoint:
    return replace(place, after=requested.avatar_id, at=requested.at)
