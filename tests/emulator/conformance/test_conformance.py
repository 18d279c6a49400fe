"""Runs the table: against the embedded emulator always, against Google's where it is found.

docs/use/emulator.md shows the table; `python -m tests.emulator.conformance` prints it.
"""

from collections.abc import Iterator
from pathlib import Path
from pprint import pformat
from typing import Any

import firebase_admin
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Bucket, Client
from google.cloud.tasks_v2 import CloudTasksClient

from emulator.firestore.backends.official_process import OfficialFirestore, OfficialMissing
from emulator.serving import bind
from emulator.suite import Suite
from tests.emulator.conformance.rendering import table
from tests.emulator.conformance.table import ABSENT, CASES, Case, Place, outcome
from tests.emulator.function_double import FunctionDouble

PROJECT = "demo-avatar"
DOCUMENT = Path(__file__).parents[3] / "docs" / "use" / "emulator.md"


class Anonymous(firebase_admin.credentials.Base):  # type: ignore[misc]
    """The credential object without which firebase-admin does not start."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()


@pytest.fixture
def admin(suite: Suite) -> Iterator[firebase_admin.App]:
    app = firebase_admin.initialize_app(Anonymous(), {"projectId": PROJECT}, "conformance")
    yield app
    firebase_admin.delete_app(app)


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficialFirestore]:
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    try:
        with OfficialFirestore(port, tmp_path_factory.mktemp("official") / "log") as running:
            yield running
    except OfficialMissing as missing:
        pytest.skip(str(missing))


def agree(found: Any, expected: Any) -> bool:
    """Equality by which NaN equals NaN and 1 is not 1.0; maps have no order."""
    return pformat(found) == pformat(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_on_the_embedded_emulator(
    case: Case,
    database: firestore.Client,
    storage: Client,
    bucket: Bucket,
    admin: firebase_admin.App,
    tasks: CloudTasksClient,
    worker: FunctionDouble,
) -> None:
    place = Place(
        database=database, storage=storage, bucket=bucket, admin=admin, tasks=tasks, worker=worker
    )
    found = outcome(case, place)
    assert agree(found, case.embedded), found


@pytest.mark.official
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.official is not ABSENT], ids=lambda case: case.name
)
def test_on_google_s_emulator(
    case: Case,
    official: OfficialFirestore,
    admin: firebase_admin.App,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", official.address)
    database = firestore.Client(project=PROJECT)
    found = outcome(case, Place(database=database, admin=admin))
    database.close()
    assert agree(found, case.official), f"{found} — {case.why or 'expected to agree'}"


def test_names_are_told_apart() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 80


def test_the_document_shows_the_table() -> None:
    assert table() in DOCUMENT.read_text(), (
        "docs/use/emulator.md is behind: put in what `python -m tests.emulator.conformance` prints"
    )
