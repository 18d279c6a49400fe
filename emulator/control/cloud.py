"""The parts of a running cloud in one place, and what is done to all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.eventarc.dispatcher import Dispatcher
from emulator.eventarc.trigger import Trigger
from emulator.faults import FaultPlan
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import Transactions
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

    def connect(self, name: str, document_pattern: str, targets: Sequence[str]) -> None:
        """Adds a trigger on the default database.

        Raises:
            ValueError: the pattern or a target has another form than accepted.
        """
        self.dispatcher.connect(
            Trigger(
                name=name,
                document_pattern=document_pattern,
                targets=tuple(targets),
                database=self.database,
            )
        )
