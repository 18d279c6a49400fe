"""A Firestore emulator that somebody else runs, followed by listening to collection groups.

What it tells becomes changes. Writes that follow each other faster than they are told come as one,
as listeners hear them; while the connection is away, the differences are told when it is back.
Google's emulator tells listeners nothing of queries without a collection, so each is named.
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
from emulator.firestore.messages import Document, ListenResponse, Message, microseconds, raw
from emulator.firestore.paths import document_path
from emulator.firestore.store import Listener, wall_clock_us

_log = logging.getLogger(__name__)
_LISTEN = "/google.firestore.v1.Firestore/Listen"
_CURRENT, _RESET = 3, 4
_PATIENCE_S = 8.0
_AGAIN_S = 1.0
_OPTIONS = (("grpc.max_receive_message_length", 64 * 1024 * 1024),)


class AttachedFirestore:
    """Follows the default database of a project.

    Args:
        address: host and port where the emulator is.
        project: whose documents are followed.
        listener: takes the changes, but none of what is there at the beginning.
    """

    def __init__(self, address: tuple[str, int], project: str, listener: Listener) -> None:
        self.port = address[1]
        self._address = f"{address[0]}:{address[1]}"
        self._project = project
        self._listener = listener
        self._following: dict[str, asyncio.Task[None]] = {}

    def clear(self) -> None:
        """Deletes all documents; blocks, and the deletions are events."""
        clear_documents(self._address, self._project)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Is attached as long as the block lasts.

        Raises:
            OfficialMissing: nobody answers there.
        """
        async with grpc.aio.insecure_channel(self._address, options=_OPTIONS) as channel:
            self._channel = channel
            try:
                await asyncio.wait_for(channel.channel_ready(), _PATIENCE_S)
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
        """Begins to follow a collection group, and returns when every later write will be told.

        Raises:
            ValueError: the emulator does not tell what is there.
        """
        if collection_id in self._following:
            return
        group = _Group(f"projects/{self._project}/databases/(default)", collection_id)
        task = asyncio.create_task(group.follow(self._channel, self._listener))
        self._following[collection_id] = task
        try:
            await asyncio.wait_for(group.is_known.wait(), _PATIENCE_S)
        except TimeoutError as error:
            task.cancel()
            del self._following[collection_id]
            raise ValueError(f"{self._address} tells nothing of {collection_id}") from error


class _Group:
    """What is known of one collection group."""

    def __init__(self, database: str, collection_id: str) -> None:
        self.is_known = asyncio.Event()
        self._database = database
        self._collection_id = collection_id
        self._known: dict[str, StoredDocument] = {}

    async def follow(self, channel: grpc.aio.Channel, listener: Listener) -> None:
        """Listens without end, anew when the stream breaks."""
        while True:
            try:
                await self._listen(channel, listener)
            except grpc.aio.AioRpcError as error:
                _log.warning("listening to %s: %s", self._collection_id, error.details())
            await asyncio.sleep(_AGAIN_S)

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
        news: dict[str, StoredDocument | None] = dict.fromkeys(self._known)
        is_current = False
        async for answer in call:
            _take(answer, news)
            change = answer.target_change
            if change.target_change_type == _RESET:  # all that is there follows
                news, is_current = dict.fromkeys(self._known), False
            is_current = is_current or change.target_change_type == _CURRENT
            if is_current and change.HasField("read_time"):
                changes = self._learn(news)
                news = {}
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

    def _learn(self, news: dict[str, StoredDocument | None]) -> list[DocumentChange]:
        changes = []
        for name, after in news.items():
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


def _take(answer: Message, news: dict[str, StoredDocument | None]) -> None:
    match answer.WhichOneof("response_type"):
        case "document_change":
            message = Document()
            message.CopyFrom(answer.document_change.document)
            news[message.name] = StoredDocument(
                path=document_path(message.name),
                message=message,
                create_time=microseconds(message.create_time),
                update_time=microseconds(message.update_time),
            )
        case "document_delete":
            news[answer.document_delete.document] = None
        case "document_remove":
            news[answer.document_remove.document] = None


def _version(document: StoredDocument | None) -> int:
    return 0 if document is None else document.update_time
