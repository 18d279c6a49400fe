"""Which failures pass by themselves: phrases of Google's messages, in lower case.

Tried again for ten minutes, which Google names for a new API, account or role to be known
everywhere. A message that says “try again” alone is no such failure: quotas say it too.
"""

from typing import Final

ENABLING: Final = (
    "has not been used in project",
    "wait a few minutes",
    "concurrent policy changes",
    "temporarily unavailable",
)
FRESH: Final = (
    *ENABLING,
    "does not exist",
    "not found",
    "matched no objects",  # what a candidate is about to store
    "service agent",
    "propagat",
)
PERMANENT: Final = ("quota", "billing", "organization policy", "already exists", "already_exists")
