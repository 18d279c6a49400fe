"""Learn that the server is told to end, and end it.

gunicorn installs its worker's handler of SIGTERM itself, after every hook that an application under
functions-framework has, and keeps it: so its effect is watched, the worker's public `alive`. Cloud
Run sends SIGTERM and kills ten seconds later
(https://cloud.google.com/run/docs/container-contract#instance-shutdown).
"""

import os
import signal
import threading
import time

from functions.runtime.process_health import ProcessHealth

_EVERY_S = 0.2


def serve_until_told(health: ProcessHealth) -> None:
    """Watch for the server's end, and let `health` end it; only in a worker, after the fork."""
    health.terminate = _terminate_server
    threading.Thread(target=_watch, args=(health,), name="shutdown", daemon=True).start()


def _watch(health: ProcessHealth) -> None:
    while not _is_told():
        time.sleep(_EVERY_S)
    health.tell_end("SIGTERM")


def _is_told() -> bool:
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "alive", True) is False


def _terminate_server() -> None:
    """Tell gunicorn's parent process to end: it lets the answers be sent, and starts no other."""
    os.kill(os.getppid(), signal.SIGTERM)
