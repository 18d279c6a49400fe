"""The bodies of requests: JSON, or multipart with JSON in one part.

Whatever JSON can hold and an answer cannot is refused here: it would be stored, and told again.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request

from web.errors import InvalidRequest, TooLarge, Unsupported

MAX_JSON_BYTES = 1 << 20
_MOST_LEVELS = 32  # of lists and maps in each other; what stores and answers them recurses


@asynccontextmanager
async def body_of(request: Request) -> AsyncIterator[tuple[Any, FormData]]:
    """Give the JSON of a request and the files that came with it, and close them afterwards.

    Raises:
        InvalidRequest: no JSON.
        TooLarge: more than 1 MiB of it.
        Unsupported: neither JSON nor multipart.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield await json_of(request), FormData()
    elif kind == "multipart/form-data":
        async with files_of(request) as form:
            text = form.get("request")
            if not isinstance(text, str):
                raise InvalidRequest(
                    "the multipart body has no text part named request; accepted: one, with JSON",
                    field="request",
                )
            yield parsed(text), form
    else:
        raise Unsupported(
            f"content-type is {kind or 'missing'!r}; accepted: application/json, "
            "multipart/form-data",
            field="Content-Type",
        )


@asynccontextmanager
async def files_of(request: Request) -> AsyncIterator[FormData]:
    """Give the parts of a multipart request, and close them afterwards.

    Raises:
        InvalidRequest: they did not come whole, or in a character set that is none.
    """
    try:
        form = await request.form(max_files=4, max_fields=20, max_part_size=MAX_JSON_BYTES)
    except ClientDisconnect as error:
        raise InvalidRequest("the body did not come whole") from error
    except UnicodeError as error:
        raise _not_in_its_charset() from error
    try:
        for name, value in form.multi_items():
            _require_text(name, value if isinstance(value, str) else "")
        yield form
    finally:
        await form.close()


def _require_text(*texts: str) -> None:
    """Refuse half characters, which some charsets can write ("unicode_escape")."""
    try:
        "".join(texts).encode()
    except UnicodeError as error:
        raise _not_in_its_charset() from error


def _not_in_its_charset() -> InvalidRequest:
    return InvalidRequest("the body is not in its charset; accepted: utf-8")


async def json_of(request: Request) -> Any:
    """Return the body of a request, read as JSON.

    Raises:
        InvalidRequest: it is none.
        TooLarge: it has more than 1 MiB.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_JSON_BYTES:
                raise TooLarge(
                    f"the JSON has more than {MAX_JSON_BYTES} bytes; accepted: at most that"
                )
    except ClientDisconnect as error:
        raise InvalidRequest("the body did not come whole") from error
    return parsed(bytes(body))


def parsed(text: str | bytes) -> Any:
    """Read JSON that can be stored and told again.

    Raises:
        InvalidRequest: it is none, has half a character (a lone surrogate), or more than 32 levels.
    """
    try:
        read = json.loads(text)
        json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from error
    if _is_deeper(read, _MOST_LEVELS):
        raise InvalidRequest(f"the JSON has too many levels; accepted: at most {_MOST_LEVELS}")
    return read


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)
