"""What all calls of the XML API share: uploads told by headers, responses and errors in XML."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.resources import object_metadata
from emulator.storage.errors import RangeNotSatisfiable, StorageError
from emulator.storage.http.responses import header_integer
from emulator.storage.objects import Conditions, StoredObject
from emulator.storage.uploads import Upload

_META = "x-goog-meta-"
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def requested_upload(request: Request, path: Mapping[str, str]) -> Upload:
    """Return the upload that path and headers announce.

    Raises:
        BadRequest: a header is malformed.
    """
    headers = request.headers
    custom = {
        name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)
    }
    return Upload(
        bucket=path["bucket"],
        name=path["name"],
        metadata=object_metadata(headers, custom),
        conditions=conditions(request),
        digests=digests(request),
    )


def digests(request: Request) -> dict[str, str]:
    """Return the digests that headers announce; "" where there is none."""
    entries = ",".join(request.headers.getlist("x-goog-hash")).split(",")
    told = dict(entry.strip().partition("=")[::2] for entry in entries)
    return {
        "md5Hash": request.headers.get("content-md5") or told.get("md5", ""),
        "crc32c": told.get("crc32c", ""),
    }


def conditions(request: Request) -> Conditions:
    """Return the preconditions of a request.

    Raises:
        BadRequest: one is not a number.
    """
    return Conditions(
        generation_match=header_integer(request, "x-goog-if-generation-match"),
        metageneration_match=header_integer(request, "x-goog-if-metageneration-match"),
    )


def metadata_headers(stored: StoredObject) -> dict[str, str]:
    """Return the headers that describe an object."""
    return {
        "ETag": f'"{stored.etag}"',
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": f"crc32c={stored.content.crc32c},md5={stored.content.md5}",
    }


def xml_response(root: str, body: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response of one XML element in the API's namespace."""
    text = f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{_NAMESPACE}">{body}</{root}>'
    return Response(text, headers=headers, media_type="application/xml")


def error_response(error: StorageError) -> Response:
    """Return an error in XML."""
    headers = {}
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    body = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{type(error).xml_code}</Code><Message>{escape(str(error))}</Message></Error>"
    )
    return Response(body, error.status, headers, media_type="application/xml")
