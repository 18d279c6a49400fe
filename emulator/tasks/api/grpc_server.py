"""The gRPC transport: a generic handler of the client's own message types, no generated stub."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty

from emulator.faults import FaultPlan
from emulator.tasks.api.calls import Call
from emulator.tasks.api.messages import Message, raw
from emulator.tasks.errors import TasksError

_SERVICE = "google.cloud.tasks.v2.CloudTasks"


def grpc_server(calls: Mapping[str, Call], faults: FaultPlan, address: str) -> Any:
    """Return a `grpc.aio.Server` of the service; call it within its loop.

    Raises:
        RuntimeError: the address is taken.
    """
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _behaviour(name, call, faults),
            request_deserializer=raw(f"{name}Request").FromString,
            response_serializer=_serialize,
        )
        for name, call in calls.items()
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    server.add_insecure_port(address)
    return server


def _behaviour(
    name: str, call: Call, faults: FaultPlan
) -> Callable[[Message, Any], Awaitable[Message | Empty]]:
    async def handle(request: Message, context: Any) -> Message | Empty:
        faults.count(f"cloudtasks.{name}")
        try:
            return await call(request)
        except TasksError as error:
            await context.abort(grpc.StatusCode[error.status], str(error))
            raise AssertionError("abort has raised") from error

    return handle


def _serialize(message: Message | Empty) -> bytes:
    return bytes(message.SerializeToString())
