"""The whole emulator as one object: starts and stops its servers in a thread of its own.

Used by the command line, the demo and the tests.
"""

import asyncio
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.control.cloud import Cloud
from emulator.control.handle import Control
from emulator.control.server import control_application
from emulator.eventarc.dispatcher import Dispatcher
from emulator.faults import FaultPlan
from emulator.firestore.backends.attached import AttachedFirestore
from emulator.firestore.backends.embedded import EmbeddedFirestore
from emulator.firestore.backends.jar import JarFirestore
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import Transactions
from emulator.options import FirestoreBackend, SuiteOptions
from emulator.persistence import check_target, restore
from emulator.serving import HttpServer, bind, client_address
from emulator.storage.api.firebase_api import FirebaseApi
from emulator.storage.api.json_api import JsonApi
from emulator.storage.api.xml_api import XmlApi
from emulator.storage.http.server import StorageServer
from emulator.storage.http.service import StorageService
from emulator.storage.store import ObjectStore
from emulator.storage.uploads import UploadSessions
from emulator.tasks.embedded import EmbeddedTasks

__all__ = ["FirestoreBackend", "Suite", "SuiteOptions"]

_START_TIMEOUT_S = 90.0  # Java starts slowly


@dataclass(frozen=True, kw_only=True)
class _Running:
    """The state between start and stop."""

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    stopping: asyncio.Event
    control: Control
    firestore_port: int
    storage_port: int
    tasks_port: int
    control_port: int


class Suite:
    """The emulator; a context manager."""

    def __init__(self, options: SuiteOptions | None = None) -> None:
        self.options = options or SuiteOptions()
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the servers, and return when they are ready.

        Raises:
            PortBusy: one of the ports is taken.
            RuntimeError: the suite runs already.
        """
        if self._running is not None:
            raise RuntimeError("the suite runs already")
        ready: Future[_Running] = Future()
        thread = threading.Thread(target=self._run, args=(ready,), name="emulator", daemon=True)
        thread.start()
        self._running = ready.result(_START_TIMEOUT_S)

    def stop(self) -> None:
        """Stop the servers and delete the objects' files."""
        running, self._running = self._running, None
        if running is None:
            return
        running.loop.call_soon_threadsafe(running.stopping.set)
        running.thread.join()

    @property
    def firestore_address(self) -> str:
        """Host and port of the Firestore service, as clients expect it."""
        return client_address(self.options.host, self._started.firestore_port)

    @property
    def storage_url(self) -> str:
        """Base URL of the Storage service."""
        return f"http://{client_address(self.options.host, self._started.storage_port)}"

    @property
    def tasks_address(self) -> str:
        """Host and port of the Cloud Tasks service, as clients expect it."""
        return client_address(self.options.host, self._started.tasks_port)

    @property
    def control_url(self) -> str:
        """Base URL of the control endpoint."""
        return f"http://{client_address(self.options.control_host, self._started.control_port)}"

    @property
    def control(self) -> Control:
        """The control handle."""
        return self._started.control

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Google's clients find the emulator."""
        return {
            "GOOGLE_CLOUD_PROJECT": self.options.project,
            "FIRESTORE_EMULATOR_HOST": self.firestore_address,
            "STORAGE_EMULATOR_HOST": self.storage_url,
            "FIREBASE_STORAGE_EMULATOR_HOST": self.storage_url.removeprefix("http://"),
            "CLOUD_TASKS_EMULATOR_HOST": self.tasks_address,
        }

    def connect(self, name: str, document_pattern: str, targets: Sequence[str]) -> None:
        """Send every write to a matching document to a function, to its instances in turn.

        Raises:
            ValueError: the pattern or a target is not accepted.
        """
        self.control.connect(name, document_pattern, targets)

    def reset(self) -> None:
        """Delete data, events, tasks, counts and planned faults; triggers and buckets stay."""
        self.control.reset()

    @property
    def _started(self) -> _Running:
        if self._running is None:
            raise RuntimeError("the suite does not run; call start() first")
        return self._running

    def _run(self, ready: "Future[_Running]") -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
                asyncio.run(self._serve(Path(folder), ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, folder: Path, ready: "Future[_Running]") -> None:
        options = self.options
        is_attached = options.backend is FirestoreBackend.SUITE
        with (
            bind(options.host, 0 if is_attached else options.storage_port) as storage,
            bind(options.control_host, options.control_port) as control,
        ):
            cloud, firestore = _assemble(options, folder)
            _load_data(options, cloud)
            http_servers = [
                HttpServer(_storage_application(cloud), storage),
                HttpServer(control_application(cloud), control),
            ]
            async with firestore.running(), cloud.tasks.running():
                serving = [asyncio.create_task(server.serve()) for server in http_servers]
                stopping, loop = asyncio.Event(), asyncio.get_running_loop()
                running = _Running(
                    thread=threading.current_thread(),
                    loop=loop,
                    stopping=stopping,
                    control=Control(cloud, loop),
                    firestore_port=firestore.port,
                    storage_port=(
                        options.storage_port if is_attached else storage.getsockname()[1]
                    ),
                    tasks_port=cloud.tasks.port,
                    control_port=control.getsockname()[1],
                )
                ready.set_result(running)
                await stopping.wait()
                await cloud.dispatcher.close()
                for server in http_servers:
                    server.stop()
            await asyncio.gather(*serving)
            if options.export_to is not None:
                cloud.export(options.export_to)


def _assemble(
    options: SuiteOptions, folder: Path
) -> tuple[Cloud, EmbeddedFirestore | JarFirestore | AttachedFirestore]:
    faults = FaultPlan()
    documents = DocumentStore()
    transactions = Transactions(documents, faults)
    objects = ObjectStore(folder)
    objects.create_bucket(options.bucket)  # an imported one of this name replaces it
    dispatcher = Dispatcher(faults, options.time_factor)
    documents.subscribe(dispatcher.on_commit)
    address = (options.host, options.firestore_port)
    official: JarFirestore | AttachedFirestore | None = None
    if options.backend is FirestoreBackend.JAR:
        official = JarFirestore(address, options.project, folder, dispatcher.on_commit)
    if options.backend is FirestoreBackend.SUITE:
        official = AttachedFirestore(address, options.project, dispatcher.on_commit)
    cloud = Cloud(
        project=options.project,
        bucket=options.bucket,
        documents=documents,
        transactions=transactions,
        objects=StorageService(store=objects, uploads=UploadSessions(), faults=faults),
        dispatcher=dispatcher,
        tasks=EmbeddedTasks(
            (options.host, options.tasks_port),
            faults,
            folder,
            options.first_queues,
            options.time_factor,
        ),
        faults=faults,
        official=official,
        has_storage=options.backend is not FirestoreBackend.SUITE,
    )
    embedded = EmbeddedFirestore(address, documents, transactions, faults, folder)
    return cloud, official or embedded


def _load_data(options: SuiteOptions, cloud: Cloud) -> None:
    """Load the export and the seed that the options name."""
    if options.import_from is not None:
        restore(options.import_from, cloud.documents, cloud.objects.store)
    if options.seed_from is not None:
        cloud.seed(options.seed_from)
    if options.export_to is not None:
        check_target(options.export_to)


def _storage_application(cloud: Cloud) -> StorageServer:
    apis = (JsonApi, FirebaseApi, XmlApi)  # the last one's paths match nearly everything
    routes = [one for api in apis for one in api(cloud.objects).routes()]
    return StorageServer(routes, cloud.faults)
