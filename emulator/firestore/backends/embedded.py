"""The embedded Firestore: its port, and the servers behind it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from emulator.faults import FaultPlan
from emulator.firestore.rpc.methods import methods
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import Transactions
from emulator.firestore.transports.grpc_server import FirestoreGrpcServer
from emulator.firestore.transports.http_server import FirestoreHttpServer
from emulator.serving import HttpServer, bind
from emulator.shared_port import sharing


class EmbeddedFirestore:
    """Serves a store over gRPC, REST and the web channel on one port.

    Args:
        address: host and port to bind; port 0: a free one.
        store: the documents.
        transactions: what commits.
        faults: the planned faults.
        folder: an existing folder for a socket.
    """

    def __init__(
        self,
        address: tuple[str, int],
        store: DocumentStore,
        transactions: Transactions,
        faults: FaultPlan,
        folder: Path,
    ) -> None:
        table = methods(store, transactions)
        self.port = 0
        self._address = address
        self._service = FirestoreGrpcServer(table, faults)
        self._browsers = FirestoreHttpServer(table, faults, store.clear)
        self._http = HttpServer(self._browsers)
        self._grpc_socket = folder / "grpc.sock"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the duration of the block; `port` then says where.

        Raises:
            PortBusy: the port is taken.
        """
        with bind(*self._address) as listener:
            self.port = listener.getsockname()[1]
            server = self._service.server(f"unix:{self._grpc_socket}")
            async with sharing(listener, self._http, server, self._grpc_socket, self._end_streams):
                yield

    async def _end_streams(self) -> None:
        self._service.end_streams()
        self._browsers.end_streams()
