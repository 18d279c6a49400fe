"""Uploads: what is to be stored, and how one comes in several requests. Shared by both dialects."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from emulator.storage.content import Receiver
from emulator.storage.errors import BadRequest, NotFound
from emulator.storage.objects import Conditions, ObjectMetadata, StoredObject


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An object that is to be stored; `digests` are announced as `md5Hash` or `crc32c`, base64."""

    bucket: str
    name: str
    metadata: ObjectMetadata
    conditions: Conditions = field(default_factory=Conditions)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class UploadSession:
    """One resumable upload, and the object that came of it in the end."""

    identifier: str
    upload: Upload
    receiver: Receiver
    stored: StoredObject | None = None

    @property
    def received_bytes(self) -> int:
        """How much has arrived."""
        return self.receiver.size_bytes

    def accept(self, piece: bytes, position: int) -> None:
        """Appends a piece that begins at `position`; what arrived before is skipped.

        Raises:
            BadRequest: there is a gap between what arrived and the piece.
        """
        known = self.received_bytes - position
        if known < 0:
            raise BadRequest(
                f"The piece begins at byte {position}, but only {self.received_bytes} bytes arrived"
            )
        self.receiver.write(piece[known:])

    def announce(self, digests: Mapping[str, str]) -> None:
        """Adds digests that came with the last piece."""
        self.upload = replace(self.upload, digests={**self.upload.digests, **digests})


class UploadSessions:
    """The resumable uploads in progress, and those that ended."""

    def __init__(self) -> None:
        self._sessions: dict[str, UploadSession] = {}

    def begin(self, upload: Upload, receiver: Receiver) -> UploadSession:
        """Begins an upload."""
        session = UploadSession(identifier=uuid.uuid4().hex, upload=upload, receiver=receiver)
        self._sessions[session.identifier] = session
        return session

    def find(self, identifier: str) -> UploadSession:
        """Returns an upload, also one that ended.

        Raises:
            NotFound: there is none of this id.
        """
        if identifier not in self._sessions:
            raise NotFound(f"No such upload: {identifier}")
        return self._sessions[identifier]

    def cancel(self, identifier: str) -> None:
        """Gives an upload up.

        Raises:
            NotFound: there is none of this id.
        """
        self.find(identifier).receiver.discard()
        del self._sessions[identifier]

    def clear(self) -> None:
        """Gives all uploads up."""
        for identifier in tuple(self._sessions):
            self.cancel(identifier)
