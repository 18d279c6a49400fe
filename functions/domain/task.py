"""A task of the queue between gate and renderer: its name, and its body at both ends. Pure.

The body names an avatar and nothing else: the renderer reads everything else from the ledger.
"""

import hashlib
import json
import re
from dataclasses import dataclass

from functions.domain.job_record import Dispatch
from functions.domain.subject import Subject
from functions.errors import InvalidTask

MAX_BODY_BYTES = 16_384  # an id of 1,500 bytes in its longest escaped form, and room
_MAX_ID_BYTES = 1500  # Firestore's own limit
_ACCEPTED = '{"avatarId": "<a document id>"}'


@dataclass(frozen=True, kw_only=True)
class RenderTask:
    """A task that the gate puts into the queue."""

    subject: Subject
    dispatch: Dispatch

    @property
    def task_id(self) -> str:
        """The task's name: the same for the same dispatch, however often an event is delivered.

        It holds a digest of the avatar's id, which may have characters that names may not have.
        """
        avatar = hashlib.sha256(self.subject.avatar_id.encode()).hexdigest()[:16]
        return f"{avatar}-{self.dispatch.fingerprint}-{self.dispatch.at}"

    @property
    def body(self) -> bytes:
        """The task's body, as `read_subject` reads it."""
        return json.dumps({"avatarId": self.subject.avatar_id}).encode()


def read_subject(body: bytes) -> Subject:
    """Return what a task is about.

    Raises:
        InvalidTask: the body is something else.
    """
    if len(body) > MAX_BODY_BYTES:
        raise InvalidTask(f"the task's body is {len(body)} bytes long; accepted: {MAX_BODY_BYTES}")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as fault:  # UnicodeDecodeError is a ValueError
        raise InvalidTask(f"the task's body is no JSON ({fault}); accepted: {_ACCEPTED}") from (
            fault
        )
    avatar_id = content.get("avatarId") if isinstance(content, dict) else None
    if not isinstance(avatar_id, str) or not is_document_id(avatar_id):
        raise InvalidTask(f"the task's body is {body[:200]!r}; accepted: {_ACCEPTED}")
    return Subject(avatar_id=avatar_id)


def is_document_id(text: str) -> bool:
    """Tell whether Firestore accepts a text as a document's id."""
    try:
        length = len(text.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    reserved = text in (".", "..") or re.fullmatch("__.*__", text, re.DOTALL) is not None
    return 0 < length <= _MAX_ID_BYTES and "/" not in text and not reserved
