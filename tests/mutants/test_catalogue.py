"""Every fault of the list can still be planted: a move of the code must not disable it unseen."""

from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import AnchorGone, Mutant

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("functions", "liveportrait_core", "emulator", "deploy")


def sources_with(old: str) -> list[str]:
    """Files in which a text stands once: where a mutant may have to follow it."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    found = [path for path in files if path.read_text(encoding="utf-8").count(old) == 1]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_fault_can_be_planted_and_its_tests_are_there(mutant: Mutant) -> None:
    try:
        text = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert mutant.planted(text) != text
    except (FileNotFoundError, AnchorGone) as gone:
        elsewhere = ", ".join(sources_with(mutant.old)) or "no file"
        pytest.fail(f"{gone}. Renew file and old of {mutant.name}: the text is in {elsewhere}")
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), f"{mutant.name} is to be caught by {file}, which is gone"
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8")


def test_no_name_and_no_fault_stands_twice_and_the_list_is_long_enough() -> None:
    names = Counter(each.name for each in MUTANTS)
    faults = Counter((each.file, each.old, each.new) for each in MUTANTS)
    assert [each for each, count in (*names.items(), *faults.items()) if count > 1] == []
    assert len(MUTANTS) >= 40
