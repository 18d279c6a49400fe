"""The generated Firestore messages, without their proto-plus wrappers.

The client package wraps its messages in proto-plus classes, which are several times slower. The
generated classes carry no types, so this module declares them for the type checker.
"""

from typing import TYPE_CHECKING, Any, Self

from google.cloud.firestore_v1 import types
from google.protobuf.timestamp_pb2 import Timestamp

if TYPE_CHECKING:

    class Message:
        """Any raw message; its fields are what the protocol says."""

        def __init__(self, *args: Any, **fields: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...
        @classmethod
        def FromString(cls, wire: bytes) -> Self: ...  # noqa: N802, D102 (protobuf's)

    class Document(Message):
        """google.firestore.v1.Document."""

    class Value(Message):
        """google.firestore.v1.Value."""

    class Write(Message):
        """google.firestore.v1.Write."""

    class WriteResult(Message):
        """google.firestore.v1.WriteResult."""

    class Precondition(Message):
        """google.firestore.v1.Precondition."""

    class FieldTransform(Message):
        """google.firestore.v1.DocumentTransform.FieldTransform."""

    class StructuredQuery(Message):
        """google.firestore.v1.StructuredQuery."""

    class Filter(Message):
        """google.firestore.v1.StructuredQuery.Filter."""

    class Target(Message):
        """google.firestore.v1.Target."""

    class ListenResponse(Message):
        """google.firestore.v1.ListenResponse."""
else:
    Message = object
    Document = types.Document.pb()
    Value = types.Value.pb()
    Write = types.Write.pb()
    WriteResult = types.WriteResult.pb()
    Precondition = types.Precondition.pb()
    FieldTransform = types.DocumentTransform.FieldTransform.pb()
    StructuredQuery = types.StructuredQuery.pb()
    Filter = types.StructuredQuery.Filter.pb()
    Target = types.Target.pb()
    ListenResponse = types.ListenResponse.pb()


def raw(wrapper: type) -> type[Message]:
    """Return the generated class underneath a proto-plus class."""
    return wrapper.pb()  # type: ignore[attr-defined]


MICROSECONDS = 1_000_000


def timestamp(time_us: int) -> Timestamp:
    """Return the protobuf form of a time in microseconds since the epoch."""
    return Timestamp(seconds=time_us // MICROSECONDS, nanos=time_us % MICROSECONDS * 1000)


def microseconds(stamp: Timestamp) -> int:
    """Return a protobuf time in microseconds since the epoch; finer digits are cut off."""
    return int(stamp.seconds) * MICROSECONDS + int(stamp.nanos) // 1000


def same_bytes(one: Message, other: Message) -> bool:
    """Return whether two messages serialize alike; NaN equals NaN, 1 differs from 1.0."""
    return bool(
        one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)
    )
