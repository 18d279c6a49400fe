"""The emulator: start, writes, reads, latencies, throughput; Google's own beside it.

All requests go over TCP, from the Python clients of one process; the emulator runs in a process of
its own. Google's Firestore emulator has rows where its jar is found.
"""

import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Client

from emulator.firestore.backends.official_process import OfficialFirestore, OfficialMissing
from emulator.serving import bind

HEAD = f"{'emulator':34} {'embedded':>12} {'official':>12}"
_TIMEOUT_S = 20.0
_SAMPLES = 40
_OBJECT_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class CloudRow:
    """One measurement; `official` is None where the jar is absent or has no such service."""

    what: str
    unit: str
    embedded: float
    official: float | None


def table_line(row: CloudRow) -> str:
    """Return one row as text."""
    official = "-" if row.official is None else f"{row.official:,.1f}"
    return f"{f'{row.what}, {row.unit}':34} {row.embedded:>12,.1f} {official:>12}"


def measure_cloud(seconds: float) -> Iterator[CloudRow]:
    """Yield the rows; each rate is measured for about `seconds`."""
    before = time.perf_counter()
    with _embedded() as (ours, variables), _official() as theirs:
        started = theirs.started_s if theirs else None
        yield CloudRow(
            what="start", unit="s", embedded=ours.started_s or time.perf_counter() - before,
            official=started,
        )  # fmt: skip
        for what, unit, measure in _firestore_measures(seconds):
            official = None if theirs is None else measure(theirs.database)
            yield CloudRow(what=what, unit=unit, embedded=measure(ours.database), official=official)
        yield CloudRow(
            what="event latency (median)", unit="ms",
            embedded=_event_latency_ms(ours.database, variables["CONTROL"]), official=None,
        )  # fmt: skip
        for what, rate in _storage_rates(variables["STORAGE_EMULATOR_HOST"]):
            yield CloudRow(what=what, unit="MB/s", embedded=rate, official=None)


@dataclass(frozen=True, kw_only=True)
class _Emulator:
    """A running emulator: its start-up time, and a client of it."""

    started_s: float
    database: firestore.Client


@contextmanager
def _embedded() -> Iterator[tuple[_Emulator, dict[str, str]]]:
    begun = time.perf_counter()
    with bind("127.0.0.1", 0) as probe:
        control = probe.getsockname()[1]
    free = ("--firestore-port", "0", "--storage-port", "0", "--tasks-port", "0")
    ports = (*free, "--control-port", str(control))
    process = subprocess.Popen(  # noqa: S603 (our own interpreter, a number)
        [sys.executable, "-m", "emulator", *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            lines = [process.stdout.readline() for _ in range(4)] if process.stdout else []
            started = time.perf_counter() - begun
            exports = (line.removeprefix("export ").strip().partition("=") for line in lines)
            variables = {name: value for name, _, value in exports}
            variables["CONTROL"] = f"http://127.0.0.1:{control}"
            database = _client(variables["FIRESTORE_EMULATOR_HOST"])
            yield _Emulator(started_s=started, database=database), variables
            database.close()
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def _official() -> Iterator[_Emulator | None]:
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        running = OfficialFirestore(port, Path(folder) / "log")
        try:
            running.__enter__()
        except OfficialMissing as missing:
            logging.getLogger(__name__).warning("no rows of Google's emulator: %s", missing)
            yield None
            return
        try:
            database = _client(running.address)
            yield _Emulator(started_s=time.perf_counter() - begun, database=database)
            database.close()
        finally:
            running.__exit__(None, None, None)


def _client(address: str) -> firestore.Client:
    os.environ["FIRESTORE_EMULATOR_HOST"] = address
    client = firestore.Client(project="demo-avatar")
    client.document("bench/warm").set({})  # the channel is open from here on
    return client


def _firestore_measures(
    seconds: float,
) -> Iterator[tuple[str, str, Callable[[firestore.Client], float]]]:
    yield "writes, one client", "1/s", lambda database: _rate(1, seconds, _write(database))
    yield "writes, eight clients", "1/s", lambda database: _rate(8, seconds, _write(database))
    yield "reads, one client", "1/s", lambda database: _rate(1, seconds, _read(database))
    yield "reads, eight clients", "1/s", lambda database: _rate(8, seconds, _read(database))
    yield "query, 20 of 500 documents", "1/s", lambda base: _rate(1, seconds, _query(base))
    yield "transactions, one client", "1/s", lambda base: _rate(1, seconds, _add(base))
    yield "listener latency (median)", "ms", _listener_latency_ms


def _rate(clients: int, seconds: float, work: Callable[[int], object]) -> float:
    """Return the rate of the work, per second, with a number of threads."""
    work(0)
    give_up_at = time.perf_counter() + seconds

    def repeat(number: int) -> int:
        done = 0
        while time.perf_counter() < give_up_at:
            work(number * 1_000_000 + done)
            done += 1
        return done

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(repeat, range(clients)))
    return done / (time.perf_counter() - begun)


def _write(database: firestore.Client) -> Callable[[int], object]:
    return lambda number: database.document(f"bench/w{number % 100}").set({"n": number, "t": "x"})


def _read(database: firestore.Client) -> Callable[[int], object]:
    database.document("bench/r").set({"n": 1, "t": "x" * 500})
    return lambda _number: database.document("bench/r").get()


def _query(database: firestore.Client) -> Callable[[int], object]:
    batch = database.batch()
    for number in range(500):
        batch.set(database.document(f"queried/q{number}"), {"n": number % 50, "t": "x" * 50})
    batch.commit()
    wanted = firestore.FieldFilter("n", ">", 10)
    query = database.collection("queried").where(filter=wanted).order_by("n").limit(20)
    return lambda _number: list(query.stream())


def _add(database: firestore.Client) -> Callable[[int], object]:
    reference = database.document("bench/counter")
    reference.set({"n": 0})

    @firestore.transactional
    def body(transaction: firestore.Transaction) -> None:
        n = reference.get(transaction=transaction).get("n")
        transaction.update(reference, {"n": n + 1})

    return lambda _number: body(database.transaction())


def _listener_latency_ms(database: firestore.Client) -> float:
    reference = database.document("bench/heard")
    reference.set({"n": -1})
    heard = threading.Semaphore(0)
    watch = reference.on_snapshot(lambda *_told: heard.release())
    try:
        return _latency_ms(lambda number: reference.set({"n": number}), heard, first=True)
    finally:
        watch.unsubscribe()


def _event_latency_ms(database: firestore.Client, control_url: str) -> float:
    """Return the time from the call that writes to the function's first byte of the event."""
    come = threading.Semaphore(0)

    class Function(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            come.release()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Function)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    target = f'"http://127.0.0.1:{server.server_port}"'
    trigger = f'{{"name": "bench", "document_pattern": "told/{{id}}", "targets": [{target}]}}'
    urllib.request.urlopen(f"{control_url}/triggers", trigger.encode()).close()  # noqa: S310
    try:
        reference = database.document("told/a")
        return _latency_ms(lambda number: reference.set({"n": number}), come, first=False)
    finally:
        server.shutdown()
        server.server_close()


def _latency_ms(
    write: Callable[[int], object], heard: threading.Semaphore, *, first: bool
) -> float:
    """Return the median time from the beginning of a write until its notification."""
    if first and not heard.acquire(timeout=_TIMEOUT_S):
        raise TimeoutError("the listener's first snapshot did not come")
    took = []
    for number in range(_SAMPLES):
        begun = time.perf_counter()
        write(number)
        if not heard.acquire(timeout=_TIMEOUT_S):
            raise TimeoutError(f"write {number} was not heard of within {_TIMEOUT_S} s")
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def _storage_rates(url: str) -> Iterator[tuple[str, float]]:
    os.environ["STORAGE_EMULATOR_HOST"] = url
    client = Client(project="demo-avatar", credentials=AnonymousCredentials())
    blob = client.bucket("demo-avatar.appspot.com").blob("bench.bin")
    data = bytes(_OBJECT_BYTES)
    works: tuple[tuple[str, Callable[[], object]], ...] = (
        ("upload", lambda: blob.upload_from_string(data)),
        ("download", blob.download_as_bytes),
    )
    for what, work in works:
        begun = time.perf_counter()
        work()
        yield f"{what} of 64 MiB", _OBJECT_BYTES / 1e6 / (time.perf_counter() - begun)
    client.close()
