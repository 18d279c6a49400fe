"""A task of the queue between gate and renderer: its name, and its body at both ends. Pure.

The body names an avatar, or one of its talks, and nothing else: the renderer reads the rest from
the ledger.
"""

import hashlib
import json
from dataclasses import dataclass

from functions.domain.job_record import Dispatch
from functions.domain.subject import Subject, is_document_id, is_talk_id
from functions.errors import InvalidTask

MAX_BODY_BYTES = 16_384  # an id of 1,500 bytes in its longest escaped form, and room
_ACCEPTED = '{"avatarId": "<a document id>"}, and for a talk its "talkId"'


@dataclass(frozen=True, kw_only=True)
class RenderTask:
    """A task that the gate puts into the queue."""

    subject: Subject
    dispatch: Dispatch

    @property
    def task_id(self) -> str:
        """The task's name: the same for the same dispatch, however often an event is delivered.

        It holds a digest of the ids, which may have characters that names may not have.
        """
        digest = hashlib.sha256(str(self.subject).encode()).hexdigest()[:16]
        return f"{digest}-{self.dispatch.fingerprint}-{self.dispatch.at}"

    @property
    def body(self) -> bytes:
        """The task's body, as `read_subject` reads it."""
        content = {"avatarId": self.subject.avatar_id}
        if self.subject.is_talk:
            content["talkId"] = self.subject.talk_id
        return json.dumps(content).encode()


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
    refused = InvalidTask(f"the task's body is {body[:200]!r}; accepted: {_ACCEPTED}")
    avatar_id = content.get("avatarId") if isinstance(content, dict) else None
    if not isinstance(avatar_id, str) or not is_document_id(avatar_id):
        raise refused
    if "talkId" not in content:
        return Subject(avatar_id=avatar_id)
    talk_id = content["talkId"]
    if not isinstance(talk_id, str) or not is_talk_id(avatar_id, talk_id):
        raise refused
    return Subject(avatar_id=avatar_id, talk_id=talk_id)
