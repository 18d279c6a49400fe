"""Uploads in several requests: what arrived so far. Shared by both dialects."""

import uuid
from dataclasses import dataclass

from emulator.storage.content import Receiver
from emulator.storage.errors import BadRequest, NotFound
from emulator.storage.objects import Conditions, ObjectMetadata, StoredObject


@dataclass(kw_only=True)
class UploadSession:
    """One upload in progress, and the object that came of it in the end."""

    identifier: str
    bucket: str
    name: str
    metadata: ObjectMetadata
    conditions: Conditions
    digests: dict[str, str]
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


class UploadSessions:
    """The uploads in progress, and those that ended."""

    def __init__(self) -> None:
        self._sessions: dict[str, UploadSession] = {}

    def begin(
        self,
        *,
        bucket: str,
        name: str,
        metadata: ObjectMetadata,
        conditions: Conditions,
        digests: dict[str, str],
        receiver: Receiver,
    ) -> UploadSession:
        """Begins an upload."""
        session = UploadSession(
            identifier=uuid.uuid4().hex,
            bucket=bucket,
            name=name,
            metadata=metadata,
            conditions=conditions,
            digests=digests,
            receiver=receiver,
        )
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
        session = self.find(identifier)
        del self._sessions[identifier]
        if session.stored is None:
            session.receiver.discard()

    def clear(self) -> None:
        """Gives all uploads up."""
        for identifier in tuple(self._sessions):
            self.cancel(identifier)
