"""The parts of a running emulator, and the operations on all of them."""

from dataclasses import dataclass
from pathlib import Path

from emulator.eventarc.dispatcher import Dispatcher
from emulator.eventarc.trigger import Trigger
from emulator.faults import STORAGE_FAULTS, Fault, FaultKind, FaultPlan
from emulator.firestore.backends.attached import AttachedFirestore
from emulator.firestore.backends.jar import JarFirestore
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import Transactions
from emulator.persistence import export
from emulator.seeding import Seeded, seed
from emulator.storage.http.service import StorageService
from emulator.tasks.embedded import EmbeddedTasks


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The parts of a running emulator; to be used on its event loop only."""

    project: str
    bucket: str
    documents: DocumentStore
    transactions: Transactions
    objects: StorageService
    dispatcher: Dispatcher
    tasks: EmbeddedTasks
    faults: FaultPlan
    official: JarFirestore | AttachedFirestore | None = (
        None  # Google's Firestore; the embedded one is idle
    )
    has_storage: bool = True  # False where Storage is Google's too

    @property
    def database(self) -> str:
        """The default database's name."""
        return f"projects/{self.project}/databases/(default)"

    def clear_official(self) -> None:
        """Delete the documents of Google's emulator; blocks, so never on the event loop."""
        if self.official is not None:
            self.official.clear()

    def reset(self) -> None:
        """Delete data, events, tasks, counts and planned faults; triggers and buckets stay."""
        self.faults.clear()
        self.transactions.clear()
        self.documents.clear()
        self.objects.uploads.clear()
        self.objects.store.clear()
        self.dispatcher.clear()
        self.tasks.clear()

    def is_idle(self) -> bool:
        """Return whether no event and no task is pending; held ones do not count."""
        return self.dispatcher.is_idle() and self.tasks.is_idle()

    async def connect(self, trigger: Trigger) -> None:
        """Add a trigger, or replace the one of the same name.

        Raises:
            ValueError: Firestore is attached and cannot report such documents.
        """
        if isinstance(self.official, AttachedFirestore):
            await self.official.follow(trigger.collection_id)
        self.dispatcher.connect(trigger)

    def plan(self, fault: Fault) -> None:
        """Plan a fault.

        Raises:
            ValueError: it concerns commits and Firestore is Google's; or likewise for Storage.
        """
        if fault.kind in STORAGE_FAULTS and not self.has_storage:
            raise ValueError(f"a fault of kind {fault.kind} needs our Storage; this is Google's")
        if fault.kind in (FaultKind.ABORT_COMMIT, FaultKind.LOSE_COMMIT_ANSWER):
            self._require_embedded(f"a fault of kind {fault.kind}")
        self.faults.plan(fault)

    def seed(self, folder: Path) -> Seeded:
        """Load a folder, as `emulator.seeding` says.

        Raises:
            ValueError: the folder is malformed, or Firestore is Google's.
        """
        self._require_embedded("a seed")
        return seed(
            folder,
            self.documents,
            self.objects.store,
            database=self.database,
            bucket=self.bucket,
        )

    def export(self, folder: Path) -> None:
        """Write all data to a folder, for `--import`.

        Raises:
            ValueError: the folder contains something else, or Firestore is Google's.
        """
        self._require_embedded("an export")
        export(folder, self.documents, self.objects.store)

    def _require_embedded(self, what: str) -> None:
        if self.official is not None:
            raise ValueError(f"{what} needs the embedded Firestore; this one is Google's")
