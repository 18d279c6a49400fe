"""What a piece of work takes: processor seconds, peak memory on its device."""

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def core_s() -> float:
    """Return the processor seconds of this process and of its ended children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak_growth_bytes(device: torch.device, work: Callable[[], object]) -> int | None:
    """Return the peak growth of memory while the work runs; None: not measurable here.

    On CUDA torch's allocations, on Linux' CPU the resident set; memory in use before does not
    count.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    if device.type != "cpu" or not _reset_peak():
        return None
    before = _status_bytes("VmRSS")
    work()
    return _status_bytes("VmHWM") - before


def _reset_peak() -> bool:
    try:
        _CLEAR.write_text("5")  # proc(5): resets the peak resident set size
    except OSError:  # another system, or a sandbox that forbids it
        return False
    return True


def _status_bytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{_STATUS} has no {name}")
    return 1024 * int(found[1])
