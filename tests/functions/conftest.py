"""The stand-in cloud, for the adapters' tests; each port's two implementations side by side."""

import copy
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Bucket, Client

from emulator.suite import Suite, SuiteOptions
from functions.cloud.database.firestore import FirestoreLedger
from functions.cloud.storage import CloudMediaStore
from functions.jobs.ports import MediaStore, RenderLedger
from tests.functions.doubles import Fields, MemoryLedger, MemoryMediaStore, VirtualClock


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    with Suite(SuiteOptions()) as running:
        yield running


@pytest.fixture
def database(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[firestore.Client]:
    for name, value in suite.environment.items():
        monkeypatch.setenv(name, value)
    client = firestore.Client()
    yield client
    client.close()


@pytest.fixture
def bucket(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in suite.environment.items():
        monkeypatch.setenv(name, value)
    client = Client(credentials=AnonymousCredentials())
    yield client.bucket(suite.options.bucket)
    client.close()


@dataclass
class LedgerUnderTest:
    """A ledger, and the app's way to the same documents."""

    port: RenderLedger
    database: Any

    def put(self, avatar_id: str, fields: Fields) -> None:
        if isinstance(self.port, MemoryLedger):
            self.port.documents[avatar_id] = fields
        else:
            self.database.collection("avatars").document(avatar_id).set(fields)

    def get(self, avatar_id: str) -> Fields | None:
        if isinstance(self.port, MemoryLedger):
            return self.port.documents.get(avatar_id)
        found: Fields | None = (
            self.database.collection("avatars").document(avatar_id).get().to_dict()
        )
        return found

    def job(self, avatar_id: str) -> Fields | None:
        if isinstance(self.port, MemoryLedger):
            return self.port.jobs.get(avatar_id)
        path = self.database.collection("livePortraitJobs").document(avatar_id)
        found: Fields | None = path.get().to_dict()
        return found

    def put_job(self, avatar_id: str, fields: Fields) -> None:
        if isinstance(self.port, MemoryLedger):
            self.port.jobs[avatar_id] = copy.deepcopy(fields)
        else:
            self.database.collection("livePortraitJobs").document(avatar_id).set(fields)

    def quota(self, name: str) -> Fields | None:
        if isinstance(self.port, MemoryLedger):
            return self.port.quotas.get(name)
        path = self.database.collection("livePortraitQuota").document(name)
        found: Fields | None = path.get().to_dict()
        return found


@pytest.fixture(params=["memory", "firestore"])
def ledger(request: pytest.FixtureRequest) -> LedgerUnderTest:
    if request.param == "memory":
        return LedgerUnderTest(MemoryLedger(VirtualClock()), None)
    client = request.getfixturevalue("database")
    return LedgerUnderTest(FirestoreLedger(client, collection="avatars"), client)


@pytest.fixture(params=["memory", "cloud"])
def media(request: pytest.FixtureRequest) -> MediaStore:
    if request.param == "memory":
        return MemoryMediaStore()
    return CloudMediaStore(request.getfixturevalue("bucket"))


@pytest.fixture
def avatar_id() -> str:
    """An id that no other test has."""
    return f"ava-{uuid.uuid4().hex[:8]}"
