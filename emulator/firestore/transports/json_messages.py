"""Firestore's messages as JSON, as Google's HTTP front end writes them."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf import json_format

from emulator.firestore.errors import FirestoreError, InvalidArgument
from emulator.firestore.messages import Message

_Filled = TypeVar("_Filled", bound=Message)

HTTP_STATUSES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "UNAVAILABLE": 503,
    "UNIMPLEMENTED": 501,
}
"""The HTTP status of each error."""


def parse_message(message: _Filled, form: Mapping[str, Any]) -> _Filled:
    """Fill a message from its JSON form and return it.

    Raises:
        InvalidArgument: the form does not suit the message.
    """
    try:
        return json_format.ParseDict(dict(form), message)
    except json_format.ParseError as error:
        raise InvalidArgument(f"Invalid JSON payload received. {error}") from error


def parse_object(text: bytes | str) -> dict[str, Any]:
    """Read a JSON object; an empty text counts as an empty one.

    Raises:
        InvalidArgument: it is something else.
    """
    try:
        form = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise InvalidArgument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(form, dict):
        raise InvalidArgument("Invalid JSON payload received. It is no object.")
    return form


def to_json(message: Message) -> dict[str, Any]:
    """Return the JSON form of a message."""
    return json_format.MessageToDict(message)


def error_json(error: FirestoreError) -> dict[str, Any]:
    """Return the JSON form of an error, whose code is an HTTP status."""
    status = HTTP_STATUSES[error.status]
    return {"error": {"code": status, "message": str(error), "status": error.status}}
