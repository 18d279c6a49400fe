"""The thread that delivers webhooks and deletes what has expired, beside the routes."""

import logging
import threading
import time

from web.jobs.ports import Jobs
from web.jobs.webhooks import WebhookSender

_LOG = logging.getLogger("web")
_EXPIRE_EVERY_S = 60.0


class Housekeeper:
    """Runs from `start` to `stop`."""

    def __init__(self, jobs: Jobs, webhooks: WebhookSender, *, result_ttl_s: float) -> None:
        self._jobs = jobs
        self._webhooks = webhooks
        self._result_ttl_s = result_ttl_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-deliver", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        expire_at = 0.0
        while not self._stopping.wait(self._jobs.look_every_s):
            try:
                self._webhooks.deliver_due(time.time())
                if time.monotonic() > expire_at:
                    expire_at = time.monotonic() + _EXPIRE_EVERY_S
                    self._expire()
            except Exception:  # one bad message or folder must not end all others
                _LOG.exception("delivering webhooks or deleting expired files failed")

    def _expire(self) -> None:
        before = time.time() - self._result_ttl_s
        while ended := self._jobs.store.delete_ended(before):  # some at a time
            for gone in ended:
                self._jobs.files.delete(gone.folder)
