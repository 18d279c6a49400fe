"""How old this process is, so that a cold start can be told from its very beginning.

A worker that the server forks at its own start is as old as the server, whose age only the server
itself could ask for: so it is asked for when this module is imported, before the fork.
"""

import os
import time
from pathlib import Path

_STAT = Path("/proc/self/stat")
_PROMPT_S = 30.0  # a server forks its first worker sooner; a later one replaces a dead one


def process_age_s() -> float:
    """Seconds since the process was started, or the server that forked it at its own start.

    Where the system has no /proc: since this module was imported, which is less.
    """
    oldest_s = time.monotonic() - _STARTED
    return combined_s(oldest_s, _own_age_s() if _STAT.exists() else oldest_s)


def combined_s(oldest_s: float, own_s: float) -> float:
    """The age that counts.

    Args:
        oldest_s: of the process that imported this module, perhaps before a fork.
        own_s: of the process itself: since the fork where there was one.
    """
    return own_s if oldest_s - own_s > _PROMPT_S else oldest_s


def _own_age_s() -> float:
    if not _STAT.exists():
        return 0.0
    # The name, in brackets, may hold blanks; what is counted comes after it. See proc(5), field 22.
    after_name = _STAT.read_text().rpartition(")")[2].split()
    started_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


_STARTED = time.monotonic() - _own_age_s()
