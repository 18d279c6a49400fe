"""The harness itself, on a repository of one module: what it calls caught, and what it does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.mutant import Mutant
from tests.mutants.tree import Outcome, Tree

SOUND = "def double(number: int) -> int:\n    return number + number\n"
MUTANT = Mutant(
    name="squares",
    file="package/numbers.py",
    old="number + number",
    new="number * number",
    why="Two are doubled and squared alike.",
    tests=("tests/test_three.py",),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    for name, text in {
        "package/numbers.py": SOUND,
        "package/__init__.py": "",
        "tests/test_two.py": "def test_two() -> None:\n    assert double(2) == 4\n",
        "tests/test_three.py": "def test_three() -> None:\n    assert double(3) == 6\n",
        "weights/large.bin": "",
        ".hidden/large.bin": "",
        ".ignored": "",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        imports = "from package.numbers import double\n\n\n" if name.startswith("tests/") else ""
        (root / name).write_text(imports + text)
    return root


@pytest.fixture(scope="module")
def tree(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(root, tmp_path_factory.mktemp("copy"))


def test_a_fault_that_a_test_notices_is_caught_by_that_test(tree: Tree, root: Path) -> None:
    trial = tree.try_out(MUTANT)
    assert trial.outcome is Outcome.CAUGHT
    assert trial.told == "tests/test_three.py::test_three"
    assert (root / MUTANT.file).read_text() == SOUND
    assert tree.run(MUTANT.tests).status == 0  # it has been taken out again


def test_hidden_files_are_copied_and_hidden_folders_are_not(root: Path, tmp_path: Path) -> None:
    Tree(root, tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {
        "package",
        "tests",
        "weights",
        ".ignored",
    }


def test_a_fault_that_no_test_notices_survives(tree: Tree) -> None:
    trial = tree.try_out(replace(MUTANT, tests=("tests/test_two.py",)))
    assert trial.outcome is Outcome.SURVIVED
    assert "Two are doubled and squared alike." in str(trial)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"old": "number - number"}, "occurs 0 times in package/numbers.py"),
        ({"old": "number"}, "occurs 3 times"),
        ({"file": "package/moved.py"}, "No such file"),
    ],
)
def test_a_fault_that_cannot_be_planted_any_more_is_named(
    tree: Tree, changes: dict[str, str], words: str
) -> None:
    trial = tree.try_out(replace(MUTANT, **changes))  # type: ignore[arg-type]
    assert trial.outcome is Outcome.GONE
    assert words in trial.told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"new": "number +"}, "leaves no Python"),
        ({"new": MUTANT.old}, "changes nothing"),
        ({"old": "def double", "new": "def twice"}, "pytest ended with status 2"),
        ({"tests": ("tests/test_gone.py",)}, "pytest ended with status 4"),
    ],
)
def test_what_shows_nothing_is_not_called_caught(
    tree: Tree, changes: dict[str, str], words: str
) -> None:
    trial = tree.try_out(replace(MUTANT, **changes))  # type: ignore[arg-type]
    assert trial.outcome is Outcome.UNTESTED
    assert words in trial.told


def test_tests_that_do_not_end_are_ended(tree: Tree) -> None:
    endless = replace(MUTANT, old="return number + number", new="while True:\n        pass")
    assert tree.try_out(endless, limit_s=3.0).outcome is Outcome.UNTESTED
