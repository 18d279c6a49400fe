"""The rules' table of values beside the server's own reader: neither is stricter than the other."""

from datetime import datetime
from typing import Any

import pytest

from functions.domain.document import ALIASES, Snapshot
from functions.domain.field_values import Opaque
from functions.domain.request import Reader, RenderRequest
from functions.domain.storage_paths import MediaPolicy
from functions.errors import Code
from tests.functions.doubles import about
from tests.rules.avatars import AVATAR, Row
from tests.rules.firestore import GONE, Update
from tests.rules.firestore_values import VALUES

INPUTS = "training.livePortrait."
READER = Reader(policy=MediaPolicy(bucket="b"))


def _written(row: Row) -> tuple[str, Any]:
    """The input key that a row writes and its value; an empty key for rows about others."""
    assert isinstance(row.action, Update)
    path, value = next(iter(row.action.fields.items()))
    return path.removeprefix(INPUTS) if path.startswith(INPUTS) else "", value


NAMES = {name for names in ALIASES.values() for name in names}
ABOUT_INPUTS = [row for row in VALUES if row.stands is AVATAR and _written(row)[0] in NAMES]


@pytest.mark.parametrize("row", ABOUT_INPUTS, ids=lambda row: row.sentence)
def test_a_value_passes_the_rules_if_the_server_takes_it_as_it_is(row: Row) -> None:
    name, value = _written(row)
    opted_in_by = "pasteback" if name in ALIASES["normalizeLip"] else "normalizeLip"
    if isinstance(value, datetime):
        value = Opaque(kind="timestamp", text=f"{value.timestamp():.6f}")
    inputs = {opted_in_by: True} | ({} if value is GONE else {name: value})
    if name in ALIASES["facePoints"]:
        inputs["species"] = "animal"  # of people nobody looks at them
    training = {**AVATAR["training"], "livePortrait": inputs}
    asked = READER.read(about("a"), Snapshot(fields={**AVATAR, "training": training}))
    assert (isinstance(asked, RenderRequest) and not asked.warnings) is row.allowed, asked


def test_every_name_of_an_input_has_its_rows() -> None:
    assert {_written(row)[0] for row in ABOUT_INPUTS} == NAMES


@pytest.mark.parametrize("key", ["training.heroVideoUrl", "training.dynamicsEnabled"])
def test_what_the_rules_refuse_elsewhere_the_server_refuses_too(key: str) -> None:
    rows = [row for row in VALUES if isinstance(row.action, Update) and key in row.action.fields]
    refused = [row for row in rows if not row.allowed]
    assert refused
    for row in refused:
        assert isinstance(row.action, Update)
        training = {**AVATAR["training"], key.split(".")[1]: row.action.fields[key]}
        asked = READER.read(about("a"), Snapshot(fields={**AVATAR, "training": training}))
        assert getattr(asked, "code", None) in (Code.INVALID_PARAMS, Code.URL_NOT_ALLOWED)
