"""Uploads, in one request or in several (resumable)."""

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace

from emulator.storage.content import Receiver
from emulator.storage.errors import BadRequest, NotFound
from emulator.storage.objects import Conditions, ObjectMetadata, StoredObject


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An object to be stored; `digests` as announced, `md5Hash` or `crc32c`, base64."""

    bucket: str
    name: str
    metadata: ObjectMetadata
    conditions: Conditions = field(default_factory=Conditions)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class UploadSession:
    """One resumable upload, and the stored object once it is complete."""

    identifier: str
    upload: Upload
    receiver: Receiver
    stored: StoredObject | None = None

    @property
    def received_bytes(self) -> int:
        """The number of bytes received."""
        return self.receiver.size_bytes

    async def receive(self, pieces: AsyncIterator[bytes], position: int | None) -> None:
        """Append pieces that begin at `position` (None: at the end); skip bytes received before.

        Raises:
            BadRequest: there is a gap before a piece.
        """
        position = self.received_bytes if position is None else position
        async for piece in pieces:
            self._append(piece, position)
            position += len(piece)

    def _append(self, piece: bytes, position: int) -> None:
        known = self.received_bytes - position
        if known < 0:
            raise BadRequest(
                f"The piece begins at byte {position}, but only {self.received_bytes} bytes arrived"
            )
        self.receiver.write(piece[known:])

    def announce(self, digests: Mapping[str, str]) -> None:
        """Add digests that came with the last piece."""
        self.upload = replace(self.upload, digests={**self.upload.digests, **digests})


class UploadSessions:
    """The resumable uploads, in progress and completed."""

    def __init__(self) -> None:
        self._sessions: dict[str, UploadSession] = {}

    def begin(self, upload: Upload, receiver: Receiver) -> UploadSession:
        """Begin an upload."""
        session = UploadSession(identifier=uuid.uuid4().hex, upload=upload, receiver=receiver)
        self._sessions[session.identifier] = session
        return session

    def find(self, identifier: str) -> UploadSession:
        """Return an upload, also a completed one.

        Raises:
            NotFound: there is none of this id.
        """
        if identifier not in self._sessions:
            raise NotFound(f"No such upload: {identifier}")
        return self._sessions[identifier]

    def cancel(self, identifier: str) -> None:
        """Cancel an upload.

        Raises:
            NotFound: there is none of this id.
        """
        self.find(identifier).receiver.discard()
        del self._sessions[identifier]

    def clear(self) -> None:
        """Cancel all uploads."""
        for identifier in tuple(self._sessions):
            self.cancel(identifier)
