"""The gRPC transport: a generic handler of the client's own message types, no generated stub."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty

from emulator.faults import FaultPlan
from emulator.firestore.errors import FirestoreError, Unavailable
from emulator.firestore.messages import Message
from emulator.firestore.rpc.methods import (
    BidirectionalMethod,
    BidirectionalStream,
    Methods,
    StreamingMethod,
    UnaryMethod,
)

_SERVICE = "google.firestore.v1.Firestore"
_OPTIONS = (
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
)

_Responses = asyncio.Queue[Message | FirestoreError | None]  # None: the client closed its side


class FirestoreGrpcServer:
    """The service `google.firestore.v1.Firestore`."""

    def __init__(self, methods: Methods, faults: FaultPlan) -> None:
        self._methods = methods
        self._faults = faults
        self._streams: set[_Responses] = set()

    def server(self, address: str) -> Any:
        """Return a `grpc.aio.Server` for this service at an address; call it within its loop.

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
        """End all streams in both directions, so that the server can stop at once."""
        for responses in tuple(self._streams):
            responses.put_nowait(Unavailable("The emulator is stopping"))

    def _handlers(self) -> dict[str, Any]:
        kinds: tuple[tuple[Sequence[Any], Any, Callable[[Any], Any]], ...] = (
            (self._methods.unary, grpc.unary_unary_rpc_method_handler, self._unary),
            (self._methods.streaming, grpc.unary_stream_rpc_method_handler, self._streaming),
            (
                self._methods.bidirectional,
                grpc.stream_stream_rpc_method_handler,
                self._bidirectional,
            ),
        )
        return {
            method.name: handler(
                behaviour(method),
                request_deserializer=method.request.FromString,
                response_serializer=_serialize,
            )
            for methods, handler, behaviour in kinds
            for method in methods
        }

    def _unary(self, method: UnaryMethod) -> Callable[[Message, Any], Awaitable[Message]]:
        async def handle(request: Message, context: Any) -> Message:
            self._faults.count(f"firestore.{method.name}")
            try:
                return await method.call(request)
            except FirestoreError as error:
                await _refuse(context, error)

        return handle

    def _streaming(
        self, method: StreamingMethod
    ) -> Callable[[Message, Any], AsyncIterator[Message]]:
        async def handle(request: Message, context: Any) -> AsyncIterator[Message]:
            self._faults.count(f"firestore.{method.name}")
            try:
                async for message in method.call(request):
                    yield message
            except FirestoreError as error:
                await _refuse(context, error)

        return handle

    def _bidirectional(
        self, method: BidirectionalMethod
    ) -> Callable[[AsyncIterator[Message], Any], AsyncIterator[Message]]:
        async def handle(requests: AsyncIterator[Message], context: Any) -> AsyncIterator[Message]:
            self._faults.count(f"firestore.{method.name}")
            responses: _Responses = asyncio.Queue()
            stream = method.open(responses.put_nowait)
            self._streams.add(responses)
            reader = asyncio.create_task(_read(requests, stream, responses))
            try:
                while (response := await responses.get()) is not None:
                    if isinstance(response, FirestoreError):
                        await _refuse(context, response)
                    yield response
            finally:
                self._streams.discard(responses)
                reader.cancel()
                stream.close()

        return handle


async def _read(
    requests: AsyncIterator[Message], stream: BidirectionalStream, responses: _Responses
) -> None:
    try:
        async for request in requests:
            stream.receive(request)
    except FirestoreError as error:
        responses.put_nowait(error)
    else:
        responses.put_nowait(None)


async def _refuse(context: Any, error: FirestoreError) -> NoReturn:
    await context.abort(grpc.StatusCode[error.status], str(error))
    raise AssertionError("abort has raised")


def _serialize(message: Message | Empty) -> bytes:
    return bytes(message.SerializeToString())
