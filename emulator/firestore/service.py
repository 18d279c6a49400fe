"""The gRPC dialect: a generic handler made of the client's own message types, no generated stub.

Knows the names and the shapes of the calls, nothing of what they do.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.cloud.firestore_v1 import types
from google.protobuf.empty_pb2 import Empty

from emulator.faults import FaultPlan
from emulator.firestore.calls import Calls
from emulator.firestore.errors import FirestoreError, Unavailable
from emulator.firestore.listen import Watch
from emulator.firestore.store import DocumentStore
from emulator.firestore.wire import ListenResponse, Message, raw

_SERVICE = "google.firestore.v1.Firestore"
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # else a second emulator would quietly share the port
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
)

Unary = Callable[[Message], Awaitable[Message]]
Streaming = Callable[[Message], AsyncIterator[Message]]
_Answers = asyncio.Queue[ListenResponse | FirestoreError | None]  # None: the client has ended


class FirestoreService:
    """The service `google.firestore.v1.Firestore` on a store."""

    def __init__(self, store: DocumentStore, calls: Calls, faults: FaultPlan) -> None:
        self._store = store
        self._calls = calls
        self._faults = faults
        self._streams: set[_Answers] = set()

    def server(self, address: str) -> Any:
        """Returns a `grpc.aio.Server` for this service at an address; to be made within its loop.

        Raises:
            RuntimeError: the address is taken.
        """
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, self._handlers()),)
        )
        server.add_insecure_port(address)
        return server

    def end_streams(self) -> None:
        """Ends all listening streams, so that the server can stop at once."""
        for answers in tuple(self._streams):
            answers.put_nowait(Unavailable("The emulator is stopping"))

    def _handlers(self) -> dict[str, Any]:
        calls = self._calls
        unary: list[tuple[str, Unary]] = [
            ("Commit", calls.commit),
            ("BatchWrite", calls.batch_write),
            ("BeginTransaction", calls.begin_transaction),
            ("Rollback", calls.rollback),
            ("ListDocuments", calls.list_documents),
            ("ListCollectionIds", calls.list_collection_ids),
        ]
        streaming: list[tuple[str, Streaming]] = [
            ("BatchGetDocuments", calls.batch_get_documents),
            ("RunQuery", calls.run_query),
            ("RunAggregationQuery", calls.run_aggregation_query),
        ]
        handlers = {
            method: grpc.unary_unary_rpc_method_handler(
                self._unary(method, call),
                request_deserializer=_request(method).FromString,
                response_serializer=_serialize,
            )
            for method, call in unary
        }
        handlers |= {
            method: grpc.unary_stream_rpc_method_handler(
                self._streaming(method, call),
                request_deserializer=_request(method).FromString,
                response_serializer=_serialize,
            )
            for method, call in streaming
        }
        handlers["Listen"] = grpc.stream_stream_rpc_method_handler(
            self._listen,
            request_deserializer=_request("Listen").FromString,
            response_serializer=_serialize,
        )
        return handlers

    def _unary(self, method: str, call: Unary) -> Callable[[Message, Any], Awaitable[Message]]:
        async def handle(request: Message, context: Any) -> Message:
            self._faults.count(f"firestore.{method}")
            try:
                return await call(request)
            except FirestoreError as error:
                await _refuse(context, error)

        return handle

    def _streaming(
        self, method: str, call: Streaming
    ) -> Callable[[Message, Any], AsyncIterator[Message]]:
        async def handle(request: Message, context: Any) -> AsyncIterator[Message]:
            self._faults.count(f"firestore.{method}")
            try:
                async for message in call(request):
                    yield message
            except FirestoreError as error:
                await _refuse(context, error)

        return handle

    async def _listen(
        self, requests: AsyncIterator[Message], context: Any
    ) -> AsyncIterator[ListenResponse]:
        self._faults.count("firestore.Listen")
        answers: _Answers = asyncio.Queue()
        watch = Watch(self._store, answers.put_nowait)
        self._streams.add(answers)
        reader = asyncio.create_task(_read_targets(requests, watch, answers))
        try:
            while (answer := await answers.get()) is not None:
                if isinstance(answer, FirestoreError):
                    await _refuse(context, answer)
                yield answer
        finally:
            self._streams.discard(answers)
            reader.cancel()
            watch.close()


async def _read_targets(requests: AsyncIterator[Message], watch: Watch, answers: _Answers) -> None:
    async for request in requests:
        if request.WhichOneof("target_change") == "add_target":
            watch.add_target(request.add_target)
        else:
            watch.remove_target(request.remove_target)
    answers.put_nowait(None)


async def _refuse(context: Any, error: FirestoreError) -> NoReturn:
    await context.abort(grpc.StatusCode[error.status], str(error))
    raise AssertionError("abort has raised")


def _request(method: str) -> Any:
    return raw(getattr(types, f"{method}Request"))


def _serialize(message: Message | Empty) -> bytes:
    return bytes(message.SerializeToString())
