"""Go through the avatars and talks of a shard that something has happened to since the last pass.

Finds them by indexed fields alone: when a client has written the document (`updatedAt`, by the
client's clock), when the ledger was last asked for something, and whether that is shown as pending.
What changes none of these is left to the pass over all: contract.md, section 10.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Protocol

from functions.domain.subject import Subject
from functions.reconcile.findings import TASK_AGE_MS, Finding
from functions.reconcile.loading.ports import Place, Requests, TimedPage
from functions.reconcile.paging import Checkpoint, Phase, Scan, ScanStep

_MOST_MS = 8 * 86_400_000  # a pass over all comes each week
_CLOCKS_MS = 3_600_000  # so far a client's clock may be wrong
_OUTDATED = frozenset({Finding.OUTDATED})


class _Timed(Protocol):
    """Names subjects in the order of time, page by page."""

    def __call__(self, since: int, until: int, after: Place | None, limit: int) -> TimedPage:
        """Return the next ones from `since` on and before `until`."""


class RecentScan(Scan):
    """One shard's pass over what is recent."""

    phases = (
        Phase.SAVED,
        Phase.ASKED,
        Phase.PENDING,
        Phase.TALKS_ASKED,
        Phase.TALKS_PENDING,
    )

    @property
    def name(self) -> str:
        """The name of its checkpoint, which outlives a pass: it says when that began."""
        return f"recent-{super().name}"

    def beginning(self, last: Checkpoint | None, now: int) -> Checkpoint:
        """Return where it goes on; or the beginning of a pass over what came since the last."""
        if last is not None and last.until:
            return last
        since = max(now - _MOST_MS, 0 if last is None else last.since)
        return Checkpoint(phase=self.phases[0], since=since, until=now + _CLOCKS_MS)

    def last_checkpoint(self, place: Checkpoint, *, all_done: bool) -> Checkpoint:
        """Return where the next pass begins: before what this one had to leave to others.

        Where something could not be repaired, the next pass begins where this one began.
        """
        left_ms = 2 * _CLOCKS_MS + TASK_AGE_MS + round(self.checker.quiet_s * 1000)
        since = place.until - left_ms if all_done else place.since
        return Checkpoint(phase=self.phases[0], since=since)

    def _phase(self, place: Checkpoint) -> Iterator[ScanStep]:
        match place.phase:
            case Phase.SAVED:
                yield from self._timed(place, self.loader.repository.saved)
            case Phase.ASKED:
                yield from self._timed(place, self.requests.between)
            case Phase.PENDING:
                yield from self._pending(place, self.requests)
            case Phase.TALKS_ASKED:
                yield from self._timed(place, self.talk_requests.between)
            case Phase.TALKS_PENDING:
                yield from self._pending(place, self.talk_requests)

    def _timed(self, place: Checkpoint, source: _Timed) -> Iterator[ScanStep]:
        for since, until in self.loader.shard.hours(place.since, place.until):
            if until <= place.at:
                continue
            last = Place(name=place.after, at=place.at) if place.at >= since else None
            more = partial(source, since, until)
            ends = False
            while not ends:
                page = more(last, self.loader.page_size)
                yield from self._checked(place, tuple(each.subject for each in page.found))
                last, ends = page.last, page.last is None
                if last is not None:
                    place = replace(place, after=last.name, at=last.at)
                    yield ScanStep(place=place)

    def _pending(self, place: Checkpoint, requests: Requests) -> Iterator[ScanStep]:
        ends = False
        while not ends:
            page = requests.pending(self.loader.shard.ids, place.after, self.loader.page_size)
            yield from self._checked(place, page.subjects)
            place, ends = replace(place, after=page.last), not page.last
            yield ScanStep(place=place)

    def _checked(self, place: Checkpoint, subjects: tuple[Subject, ...]) -> Iterator[ScanStep]:
        """Yield those that something is wrong with; then how many there were."""
        avatars = [each.avatar_id for each in subjects if not each.is_talk]
        loaded = self.loader.entries(avatars)
        outdated = 0
        for subject in subjects:
            entry = self.talks.entry(subject) if subject.is_talk else loaded[subject.avatar_id]
            found = None if entry is None else self._found(entry)
            outdated += found is not None and Finding.OUTDATED in found
            if found is None or found - _OUTDATED:
                yield ScanStep(place=place, suspect=subject)
        yield ScanStep(place=place, avatars=len(avatars), outdated=outdated)
