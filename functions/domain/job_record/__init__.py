"""The ledger's record of an avatar or a talk: `livePortraitJobs/…`, `livePortraitTalkJobs/…`.

Pure: times are epoch milliseconds of the database's clock, passed in. `transitions` decides how a
record changes, `status_view` how the document shows it.
"""

from functions.domain.job_record.parts import (
    Deletion,
    Dispatch,
    ErrorInfo,
    FailedTries,
    Lease,
    Missing,
    PublishedObject,
    Purpose,
    Quality,
    Result,
    StatusView,
    TalkCuts,
)
from functions.domain.job_record.record import Record, from_fields, to_fields

__all__ = [
    "Deletion",
    "Dispatch",
    "ErrorInfo",
    "FailedTries",
    "Lease",
    "Missing",
    "PublishedObject",
    "Purpose",
    "Quality",
    "Record",
    "Result",
    "StatusView",
    "TalkCuts",
    "from_fields",
    "to_fields",
]
