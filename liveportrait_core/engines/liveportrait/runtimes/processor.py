"""What this machine's processor is, and how much of it the process may use."""

import hashlib
import math
import os
import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_NATIVE_BF16 = {"avx512_bf16", "amx_bf16"}
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: quota and period in microseconds, or "max"


def usable_cpus() -> int:
    """Return the processors that this process may use: by its affinity, and by its quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min(count, _quota() or count))


def has_bf16() -> bool:
    """Whether products of bf16 numbers are instructions of their own here."""
    return bool(_NATIVE_BF16 & _flags())


def processor_name() -> str:
    """Return its name, with a digest of what it can do."""
    model = _field("model name") or platform.processor() or platform.machine()
    return f"{model} {hashlib.sha256(' '.join(sorted(_flags())).encode()).hexdigest()[:8]}"


def _flags() -> set[str]:
    return set(_field("flags").split())


@cache
def _field(name: str) -> str:
    """Return a field of the first processor; empty where the system does not tell."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return ""
    fields = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in fields if key.strip() == name), "")


def _quota() -> int | None:
    try:
        quota, period = _QUOTA.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no such system, or no limit
        return None
