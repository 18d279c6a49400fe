"""Consistent reads: now, at a past time, or in a transaction, as a request's selector says."""

from collections.abc import Iterable
from dataclasses import dataclass

from emulator.firestore.documents.document import StoredDocument
from emulator.firestore.messages import Document, Message, microseconds
from emulator.firestore.paths import parse_field_path
from emulator.firestore.queries.query import CompiledQuery
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import Transactions


@dataclass(frozen=True, kw_only=True)
class View:
    """The time of a request's reads: `at` None is now, `transaction` records what is read."""

    at: int | None = None
    transaction: bytes = b""
    begun: bytes = b""  # a transaction that this request began, to be named in the response


class Reader:
    """Reads documents and runs queries, each in the view of its request."""

    def __init__(self, store: DocumentStore, transactions: Transactions) -> None:
        self._store = store
        self._transactions = transactions

    def begin(self, options: Message) -> bytes:
        """Begin a transaction with the given options and return its id.

        Raises:
            FailedPrecondition: its read time is older than the history.
        """
        if options.HasField("read_only"):
            at = None
            if options.read_only.HasField("read_time"):
                at = microseconds(options.read_only.read_time)
                self._store.check_read_time(at)
            return self._transactions.begin(read_only=True, read_time=at)
        return self._transactions.begin(is_retry=bool(options.read_write.retry_transaction))

    def view(self, request: Message) -> View:
        """Return the view that a request selects.

        Raises:
            FailedPrecondition: its read time is older than the history.
        """
        match request.WhichOneof("consistency_selector"):
            case "transaction":
                return View(transaction=request.transaction)
            case "new_transaction":
                begun = self.begin(request.new_transaction)
                return View(transaction=begun, begun=begun)
            case "read_time":
                at = microseconds(request.read_time)
                self._store.check_read_time(at)
                return View(at=at)
            case _:
                return View()

    async def wait_turn(self, view: View, names: Iterable[str]) -> None:
        """Wait, in a retried transaction, until it is the first in the queue for some documents."""
        if view.transaction:
            await self._transactions.wait_turn(view.transaction, frozenset(names))

    def get(self, view: View, name: str) -> StoredDocument | None:
        """Read a document; None where there is none."""
        if view.transaction:
            return self._transactions.get(view.transaction, name)
        return self._store.get(name, view.at)

    def run(self, view: View, query: CompiledQuery) -> list[StoredDocument]:
        """Run a query."""
        if view.transaction:
            return self._transactions.query(view.transaction, query)
        return self._store.query(query, view.at)

    def read_time(self, view: View) -> int:
        """Return the read time of a view, microseconds."""
        if view.transaction:
            return self._transactions.read_time(view.transaction)
        return self._store.read_time() if view.at is None else view.at


def masked(document: StoredDocument, request: Message) -> Document:
    """Return the document with the fields that a request's `mask` names; all without a mask."""
    if not request.HasField("mask"):
        return document.message
    return document.masked(map(parse_field_path, request.mask.field_paths))
