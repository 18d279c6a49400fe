"""Keep a thread, and every process that it starts, from opening any network connection.

By a seccomp filter, which Linux lets an unprivileged thread put on itself: it is inherited by
children, survives exec and can never be taken off. Network namespaces would ask for privileges
that containers mostly lack. The filter refuses `socket` itself, and the calls by which a process
of the same user could have another one open a connection for it. Landlock, where the kernel has it,
closes the last such way: other processes' memory in /proc, and signals to them. See seccomp(2),
landlock(7) and Documentation/userspace-api/seccomp_filter.rst.
"""

import ctypes
import errno
import functools
import os
import platform
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class _Machine:
    """What differs between processors: <asm/unistd.h>, <linux/audit.h>."""

    audit_arch: int
    seccomp: int  # the number of the call
    refused: tuple[int, ...]
    foreign_calls_from: int | None = None  # x86-64: numbers of its 32-bit variant begin here


# The same number on every machine: io_uring_setup, io_uring_enter, io_uring_register (a ring opens
# sockets unseen by the filter), pidfd_getfd (takes another process' socket).
_REFUSED_EVERYWHERE: Final = (425, 426, 427, 438)
# In this order: socket, ptrace, process_vm_readv, process_vm_writev.
_MACHINES: Final = {
    "x86_64": _Machine(
        audit_arch=0xC000003E,
        seccomp=317,
        refused=(41, 101, 310, 311),
        foreign_calls_from=0x4000_0000,
    ),
    "aarch64": _Machine(audit_arch=0xC00000B7, seccomp=277, refused=(198, 117, 270, 271)),
}
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCH_AT = 0, 4  # in struct seccomp_data
_ALLOW, _KILL_PROCESS, _FAIL = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER: Final = 1
# Else older kernels slow the whole child down, as they do for code that came over the network.
_SPEC_ALLOW: Final = 4


# The same numbers on every machine.
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT_SELF = 444, 446
_VERSION_ASKED: Final = 1
_MAKE_SPECIAL_FILES: Final = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11  # devices, sockets, pipes
_SIGNALS_FROM_VERSION: Final = 6
_SIGNALS_STAY_INSIDE: Final = 1 << 1


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def deny_network() -> None:
    """Take the network from the calling thread and from what it will start, for ever.

    Raises:
        OSError: this system has no such filter, or does not allow it.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        raise OSError(errno.ENOSYS, f"no seccomp filter for {sys.platform} {platform.machine()}")
    instructions = _filter(machine)
    program = _Program(len(instructions) // 8, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _leave_other_processes_alone(libc)
    filtered = libc.syscall(
        ctypes.c_long(machine.seccomp),
        ctypes.c_ulong(_SET_MODE_FILTER),
        ctypes.c_ulong(_SPEC_ALLOW),
        ctypes.byref(program),
    )
    _check(filtered, "seccomp")


def _leave_other_processes_alone(libc: ctypes.CDLL) -> None:
    """Enter a Landlock domain, from which no process outside can be looked into.

    Where the kernel has none, that is left open. A domain has to refuse something of the file
    system: it is what no decoder makes.
    """
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _VERSION_ASKED)
    if version < 1:
        return  # the kernel is older than 5.13, or does not use it
    attributes = struct.pack("Q", _MAKE_SPECIAL_FILES)
    if version >= _SIGNALS_FROM_VERSION:
        attributes += struct.pack("QQ", 0, _SIGNALS_STAY_INSIDE)
    ruleset = libc.syscall(
        _LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)
    )
    if ruleset < 0:
        _check(ruleset, "landlock")
    try:
        _check(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, ctypes.c_uint(0)), "landlock")
    finally:
        os.close(ruleset)


@functools.cache
def why_not_denied() -> str:
    """Try it once in a thread that ends: "" where the network can be denied, else the reason."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="network-denial") as pool:
        return pool.submit(_tried).result()


def _tried() -> str:
    try:
        deny_network()
    except OSError as refused:
        return str(refused)
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except PermissionError:
        return ""
    return "the system accepts the seccomp filter and does not follow it"


def _filter(machine: _Machine) -> bytes:
    refused = (*machine.refused, *_REFUSED_EVERYWHERE)
    checks = [(_JUMP_IF_EQUAL, number) for number in refused]
    if machine.foreign_calls_from is not None:
        checks.append((_JUMP_IF_AT_LEAST, machine.foreign_calls_from))
    steps = [
        _step(_LOAD, _ARCH_AT),
        _step(_JUMP_IF_EQUAL, machine.audit_arch, if_true=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER_AT),
    ]
    # Behind the last check stands "allow", behind that "fail".
    steps += [
        _step(kind, value, if_true=len(checks) - position)
        for position, (kind, value) in enumerate(checks)
    ]
    steps += [_step(_RETURN, _ALLOW), _step(_RETURN, _FAIL | errno.EACCES)]
    return b"".join(steps)


def _step(code: int, value: int, *, if_true: int = 0) -> bytes:
    """`struct sock_filter`; where a condition does not hold, the next step follows."""
    return struct.pack("HBBI", code, if_true, 0, value)


def _check(status: int, call: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call} is refused: {errno.errorcode.get(number, number)}")
