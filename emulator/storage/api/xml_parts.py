"""The XML API's uploads in parts: begin, put the parts in any order, complete or cancel."""

import base64
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import unescape
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.xml_requests import (
    digests,
    metadata_headers,
    requested_upload,
    xml_response,
)
from emulator.storage.content import Content
from emulator.storage.errors import BadRequest, NoSuchUpload
from emulator.storage.http.responses import query_integer
from emulator.storage.http.server import PathParameters
from emulator.storage.http.service import StorageService, check_digests
from emulator.storage.uploads import Upload

_MAX_PARTS = 10_000
_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_NUMBER = re.compile(r"<PartNumber>\s*(\d+)\s*</PartNumber>")
_ETAG = re.compile(r"<ETag>\s*(.*?)\s*</ETag>")


@dataclass(frozen=True, kw_only=True)
class _PartedUpload:
    """One upload, and its parts by number."""

    upload: Upload
    parts: dict[int, Content] = field(default_factory=dict)


class PartCalls:
    """The calls on a store."""

    def __init__(self, service: StorageService) -> None:
        self._service = service
        self._uploads: dict[str, _PartedUpload] = {}

    async def begin(self, request: Request, path: PathParameters) -> Response:
        """Begin an upload.

        Raises:
            StorageError: the object could not be stored.
        """
        if await request.body():
            raise BadRequest("A request that begins an upload in parts has no body")
        upload = requested_upload(request, path)
        self._service.check_upload(upload)
        identifier = uuid.uuid4().hex
        self._uploads[identifier] = _PartedUpload(upload=upload)
        return xml_response(
            "InitiateMultipartUploadResult",
            f"<Bucket>{escape(upload.bucket)}</Bucket><Key>{escape(upload.name)}</Key>"
            f"<UploadId>{identifier}</UploadId>",
        )

    async def put(self, request: Request) -> Response:
        """Store a part, also in the place of an earlier one of its number.

        Raises:
            BadRequest: a malformed number, or another digest; NotFound: no such upload.
        """
        begun = self._find(request)
        number = query_integer(request, "partNumber")
        if number is None or not 1 <= number <= _MAX_PARTS:
            raise BadRequest(f"partNumber is {number}; accepted: 1 to {_MAX_PARTS}")
        content = (await self._service.receive(request)).finish()
        check_digests(content, digests(request))
        replaced = begun.parts.get(number)
        if replaced is not None:
            replaced.file.unlink(missing_ok=True)
        begun.parts[number] = content
        hashes = f"crc32c={content.crc32c},md5={content.md5}"
        return Response(headers={"ETag": f'"{_hex(content)}"', "X-Goog-Hash": hashes})

    async def complete(self, request: Request, path: PathParameters) -> Response:
        """Join the parts that the body lists into the object.

        Raises:
            BadRequest: the list is malformed or names another part; NotFound: no such upload.
        """
        begun = self._find(request)
        receiver = self._service.store.receiver()
        for part in _listed(await request.body(), begun.parts):
            receiver.write_file(part.file)
        announced = {kind: told for kind, told in digests(request).items() if told}
        upload = replace(begun.upload, digests={**begun.upload.digests, **announced})
        stored = self._service.check_and_store(upload, receiver)
        self._discard(request)
        return xml_response(
            "CompleteMultipartUploadResult",
            f"<Bucket>{escape(stored.bucket)}</Bucket><Key>{escape(stored.name)}</Key>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag>",
            metadata_headers(stored),
        )

    def cancel(self, request: Request) -> Response:
        """Cancel an upload.

        Raises:
            NotFound: there is none of this id.
        """
        self._find(request)
        self._discard(request)
        return Response(status_code=204)

    def _find(self, request: Request) -> _PartedUpload:
        identifier = request.query_params.get("uploadId", "")
        if identifier not in self._uploads:
            raise NoSuchUpload(f"The requested upload was not found: {identifier}")
        return self._uploads[identifier]

    def _discard(self, request: Request) -> None:
        for part in self._uploads.pop(request.query_params["uploadId"]).parts.values():
            part.file.unlink(missing_ok=True)


def _hex(content: Content) -> str:
    return base64.b64decode(content.md5).hex()


def _listed(body: bytes, parts: dict[int, Content]) -> Iterator[Content]:
    last = 0
    for listed in _PART.findall(body.decode("utf-8", "replace")):
        number, etag = (pattern.search(listed) for pattern in (_NUMBER, _ETAG))
        if number is None or etag is None:
            raise BadRequest(f"A part is {listed!r}; accepted: with PartNumber and ETag")
        part = parts.get(int(number[1]))
        if part is None or int(number[1]) <= last or unescape(etag[1]).strip('"') != _hex(part):
            raise BadRequest(
                f"Part {number[1]} with ETag {etag[1]} was not uploaded, or is not in ascending "
                "order"
            )
        last = int(number[1])
        yield part
    if not last:
        raise BadRequest("The list of parts is empty, or is no CompleteMultipartUpload")
