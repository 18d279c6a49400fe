"""What an event, a task, a ledger and a lease are about: an avatar's idle video, or a talk.

Pure. Everything that differs only by its place in database and bucket is told here, so that one
code serves both kinds.
"""

from dataclasses import dataclass
from typing import Final

from functions.domain.storage_paths import output_folder

IDLE_LEDGERS: Final = "livePortraitJobs"


@dataclass(frozen=True, kw_only=True, order=True)
class Subject:
    """One avatar, whose idle video is rendered."""

    avatar_id: str

    @property
    def document(self) -> tuple[str, ...]:
        """The document's path below the collection of avatars."""
        return (self.avatar_id,)

    @property
    def ledger(self) -> tuple[str, str]:
        """Collection and id of the ledger's document."""
        return (IDLE_LEDGERS, self.avatar_id)

    @property
    def output_folder(self) -> str:
        """The folder of all its results, with a closing slash."""
        return output_folder(self.avatar_id)

    def __str__(self) -> str:
        """Return the document's path below the collection, for messages."""
        return "/".join(self.document)

    def attempt_folder(self, fingerprint: str, request_id: str) -> str:
        """Return the folder of one claim's output: no two attempts share one."""
        return f"{self.output_folder}{fingerprint}/{request_id}/"

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids for `log.bound`."""
        return {"avatar_id": self.avatar_id}
