from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.firestore.backends.official_process import OfficialFirestore, OfficialMissing
from emulator.serving import bind
from tests.rules.avatars import Row
from tests.rules.firestore import Judge, RulesInvalid
from tests.rules.firestore_rows import ROWS
from tests.rules.mutants import Mutant, mutants

RULES = (Path(__file__).parents[2] / "functions" / "rules" / "firestore.rules").read_text()


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    try:
        with OfficialFirestore(port, tmp_path_factory.mktemp("official") / "log") as running:
            judge = Judge(running.address)
            judge.apply(RULES)
            yield judge
            judge.close()
    except OfficialMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.official
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_the_row_is_true(row: Row, judge: Judge) -> None:
    assert _is_true(row, judge)


@pytest.mark.official
@pytest.mark.timeout(900)  # a minute on an idle machine
def test_no_part_of_the_rules_can_change_unnoticed(judge: Judge) -> None:
    rows, unnoticed = list(ROWS), []
    for mutant in mutants(RULES):
        try:
            judge.apply(mutant.rules)
        except RulesInvalid:
            continue  # the compiler noticed
        if (row := _noticing(mutant, rows, judge)) is None:
            unnoticed.append(f"line {mutant.line}: {mutant.was!r} changed to {mutant.now!r}")
        else:
            rows.remove(row)
            rows.insert(0, row)  # what noticed the last is likely to notice the next
    judge.apply(RULES)
    assert unnoticed == []


def _noticing(mutant: Mutant, rows: list[Row], judge: Judge) -> Row | None:
    """The first row that is not true any more; those that speak of the changed line come first."""

    def is_far(row: Row) -> bool:
        return not any(name in row.sentence for name in mutant.names)

    return next((row for row in sorted(rows, key=is_far) if not _is_true(row, judge)), None)


def _is_true(row: Row, judge: Judge) -> bool:
    path = row.path or "avatars/a"
    judge.seed([(path, row.stands), *([(row.beside, row.beside_fields)] if row.beside else [])])
    return judge.allows(row.who, row.action, path) is row.allowed


def test_rows_are_told_apart() -> None:
    sentences = [row.sentence for row in ROWS]
    assert len(set(sentences)) == len(sentences) >= 80
