"""What reconcile reads and what that costs, on paper: document reads, listings, USD.

Nothing is called. `reads_of_all` and `reads_of_recent` say what the passes of `functions.reconcile`
ask of Firestore and Storage where nothing is wrong; a test counts the same on a run. Prices are
those of one region (https://cloud.google.com/firestore/pricing, https://cloud.google.com/storage/pricing,
November 2026), without free tiers.
"""

import math
from dataclasses import dataclass

_PAGE = 500
_USD_PER_READ = 0.03 / 100_000
_USD_PER_LISTING = 0.005 / 1_000
_OBJECTS_PER_LISTING = 1_000
_NIGHTS, _WEEKS = 30, 30 / 7  # of a month


@dataclass(frozen=True, kw_only=True)
class Load:
    """What there is, and what happens in a day."""

    avatars: int
    asking: float = 0.5  # the share that asks for a video, or once did
    talks_each: float = 0.2  # of those that ask
    objects_each: int = 10  # of those that ask: inputs, three results, cache
    saved: float = 0.05  # the share that is saved in a day and the hours a pass goes back further
    requested: float = 0.03  # the share that is asked for something new in that time

    @property
    def served(self) -> int:
        """Avatars that ask for a video, or once did."""
        return round(self.avatars * self.asking)


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What a pass asks for."""

    documents: int
    listings: int

    @property
    def usd(self) -> float:
        """What that costs."""
        return self.documents * _USD_PER_READ + self.listings * _USD_PER_LISTING


def reads_of_all(load: Load) -> Reads:
    """Return what a pass over all avatars reads."""
    served, talks = load.served, round(load.served * load.talks_each)
    avatars = load.avatars + 2 * served  # each document, then it and its ledger
    ledgers = 2 * served  # each, and whether its document is there
    caches = served  # whether the document of each is there
    # Of each talk its document and ledger with those of its avatar: by path, and by ledger.
    spoken = talks * (1 + 4) + talks * (1 + 4)
    pages = math.ceil(load.avatars / _PAGE) + math.ceil(
        served * load.objects_each / _OBJECTS_PER_LISTING
    )
    cached = math.ceil(served / _OBJECTS_PER_LISTING)
    return Reads(documents=avatars + ledgers + caches + spoken, listings=pages + cached + talks)


def reads_of_recent(load: Load) -> Reads:
    """Return what a pass over what is recent reads."""
    saved = round(load.avatars * load.saved)
    served = round(saved * load.asking)
    requested = round(load.avatars * load.requested)
    talks = round(requested * load.talks_each)
    avatars = saved + 2 * served + requested * (1 + 2)
    return Reads(documents=avatars + talks * (1 + 4), listings=served + requested + talks)


def show() -> list[str]:
    """Return the table of docs/run/operations.md."""
    lines = [
        "| avatars | a night: documents, listings, USD | a week's: documents, listings, USD"
        " | USD a month | every night over all: USD a month |",
        "|---|---|---|---|---|",
    ]
    for avatars in (10_000, 100_000, 1_000_000):
        load = Load(avatars=avatars)
        night, week = reads_of_recent(load), reads_of_all(load)
        month = night.usd * _NIGHTS + week.usd * _WEEKS
        before = week.usd * _NIGHTS
        lines.append(
            f"| {avatars:,} | {_told(night)} | {_told(week)} | {month:.2f} | {before:.2f} |"
        )
    return lines


def _told(reads: Reads) -> str:
    return f"{reads.documents:,}, {reads.listings:,}, {reads.usd:.3f}"
