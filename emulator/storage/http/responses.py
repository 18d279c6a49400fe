"""JSON responses, and JSON and numbers in requests, as all APIs write them."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.storage.errors import BadRequest


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response."""
    return JSONResponse(body, status_code=status, headers=headers)


def parse_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object; an empty body counts as an empty one.

    Raises:
        BadRequest: it is something else.
    """
    try:
        parsed = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise BadRequest(f"The description of the object is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise BadRequest("The description of the object is no JSON object")
    return parsed


async def read_json(request: Request) -> dict[str, Any]:
    """Read a body that is a JSON object; an empty body counts as an empty one.

    Raises:
        BadRequest: it is something else.
    """
    return parse_json(await request.body())


def query_integer(request: Request, name: str) -> int | None:
    """Read a whole number from the query; None where it is absent.

    Raises:
        BadRequest: it is something else.
    """
    return _integer(name, request.query_params.get(name))


def header_integer(request: Request, name: str) -> int | None:
    """Read a whole number from the headers; None where it is absent.

    Raises:
        BadRequest: it is something else.
    """
    return _integer(name, request.headers.get(name))


def _integer(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise BadRequest(f'{name} is "{text}"; accepted: a whole number')
    return int(text)
