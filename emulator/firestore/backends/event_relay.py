"""Converts the events of Google's Firestore emulator to changes.

It posts each event to the address of its Functions emulator: the protobuf as base64 text, one at a
time, never twice, also for writes that change nothing, with headers that garble non-ASCII text. So
headers are not read, writes without a change are dropped, and the response is immediate.
"""

import base64
import binascii
import logging

from google.events.cloud.firestore import DocumentEventData
from google.protobuf.message import DecodeError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emulator.firestore.documents.document import DocumentChange, StoredDocument
from emulator.firestore.documents.writes import is_unchanged
from emulator.firestore.messages import Document, Message
from emulator.firestore.store import Listener, wall_clock_us

_log = logging.getLogger(__name__)


class Relay:
    """The ASGI application; passes each change to `listener`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one event on."""
        body = await Request(scope, receive).body()
        try:
            change = change_of(body)
        except ValueError as error:
            _log.warning("an event of the official emulator is not understood: %s", error)
            await Response(status_code=400)(scope, receive, send)
            return
        if change is not None:
            self._listener([change])
        await Response(status_code=200)(scope, receive, send)


def change_of(body: bytes) -> DocumentChange | None:
    """Return the change that an event reports; None where nothing changed.

    Raises:
        ValueError: the body is no event.
    """
    data = DocumentEventData.pb()()
    try:
        data.ParseFromString(base64.b64decode(body, validate=True))
    except (binascii.Error, DecodeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    before, after = _stored(data, "old_value"), _stored(data, "value")
    known = after or before
    if known is None or is_unchanged(before, None if after is None else after.message):
        return None
    commit_time = wall_clock_us() if after is None else after.update_time
    return DocumentChange(path=known.path, before=before, after=after, commit_time=commit_time)


def _stored(data: Message, field: str) -> StoredDocument | None:
    if not data.HasField(field):
        return None
    message = Document.FromString(getattr(data, field).SerializeToString())
    return StoredDocument.of_message(message)
