"""The gRPC dialect: a generic handler made of the client's own message types, no generated stub.

Knows the shapes of the calls, nothing of what they do.
"""

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
    Conversation,
    ConversationMethod,
    Methods,
    StreamingMethod,
    UnaryMethod,
)

_SERVICE = "google.firestore.v1.Firestore"
_OPTIONS = (
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
)

_Answers = asyncio.Queue[Message | FirestoreError | None]  # None: the client has ended


class FirestoreService:
    """The service `google.firestore.v1.Firestore`."""

    def __init__(self, methods: Methods, faults: FaultPlan) -> None:
        self._methods = methods
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
        """Ends all streams in both directions, so that the server can stop at once."""
        for answers in tuple(self._streams):
            answers.put_nowait(Unavailable("The emulator is stopping"))

    def _handlers(self) -> dict[str, Any]:
        kinds: tuple[tuple[Sequence[Any], Any, Callable[[Any], Any]], ...] = (
            (self._methods.unary, grpc.unary_unary_rpc_method_handler, self._unary),
            (self._methods.streaming, grpc.unary_stream_rpc_method_handler, self._streaming),
            (self._methods.conversations, grpc.stream_stream_rpc_method_handler, self._converse),
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

    def _converse(
        self, method: ConversationMethod
    ) -> Callable[[AsyncIterator[Message], Any], AsyncIterator[Message]]:
        async def handle(requests: AsyncIterator[Message], context: Any) -> AsyncIterator[Message]:
            self._faults.count(f"firestore.{method.name}")
            answers: _Answers = asyncio.Queue()
            conversation = method.open(answers.put_nowait)
            self._streams.add(answers)
            reader = asyncio.create_task(_read(requests, conversation, answers))
            try:
                while (answer := await answers.get()) is not None:
                    if isinstance(answer, FirestoreError):
                        await _refuse(context, answer)
                    yield answer
            finally:
                self._streams.discard(answers)
                reader.cancel()
                conversation.close()

        return handle


async def _read(
    requests: AsyncIterator[Message], conversation: Conversation, answers: _Answers
) -> None:
    try:
        async for request in requests:
            conversation.receive(request)
    except FirestoreError as error:
        answers.put_nowait(error)
    else:
        answers.put_nowait(None)


async def _refuse(context: Any, error: FirestoreError) -> NoReturn:
    await context.abort(grpc.StatusCode[error.status], str(error))
    raise AssertionError("abort has raised")


def _serialize(message: Message | Empty) -> bytes:
    return bytes(message.SerializeToString())
