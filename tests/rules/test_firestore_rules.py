from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.official import OfficialFirestore, OfficialMissing
from emulator.serving import bind
from tests.rules.avatars import Row
from tests.rules.firestore import Judge, RulesInvalid
from tests.rules.firestore_rows import ROWS
from tests.rules.mutants import mutants

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
    path = row.path or "avatars/a"
    judge.seed([(path, row.stands)])
    assert judge.allows(row.who, row.action, path) is row.allowed


@pytest.mark.official
def test_no_part_of_the_rules_can_change_unnoticed(judge: Judge) -> None:
    places = {row.sentence: row.path or f"avatars/a{place}" for place, row in enumerate(ROWS)}
    rows = list(ROWS)
    unnoticed = []
    for mutant in mutants(RULES):
        try:
            judge.apply(mutant.rules)
        except RulesInvalid:
            continue  # the compiler noticed
        judge.seed([(places[row.sentence], row.stands) for row in ROWS])
        for row in rows:
            if judge.allows(row.who, row.action, places[row.sentence]) is not row.allowed:
                rows.remove(row)
                rows.insert(0, row)  # what noticed the last is likely to notice the next
                break
        else:
            unnoticed.append(f"line {mutant.line}: {mutant.was!r} changed to {mutant.now!r}")
    judge.apply(RULES)
    assert unnoticed == []


def test_rows_are_told_apart() -> None:
    sentences = [row.sentence for row in ROWS]
    assert len(set(sentences)) == len(sentences) >= 80
