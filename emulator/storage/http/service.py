"""What both dialects do with uploads: receive, check, store, and fail where it was planned."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from emulator.faults import FaultKind, FaultPlan
from emulator.storage.content import Content, Receiver
from emulator.storage.errors import BadRequest, Planned, StorageError
from emulator.storage.http.multipart import MultipartHead, boundary_of, read_multipart
from emulator.storage.http.responses import query_integer
from emulator.storage.objects import StoredObject
from emulator.storage.store import NameSpan, ObjectPage, ObjectStore
from emulator.storage.uploads import Upload, UploadSession, UploadSessions

_MAX_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The store with everything around it."""

    store: ObjectStore
    uploads: UploadSessions
    faults: FaultPlan

    async def receive(self, request: Request) -> Receiver:
        """Receives a body that is nothing but an object's bytes."""
        receiver = self.store.receiver()
        async for piece in request.stream():
            receiver.write(piece)
        return receiver

    async def receive_multipart(self, request: Request) -> tuple[MultipartHead, Receiver]:
        """Receives a body that is a description and an object's bytes.

        Raises:
            BadRequest: the body is something else.
        """
        boundary = boundary_of(request.headers.get("content-type", ""))
        receiver = self.store.receiver()
        return await read_multipart(request.stream(), boundary, receiver), receiver

    def admit(self, upload: Upload) -> None:
        """Refuses an upload that could not be stored, or for which a fault was planned.

        Raises:
            StorageError: it is refused.
        """
        fault = self.faults.take(FaultKind.FAIL_UPLOAD, upload.name)
        if fault is not None:
            raise Planned(fault.status)
        self.store.check_put(upload.bucket, upload.name, upload.conditions)

    def admit_and_store(self, upload: Upload, receiver: Receiver) -> StoredObject:
        """Stores what one request brought.

        Raises:
            StorageError: it is refused, or its digest is not the announced one.
        """
        self.admit(upload)
        stored = self._store(upload, receiver)
        self._lose_answer(upload)
        return stored

    def finish(self, session: UploadSession) -> StoredObject:
        """Stores what a resumable upload brought.

        Raises:
            StorageError: it is refused, or its digest is not the announced one.
        """
        try:
            session.stored = self._store(session.upload, session.receiver)
        except StorageError:
            self.uploads.cancel(session.identifier)
            raise
        self._lose_answer(session.upload)
        return session.stored

    def _store(self, upload: Upload, receiver: Receiver) -> StoredObject:
        content = receiver.finish()
        _check_digests(content, upload.digests)
        return self.store.put(
            upload.bucket, upload.name, content, upload.metadata, upload.conditions
        )

    def _lose_answer(self, upload: Upload) -> None:
        fault = self.faults.take(FaultKind.LOSE_UPLOAD_ANSWER, upload.name)
        if fault is not None:
            raise Planned(fault.status)


def _check_digests(content: Content, digests: Mapping[str, str]) -> None:
    for kind, computed in (("md5Hash", content.md5), ("crc32c", content.crc32c)):
        announced = digests.get(kind)
        if announced and announced != computed:
            content.file.unlink(missing_ok=True)
            raise BadRequest(
                f'Provided {kind} "{announced}" doesn\'t match calculated {kind} "{computed}".'
            )


def page_asked_for(store: ObjectStore, bucket: str, request: Request) -> ObjectPage:
    """Lists the objects that a query asks for; both dialects spell it alike.

    Raises:
        BadRequest: `maxResults` is no whole number.
    """
    query = request.query_params
    return store.list_page(
        bucket,
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        span=NameSpan(start=query.get("startOffset", ""), end=query.get("endOffset", "")),
        token=query.get("pageToken"),
        limit=min(query_integer(request, "maxResults") or _MAX_PAGE, _MAX_PAGE),
    )
