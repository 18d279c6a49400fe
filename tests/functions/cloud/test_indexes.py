"""Every query of the service has its index: none is exempted in `firestore.indexes.json`."""

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path

from functions.domain.document import State
from functions.domain.job_record import Record, StatusView, to_fields

ROOT = Path(__file__).parents[3]
_QUERYING = ("FieldFilter", "order_by", "where")
NAME = "__name__"


def exempted() -> list[tuple[str, str]]:
    overrides = json.loads((ROOT / "firestore.indexes.json").read_text("utf-8"))["fieldOverrides"]
    return [(each["collectionGroup"], each["fieldPath"]) for each in overrides]


def queried() -> Iterator[str]:
    """Each field path by which a module of the service queries."""
    for file in sorted((ROOT / "functions").rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) in _QUERYING and node.args:
                yield _value(node.args[0], file)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _value(argument: ast.expr, file: Path) -> str:
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    inner = argument.value if isinstance(argument, ast.Starred) else argument
    assert isinstance(inner, ast.Name), f"{file}: {ast.dump(argument)}"
    module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    value = getattr(module, inner.id)
    return value if isinstance(value, str) else ".".join(value)


def test_no_query_uses_an_exempted_field() -> None:
    paths = {path for path in queried() if path != NAME}
    assert paths == {"shown.requested", "shown.state", "updatedAt", "userId"}
    for _, field in exempted():
        assert not [path for path in paths if f"{path}.".startswith(f"{field}.")], field


def test_fields_that_only_grow_are_exempted_but_for_the_one_that_is_queried() -> None:
    """Writes of growing values to one index have a limit of 500 a second."""
    fields = set(exempted())
    times = ("requested", "started", "finished", "deadline")
    kept = to_fields(Record(shown=StatusView(state=State.READY)))["shown"]
    assert isinstance(kept, dict)
    assert set(times) <= set(kept)
    assert {("livePortraitJobs", f"shown.{name}") for name in times[1:]} <= fields
    assert {("avatars", f"livePortrait.{name}At") for name in times} <= fields
    assert {("livePortraitTalkJobs", f"shown.{name}") for name in times[1:]} <= fields
    assert {("talks", f"talk.{name}At") for name in times} <= fields
    assert ("talks", "request") in fields, "each of thousands of visemes would have an index entry"
