"""Every method of the service in one table, for all transports: name, request type, function."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from google.cloud.firestore_v1 import types

from emulator.firestore.messages import Message, raw
from emulator.firestore.rpc.bulk_calls import BulkCalls
from emulator.firestore.rpc.document_calls import DocumentCalls
from emulator.firestore.rpc.listen import Watch
from emulator.firestore.rpc.reading import Reader
from emulator.firestore.rpc.write_stream import WriteStream
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import Transactions

Unary = Callable[[Message], Awaitable[Message]]
Streaming = Callable[[Message], AsyncIterator[Message]]
Send = Callable[[Message], None]


class BidirectionalStream(Protocol):
    """A stream in both directions: requests go in one by one, responses to a callback."""

    def receive(self, request: Message) -> None:
        """Handle a request; raise FirestoreError where that ends the stream."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True, kw_only=True)
class UnaryMethod:
    """One request, one response."""

    name: str
    request: type[Message]
    call: Unary


@dataclass(frozen=True, kw_only=True)
class StreamingMethod:
    """One request, any number of responses."""

    name: str
    request: type[Message]
    call: Streaming


@dataclass(frozen=True, kw_only=True)
class BidirectionalMethod:
    """A stream in both directions; `open` begins one, given the callback for responses."""

    name: str
    request: type[Message]
    open: Callable[[Send], BidirectionalStream]


@dataclass(frozen=True, kw_only=True)
class Methods:
    """All methods, by kind."""

    unary: tuple[UnaryMethod, ...]
    streaming: tuple[StreamingMethod, ...]
    bidirectional: tuple[BidirectionalMethod, ...]


def methods(store: DocumentStore, transactions: Transactions) -> Methods:
    """Return the service's methods on a store."""
    reader = Reader(store, transactions)
    calls, documents = BulkCalls(store, transactions), DocumentCalls(reader, transactions)
    unary: dict[str, Unary] = {
        "BatchWrite": calls.batch_write,
        "BeginTransaction": calls.begin_transaction,
        "Commit": calls.commit,
        "CreateDocument": documents.create_document,
        "DeleteDocument": documents.delete_document,
        "GetDocument": documents.get_document,
        "ListCollectionIds": calls.list_collection_ids,
        "ListDocuments": calls.list_documents,
        "PartitionQuery": calls.partition_query,
        "Rollback": calls.rollback,
        "UpdateDocument": documents.update_document,
    }
    streaming: dict[str, Streaming] = {
        "BatchGetDocuments": calls.batch_get_documents,
        "RunAggregationQuery": calls.run_aggregation_query,
        "RunQuery": calls.run_query,
    }
    bidirectional: dict[str, Callable[[Send], BidirectionalStream]] = {
        "Listen": lambda send: Watch(store, send),
        "Write": lambda send: WriteStream(transactions, send),
    }
    return Methods(
        unary=tuple(
            UnaryMethod(name=name, request=_request(name), call=call)
            for name, call in unary.items()
        ),
        streaming=tuple(
            StreamingMethod(name=name, request=_request(name), call=call)
            for name, call in streaming.items()
        ),
        bidirectional=tuple(
            BidirectionalMethod(name=name, request=_request(name), open=open_)
            for name, open_ in bidirectional.items()
        ),
    )


def _request(name: str) -> type[Message]:
    return raw(getattr(types, f"{name}Request"))
