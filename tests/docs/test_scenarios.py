"""Each acceptance scenario of contract.md, section 11, is one test, run when its table says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "understand" / "contract.md").read_text(encoding="utf-8")
TABLE = {
    int(number): mark
    for number, mark in re.findall(
        r"^\| (\d+) \| ([●○◌]) \|", PAGE[PAGE.index("## 11.") :], re.MULTILINE
    )
}
MARKS = {"scenarios": "○", "soak": "◌"}  # without either: in `make test`


def marks(nodes: list[ast.expr]) -> set[str]:
    """The pytest markers among decorators or within a module's `pytestmark`."""
    found = {sub.attr for node in nodes for sub in ast.walk(node) if isinstance(sub, ast.Attribute)}
    return {MARKS[name] for name in found & MARKS.keys()}


def numbered(path: Path) -> Iterator[tuple[int, set[str]]]:
    """Scenario numbers in the names of a module's tests, and when each test runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    whole_module = marks(
        [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        ]
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (
            prefix := re.match(r"test_((?:\d\d_)+)", node.name)
        ):
            for number in re.findall(r"\d\d", prefix[1]):
                yield int(number), whole_module | marks(node.decorator_list) or {"●"}


def test_each_scenario_is_one_test_that_runs_when_the_table_says() -> None:
    played = [
        (number, "".join(mark))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for number, mark in numbered(path)
    ]
    assert sorted(played) == sorted(TABLE.items())
    assert list(TABLE) == list(range(1, 70))
