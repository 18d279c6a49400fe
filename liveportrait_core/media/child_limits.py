"""What a child process may take: memory, processor time, and bytes of a file that it writes.

Set from here after its start, with `prlimit`: `preexec_fn` may not be used beside other threads,
and a launcher in between would hide the child's name and its failure to start. What the child does
in the thousandth of a second until then counts: the limit on memory includes what it has already.
Without `prlimit` (macOS) children run without limits, which is logged once.
"""

import functools
import logging
import os
import resource
import sys
from dataclasses import dataclass
from typing import Final

_log = logging.getLogger(__name__)
# A child that is told that its time is over may end by itself before it is killed.
_GRACE_S: Final = 5
# A thread's stack counts as its process' memory; the child starts a thread for each processor.
_BYTES_A_THREAD: Final = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class ChildLimits:
    """Upper bounds that no honest job reaches."""

    memory_bytes: int  # of data: neither the program nor what it maps from files
    processor_s: int
    file_bytes: int

    def apply(self, pid: int) -> None:
        """Bind a child that has just been started; one that has ended already is no fault."""
        if sys.platform != "linux":
            _say_once(f"children run without limits: {sys.platform} has no prlimit")
            return
        wanted = {
            resource.RLIMIT_DATA: self.memory_bytes + (os.cpu_count() or 1) * _BYTES_A_THREAD,
            resource.RLIMIT_CPU: self.processor_s,
            resource.RLIMIT_FSIZE: self.file_bytes,
            resource.RLIMIT_CORE: 0,
        }
        try:
            for kind, soft in wanted.items():
                hard = soft + _GRACE_S if kind == resource.RLIMIT_CPU else soft
                now = resource.prlimit(pid, kind)
                resource.prlimit(pid, kind, (_lower(soft, now[0]), _lower(hard, now[1])))
        except ProcessLookupError:
            return
        except OSError as refused:
            _say_once(f"children run without limits: {refused}")


def _lower(wanted: int, present: int) -> int:
    return wanted if present < 0 else min(wanted, present)  # below zero: unlimited


@functools.cache
def _say_once(sentence: str) -> None:
    _log.warning("%s", sentence)
