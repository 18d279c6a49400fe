"""Methods on one document: get, create, update, delete.

Google's own clients never call them (they batch); REST users and other libraries do.
"""

import secrets
import string

from google.protobuf.empty_pb2 import Empty

from emulator.firestore.errors import InvalidArgument, NotFound
from emulator.firestore.messages import Document, Message, Write
from emulator.firestore.paths import document_path, split_name
from emulator.firestore.rpc.reading import Reader, View, masked
from emulator.firestore.transactions import Transactions

_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 20


class DocumentCalls:
    """The methods, on a reader and the transactions that commit."""

    def __init__(self, reader: Reader, transactions: Transactions) -> None:
        self._reader = reader
        self._transactions = transactions

    async def get_document(self, request: Message) -> Message:
        """GetDocument."""
        document_path(request.name)
        view = self._reader.view(request)
        await self._reader.wait_turn(view, [request.name])
        document = self._reader.get(view, request.name)
        if document is None:
            raise NotFound(f'Document "{request.name}" not found.')
        return masked(document, request)

    async def create_document(self, request: Message) -> Message:
        """CreateDocument; without an id the document gets one of twenty letters and digits."""
        if not request.collection_id or "/" in request.collection_id:
            raise InvalidArgument(
                f'collection_id is "{request.collection_id}"; accepted: the id of one collection'
            )
        identifier = request.document_id or _new_id()
        write = Write(update=request.document)
        write.update.name = f"{request.parent}/{request.collection_id}/{identifier}"
        split_name(request.parent)
        write.current_document.exists = False
        return self._written(write, request)

    async def update_document(self, request: Message) -> Message:
        """UpdateDocument: replaces the document, or the fields of `update_mask` alone."""
        write = Write(update=request.document)
        if request.HasField("update_mask"):
            write.update_mask.CopyFrom(request.update_mask)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        return self._written(write, request)

    async def delete_document(self, request: Message) -> Message:
        """DeleteDocument."""
        write = Write(delete=request.name)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        self._transactions.commit([write])
        return Empty()

    def _written(self, write: Write, request: Message) -> Document:
        self._transactions.commit([write])
        stored = self._reader.get(View(), write.update.name)
        if stored is None:
            raise NotFound(f'Document "{write.update.name}" not found.')
        return masked(stored, request)


def _new_id() -> str:
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
