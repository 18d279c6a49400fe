"""Measure the age of this process, so that a cold start is timed from its beginning.

A worker that the server forks at its own start is as old as the server, and only the server itself
can read that age: so it is read when this module is imported, before the fork.
"""

import os
import time
from pathlib import Path

_STAT = Path("/proc/self/stat")
_PROMPT_S = 30.0  # a server forks its first worker sooner; a later worker replaces a dead one


def process_age_s() -> float:
    """Return the seconds since the start of the process, or of the server that forked it.

    On a system without /proc: since the import of this module, which is less.
    """
    oldest_s = time.monotonic() - _STARTED
    return combined_s(oldest_s, _own_age_s() if _STAT.exists() else oldest_s)


def combined_s(oldest_s: float, own_s: float) -> float:
    """Return the server's age for its first worker, else the process's own.

    Args:
        oldest_s: age of the process that imported this module, perhaps before a fork.
        own_s: age of this process, from the fork where there was one.
    """
    return own_s if oldest_s - own_s > _PROMPT_S else oldest_s


def _own_age_s() -> float:
    if not _STAT.exists():
        return 0.0
    # The name, in brackets, may hold blanks; count fields after it. See proc(5), field 22.
    after_name = _STAT.read_text().rpartition(")")[2].split()
    started_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


_STARTED = time.monotonic() - _own_age_s()
