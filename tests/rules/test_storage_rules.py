import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.firestore.backends.official_process import OfficialMissing
from emulator.suite import Suite, SuiteOptions
from tests.rules.firestore import Judge, RulesInvalid
from tests.rules.mutants import mutants
from tests.rules.storage import Engine, OfficialSuite, Upload
from tests.rules.storage_rows import ROWS, Row

RULES = (Path(__file__).parents[2] / "functions" / "rules" / "storage.rules").read_text()
SMALL = [row for row in ROWS if not isinstance(row.deed, Upload) or row.deed.size_bytes < 1 << 20]
SUITE = ("FIREBASE_EMULATOR_HUB", "FIREBASE_STORAGE_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    try:
        with Engine() as running:
            running.apply(RULES)
            yield running
    except OfficialMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def suite() -> Iterator[OfficialSuite]:
    """What `firebase emulators:exec` has started: only its hub tells it from our own emulator."""
    if unset := [name for name in SUITE if not os.environ.get(name)]:
        pytest.skip(f"{', '.join(unset)} not set; wanted: a run under `firebase emulators:exec`")
    project = os.environ.get("GCLOUD_PROJECT", "demo-avatar")
    documents = Judge(os.environ["FIRESTORE_EMULATOR_HOST"], project)
    storage = os.environ["FIREBASE_STORAGE_EMULATOR_HOST"]
    yield OfficialSuite(storage, f"{project}.appspot.com", documents)
    documents.close()


@pytest.mark.official
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_the_row_is_true(row: Row, engine: Engine) -> None:
    assert _judged(engine, row) is row.allowed


@pytest.mark.official
def test_no_part_of_the_rules_can_change_unnoticed(engine: Engine) -> None:
    unnoticed = []
    for mutant in mutants(RULES):
        try:
            engine.apply(mutant.rules)
        except RulesInvalid:
            continue  # the compiler noticed
        if all(_judged(engine, row) is row.allowed for row in ROWS):
            unnoticed.append(f"line {mutant.line}: {mutant.was!r} changed to {mutant.now!r}")
    engine.apply(RULES)
    assert unnoticed == []


@pytest.mark.official
@pytest.mark.parametrize("row", SMALL, ids=lambda row: row.sentence)
def test_the_row_is_true_in_the_official_suite(row: Row, suite: OfficialSuite) -> None:
    assert _judged(suite, row) is row.allowed


def test_the_suite_is_asked_over_a_wire_that_it_understands() -> None:
    """Our own emulator speaks the same wire and applies no rule: whatever is asked, is done."""
    with Suite(SuiteOptions()) as cloud:
        documents = Judge(cloud.environment["FIRESTORE_EMULATOR_HOST"], cloud.options.project)
        storage = cloud.environment["FIREBASE_STORAGE_EMULATOR_HOST"]
        judge = OfficialSuite(storage, cloud.options.bucket, documents)
        refused = [row.sentence for row in SMALL if not _judged(judge, row)]
        documents.close()
    assert refused == []


def test_rows_are_told_apart() -> None:
    sentences = [row.sentence for row in ROWS]
    assert len(set(sentences)) == len(sentences)


def _judged(judge: Engine | OfficialSuite, row: Row) -> bool:
    return judge.allows(row.who, row.deed, row.path, stands=row.stands, documents=row.documents)
