"""One reason to process an avatar: a delivered event, a task, or reconcile."""

from dataclasses import dataclass

from functions.domain.document import Gate
from functions.domain.job_record import Dispatch


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What it is about, since when, and until when."""

    avatar_id: str
    case: Gate
    inputs_key: object  # of the document for whose sake it is; None: it is gone
    since_s: float  # Unix time of the wish, by the database's clock
    deadline: float  # on the clock's monotonic scale
    dispatch: Dispatch | None = None  # the task that this trigger ends
