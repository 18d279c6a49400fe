"""The tasks of the queues: their names, and their bodies at both ends. Pure.

A render's body names an avatar, or one of its talks, and nothing else: the renderer reads the rest
from the ledger. That of a look after the debounce also names the wish, which it is compared with.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Protocol, Self

from functions.domain.job_record import Dispatch
from functions.domain.subject import Subject, is_document_id, is_talk_id
from functions.errors import InvalidTask

MAX_BODY_BYTES = 16_384  # an id of 1,500 bytes in its longest escaped form, and room
_ACCEPTED = '{"avatarId": "<a document id>"}, and for a talk its "talkId"'
_LOOK_ACCEPTED = 'as for a render, and "wish": "<a digest>", "at": <epoch ms>'
_LOOK_AGAIN_MS = 10_000  # at an input that is not there yet


class Task(Protocol):
    """What a queue takes."""

    @property
    def task_id(self) -> str:
        """The task's name: a queue takes each once."""

    @property
    def body(self) -> bytes:
        """The body of its request."""

    @property
    def due_s(self) -> float:
        """Unix time before which it is not delivered; 0: at once."""

    @property
    def queue(self) -> str:
        """The queue in which it is left; "": that which is told of it."""


@dataclass(frozen=True, kw_only=True)
class RenderTask:
    """A task for the renderer."""

    subject: Subject
    dispatch: Dispatch

    @property
    def task_id(self) -> str:
        """The task's name: the same for the same dispatch, however often an event is delivered.

        It holds a digest of the ids, which may have characters that names may not have.
        """
        return f"{_digest(self.subject)}-{self.dispatch.fingerprint}-{self.dispatch.at}"

    @property
    def body(self) -> bytes:
        """The task's body, as `read_subject` reads it."""
        return json.dumps(_ids(self.subject)).encode()

    @property
    def due_s(self) -> float:
        """When it is to be delivered."""
        return self.dispatch.due / 1000

    @property
    def queue(self) -> str:
        """That of the dispatch: what follows a repair waits behind what was saved, as it did."""
        return self.dispatch.queue


@dataclass(frozen=True, kw_only=True)
class LookTask:
    """A task for the gate: look at an avatar again, once its save is as old as the debounce."""

    subject: Subject
    wish: str  # `wish_digest` of the document whose save it is
    at: int  # epoch ms: when it is due

    @property
    def task_id(self) -> str:
        """The task's name: the same for the same save, however often its event is delivered."""
        return f"{_digest(self.subject)}-{self.wish}-{self.at}"

    @property
    def body(self) -> bytes:
        """The task's body, as `read` reads it."""
        return json.dumps({**_ids(self.subject), "wish": self.wish, "at": self.at}).encode()

    @property
    def due_s(self) -> float:
        """When it is to be delivered."""
        return self.at / 1000

    @property
    def queue(self) -> str:
        """Looks have one queue."""
        return ""

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Return the task of a body.

        Raises:
            InvalidTask: the body is something else.
        """
        subject, content = read_subject(body), json.loads(body)
        wish, at = content.get("wish"), content.get("at")
        if not isinstance(wish, str) or not isinstance(at, int):
            raise InvalidTask(f"the task's body is {body[:200]!r}; accepted: {_LOOK_ACCEPTED}")
        return cls(subject=subject, wish=wish, at=at)

    def later(self, now: int) -> Self:
        """Return the next look at the same wish: the same one, however often this is delivered."""
        missed = max(now - self.at, 0) // _LOOK_AGAIN_MS
        return replace(self, at=self.at + (missed + 1) * _LOOK_AGAIN_MS)


def _digest(subject: Subject) -> str:
    return hashlib.sha256(str(subject).encode()).hexdigest()[:16]


def _ids(subject: Subject) -> dict[str, str]:
    ids = {"avatarId": subject.avatar_id}
    return {**ids, "talkId": subject.talk_id} if subject.is_talk else ids


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


def read_generation_id(body: bytes) -> str | None:
    """Return the id of a task's generation; None: the task is about none.

    Raises:
        InvalidTask: the id cannot be a document's.
    """
    try:
        content = json.loads(body) if len(body) <= MAX_BODY_BYTES else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "generationId" not in content:
        return None
    name = content["generationId"]
    if not isinstance(name, str) or not is_document_id(name):
        raise InvalidTask(f"generationId is {name!r:.200}; accepted: a document's id")
    return name
