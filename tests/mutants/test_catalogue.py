"""Every fault of the list can still be planted: a move of the code must not disable it unseen."""

from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_fault_can_be_planted_and_its_tests_are_there(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.planted(text) != text
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), f"{mutant.name} is to be caught by {file}, which is gone"
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8")


def test_names_are_used_once_and_the_list_is_long_enough() -> None:
    assert [
        name for name, count in Counter(each.name for each in MUTANTS).items() if count > 1
    ] == []
    assert len(MUTANTS) >= 40
