"""The wire form of an event: protobuf and JSON, garbage, other documents, odd ids."""

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.cloud.events import parse
from functions.cloud.wire.values import decode, lazily
from functions.domain.document import EVENT_PATHS, Gate, gate
from functions.domain.field_values import dig, same
from functions.errors import InvalidEvent
from tests.functions.domain.test_document import WIRE_VALUES
from tests.functions.scene import document, snapshot
from tests.functions.wire import EventData, Value, as_json, event_data, fill, name_of


def read(data: object, **options: Any) -> Any:
    return parse(data, collection="avatars", **options)


@pytest.mark.parametrize("as_data", [lambda message: message.SerializeToString(), as_json])
def test_a_write_is_read_from_protobuf_and_from_json(as_data: Any) -> None:
    before = document(livePortrait={"state": "ready", "idleVideoUrl": "https://x", "progress": 3})
    after = document(training__livePortrait__drivingMultiplier=math.nan)
    write = read(as_data(event_data(before, after)))
    assert write.subject.avatar_id == "ava"
    assert write.committed_s == 1_800_000_000
    for seen, meant in ((write.before, snapshot(before)), (write.after, snapshot(after))):
        assert meant is not None
        assert seen.inputs_key == meant.inputs_key
        for path in EVENT_PATHS:
            assert same(dig(seen.fields, path), dig(meant.fields, path))


def test_what_the_gate_does_not_look_at_is_not_decoded() -> None:
    write = read(event_data(None, document()).SerializeToString())
    assert set(write.after.fields) == {"avatarImageUrl", "training"}
    assert set(write.after.fields["training"]) == {"heroVideoUrl", "livePortrait"}


@pytest.mark.parametrize("avatar_id", ["ava", "Zoë", "阿凡达", "a b", "a%2Fb", "🙂", "__x"])
def test_ids_come_from_the_data_whatever_their_script(avatar_id: str) -> None:
    message = event_data(None, document(), name=name_of(avatar_id))
    assert read(message.SerializeToString()).subject.avatar_id == avatar_id
    assert read(as_json(message)).subject.avatar_id == avatar_id


@pytest.mark.parametrize("avatar_id", ["x" * 1501, "é" * 751, "__x__", ".", ".."])
def test_a_name_that_no_document_can_have_is_unreadable(avatar_id: str) -> None:
    for before, after in ((None, document()), (document(), document(nickname="B"))):
        message = event_data(before, after, name=name_of(avatar_id))
        for data in (message.SerializeToString(), as_json(message)):
            with pytest.raises(InvalidEvent, match="accepted: a document"):
                read(data)


def test_a_commits_time_is_exact() -> None:
    message = event_data(None, document())
    message.value.update_time.nanos = 625_000_000
    assert read(message.SerializeToString()).committed_s == 1_800_000_000.625
    assert read(as_json(message)).committed_s == 1_800_000_000.625


def test_a_deletion_has_the_events_own_time() -> None:
    data = event_data(document(), None).SerializeToString()
    write = read(data, event_time="2026-11-20T08:00:00.5Z")
    assert write.after is None
    assert gate(write) is Gate.DELETED
    assert write.committed_s == 1_795_161_600.5
    for missing in (None, "", "yesterday"):
        assert read(data, event_time=missing).committed_s == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize(
    "name",
    [
        name_of("ava", collection="users"),
        name_of("ava", database="other"),
        name_of("ava") + "/private/x",
        "projects/demo/databases/(default)/documents/avatars",
        "projects/demo/databases/(default)/documents/avatars/",
        "avatars/ava",
        "x",
    ],
)
def test_other_documents_are_not_ours(name: str) -> None:
    with pytest.raises(InvalidEvent, match="accepted"):
        read(event_data(None, document(), name=name).SerializeToString())


def test_the_collection_is_a_setting() -> None:
    data = event_data(None, document(), name=name_of("ava", collection="faces"))
    assert parse(data.SerializeToString(), collection="faces").subject.avatar_id == "ava"


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"no protobuf at all", None, "text", 7, [], {}, {"value": 3}, {"value": {}}],
)
def test_garbage_is_named_as_such(data: object) -> None:
    with pytest.raises(InvalidEvent):
        read(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        write = read(data)
    except InvalidEvent:
        return
    assert write.subject.avatar_id


@given(
    st.dictionaries(
        st.sampled_from(["value", "oldValue", "updateMask", "x"]),
        st.recursive(
            st.none() | st.text(max_size=5) | st.integers() | st.floats(),
            lambda inner: (
                st.dictionaries(st.sampled_from(["name", "fields", "a"]), inner) | st.lists(inner)
            ),
            max_leaves=5,
        ),
    )
)
def test_any_json_is_read_or_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        read(data)


@given(WIRE_VALUES)
def test_every_value_survives_the_wire(content: object) -> None:
    message = EventData()
    value: Value = message.value.fields["x"]
    fill(value, content)
    assert same(decode(value), content)
    assert same(lazily(value), content)


def test_a_field_below_what_is_no_map_is_absent() -> None:
    write = read(event_data(None, {"training": "text", "livePortrait": 3}).SerializeToString())
    assert write.after.fields == {}
    assert gate(write) is Gate.UNRELATED
