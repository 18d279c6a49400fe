"""docs/understand/glossary.md: each spelling exists in the code, and no replaced word is back."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "understand" / "glossary.md").read_text(encoding="utf-8")
PACKAGES = ("functions", "liveportrait_core", "web", "emulator", "deploy")
FILES = {
    package: sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))
    for package in PACKAGES
}
TREES: Mapping[Path, ast.Module] = {
    path: ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for paths in FILES.values()
    for path in paths
}
REPLACED = re.compile(
    r"visits?|sights?|standings?|errands?|pursuits?|vigils?|verdicts?|doorways?|hindrances?"
    r"|film(?:s|ed|ing)?|shots?|shooting|squashed|litter|glances?|itinerar(?:y|ies)|census|menders?"
)
LITERARY = re.compile(
    r"look-again|somebody|nobody|whoever|lets? go of|stands? beside|comes? to rest"
)


def spellings(page: str) -> list[str]:
    """What the last columns of all tables have between backticks."""
    rows = re.findall(r"^\|.*\| ([^|]+) \|$", page, re.MULTILINE)
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


def defined(tree: ast.Module) -> Iterator[str]:
    """The names of classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def bound(tree: ast.Module) -> Iterator[str]:
    """The names of parameters, fields, constants and values of enumerations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Module | ast.ClassDef):
            yield from assigned(node.body)


def assigned(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        elif isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.If):  # such as `if TYPE_CHECKING`
            yield from assigned(statement.body)
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def words(name: str) -> list[str]:
    """The words of an identifier: `_look_again`, `InsightFace` → look, again; insight, face."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in apart.lower().split("_") if word]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring and comment."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.lineno, str(node.value.value)  # a docstring, also that of a constant
    for token in tokenize.generate_tokens(io.StringIO((ROOT / path).read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


NAMES = {name for tree in TREES.values() for name in (*defined(tree), *bound(tree))}
NAMES |= {path.stem for path in TREES}


@pytest.mark.parametrize("name", sorted(set(spellings(PAGE))))
def test_a_spelling_of_the_glossary_exists_in_the_code(name: str) -> None:
    assert name in NAMES


def test_each_row_of_the_glossary_has_a_spelling() -> None:
    rows = [
        row
        for row in re.findall(r"^\| .* \|$", PAGE, re.MULTILINE)
        if not re.search(r"\| (?:in code|new) \|$", row)
    ]
    assert len(rows) > 80
    assert [row for row in rows if not spellings(row)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_replaced_word_is_in_the_name_of_a_module_class_or_function(package: str) -> None:
    found = [
        f"{path}: {name}"
        for path in FILES[package]
        for name in (*path.with_suffix("").parts, *defined(TREES[path]))
        if any(REPLACED.fullmatch(word) for word in words(name)) or "look_again" in name
    ]
    assert found == []


def test_no_replaced_word_is_in_the_prose_of_the_function() -> None:
    whole = re.compile(rf"\b(?:{REPLACED.pattern}|{LITERARY.pattern})\b", re.IGNORECASE)
    found = [
        f"{path}:{line}: {match[0]}"
        for path in FILES["functions"]
        for line, text in prose(path)
        for match in whole.finditer(text)
    ]
    assert found == []
