"""Doing a thing again after a fault, for a while.

Whether a transaction that failed was committed is not known: of its answer, or of the question, one
was lost. To decide it again tells, for transitions change nothing the second time: what an owner
has done under its lease cannot be done twice, because a lease is never granted twice to one owner.
"""

from collections.abc import Callable
from typing import TypeVar

from functions.errors import FunctionError
from functions.jobs.ports import Clock
from functions.observability import log

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
_T = TypeVar("_T")


def retry(clock: Clock, act: Callable[[], _T], *, within_s: float) -> _T:
    """Do it until it does not fail; pauses grow, and none begins that would end too late.

    Args:
        clock: this machine's, to pause by.
        act: raises a `FunctionError` where nothing failed, but something was decided.
        within_s: seconds from now.
    """
    until = clock.monotonic() + within_s
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return act()
        except FunctionError:
            raise
        except Exception as fault:
            if clock.monotonic() + pause_s > until:
                raise
            log.warning("to be done again after a fault", reason=str(fault))
        clock.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
