"""How old this process is, so that a cold start can be told from its very beginning.

The container's start is a second or two before Python's first line, and a worker that the server
forks at its own start is as old as the server.
"""

import os
import time
from pathlib import Path

_IMPORTED = time.monotonic()
_STAT = Path("/proc/self/stat")
_PROMPT_S = 30.0  # a server forks its first worker sooner; a later one replaces a dead one


def process_age_s() -> float:
    """Seconds since the process was started, or the server that forked it at its own start.

    Where the system has no /proc: since this module was imported, which is less.
    """
    since_import_s = time.monotonic() - _IMPORTED
    return combined_s(since_import_s, _own_age_s() if _STAT.exists() else since_import_s)


def combined_s(since_import_s: float, own_age_s: float) -> float:
    """The age that counts.

    Args:
        since_import_s: since this module was imported, perhaps before a fork.
        own_age_s: of the process itself: since the fork where there was one.
    """
    replaces_another = since_import_s - own_age_s > _PROMPT_S
    return own_age_s if replaces_another else max(since_import_s, own_age_s)


def _own_age_s() -> float:
    # The name, in brackets, may hold blanks; what is counted comes after it. See proc(5), field 22.
    after_name = _STAT.read_text().rpartition(")")[2].split()
    started_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
