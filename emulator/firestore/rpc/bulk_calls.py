"""Methods on many documents: reads, queries, commits, transactions, listings.

Errors are raised as `FirestoreError`.
"""

from collections.abc import AsyncIterator

from google.cloud.firestore_v1 import types
from google.protobuf.empty_pb2 import Empty

from emulator.firestore.documents.writes import target_name
from emulator.firestore.errors import FirestoreError, InvalidArgument
from emulator.firestore.messages import Message, WriteResult, raw, timestamp
from emulator.firestore.paths import document_path, split_name
from emulator.firestore.queries import aggregation
from emulator.firestore.queries.query import CompiledQuery
from emulator.firestore.rpc import listing
from emulator.firestore.rpc.partition import partitions
from emulator.firestore.rpc.reading import Reader, masked
from emulator.firestore.store import CommitOutcome, DocumentStore, WriteOutcome
from emulator.firestore.transactions import Transactions


class BulkCalls:
    """The methods, on a store and its transactions."""

    def __init__(self, store: DocumentStore, transactions: Transactions) -> None:
        self._store = store
        self._transactions = transactions
        self._reader = Reader(store, transactions)

    async def batch_get_documents(self, request: Message) -> AsyncIterator[Message]:
        """BatchGetDocuments: one response for each document, in the order of the request."""
        for name in request.documents:
            document_path(name)
        view = self._reader.view(request)
        await self._reader.wait_turn(view, request.documents)
        begun = view.begun
        for name in request.documents:
            document = self._reader.get(view, name)
            response = raw(types.BatchGetDocumentsResponse)(
                read_time=timestamp(self._reader.read_time(view)), transaction=begun
            )
            if document is None:
                response.missing = name
            else:
                response.found.CopyFrom(masked(document, request))
            begun = b""
            yield response

    async def run_query(self, request: Message) -> AsyncIterator[Message]:
        """RunQuery: one response for each result; one with the read time if there is none."""
        view = self._reader.view(request)
        query = CompiledQuery(_parent(request), request.structured_query)
        response_type = raw(types.RunQueryResponse)
        results = self._reader.run(view, query)
        read_time = timestamp(self._reader.read_time(view))
        if view.begun or not results:
            yield response_type(read_time=read_time, transaction=view.begun)
        for document in results:
            yield response_type(document=query.projected(document), read_time=read_time)

    async def run_aggregation_query(self, request: Message) -> AsyncIterator[Message]:
        """RunAggregationQuery: one response with all the aggregates."""
        view = self._reader.view(request)
        wanted = request.structured_aggregation_query
        query = CompiledQuery(_parent(request), wanted.structured_query)
        response = raw(types.RunAggregationQueryResponse)(transaction=view.begun)
        results = self._reader.run(view, query)
        for alias, value in aggregation.aggregate(wanted.aggregations, results).items():
            response.result.aggregate_fields[alias].CopyFrom(value)
        response.read_time.CopyFrom(timestamp(self._reader.read_time(view)))
        yield response

    async def commit(self, request: Message) -> Message:
        """Commit."""
        outcome = self._transactions.commit(list(request.writes), request.transaction)
        response = raw(types.CommitResponse)(commit_time=timestamp(outcome.commit_time))
        response.write_results.extend(map(write_result, outcome.writes))
        return response

    async def batch_write(self, request: Message) -> Message:
        """BatchWrite: each write succeeds or fails on its own."""
        names = [target_name(write) for write in request.writes]
        if len(set(names)) < len(names):
            raise InvalidArgument("BatchWrite accepts only one write for each document")
        response = raw(types.BatchWriteResponse)()
        for write in request.writes:
            result, status = response.write_results.add(), response.status.add()
            try:
                outcome: CommitOutcome = self._transactions.commit([write])
            except FirestoreError as error:
                status.code = error.code
                status.message = str(error)
            else:
                result.CopyFrom(write_result(outcome.writes[0]))
        return response

    async def begin_transaction(self, request: Message) -> Message:
        """BeginTransaction."""
        identifier = self._reader.begin(request.options)
        return raw(types.BeginTransactionResponse)(transaction=identifier)

    async def rollback(self, request: Message) -> Message:
        """Rollback."""
        self._transactions.rollback(request.transaction)
        return Empty()

    async def partition_query(self, request: Message) -> Message:
        """PartitionQuery."""
        return partitions(self._reader, request)

    async def list_documents(self, request: Message) -> Message:
        """ListDocuments."""
        view = self._reader.view(request)
        page = listing.documents_page(self._store, request, view.at)
        response = raw(types.ListDocumentsResponse)(next_page_token=page.next_token)
        response.documents.extend(page.documents)
        return response

    async def list_collection_ids(self, request: Message) -> Message:
        """ListCollectionIds."""
        page = listing.collection_ids_page(self._store, request, self._reader.view(request).at)
        response = raw(types.ListCollectionIdsResponse)(next_page_token=page.next_token)
        response.collection_ids.extend(page.ids)
        return response


def _parent(request: Message) -> str:
    split_name(request.parent)
    return str(request.parent)


def write_result(outcome: WriteOutcome) -> WriteResult:
    """Return the message of a write's result."""
    result = WriteResult(transform_results=outcome.transform_results)
    if outcome.update_time is not None:
        result.update_time.CopyFrom(timestamp(outcome.update_time))
    return result
