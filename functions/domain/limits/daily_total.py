"""The daily total of all avatars' renders, counted in several documents.

Firestore takes about one write a second of a document for long, and each claim is such a write. So
the total is shared out: an avatar's renders count in one share, told by a hash of its id. Together
the shares are the total, which is never exceeded; a share may be used up while others are not, so
that the first renders are refused when some eight or nine tenths of the total are used. Pure.
"""

import hashlib
from dataclasses import dataclass

_LEAST = 500  # renders of a share: with fewer, the shares of one day would differ too much
_MOST_SHARES = 100


@dataclass(frozen=True, kw_only=True)
class Share:
    """The part of the daily total that one avatar's renders count in."""

    index: int
    count: int  # of shares
    most: int  # renders a day

    @property
    def name(self) -> str:
        """The quota's document."""
        return "all" if self.count == 1 else f"all:{self.index}-of-{self.count}"


def share_count(total: int) -> int:
    """Return how many shares a daily total has."""
    return max(1, min(total // _LEAST, _MOST_SHARES))


def share_of(avatar_id: str, total: int) -> Share:
    """Return an avatar's share of a daily total."""
    count = share_count(total)
    index = int.from_bytes(hashlib.sha256(avatar_id.encode()).digest()[:8]) % count
    return Share(index=index, count=count, most=total // count + (index < total % count))
