"""The XML API's uploads by HTML form: POST on a bucket, with or without a signed policy."""

import time
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.json_requests import base_url
from emulator.storage.api.resources import object_metadata
from emulator.storage.api.xml_requests import metadata_headers, xml_response
from emulator.storage.errors import BadRequest, NotEmulated
from emulator.storage.http.multipart import FormHead, boundary_of, read_form
from emulator.storage.http.post_policy import check_policy
from emulator.storage.http.server import PathParameters
from emulator.storage.http.service import StorageService
from emulator.storage.objects import StoredObject
from emulator.storage.uploads import Upload

_META = "x-goog-meta-"
_KNOWN = frozenset(
    {
        *("key", "policy", "bucket", "content-type", "cache-control", "content-disposition"),
        *("content-encoding", "content-language", "x-goog-algorithm", "x-goog-credential"),
        *(
            "x-goog-date",
            "x-goog-signature",
            "signature",
            "googleaccessid",
            "success_action_status",
        ),
        *("success_action_redirect", "x-goog-storage-class", "x-goog-custom-time"),
    }
)
_STATUSES = {"200": 200, "201": 201}


async def upload_form(service: StorageService, request: Request, path: PathParameters) -> Response:
    """Store the file of a form.

    Raises:
        StorageError: the form has a field that is not known, breaks its policy, or is refused.
    """
    boundary = boundary_of(request.headers.get("content-type", ""))
    receiver = service.store.receiver()
    form = await read_form(request.stream(), boundary, receiver)
    for name in form.fields:
        if name not in _KNOWN and not name.startswith((_META, "x-ignore-")):
            raise NotEmulated(f"The emulator does not know the form's field {name}")
    if form.fields.get("bucket", path["bucket"]) != path["bucket"]:
        raise BadRequest(f"The form is for the bucket {form.fields['bucket']}")
    check_policy({"bucket": path["bucket"], **form.fields}, receiver.size_bytes, time.time())
    stored = service.check_and_store(_upload(form, path["bucket"]), receiver)
    return _response(request, form, stored)


def _upload(form: FormHead, bucket: str) -> Upload:
    custom = {
        name.removeprefix(_META): value
        for name, value in form.fields.items()
        if name.startswith(_META)
    }
    described = dict(form.fields)
    if "content-type" not in described and form.content_type:
        described["content-type"] = form.content_type
    return Upload(
        bucket=bucket,
        name=form.fields.get("key", "").replace("${filename}", form.file_name),
        metadata=object_metadata(described, custom),
    )


def _response(request: Request, form: FormHead, stored: StoredObject) -> Response:
    redirect = form.fields.get("success_action_redirect")
    if redirect:
        query = urlencode({"bucket": stored.bucket, "key": stored.name, "etag": f'"{stored.etag}"'})
        joined = "&" if "?" in redirect else "?"
        return Response(status_code=303, headers={"Location": f"{redirect}{joined}{query}"})
    location = f"{base_url(request)}/{stored.bucket}/{quote(stored.name)}"
    headers = {**metadata_headers(stored), "Location": location}
    status = _STATUSES.get(form.fields.get("success_action_status", ""), 204)
    if status != 201:
        return Response(status_code=status, headers=headers)
    body = (
        f"<Location>{escape(location)}</Location><Bucket>{escape(stored.bucket)}</Bucket>"
        f"<Key>{escape(stored.name)}</Key><ETag>&quot;{stored.etag}&quot;</ETag>"
    )
    response = xml_response("PostResponse", body, headers)
    response.status_code = status
    return response
