"""What all calls of the JSON API share: base URL, preconditions, the response with an object."""

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.resources import object_resource
from emulator.storage.http.responses import json_response, query_integer
from emulator.storage.objects import Conditions, StoredObject


def base_url(request: Request) -> str:
    """Return the URL of this server as the client addressed it, without a path."""
    return f"{request.url.scheme}://{request.url.netloc}"


def object_response(request: Request, stored: StoredObject) -> Response:
    """Return the response with the resource of an object."""
    return json_response(object_resource(base_url(request), stored))


def conditions(request: Request, *, source: bool = False) -> Conditions:
    """Return the preconditions of a request, on its object or on the source of a copy.

    Raises:
        BadRequest: one is not a number.
    """
    prefix = "ifSource" if source else "if"
    return Conditions(
        generation_match=query_integer(request, f"{prefix}GenerationMatch"),
        generation_not_match=query_integer(request, f"{prefix}GenerationNotMatch"),
        metageneration_match=query_integer(request, f"{prefix}MetagenerationMatch"),
        metageneration_not_match=query_integer(request, f"{prefix}MetagenerationNotMatch"),
    )
