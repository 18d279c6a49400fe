"""How old this process is, so that a cold start can be told from its very beginning.

The container's start is a second or two before Python's first line, and a worker that the server
forked is as old as the server.
"""

import os
import time
from pathlib import Path

_IMPORTED = time.monotonic()
_STAT = Path("/proc/self/stat")


def process_age_s() -> float:
    """Seconds since the process, or the server that forked it, was started.

    Where the system has no /proc: since this module was imported, which is less.
    """
    since_import_s = time.monotonic() - _IMPORTED
    return max(since_import_s, _own_age_s()) if _STAT.exists() else since_import_s


def _own_age_s() -> float:
    # The name, in brackets, may hold blanks; what is counted comes after it. See proc(5), field 22.
    after_name = _STAT.read_text().rpartition(")")[2].split()
    started_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
