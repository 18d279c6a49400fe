"""The table as Markdown."""

from typing import Any

import tests.emulator.conformance.concurrency
import tests.emulator.conformance.documents
import tests.emulator.conformance.limits
import tests.emulator.conformance.queries
import tests.emulator.conformance.storage
import tests.emulator.conformance.tasks  # noqa: F401 (they fill the table)
from tests.emulator.conformance.table import ABSENT, CASES, Case

_LONGEST = 60


def table() -> str:
    """Return a row for each case."""
    head = "| case | client | embedded | official |\n|---|---|---|---|\n"
    return head + "".join(_row(case) for case in CASES)


def _row(case: Case) -> str:
    official = "–" if case.official is ABSENT else "same"
    if case.why:
        official = f"{_shown(case.official)}; {case.why}"
    return f"| {case.name} | {case.clients} | {_shown(case.embedded)} | {official} |\n"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    return f"`{text.replace('|', chr(92) + '|')}`"
