"""Start a child that reads what strangers have sent: no environment, no network, within limits.

A fault in a decoder then meets neither credentials nor a way to send anything: no variable of this
process is inherited, and no connection can be opened, to the metadata server neither.
"""

import functools
import logging
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Thread

from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.network_denial import deny_network, why_not_denied

_log = logging.getLogger(__name__)


def start_child(
    command: Sequence[str],
    *,
    limits: ChildLimits,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a child, in a session of its own, with unbuffered pipes.

    Its own session: Ctrl-C in the terminal reaches only the renderer, which then kills the child;
    otherwise the two would race and a half-written file could look finished.

    Args:
        command: the executable and its arguments.
        limits: what it may take.
        environment: all that it is told; None: nothing.
        stdin: as of `subprocess.Popen`, like the other two.
        stdout: where its output goes.
        stderr: where its messages go.

    Raises:
        OSError: it cannot be started.
    """

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - a fixed executable, no shell
            command,
            env=dict(environment or {}),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            bufsize=0,
            start_new_session=True,
        )

    child = _in_thread_without_network(start)
    limits.apply(child.pid)
    return child


def _in_thread_without_network(
    start: Callable[[], "subprocess.Popen[bytes]"],
) -> "subprocess.Popen[bytes]":
    """Run it in a thread that gives the network up first and then ends: children inherit that."""
    if reason := why_not_denied():
        _say_once(f"children that decode what strangers sent can reach the network: {reason}")
        return start()
    started: Future[subprocess.Popen[bytes]] = Future()

    def run() -> None:
        try:
            deny_network()
            started.set_result(start())
        except BaseException as fault:  # any: it is raised again where it is waited for
            started.set_exception(fault)

    thread = Thread(target=run, name="child-start", daemon=True)
    thread.start()
    thread.join()  # only then is the child listed as another thread's
    return started.result()


@functools.cache
def _say_once(sentence: str) -> None:
    _log.error("%s", sentence)
