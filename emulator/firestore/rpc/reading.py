"""At which moment a request reads, and reading then: now, at a past time, or in a transaction.

Every call that reads names its moment in the same way; this is the one place that understands it.
"""

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
    """The moment at which a request reads: `at` None is now, `transaction` records what is read."""

    at: int | None = None
    transaction: bytes = b""
    begun: bytes = b""  # a transaction that this very request began, to be named in the answer


class Reader:
    """Reads documents and runs queries, each in the view of its request."""

    def __init__(self, store: DocumentStore, transactions: Transactions) -> None:
        self._store = store
        self._transactions = transactions

    def begin(self, options: Message) -> bytes:
        """Begins a transaction with the given options and returns its id.

        Raises:
            FailedPrecondition: it shall read at a time that the store has forgotten.
        """
        if options.HasField("read_only"):
            at = None
            if options.read_only.HasField("read_time"):
                at = microseconds(options.read_only.read_time)
                self._store.check_read_time(at)
            return self._transactions.begin(read_only=True, read_time=at)
        return self._transactions.begin(again=bool(options.read_write.retry_transaction))

    def view(self, request: Message) -> View:
        """Returns the moment that a request names.

        Raises:
            FailedPrecondition: the store has forgotten it.
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
        """Waits until a transaction that lost before comes first on some documents."""
        if view.transaction:
            await self._transactions.wait_turn(view.transaction, frozenset(names))

    def get(self, view: View, name: str) -> StoredDocument | None:
        """Reads a document; None where there is none."""
        if view.transaction:
            return self._transactions.get(view.transaction, name)
        return self._store.get(name, view.at)

    def run(self, view: View, query: CompiledQuery) -> list[StoredDocument]:
        """Runs a query."""
        if view.transaction:
            return self._transactions.query(view.transaction, query)
        return self._store.query(query, view.at)

    def read_time(self, view: View) -> int:
        """Returns the time as of which the view is true, microseconds."""
        if view.transaction:
            return self._transactions.read_time(view.transaction)
        return self._store.read_time() if view.at is None else view.at


def masked(document: StoredDocument, request: Message) -> Document:
    """Returns the document with the fields that a request's `mask` names; all without a mask."""
    if not request.HasField("mask"):
        return document.message
    return document.masked(map(parse_field_path, request.mask.field_paths))
