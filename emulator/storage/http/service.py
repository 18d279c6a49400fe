"""Uploads and listings as all APIs use them; consults the planned faults."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from emulator.faults import FaultKind, FaultPlan
from emulator.storage.content import Content, Receiver
from emulator.storage.errors import BadRequest, PlannedFault, StorageError
from emulator.storage.globs import compile_glob
from emulator.storage.http.multipart import MultipartHead, boundary_of, read_multipart
from emulator.storage.http.responses import query_integer
from emulator.storage.listing import Listing, NameSpan, ObjectPage
from emulator.storage.objects import StoredObject
from emulator.storage.store import ObjectStore
from emulator.storage.uploads import Upload, UploadSession, UploadSessions

_MAX_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class StorageService:
    """The store, the resumable uploads and the planned faults."""

    store: ObjectStore
    uploads: UploadSessions
    faults: FaultPlan

    async def receive(self, request: Request) -> Receiver:
        """Receive a body of an object's bytes."""
        receiver = self.store.receiver()
        async for piece in request.stream():
            receiver.write(piece)
        return receiver

    async def receive_multipart(self, request: Request) -> tuple[MultipartHead, Receiver]:
        """Receive a body of metadata and an object's bytes.

        Raises:
            BadRequest: the body has another form.
        """
        boundary = boundary_of(request.headers.get("content-type", ""))
        receiver = self.store.receiver()
        return await read_multipart(request.stream(), boundary, receiver), receiver

    def check_upload(self, upload: Upload) -> None:
        """Check that an upload can be stored and that no fault is planned for it.

        Raises:
            StorageError: it cannot, or a fault is planned.
        """
        fault = self.faults.take(FaultKind.FAIL_UPLOAD, upload.name)
        if fault is not None:
            raise PlannedFault(fault.status)
        self.store.check_put(upload.bucket, upload.name, upload.conditions)

    def check_and_store(self, upload: Upload, receiver: Receiver) -> StoredObject:
        """Store the upload of one request.

        Raises:
            StorageError: it is refused, or its digest is not the announced one.
        """
        self.check_upload(upload)
        stored = self._store(upload, receiver)
        self._lose_response(upload)
        return stored

    def finish(self, session: UploadSession) -> StoredObject:
        """Store a resumable upload.

        Raises:
            StorageError: it is refused, or its digest is not the announced one.
        """
        try:
            session.stored = self._store(session.upload, session.receiver)
        except StorageError:
            self.uploads.cancel(session.identifier)
            raise
        self._lose_response(session.upload)
        return session.stored

    def _store(self, upload: Upload, receiver: Receiver) -> StoredObject:
        content = receiver.finish()
        check_digests(content, upload.digests)
        return self.store.put(
            upload.bucket, upload.name, content, upload.metadata, upload.conditions
        )

    def _lose_response(self, upload: Upload) -> None:
        fault = self.faults.take(FaultKind.LOSE_UPLOAD_ANSWER, upload.name)
        if fault is not None:
            raise PlannedFault(fault.status)


def check_digests(content: Content, digests: Mapping[str, str]) -> None:
    """Compare the digests of received bytes with the announced ones.

    Raises:
        BadRequest: one differs; the content is deleted.
    """
    for kind, computed in (("md5Hash", content.md5), ("crc32c", content.crc32c)):
        announced = digests.get(kind)
        if announced and announced != computed:
            content.file.unlink(missing_ok=True)
            raise BadRequest(
                f'Provided {kind} "{announced}" doesn\'t match calculated {kind} "{computed}".'
            )


def requested_page(store: ObjectStore, bucket: str, request: Request) -> ObjectPage:
    """Return the page of a listing that a request's query parameters ask for.

    Raises:
        BadRequest: `maxResults` is no whole number, or `matchGlob` is malformed.
    """
    query = request.query_params
    glob = query.get("matchGlob")
    return store.list_page(
        bucket,
        listing=Listing(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            span=NameSpan(start=query.get("startOffset", ""), end=query.get("endOffset", "")),
            glob=compile_glob(glob) if glob else None,
            shows_folders=query.get("includeTrailingDelimiter", "").lower() == "true",
        ),
        token=query.get("pageToken"),
        limit=min(query_integer(request, "maxResults") or _MAX_PAGE, _MAX_PAGE),
    )
