"""Firestore's calls that end: request message in, answer messages out, in no particular protocol.

Every dialect speaks through this: it hands over the request as the protocol's own message and sends
the answers in its own clothes. Refusals are raised as `FirestoreError`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.cloud.firestore_v1 import types
from google.protobuf.empty_pb2 import Empty

from emulator.firestore import aggregation, listing
from emulator.firestore.document import StoredDocument
from emulator.firestore.errors import FirestoreError, InvalidArgument
from emulator.firestore.paths import document_path, parse_field_path, split_name
from emulator.firestore.query import CompiledQuery
from emulator.firestore.store import CommitOutcome, DocumentStore, WriteOutcome
from emulator.firestore.transactions import Transactions
from emulator.firestore.wire import Document, Message, WriteResult, microseconds, raw, timestamp
from emulator.firestore.writes import target_name


@dataclass(frozen=True, kw_only=True)
class _View:
    """The moment at which a request reads: `at` None is now, `transaction` records what is read."""

    at: int | None
    transaction: bytes
    begun: bytes  # a transaction that this very request began, to be named in the first answer


class Calls:
    """The calls, on a store and its transactions."""

    def __init__(self, store: DocumentStore, transactions: Transactions) -> None:
        self._store = store
        self._transactions = transactions

    async def batch_get_documents(self, request: Message) -> AsyncIterator[Message]:
        """BatchGetDocuments: one answer for each document, in the order of the request."""
        for name in request.documents:
            document_path(name)
        view = self._view(request)
        if view.transaction:
            await self._transactions.wait_turn(view.transaction, frozenset(request.documents))
        begun = view.begun
        for name in request.documents:
            document = self._read(view, name)
            answer = raw(types.BatchGetDocumentsResponse)(
                read_time=timestamp(self._read_time(view)), transaction=begun
            )
            if document is None:
                answer.missing = name
            else:
                answer.found.CopyFrom(_masked(document, request))
            begun = b""
            yield answer

    async def run_query(self, request: Message) -> AsyncIterator[Message]:
        """RunQuery: one answer for each result; a last one with the read time if there is none."""
        view = self._view(request)
        query = CompiledQuery(_parent(request), request.structured_query)
        answer_type = raw(types.RunQueryResponse)
        results = self._run(view, query)
        read_time = timestamp(self._read_time(view))
        if view.begun or not results:
            yield answer_type(read_time=read_time, transaction=view.begun)
        for document in results:
            yield answer_type(document=query.projected(document), read_time=read_time)

    async def run_aggregation_query(self, request: Message) -> AsyncIterator[Message]:
        """RunAggregationQuery: one answer with all the aggregates."""
        view = self._view(request)
        wanted = request.structured_aggregation_query
        query = CompiledQuery(_parent(request), wanted.structured_query)
        answer = raw(types.RunAggregationQueryResponse)(transaction=view.begun)
        results = self._run(view, query)
        for alias, value in aggregation.aggregate(wanted.aggregations, results).items():
            answer.result.aggregate_fields[alias].CopyFrom(value)
        answer.read_time.CopyFrom(timestamp(self._read_time(view)))
        yield answer

    async def commit(self, request: Message) -> Message:
        """Commit."""
        outcome = self._transactions.commit(list(request.writes), request.transaction)
        answer = raw(types.CommitResponse)(commit_time=timestamp(outcome.commit_time))
        answer.write_results.extend(map(_write_result, outcome.writes))
        return answer

    async def batch_write(self, request: Message) -> Message:
        """BatchWrite: each write succeeds or fails on its own."""
        names = [target_name(write) for write in request.writes]
        if len(set(names)) < len(names):
            raise InvalidArgument("BatchWrite accepts only one write for each document")
        answer = raw(types.BatchWriteResponse)()
        for write in request.writes:
            result, status = answer.write_results.add(), answer.status.add()
            try:
                outcome: CommitOutcome = self._transactions.commit([write])
            except FirestoreError as error:
                status.code = error.code
                status.message = str(error)
            else:
                result.CopyFrom(_write_result(outcome.writes[0]))
        return answer

    async def begin_transaction(self, request: Message) -> Message:
        """BeginTransaction."""
        identifier = self._begin(request.options)
        return raw(types.BeginTransactionResponse)(transaction=identifier)

    async def rollback(self, request: Message) -> Message:
        """Rollback."""
        self._transactions.rollback(request.transaction)
        return Empty()

    async def list_documents(self, request: Message) -> Message:
        """ListDocuments."""
        view = self._view(request)
        page = listing.documents_page(self._store, request, view.at)
        answer = raw(types.ListDocumentsResponse)(next_page_token=page.next_token)
        answer.documents.extend(page.documents)
        return answer

    async def list_collection_ids(self, request: Message) -> Message:
        """ListCollectionIds."""
        page = listing.collection_ids_page(self._store, request, self._view(request).at)
        answer = raw(types.ListCollectionIdsResponse)(next_page_token=page.next_token)
        answer.collection_ids.extend(page.ids)
        return answer

    def _begin(self, options: Message) -> bytes:
        if options.HasField("read_only"):
            at = None
            if options.read_only.HasField("read_time"):
                at = microseconds(options.read_only.read_time)
                self._store.check_read_time(at)
            return self._transactions.begin(read_only=True, read_time=at)
        return self._transactions.begin(again=bool(options.read_write.retry_transaction))

    def _view(self, request: Message) -> _View:
        match request.WhichOneof("consistency_selector"):
            case "transaction":
                return _View(at=None, transaction=request.transaction, begun=b"")
            case "new_transaction":
                begun = self._begin(request.new_transaction)
                return _View(at=None, transaction=begun, begun=begun)
            case "read_time":
                at = microseconds(request.read_time)
                self._store.check_read_time(at)
                return _View(at=at, transaction=b"", begun=b"")
            case _:
                return _View(at=None, transaction=b"", begun=b"")

    def _read(self, view: _View, name: str) -> StoredDocument | None:
        if view.transaction:
            return self._transactions.get(view.transaction, name)
        return self._store.get(name, view.at)

    def _run(self, view: _View, query: CompiledQuery) -> list[StoredDocument]:
        if view.transaction:
            return self._transactions.query(view.transaction, query)
        return self._store.query(query, view.at)

    def _read_time(self, view: _View) -> int:
        if view.transaction:
            return self._transactions.read_time(view.transaction)
        return self._store.read_time() if view.at is None else view.at


def _parent(request: Message) -> str:
    split_name(request.parent)
    return str(request.parent)


def _masked(document: StoredDocument, request: Message) -> Document:
    if not request.HasField("mask"):
        return document.message
    return document.masked(map(parse_field_path, request.mask.field_paths))


def _write_result(outcome: WriteOutcome) -> WriteResult:
    result = WriteResult(transform_results=outcome.transform_results)
    if outcome.update_time is not None:
        result.update_time.CopyFrom(timestamp(outcome.update_time))
    return result
