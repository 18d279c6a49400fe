"""Most events are about something else, and are told so by their bytes: nothing is decoded."""

import copy
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.cloud.events import parse
from functions.cloud.wire import field_changes, values
from functions.domain.document import MAX_INPUTS_BYTES, DocumentWrite, Gate, gate
from functions.domain.request import Reader, Refusal
from functions.errors import Code, InvalidEvent
from tests.functions.domain.test_document import WIRE_VALUES
from tests.functions.doubles import about
from tests.functions.scene import POLICY, UNSET, document
from tests.functions.wire import as_json, event_data, field, map_entries

LARGE: dict[str, Any] = {
    "many fields": {f"key {number:05}": number for number in range(20_000)},
    "a long text": {"text": "x" * 900_000},
    "a long list": {"list": [None] * 100_000},
    "deep": {"a": {"b": {"c": {"d": {f"key {number}": {"e": 1.5} for number in range(2000)}}}}},
}


class Decoded:
    """Counts the values that are decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.values = 0
        for name in ("decode", "lazily"):
            monkeypatch.setattr(values, name, self._counting(name))

    def _counting(self, name: str) -> Callable[[Any], object]:
        decoder = getattr(values, name)

        def decode(value: Any) -> object:
            self.values += 1
            return decoder(value)

        return decode


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    return Decoded(monkeypatch)


def read(message: Any) -> DocumentWrite:
    return parse(message.SerializeToString(), collection="avatars")


def with_large(beside: str, large: dict[str, Any]) -> dict[str, Any]:
    fields = document()
    places = {
        "document": fields,
        "training": fields["training"],
        "inputs": fields["training"]["livePortrait"],
        "output": fields.setdefault("livePortrait", {"state": "ready"}),
    }
    places[beside].update(copy.deepcopy(large))
    return fields


@pytest.mark.parametrize("beside", ["document", "training", "inputs", "output"])
@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE.keys())
def test_an_unrelated_write_decodes_nothing_however_large_the_document(
    decoded: Decoded, beside: str, large: dict[str, Any]
) -> None:
    before = with_large(beside, large)
    for change in ({"nickname": "B"}, {"more": {"a": 1}}, {"livePortrait": {"state": "x"}}):
        write = read(event_data(before, {**before, **change}))
        assert gate(write) is Gate.UNRELATED
        assert write.literal_names == ()
    assert decoded.values == 0


def test_a_relevant_write_decodes_what_is_looked_at_and_nothing_beside_it(
    decoded: Decoded,
) -> None:
    before = with_large("inputs", LARGE["many fields"])
    after = with_large("inputs", LARGE["many fields"])
    after["avatarImageUrl"] = "gs://demo.appspot.com/avatars/ava/other.jpg"
    write = read(event_data(before, after))
    assert gate(write) is Gate.ASKED
    assert write.after is not None
    assert write.after.inputs_key == write.after.inputs_key
    assert decoded.values < 50


def test_our_own_commit_beside_much_else_decodes_little(decoded: Decoded) -> None:
    before, after = (with_large("inputs", LARGE["many fields"]) for _ in range(2))
    after["training"]["livePortrait"]["idleVideoUrl"] = "https://new"
    after["livePortrait"] = {"state": "ready", "idleVideoUrl": "https://new"}
    assert gate(read(event_data(before, after))) is Gate.UNRELATED
    assert decoded.values < 50


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE.keys())
def test_the_order_of_entries_is_no_change(
    monkeypatch: pytest.MonkeyPatch, large: dict[str, Any]
) -> None:
    fields = with_large("inputs", large)
    message = event_data(fields, {**fields, "nickname": "B"})
    wire = b"".join(
        field(
            number, field(1, message.value.name.encode()) + map_entries(side.fields, order, tag=2)
        )
        for number, side, order in ((1, message.value, 1), (2, message.old_value, -1))
    )
    decoded = Decoded(monkeypatch)
    assert gate(parse(wire, collection="avatars")) is Gate.UNRELATED
    assert decoded.values == 0


def inputs(**more: Any) -> dict[str, Any]:
    """A document with these among its inputs."""
    return with_large("inputs", more)


LONG = "x" * MAX_INPUTS_BYTES


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (inputs(a=LONG), inputs(a=LONG, b=1), Gate.UNRELATED),
        (inputs(a=LONG), inputs(b=LONG, scale=2.0), Gate.UNRELATED),
        (inputs(a=LONG), inputs(a=1), Gate.ASKED),
        (inputs(a=1), inputs(a=LONG), Gate.ASKED),
        (inputs(a=LONG[200:], b=1), inputs(a=LONG[200:], b=2), Gate.ASKED),
        (document(training__livePortrait={}), inputs(a=LONG), Gate.ASKED),
        (inputs(a=LONG), inputs(a=LONG, idleVideoUrl="https://old"), Gate.MIRROR_TOUCHED),
    ],
)
def test_inputs_too_large_to_be_read_all_ask_for_the_same(
    one: dict[str, Any], other: dict[str, Any], kind: Gate
) -> None:
    message = event_data(one, {**other, "nickname": "B"})
    assert gate(read(message)) is gate(json_like(message)) is kind


def test_inputs_too_large_to_be_read_are_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken_apart(*_: object) -> None:
        raise AssertionError

    for name in ("map_entries", "_differing"):
        monkeypatch.setattr(field_changes, name, taken_apart)
    one = {f"{number:x}": None for number in range(20_000)}
    other = {f"{number:x}": number for number in range(20_000)}
    assert gate(read(event_data(inputs(**one), inputs(**other)))) is Gate.UNRELATED
    for place in ("avatarImageUrl", "training__heroVideoUrl", "training__dynamicsEnabled"):
        message = event_data(document(**{place: one}), document(**{place: other}, nickname="B"))
        assert gate(read(message)) is gate(json_like(message)) is Gate.UNRELATED
        message = event_data(document(**{place: one}), document())
        assert gate(read(message)) is Gate.ASKED


def test_inputs_too_large_to_be_read_are_refused() -> None:
    for fields in (inputs(a=LONG), document(training__livePortrait={"text": LONG})):
        document_ = read(event_data(None, fields)).after
        assert document_ is not None
        ask = Reader(policy=POLICY).read(about("ava"), document_)
        assert isinstance(ask, Refusal)
        assert (ask.code, ask.field) == (Code.INVALID_PARAMS, "training.livePortrait")
        assert "128 KiB" in ask.reason


@pytest.mark.parametrize(
    "name",
    [
        "avatarImageUrl",
        "training__heroVideoUrl",
        "training__livePortrait__animationRegion",
        "training",
    ],
)
def test_a_field_that_is_removed_is_a_change(name: str) -> None:
    before = document(livePortrait={"state": "queued"})
    after = document(livePortrait={"state": "queued"}, **{name: UNSET})
    seen = gate(read(event_data(before, after)))
    assert seen is (Gate.LEFT_QUEUED if name == "training" else Gate.ASKED)
    assert gate(read(event_data(after, before))) is Gate.ASKED


def test_a_nan_is_no_change_whatever_its_bits() -> None:
    fields = document(training__livePortrait__drivingMultiplier=math.nan)
    wire = event_data(fields, {**fields, "nickname": "B"}).SerializeToString()
    one, other = b"\x00\x00\x00\x00\x00\x00\xf8\x7f", b"\x01\x00\x00\x00\x00\x00\xf8\xff"
    assert wire.count(one) == 2
    assert gate(parse(wire.replace(one, other, 1), collection="avatars")) is Gate.UNRELATED


def training_entry(multiplier: float) -> bytes:
    """The serialised entry of `training`, as it stands in a document."""
    fields = {"training": document(training__livePortrait__scale=multiplier)["training"]}
    message = event_data(None, fields)
    for name in ("name", "update_time"):
        message.value.ClearField(name)
    wire: bytes = message.value.SerializeToString()
    return wire


LOOKS_LIKE_IT = {
    "bytes": {"a": training_entry(2.0)},
    "in a list": {"z": ["text", training_entry(2.0), training_entry(2.5)]},
    "cut": {"a": training_entry(2.0)[:-4], "z": training_entry(2.0)[2:]},
    "its key alone": {"a": "\n\x08training", "z": "\n\x08training\x12\x00"},
    "nested": {"a": {"training": {"livePortrait": {"scale": 2.0}}}},
    "nested often": {f"n{number}": {"training": {"scale": number}} for number in range(30)},
    "in it": {"training": {"training": {"a": 1}, "livePortrait": {"livePortrait": 1, "scale": 2}}},
}


@pytest.mark.parametrize("other", LOOKS_LIKE_IT.values(), ids=LOOKS_LIKE_IT.keys())
@pytest.mark.parametrize(
    "fields", [{}, document(), document(training=UNSET)], ids=["empty", "asks", "untrained"]
)
def test_what_looks_like_a_field_is_none(fields: dict[str, Any], other: dict[str, Any]) -> None:
    both = {**fields, **copy.deepcopy(other)}
    changed = copy.deepcopy({**both, "nickname": "B"})
    changed.setdefault("training", {}).setdefault("livePortrait", {})["scale"] = 7
    for before, after in itertools.permutations(({**fields, "z": 1}, both, changed), 2):
        message = event_data(before, after)
        assert gate(read(message)) is gate(json_like(message)), (before, after)
    assert gate(read(event_data(both, {**both, "nickname": "C"}))) is Gate.UNRELATED


def test_an_entry_whose_value_comes_before_its_key_is_one() -> None:
    sides, key = [], b"avatarImageUrl"
    for text in (b"one", b"two"):
        wire = event_data(None, {"nickname": "A"}).value.SerializeToString()
        sides.append(wire + field(2, field(2, field(17, text)) + field(1, key)))
    write = read_sides(*sides)
    assert not write.untouched
    assert write.before is not None
    assert write.before.fields["avatarImageUrl"] == "one"


@pytest.mark.parametrize("missing", [1, 5, 40])
def test_what_is_cut_off_is_refused(missing: int) -> None:
    wire = event_data(document(), document()).value.SerializeToString()[:-missing]
    with pytest.raises(InvalidEvent):
        read_sides(wire, wire)


def read_sides(before: bytes, after: bytes) -> DocumentWrite:
    """The write of two serialised documents."""
    return parse(field(2, before) + field(1, after), collection="avatars")


DOTTED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a path": ({"training.heroVideoUrl": "gs://b/x"}, ("`training.heroVideoUrl`",)),
    "a longer one": ({"training.livePortrait.scale": 2}, ("`training.livePortrait.scale`",)),
    "two": (
        {"training.livePortrait": {"text": "x" * 500}, "training.dynamicsEnabled": False},
        ("`training.dynamicsEnabled`", "`training.livePortrait`"),
    ),
    "below training": (
        {"training": {"livePortrait.scale": 2}},
        ("training.`livePortrait.scale`",),
    ),
    "of the app's own": ({"stats.views": 2, "training": {"a.b": 2}, "trainings.x": 1}, ()),
    "elsewhere": ({"said": "training.x", "stats": {"training.x": 1}}, ()),
}


@pytest.mark.parametrize(("written", "told"), DOTTED.values(), ids=DOTTED.keys())
@pytest.mark.parametrize("as_data", [lambda message: message.SerializeToString(), as_json])
def test_names_with_dots_that_look_like_paths_are_told(
    written: dict[str, Any], told: tuple[str, ...], as_data: Callable[[Any], Any]
) -> None:
    """What `set(…, merge: true)` makes of the keys that `update` would take for paths."""

    def read(before: Any, after: Any) -> DocumentWrite:
        return parse(as_data(event_data(before, after)), collection="avatars")

    before = document()
    after = {**before, **written}
    if "training" in written:
        after["training"] = {**before["training"], **written["training"]}
    change = read(before, after)
    assert gate(change) is Gate.UNRELATED
    assert tuple(sorted(change.literal_names)) == told
    assert tuple(sorted(read(None, after).literal_names)) == told
    assert read(after, {**after, "nickname": "B"}).literal_names == ()  # told once
    if told and not told[0].startswith("training"):
        again = {**after, told[0].strip("`"): {"text": "x" * 499 + "y"}}
        assert read(after, again).literal_names == (told[0],)
    assert read(after, before).literal_names == ()
    assert read(after, None).literal_names == ()


def test_however_many_names_have_dots_a_few_are_told() -> None:
    written = {f"training.x{number}": number for number in range(5000)}
    assert len(read(event_data(document(), {**document(), **written})).literal_names) == 20


@given(WIRE_VALUES, WIRE_VALUES, st.sampled_from(["scale", "mood", "idleVideoUrl"]))
def test_bytes_and_values_tell_the_same(one: object, other: object, key: str) -> None:
    before = document(training__livePortrait={"pasteback": True, key: one})
    after = document(training__livePortrait={"pasteback": True, key: other}, nickname="B")
    message = event_data(before, after)
    by_values = json_like(message)
    assert gate(read(message)) is gate(by_values)


def json_like(message: Any) -> DocumentWrite:
    """The write as it is read where its bytes tell nothing: each side by an event of its own."""
    sides = []
    for side in (message.old_value, message.value):
        alone = type(message)()
        alone.value.CopyFrom(side)
        sides.append(read(alone).after)
    return DocumentWrite(subject=about("ava"), before=sides[0], after=sides[1], committed_s=0.0)
