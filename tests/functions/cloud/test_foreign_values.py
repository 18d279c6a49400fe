"""Values that Google's own client cannot express hide no avatar, neither its own nor others'."""

from collections.abc import Mapping
from typing import Any

import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.types import CommitRequest, Document, Write

from functions.cloud.database.firestore import FirestoreLedger
from functions.cloud.events import parse
from functions.cloud.wire.values import decode
from functions.domain.document import Document as StoredDocument
from functions.domain.document import State
from functions.domain.job_record import Record, StatusView
from functions.domain.job_record.status_view import shown_fields
from functions.domain.request import Ask, NotOptedIn, Reader, Refusal
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.reconcile.adapters import FirestoreAvatars
from functions.reconcile.loading.shard import IdRange
from tests.functions.doubles import about
from tests.functions.scene import POLICY, document
from tests.functions.wire import EventData, fill

ELSEWHERE = "projects/another/databases/(default)/documents/a/b"
FOREIGN: dict[str, dict[str, Any]] = {
    "a reference into another project": {"reference_value": ELSEWHERE},
    "a reference into another database": {
        "reference_value": "projects/demo-avatar/databases/other/documents/a/b"
    },
    "a moment before all years": {"timestamp_value": {"seconds": -62_135_596_800}},
}
PLACES: dict[str, tuple[str, ...]] = {
    "an input": ("training", "livePortrait", "drivingMultiplier"),
    "beside the inputs": ("training", "livePortrait", "x"),
    "the inputs": ("training", "livePortrait"),
    "training": ("training",),
    "the picture": ("avatarImageUrl",),
    "the clip": ("training", "heroVideoUrl"),
    "the switch": ("training", "dynamicsEnabled"),
    "the owner": ("userId",),
    "the answer": ("livePortrait",),
    "within the answer": ("livePortrait", "state"),
    "the second mirror": ("dynamics", "basic"),
    "in a list": ("training", "livePortrait", "animationRegion"),
}
REFUSALS = {
    "an input": ("INVALID_PARAMS", "training.livePortrait.drivingMultiplier"),
    "the picture": ("URL_NOT_ALLOWED", "avatarImageUrl"),
    "the clip": ("URL_NOT_ALLOWED", "training.heroVideoUrl"),
    "the switch": ("INVALID_PARAMS", "training.dynamicsEnabled"),
    "in a list": ("INVALID_PARAMS", "training.livePortrait.animationRegion"),
    "training": None,
    "the inputs": None,
}


def put(database: Any, path: str, place: str, value: Mapping[str, Any]) -> Document:
    """Write the usual document with this value in this place, past the client's own encoder."""
    message = EventData()
    for name, item in document(userId="owner").items():
        fill(message.value.fields[name], item)
    stored = Document.deserialize(message.value.SerializeToString())
    stored.name = f"{database._database_string}/documents/{path}"
    fields = Document.pb(stored).fields
    *parents, last = PLACES[place]
    for name in parents:
        fields = fields[name].map_value.fields
    wanted = Document({"fields": {"x": value}})
    fields[last].CopyFrom(Document.pb(wanted).fields["x"])
    if place == "in a list":
        fields[last].Clear()
        fields[last].array_value.values.add().CopyFrom(Document.pb(wanted).fields["x"])
    request = CommitRequest(database=database._database_string, writes=[Write(update=stored)])
    database._firestore_api.commit(request=request)
    return stored


def spec(document: StoredDocument | None) -> Ask:
    assert document is not None
    return Reader(policy=POLICY).read(about("ava"), document)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", FOREIGN.values(), ids=FOREIGN.keys())
def test_an_avatar_with_a_foreign_value_is_read_and_answered_as_its_event_tells(
    database: firestore.Client, avatar_id: str, value: dict[str, Any], place: str
) -> None:
    stored = put(database, f"avatars/{avatar_id}", place, value)
    ledger = FirestoreLedger(database, collection="avatars")
    seen: list[AvatarSnapshot] = []

    def start(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        seen.append(avatar)
        return TransactionResult(
            status=TransactionStatus.DONE, counts=True, record=Record(attempts=1)
        )

    ledger.transact(about(avatar_id), start, counting=True)
    avatar = ledger.read(about(avatar_id))
    message = EventData()
    message.value.ParseFromString(Document.serialize(stored))
    write = parse(message.SerializeToString(), collection="avatars")
    assert write.after is not None
    assert avatar.record.attempts == 1
    for document_ in (avatar.document, seen[0].document):
        assert document_ is not None
        assert document_.inputs_key == write.after.inputs_key
        ask = spec(document_)
        match REFUSALS.get(place, "rendered"):
            case None:
                assert ask == NotOptedIn()
            case (code, field):
                assert isinstance(ask, Refusal)
                assert (str(ask.code), ask.field) == (code, field)
            case _:
                assert not isinstance(ask, Refusal | NotOptedIn)


def test_an_unreadable_answer_is_written_again(database: firestore.Client, avatar_id: str) -> None:
    put(database, f"avatars/{avatar_id}", "the answer", {"reference_value": ELSEWHERE})
    record = Record(shown=StatusView(state=State.QUEUED, fingerprint="f"))

    def show(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        assert avatar.document is not None
        fields = shown_fields(avatar.document, record)
        return TransactionResult(status=TransactionStatus.DONE, fields=fields)

    ledger = FirestoreLedger(database, collection="avatars")
    assert ledger.transact(about(avatar_id), show).fields
    assert ledger.transact(about(avatar_id), show).fields == {}
    found = database.collection("avatars").document(avatar_id).get(["livePortrait"]).to_dict()
    assert found is not None
    assert found["livePortrait"]["state"] == "queued"


@pytest.mark.parametrize("place", PLACES)
def test_reconcile_goes_on_behind_an_avatar_with_a_foreign_value(
    database: firestore.Client, avatar_id: str, place: str
) -> None:
    collection = f"c-{avatar_id}"
    for name in ("a", "z"):
        database.collection(collection).document(name).set(document())
    put(database, f"{collection}/m", place, {"reference_value": ELSEWHERE})
    repository = FirestoreAvatars(database, collection=collection)
    assert list(repository.avatars(IdRange(), "", 10)) == ["a", "m", "z"]
    assert list(repository.avatars(IdRange(), "a", 1)) == ["m"]
    snapshots = repository.dated(["a", "m", "z"])
    assert [each.avatar.avatar_id for each in snapshots] == ["a", "m", "z"]
    assert min(each.written for each in snapshots) > 1_500_000_000_000


def test_a_kind_that_is_newer_than_this_is_neither_null_nor_any_other() -> None:
    values = [EventData().value.fields["x"] for _ in range(2)]
    for number, value in enumerate(values):
        value.MergeFromString(b"\xf2\x07\x01" + bytes([number]))  # field 126
    one, other = (decode(value) for value in values)
    assert one not in (None, other)
