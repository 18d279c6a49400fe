"""What an event is about: the gate's decisions, the relevant set, equality of wire values."""

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.document import DocumentWrite, Gate, Snapshot, State, gate
from functions.domain.field_values import ABSENT, Opaque, dig, same
from tests.functions.doubles import about
from tests.functions.scene import UNSET, document, snapshot

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
WIRE_VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def write(before: dict[str, Any] | None, after: dict[str, Any] | None) -> DocumentWrite:
    return DocumentWrite(
        subject=about("ava"), before=snapshot(before), after=snapshot(after), committed_s=0.0
    )


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (math.nan, math.nan, True),
        (1, 1.0, False),
        (1, True, False),
        (0.0, -0.0, False),
        (None, ABSENT, False),
        ("a", b"a", False),
        ([1, 2], (1, 2), True),
        ({"a": 1, "b": math.nan}, {"b": math.nan, "a": 1}, True),
        ({"a": None}, {}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1.0}]}, False),
        ([1], [1, 2], False),
        (State.READY, "ready", True),
        (Opaque(kind="reference", text="x"), Opaque(kind="geopoint", text="x"), False),
    ],
)
def test_equality_is_of_wire_values(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is same(other, one) is equal


@given(WIRE_VALUES)
def test_every_value_equals_itself(value: object) -> None:
    assert same(value, copy.deepcopy(value))


@given(WIRE_VALUES, WIRE_VALUES)
def test_equality_is_mutual(one: object, other: object) -> None:
    assert same(one, other) is same(other, one)


def test_a_key_may_be_left_out_of_account() -> None:
    assert same({"a": 1, "x": 2}, {"a": 1}, but="x")
    assert same({"a": 1}, {"a": 1, "x": 2}, but="x")
    assert not same({"a": 1, "x": 2}, {"x": 2}, but="x")
    assert not same({"a": {"x": 2}}, {"a": {}}, but="x")


@pytest.mark.parametrize(
    "change",
    [
        {"nickname": "B"},
        {"greetingText": "hello"},
        {"isPublic": True},
        {"slug": "b"},
        {"role": "admiral"},
        {"updatedAt": 2},
        {"userId": "thief"},
        {"training__status": "idle"},
        {"training__progress": 0},
        {"training__jobId": "j"},
        {"livePortrait": {"state": "failed", "idleVideoUrl": "https://x"}},
    ],
)
def test_unrelated_changes_are_seen_as_such(change: dict[str, Any]) -> None:
    assert gate(write(document(), document(**change))) is Gate.UNRELATED


@pytest.mark.parametrize(
    "change",
    [
        {"avatarImageUrl": "gs://demo.appspot.com/avatars/ava/other.jpg"},
        {"avatarImageUrl": None},
        {"training__heroVideoUrl": UNSET},
        {"training__dynamicsEnabled": False},
        {"training__livePortrait__drivingMultiplier": 0.5},
        {"training__livePortrait__drivingMultiplier": math.nan},
        {"training__livePortrait__mood": "calm"},
    ],
)
def test_relevant_changes_are_seen_as_such(change: dict[str, Any]) -> None:
    assert gate(write(document(), document(**change))) is Gate.ASKED


def test_nan_that_stays_is_no_change() -> None:
    nan = document(training__livePortrait__drivingMultiplier=math.nan)
    assert gate(write(nan, {**nan, "nickname": "B"})) is Gate.UNRELATED


def with_mirror(url: object, shown: object = "https://new") -> dict[str, Any]:
    fields = document(livePortrait={"state": "ready", "idleVideoUrl": shown})
    if url is not UNSET:
        fields["training"]["livePortrait"]["idleVideoUrl"] = url
    return fields


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("https://old", "https://new", Gate.UNRELATED),  # our own commit
        (UNSET, "https://new", Gate.UNRELATED),
        ("https://new", "https://new", Gate.UNRELATED),
        ("https://new", "https://old", Gate.MIRROR_TOUCHED),
        ("https://new", UNSET, Gate.MIRROR_TOUCHED),
        ("https://new", None, Gate.MIRROR_TOUCHED),
    ],
)
def test_the_mirror_is_told_from_our_own_commits(
    before: object, after: object, expected: Gate
) -> None:
    assert gate(write(with_mirror(before), with_mirror(after))) is expected


def test_a_document_without_any_output_touches_the_mirror_too() -> None:
    before, after = with_mirror("https://a"), with_mirror("https://b")
    del before["livePortrait"], after["livePortrait"]
    assert gate(write(before, after)) is Gate.MIRROR_TOUCHED


@pytest.mark.parametrize(
    "inputs",
    [UNSET, None, "text", [], {}, {"idleVideoUrl": "x"}, {"mood": 1}, {"flag_pasteback": True}],
)
def test_no_recognised_key_is_not_opted_in(inputs: object) -> None:
    after = document(training__livePortrait=inputs)
    assert gate(write(None, after)) is Gate.UNRELATED
    queued = {**after, "livePortrait": {"state": "queued"}}
    assert gate(write(document(), queued)) is Gate.LEFT_QUEUED


@pytest.mark.parametrize(
    "key",
    [
        "drivingMultiplier",
        "driving_multiplier",
        "flagNormalizeLip",
        "flagPasteback",
        "scale",
        "renderNonce",
    ],
)
def test_any_recognised_key_opts_in_even_when_null(key: str) -> None:
    assert gate(write(None, document(training__livePortrait={key: None}))) is Gate.ASKED


def test_deletion_and_creation() -> None:
    assert gate(write(document(), None)) is Gate.DELETED
    assert gate(write(None, document())) is Gate.ASKED


@given(
    st.dictionaries(st.sampled_from(["avatarImageUrl", "training", "livePortrait"]), WIRE_VALUES)
)
def test_the_gate_takes_any_document(fields: dict[str, Any]) -> None:
    event = DocumentWrite(
        subject=about("ava"), before=None, after=Snapshot(fields=fields), committed_s=0.0
    )
    assert gate(event) in Gate
    same = DocumentWrite(
        subject=about("ava"),
        before=Snapshot(fields=fields),
        after=Snapshot(fields=dict(fields)),
        committed_s=0.0,
    )
    assert gate(same) is Gate.UNRELATED


def test_dig_finds_nothing_below_what_is_no_map() -> None:
    assert dig({"a": 1}, ("a", "b")) is ABSENT
    assert dig({"a": {"b": None}}, ("a", "b")) is None
