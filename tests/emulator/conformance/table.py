"""The table itself: a case is a name, what it does, and what comes of it on either emulator."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import firebase_admin
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import firestore
from google.cloud.storage import Bucket, Client
from google.cloud.tasks_v2 import CloudTasksClient

from tests.emulator.function_double import FunctionDouble

_Result = TypeVar("_Result")
SAME: Any = object()
ABSENT: Any = object()
"""The official jar has no such service."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a case runs: clients of one emulator, and names of its own."""

    database: firestore.Client
    admin: firebase_admin.App | None = None
    storage: Client | None = None
    bucket: Bucket | None = None
    tasks: CloudTasksClient | None = None
    worker: FunctionDouble | None = None
    room: str = field(default_factory=lambda: f"room{uuid.uuid4().hex}")

    def doc(self, name: str = "a") -> firestore.DocumentReference:
        return self.database.document(f"{self.room}/{name}")

    def all(self) -> firestore.CollectionReference:
        return self.database.collection(self.room)

    def fill(self, **documents: dict[str, Any]) -> firestore.CollectionReference:
        for name, data in documents.items():
            self.doc(name).set(data)
        return self.all()

    def run(self, work: Callable[[firestore.AsyncClient], Awaitable[_Result]]) -> _Result:
        """Run a coroutine with an asynchronous client."""

        async def with_client() -> _Result:
            client = firestore.AsyncClient(project=self.database.project)
            try:
                return await work(client)
            finally:
                closing = client.close()
                if closing is not None:
                    await closing

        return asyncio.run(with_client())

    @property
    def queues(self) -> CloudTasksClient:
        assert self.tasks is not None
        return self.tasks

    @property
    def target(self) -> FunctionDouble:
        assert self.worker is not None
        return self.worker

    @property
    def files(self) -> Bucket:
        assert self.bucket is not None
        return self.bucket


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case; where the two differ, `why` says which follows production, and how it is known."""

    name: str
    clients: str
    do: Callable[[Place], Any]
    embedded: Any
    official: Any
    why: str


CASES: list[Case] = []


def case(
    name: str, embedded: Any, *, official: Any = SAME, why: str = "", clients: str = "firestore"
) -> Callable[[Callable[[Place], Any]], Callable[[Place], Any]]:
    """Add a function to the table."""
    if official is SAME:
        official = embedded
    assert bool(why) == (official is not ABSENT and official != embedded), name

    def add(do: Callable[[Place], Any]) -> Callable[[Place], Any]:
        CASES.append(
            Case(name=name, clients=clients, do=do, embedded=embedded, official=official, why=why)
        )
        return do

    return add


def outcome(case: Case, place: Place) -> Any:
    """Run a case; an error's outcome is the name of its class."""
    try:
        return case.do(place)
    except GoogleAPICallError as error:
        return type(error).__name__
