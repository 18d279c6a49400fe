"""Prose of README and docs ends at 110 columns, so that a change of it can be read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
COLUMNS = 110


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines outside code, tables, headings, pictures and link targets."""
    is_code = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not re.match(r"\||#|    |!\[|<|\[[^\]]+\]: ", line):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_not_wider(page: Path) -> None:
    wide = [number for number, line in prose(page) if len(line) > COLUMNS and " " in line.strip()]
    assert wide == []
