"""Google's Firestore emulator in the place of the embedded one, its events relayed to Eventarc."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from emulator.firestore.backends.event_relay import Relay
from emulator.firestore.backends.official_process import OfficialFirestore
from emulator.firestore.store import Listener
from emulator.serving import HttpServer, bind


class JarFirestore:
    """Runs the jar on a port.

    Args:
        address: host and port for it; port 0: a free one.
        project: the project whose events are relayed.
        folder: an existing folder for the jar's log.
        listener: takes each change.
    """

    def __init__(
        self, address: tuple[str, int], project: str, folder: Path, listener: Listener
    ) -> None:
        self.port = 0
        self._address = address
        self._project = project
        self._log = folder / "official.log"
        self._relay = Relay(listener)
        self._official: OfficialFirestore | None = None

    def clear(self) -> None:
        """Delete all documents; blocks. The deletions are events."""
        if self._official is not None:
            self._official.clear(self._project)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the jar for the duration of the block; `port` then says where.

        Raises:
            PortBusy: the port is taken.
            OfficialMissing: jar or Java is missing, or it does not start.
        """
        with bind(*self._address) as probe:  # the jar's own message does not name the process
            self.port = probe.getsockname()[1]
        with bind("127.0.0.1", 0) as listener:
            relay = HttpServer(self._relay, listener)
            serving = asyncio.create_task(relay.serve())
            official = OfficialFirestore(
                self.port,
                self._log,
                host=self._address[0],
                functions=f"127.0.0.1:{listener.getsockname()[1]}",
            )
            try:
                await asyncio.to_thread(official.__enter__)
                await asyncio.to_thread(official.subscribe_to_writes, self._project)
                self._official = official
                yield
            finally:
                await asyncio.to_thread(official.__exit__, None, None, None)
                relay.stop()
                await serving
