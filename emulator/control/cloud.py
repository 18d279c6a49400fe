"""The parts of a running cloud in one place, and what is done to all of them at once."""

from dataclasses import dataclass
from pathlib import Path

from emulator.eventarc.dispatcher import Dispatcher
from emulator.faults import FaultPlan
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import Transactions
from emulator.persistence import export
from emulator.seeding import Seeded, seed
from emulator.storage.backend import Backend


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The parts of a running cloud; to be touched on its event loop only."""

    project: str
    bucket: str
    documents: DocumentStore
    transactions: Transactions
    objects: Backend
    dispatcher: Dispatcher
    faults: FaultPlan

    @property
    def database(self) -> str:
        """The default database's name."""
        return f"projects/{self.project}/databases/(default)"

    def reset(self) -> None:
        """Forgets data, events, counts and planned faults; triggers and buckets stay."""
        self.faults.clear()
        self.transactions.clear()
        self.documents.clear()
        self.objects.uploads.clear()
        self.objects.store.clear()
        self.dispatcher.clear()

    def seed(self, folder: Path) -> Seeded:
        """Writes what a folder holds, as `emulator.seeding` says.

        Raises:
            ValueError: the folder is malformed.
        """
        return seed(
            folder,
            self.documents,
            self.objects.store,
            database=self.database,
            bucket=self.bucket,
        )

    def export(self, folder: Path) -> None:
        """Writes all data into a folder, for another start's `--import`.

        Raises:
            ValueError: the folder holds something else.
        """
        export(folder, self.documents, self.objects.store)
