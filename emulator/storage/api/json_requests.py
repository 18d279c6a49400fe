"""What all calls of the JSON API read from a request: base URL and preconditions."""

from starlette.requests import Request

from emulator.storage.http.responses import query_integer
from emulator.storage.objects import Conditions


def base_url(request: Request) -> str:
    """Return the URL of this server as the client addressed it, without a path."""
    return f"{request.url.scheme}://{request.url.netloc}"


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
