"""Idempotency keys of requests that this process is receiving, each by one request at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from web.errors import KeyInWork

_RETRY_AFTER_S = 1


class KeysInWork:
    """Safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[tuple[str, str]] = set()

    @contextmanager
    def held(self, owner: str, key: str | None) -> Iterator[None]:
        """Hold a key while its request is received; None: the request has none.

        Afterwards the generation is stored, and a repeat is answered with it.

        Raises:
            KeyInWork: another request holds it.
        """
        if key is None:
            yield
            return
        with self._lock:
            if (owner, key) in self._held:
                raise KeyInWork(
                    f"the request with the key {key} is still being received; accepted: the same "
                    "request once that is answered, or a new key",
                    retry_after_s=_RETRY_AFTER_S,
                )
            self._held.add((owner, key))
        try:
            yield
        finally:
            with self._lock:
                self._held.remove((owner, key))
