"""The turns of an owner's renders: so many are in flight at once, the others wait in line.

A dispatch that waits is noted in its ledger as held, and has no task; the owner's list says who is
in flight and who waits, and is written in the transactions that write the dispatches. The process
that ends a render makes the task of the next one. Pure. Rules: contract.md, section 9.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from functions.domain.subject import Subject

TURN_LIFE_MS: Final = 24 * 3_600_000  # as long as a dispatch is relied on
MOST_WAITING: Final = 200  # of one owner: the list is one document


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One render that is dispatched."""

    subject: Subject
    at: int  # epoch ms: of its dispatch
    held: int = 0  # epoch ms since when it waits; 0: it is in flight

    @property
    def order(self) -> tuple[int, Subject]:
        """Its place in line."""
        return self.held, self.subject


@dataclass(frozen=True, kw_only=True)
class Turns:
    """All turns of one owner."""

    every: tuple[Turn, ...] = ()
    now: int = 0  # epoch ms, by the database's clock: when they were read

    def position(self, subject: Subject, most: int) -> int:
        """Return a subject's place among those that wait, from 1; 0: it may begin.

        Args:
            subject: one that waits, or comes last.
            most: so many are in flight at once.
        """
        own = next((each for each in self.waiting if each.subject == subject), None)
        order = (self.now, subject) if own is None else own.order
        others = [each for each in self._current if each.subject != subject]
        free = most - sum(not each.held for each in others)
        ahead = sum(bool(each.held) and each.order < order for each in others)
        return max(0, ahead - free + 1)

    def next(self, most: int) -> tuple[Subject, ...]:
        """Return those that may begin."""
        free = max(0, most - len(self.in_flight))
        return tuple(each.subject for each in self.waiting[:free])

    @property
    def in_flight(self) -> tuple[Turn, ...]:
        """Those whose task is made, or about to be."""
        return tuple(each for each in self._current if not each.held)

    @property
    def waiting(self) -> tuple[Turn, ...]:
        """Those that wait, in order."""
        held = (each for each in self._current if each.held)
        return tuple(sorted(held, key=lambda each: each.order))

    @property
    def _current(self) -> Iterator[Turn]:
        return (each for each in self.every if self.now - each.at < TURN_LIFE_MS)
