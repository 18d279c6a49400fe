"""A Firestore emulator that is already running, followed by listening to collection groups.

Its snapshots become changes. Writes in quick succession may come as one, as for any listener; after
a reconnection, the differences are reported. Google's emulator does not support listening to all
collections at once, so each collection group is named.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import grpc
import grpc.aio
from google.cloud.firestore_v1 import types

from emulator.firestore.backends.official_process import OfficialMissing, clear_documents
from emulator.firestore.documents.document import DocumentChange, StoredDocument
from emulator.firestore.messages import Document, ListenResponse, Message, raw
from emulator.firestore.paths import document_path
from emulator.firestore.store import Listener, wall_clock_us

_log = logging.getLogger(__name__)
_LISTEN = "/google.firestore.v1.Firestore/Listen"
_CURRENT, _RESET = 3, 4
_TIMEOUT_S = 8.0
_RECONNECT_S = 1.0
_OPTIONS = (("grpc.max_receive_message_length", 64 * 1024 * 1024),)


class AttachedFirestore:
    """Follows the default database of a project.

    Args:
        address: host and port where the emulator is.
        project: whose documents are followed.
        listener: takes the changes, but not the initial documents.
    """

    def __init__(self, address: tuple[str, int], project: str, listener: Listener) -> None:
        self.port = address[1]
        self._address = f"{address[0]}:{address[1]}"
        self._project = project
        self._listener = listener
        self._following: dict[str, asyncio.Task[None]] = {}

    def clear(self) -> None:
        """Delete all documents; blocks. The deletions are events."""
        clear_documents(self._address, self._project)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stay attached for the duration of the block.

        Raises:
            OfficialMissing: there is no emulator at the address.
        """
        async with grpc.aio.insecure_channel(self._address, options=_OPTIONS) as channel:
            self._channel = channel
            try:
                await asyncio.wait_for(channel.channel_ready(), _TIMEOUT_S)
            except TimeoutError as error:
                message = f"no Firestore emulator answers on {self._address}"
                raise OfficialMissing(message) from error
            try:
                yield
            finally:
                for task in self._following.values():
                    task.cancel()
                await asyncio.gather(*self._following.values(), return_exceptions=True)

    async def follow(self, collection_id: str) -> None:
        """Begin to follow a collection group; return once every later write will be reported.

        Raises:
            ValueError: the emulator does not tell what is there.
        """
        if collection_id in self._following:
            return
        group = _GroupListener(f"projects/{self._project}/databases/(default)", collection_id)
        task = asyncio.create_task(group.follow(self._channel, self._listener))
        self._following[collection_id] = task
        try:
            await asyncio.wait_for(group.is_known.wait(), _TIMEOUT_S)
        except TimeoutError as error:
            task.cancel()
            del self._following[collection_id]
            raise ValueError(f"{self._address} tells nothing of {collection_id}") from error


class _GroupListener:
    """What is known of one collection group."""

    def __init__(self, database: str, collection_id: str) -> None:
        self.is_known = asyncio.Event()
        self._database = database
        self._collection_id = collection_id
        self._known: dict[str, StoredDocument] = {}

    async def follow(self, channel: grpc.aio.Channel, listener: Listener) -> None:
        """Listen forever; reconnect when the stream breaks."""
        while True:
            try:
                await self._listen(channel, listener)
            except grpc.aio.AioRpcError as error:
                _log.warning("listening to %s: %s", self._collection_id, error.details())
            await asyncio.sleep(_RECONNECT_S)

    async def _listen(self, channel: grpc.aio.Channel, listener: Listener) -> None:
        stream = channel.stream_stream(
            _LISTEN,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=ListenResponse.FromString,
        )
        metadata = (
            ("google-cloud-resource-prefix", self._database),
            ("authorization", "Bearer owner"),  # beyond security rules
        )
        call = stream(metadata=metadata)
        await call.write(self._request())
        updates: dict[str, StoredDocument | None] = dict.fromkeys(self._known)
        is_current = False
        async for response in call:
            _collect(response, updates)
            change = response.target_change
            if change.target_change_type == _RESET:  # all that is there follows
                updates, is_current = dict.fromkeys(self._known), False
            is_current = is_current or change.target_change_type == _CURRENT
            if is_current and change.HasField("read_time"):
                changes = self._apply(updates)
                updates = {}
                if changes and self.is_known.is_set():
                    listener(changes)
                self.is_known.set()

    def _request(self) -> Message:
        request = raw(types.ListenRequest)(database=self._database)
        request.add_target.target_id = 1
        query = request.add_target.query
        query.parent = f"{self._database}/documents"
        query.structured_query.from_.add(collection_id=self._collection_id, all_descendants=True)
        return request

    def _apply(self, updates: dict[str, StoredDocument | None]) -> list[DocumentChange]:
        changes = []
        for name, after in updates.items():
            before = self._known.pop(name, None)
            if after is not None:
                self._known[name] = after
            if _version(before) != _version(after):
                time_us = wall_clock_us() if after is None else after.update_time
                changes.append(
                    DocumentChange(
                        path=document_path(name), before=before, after=after, commit_time=time_us
                    )
                )
        return changes


def _collect(response: Message, updates: dict[str, StoredDocument | None]) -> None:
    match response.WhichOneof("response_type"):
        case "document_change":
            message = Document()
            message.CopyFrom(response.document_change.document)
            updates[message.name] = StoredDocument.of_message(message)
        case "document_delete":
            updates[response.document_delete.document] = None
        case "document_remove":
            updates[response.document_remove.document] = None


def _version(document: StoredDocument | None) -> int:
    return 0 if document is None else document.update_time
