"""The options of an emulator. Plain values."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from emulator.tasks.errors import InvalidArgument
from emulator.tasks.names import check_queue
from emulator.tasks.queue import Queue, RateLimits, RetryConfig

_LAST_PORT = 65535
_DEBOUNCE = "idle-debounce"


class FirestoreBackend(StrEnum):
    """The implementation of Firestore; Eventarc is always this package's."""

    EMBEDDED = "embedded"  # this package's
    JAR = "jar"  # Google's emulator, where its jar is on this machine; its events are relayed
    SUITE = "suite"  # a running `firebase emulators:start`, Storage too; followed by listening


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """The options of an emulator. Port 0: a free one; `time_factor` scales the services' times.

    `queue` is the id of the queue that exists from the start, in the location `local`; it pushes
    one task at a time. Beside it there is `idle-debounce`, which pushes eighty.

    At the start the export in `import_from` and the folder `seed_from` are loaded; at the stop the
    data is exported to `export_to`.

    Any client of the control endpoint may do anything: it has a host of its own, the loopback.
    """

    project: str = "demo-avatar"
    bucket: str = "demo-avatar.appspot.com"
    host: str = "127.0.0.1"
    firestore_port: int = 0
    storage_port: int = 0
    tasks_port: int = 0
    control_port: int = 0
    control_host: str = "127.0.0.1"
    queue: str = "idle-renders"
    time_factor: float = 1.0
    backend: FirestoreBackend = FirestoreBackend.EMBEDDED
    seed_from: Path | None = None
    import_from: Path | None = None
    export_to: Path | None = None

    def __post_init__(self) -> None:
        for name in ("firestore_port", "storage_port", "tasks_port", "control_port"):
            port = getattr(self, name)
            if not 0 <= port <= _LAST_PORT:
                raise ValueError(f"{name} is {port}; accepted: 0 (a free one) to {_LAST_PORT}")
        folders = (self.seed_from, self.import_from, self.export_to)
        if self.backend is FirestoreBackend.SUITE and not (
            self.firestore_port and self.storage_port
        ):
            raise ValueError("the suite backend needs the ports on which the suite runs")
        if self.backend is not FirestoreBackend.EMBEDDED and any(folders):
            raise ValueError("seed, import and export need the embedded backend")
        if not self.time_factor > 0:
            raise ValueError(f"time_factor is {self.time_factor}; accepted: above 0")
        try:
            check_queue(self.queue_name)
        except InvalidArgument as error:
            raise ValueError(f'queue is "{self.queue}": {error}') from error

    @property
    def queue_name(self) -> str:
        """The full name of the queue that is there from the start."""
        return f"projects/{self.project}/locations/local/queues/{self.queue}"

    @property
    def debounce_queue_name(self) -> str:
        """The full name of the queue that posts to the gate."""
        return f"projects/{self.project}/locations/local/queues/{_DEBOUNCE}"

    @property
    def first_queues(self) -> tuple[Queue, ...]:
        """The queues of a deployment with one renderer, which takes one task at a time."""
        patient = RetryConfig(min_backoff_s=10.0, max_backoff_s=300.0)  # as events are
        one, many = (RateLimits(max_concurrent_dispatches=number) for number in (1, 80))
        return (
            Queue(name=self.queue_name, rate_limits=one, retry_config=patient),
            Queue(name=self.debounce_queue_name, rate_limits=many, retry_config=patient),
        )
