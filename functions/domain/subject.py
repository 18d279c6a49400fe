"""What an event, a task, a ledger and a lease are about: an avatar, or one of its talks.

Pure. Everything that differs only by its place in database and bucket is told here, so that one
code serves both.
"""

import re
from dataclasses import dataclass
from typing import Final

from functions.domain.storage_paths import output_folder

IDLE_LEDGERS: Final = "livePortraitJobs"
TALK_LEDGERS: Final = "livePortraitTalkJobs"
TALKS: Final = "talks"  # the collection below an avatar's document
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MAX_ID_BYTES = 1500  # Firestore's own limit


@dataclass(frozen=True, kw_only=True, order=True)
class Subject:
    """An avatar, whose idle video is rendered; or one of its talks.

    A talk's id is plain, for it is part of names that hold more than an id.
    """

    avatar_id: str
    talk_id: str = ""  # "": the avatar itself

    @property
    def is_talk(self) -> bool:
        """Whether it is a talk."""
        return bool(self.talk_id)

    @property
    def avatar(self) -> "Subject":
        """The avatar itself."""
        return Subject(avatar_id=self.avatar_id)

    @property
    def document(self) -> tuple[str, ...]:
        """The document's path below the collection of avatars."""
        return (self.avatar_id, TALKS, self.talk_id) if self.is_talk else (self.avatar_id,)

    @property
    def ledger(self) -> tuple[str, str]:
        """Collection and id of the ledger's document."""
        if self.is_talk:
            return (TALK_LEDGERS, f"{self.avatar_id}:{self.talk_id}")
        return (IDLE_LEDGERS, self.avatar_id)

    @property
    def output_folder(self) -> str:
        """The folder of all its results, with a closing slash; an avatar's holds its talks'."""
        folder = output_folder(self.avatar_id)
        return f"{folder}{TALKS}/{self.talk_id}/" if self.is_talk else folder

    @property
    def video_name(self) -> str:
        """The name of a result's video."""
        return "talk.mp4" if self.is_talk else "idle.mp4"

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids for `log.bound`."""
        return {"avatar_id": self.avatar_id, "talk_id": self.talk_id}

    def __str__(self) -> str:
        """Return the document's path below the collection, for messages."""
        return "/".join(self.document)

    def attempt_folder(self, fingerprint: str, request_id: str) -> str:
        """Return the folder of one claim's output: no two attempts share one."""
        return f"{self.output_folder}{fingerprint}/{request_id}/"


def is_document_id(text: str) -> bool:
    """Tell whether Firestore accepts a text as a document's id."""
    try:
        length = len(text.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    reserved = text in (".", "..") or re.fullmatch("__.*__", text, re.DOTALL) is not None
    return 0 < length <= _MAX_ID_BYTES and "/" not in text and not reserved


def is_talk_id(avatar_id: str, talk_id: str) -> bool:
    """Tell whether a talk of this id is served: it has a plain id, and room for a ledger's."""
    ledger = Subject(avatar_id=avatar_id, talk_id=talk_id).ledger[1]
    return bool(_PLAIN_ID.fullmatch(talk_id)) and len(ledger.encode()) <= _MAX_ID_BYTES


def subject_of_path(path: str) -> Subject | None:
    """Return the subject of a document's path below the collection; None: it is another's."""
    parts = path.split("/")
    if not is_document_id(parts[0]):
        return None
    if len(parts) == 1:
        return Subject(avatar_id=path)
    if len(parts) == 3 and parts[1] == TALKS and is_talk_id(parts[0], parts[2]):
        return Subject(avatar_id=parts[0], talk_id=parts[2])
    return None


def subject_of_talk_ledger(name: str) -> Subject:
    """Return the talk of a ledger's id. A talk's id has no colon, its avatar's may."""
    avatar_id, _, talk_id = name.rpartition(":")
    return Subject(avatar_id=avatar_id, talk_id=talk_id)


def talk_of_output(avatar_id: str, path: str) -> Subject | None:
    """Return the talk whose output an object of an avatar is; None: it is no talk's."""
    folder = f"{output_folder(avatar_id)}{TALKS}/"
    talk_id, slash, _ = path.removeprefix(folder).partition("/")
    if not path.startswith(folder) or not slash or not is_talk_id(avatar_id, talk_id):
        return None
    return Subject(avatar_id=avatar_id, talk_id=talk_id)
