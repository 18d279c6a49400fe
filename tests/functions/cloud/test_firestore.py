"""The ledger's promises, kept by the double and by the real client against the stand-in cloud."""

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

from emulator.suite import Suite
from functions.cloud.database.firestore import FirestoreLedger
from functions.cloud.events import parse
from functions.domain.document import Snapshot, State
from functions.domain.field_values import same
from functions.domain.job_record import Dispatch, Record, StatusView
from functions.domain.job_record.status_view import DELETED
from functions.domain.limits.daily_total import share_of
from functions.domain.parameters import Parameters
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.settings import Settings
from tests.functions.conftest import LedgerUnderTest
from tests.functions.doubles import about
from tests.functions.scene import document
from tests.functions.wire import EventData

DONE = TransactionResult(status=TransactionStatus.DONE)


def test_nothing_is_there_at_first(ledger: LedgerUnderTest, avatar_id: str) -> None:
    avatar = ledger.port.read(about(avatar_id))
    assert (avatar.avatar_id, avatar.document, avatar.record) == (avatar_id, None, Record())
    assert avatar.now > 1_500_000_000_000


def test_a_ledger_that_says_nothing_is_one_all_the_same(
    ledger: LedgerUnderTest, avatar_id: str
) -> None:
    assert not ledger.port.read(about(avatar_id)).has_ledger
    change = TransactionResult(status=TransactionStatus.DONE, record=Record())
    ledger.port.transact(about(avatar_id), lambda _: change)
    assert ledger.port.read(about(avatar_id)).has_ledger


def test_only_what_the_contract_names_is_read(ledger: LedgerUnderTest, avatar_id: str) -> None:
    fields = document(training__jobId="x", livePortrait={"state": "ready"}, dynamics__basic__a=1)
    fields["dynamics"]["other"] = 1
    ledger.put(avatar_id, fields)
    avatar = ledger.port.read(about(avatar_id))
    assert avatar.document is not None
    assert avatar.document.fields == {
        "avatarImageUrl": fields["avatarImageUrl"],
        "userId": "owner-1",
        "training": {
            "heroVideoUrl": fields["training"]["heroVideoUrl"],
            "livePortrait": fields["training"]["livePortrait"],
        },
        "livePortrait": {"state": "ready"},
        "dynamics": {"basic": {"a": 1}},
    }


def test_fields_below_what_is_no_map_are_absent(ledger: LedgerUnderTest, avatar_id: str) -> None:
    ledger.put(avatar_id, {"training": "text", "dynamics": 3, "livePortrait": None})
    avatar = ledger.port.read(about(avatar_id))
    assert avatar.document == Snapshot(fields={"livePortrait": None})


def test_a_change_writes_both_and_leaves_the_rest(ledger: LedgerUnderTest, avatar_id: str) -> None:
    fields = document(livePortrait={"state": "ready", "old": 1}, training__x={"y": 1})
    ledger.put(avatar_id, fields)
    record = Record(fingerprint="f", attempts=2)
    change = TransactionResult(
        status=TransactionStatus.DONE,
        record=record,
        fields={
            "livePortrait": {"state": "queued", "warnings": [], "fps": 25.0},
            "training.livePortrait.idleVideoUrl": "https://x",
            "training.x.y": DELETED,
        },
    )
    assert ledger.port.transact(about(avatar_id), lambda avatar: change) == change
    after = ledger.get(avatar_id)
    assert after is not None
    assert after["livePortrait"] == {"state": "queued", "warnings": [], "fps": 25.0}
    assert after["training"] == {
        **fields["training"],
        "livePortrait": {**fields["training"]["livePortrait"], "idleVideoUrl": "https://x"},
        "x": {},
    }
    assert {key: after[key] for key in ("nickname", "updatedAt", "userId")} == {
        key: fields[key] for key in ("nickname", "updatedAt", "userId")
    }
    assert ledger.port.read(about(avatar_id)).record == record


def test_a_mirror_is_written_beside_what_the_app_keeps_there(
    ledger: LedgerUnderTest, avatar_id: str
) -> None:
    basic = {"status": "x", "idleChunk1Url": "old", "own": 1}
    ledger.put(avatar_id, document(dynamics__basic=basic, dynamics__other=2))
    at = datetime(2026, 1, 2, tzinfo=UTC)
    fields = {
        "dynamics.basic.status": "ready",
        "dynamics.basic.generatedAt": at,
        "dynamics.basic.parameters": {"source_max_dim": 1600, "scale": 2.3},
        "dynamics.basic.idleChunk1Url": DELETED,
    }
    ledger.port.transact(
        about(avatar_id), lambda _: TransactionResult(status=TransactionStatus.DONE, fields=fields)
    )
    after = ledger.get(avatar_id)
    assert after is not None
    assert after["dynamics"]["other"] == 2
    assert after["dynamics"]["basic"] == {
        "status": "ready",
        "generatedAt": at,
        "parameters": {"source_max_dim": 1600, "scale": 2.3},
        "own": 1,
    }


def test_what_a_transaction_sees_is_what_was_committed(
    ledger: LedgerUnderTest, avatar_id: str
) -> None:
    ledger.put(avatar_id, document())

    def count(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        attempts = avatar.record.attempts + 1
        return TransactionResult(status=TransactionStatus.DONE, record=Record(attempts=attempts))

    for _ in range(3):
        ledger.port.transact(about(avatar_id), count)
    assert ledger.port.read(about(avatar_id)).record.attempts == 3


def test_nothing_to_write_writes_nothing(ledger: LedgerUnderTest, avatar_id: str) -> None:
    assert ledger.port.transact(about(avatar_id), lambda avatar: DONE) == DONE
    assert (ledger.get(avatar_id), ledger.job(avatar_id)) == (None, None)


def test_what_a_newer_version_added_to_a_ledger_outlives_our_writing(
    ledger: LedgerUnderTest, avatar_id: str
) -> None:
    shown = StatusView(state=State.QUEUED, fingerprint="f", parameters=Parameters())

    def note(record: Record) -> None:
        ledger.port.transact(
            about(avatar_id),
            lambda _: TransactionResult(status=TransactionStatus.DONE, record=record),
        )

    note(Record(fingerprint="f", shown=shown))
    fields = ledger.job(avatar_id)
    assert fields is not None
    fields["shown"]["hint"] = {"tone": ["a"]}
    fields["shown"]["parameters"]["gaze"] = 3
    fields["plan"] = {"steps": [1, 2]}
    ledger.put_job(avatar_id, fields)
    note(replace(ledger.port.read(about(avatar_id)).record, attempts=1))
    assert ledger.job(avatar_id) == {**fields, "attempts": 1}
    note(replace(ledger.port.read(about(avatar_id)).record, shown=None))
    assert ledger.job(avatar_id) == {**fields, "attempts": 1, "shown": None}


def test_a_tombstone_outlives_the_ledger_until_the_next_ledger_has_it(
    ledger: LedgerUnderTest, avatar_id: str
) -> None:
    def decided(**change: Any) -> None:
        result = TransactionResult(status=TransactionStatus.DONE, **change)
        ledger.port.transact(about(avatar_id), lambda avatar: result)

    def known() -> tuple[bool, int]:
        avatar = ledger.port.read(about(avatar_id))
        return avatar.has_ledger, avatar.record.deleted

    assert known() == (False, 0)
    decided(erases=True)
    assert ledger.quota(f"deleted:{avatar_id}") is None
    decided(record=Record(deleted=7))
    assert known() == (True, 7)
    decided(erases=True, tombstone=7)
    assert ledger.quota(f"deleted:{avatar_id}") == {"at": 7}
    assert known() == (False, 7)
    ledger.put(avatar_id, document())
    assert known() == (False, 7)
    seen: list[int] = []

    def note(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        seen.append(avatar.record.deleted)
        record = replace(avatar.record, fingerprint="f")
        return TransactionResult(status=TransactionStatus.DONE, record=record)

    ledger.port.transact(about(avatar_id), note)
    assert seen == [7]
    assert known() == (True, 7)


def test_erasing_removes_the_ledger_alone(ledger: LedgerUnderTest, avatar_id: str) -> None:
    ledger.put(avatar_id, document())
    ledger.port.transact(
        about(avatar_id),
        lambda avatar: TransactionResult(
            status=TransactionStatus.DONE, record=Record(fingerprint="f")
        ),
    )
    assert ledger.job(avatar_id)
    ledger.port.transact(
        about(avatar_id),
        lambda avatar: TransactionResult(status=TransactionStatus.DONE, erases=True),
    )
    assert ledger.job(avatar_id) is None
    assert ledger.get(avatar_id) is not None


def test_starts_are_counted_per_avatar_and_owner(ledger: LedgerUnderTest, avatar_id: str) -> None:
    seen: list[tuple[int, int]] = []
    shares: list[tuple[str, int]] = []

    def start(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        seen.append((avatar.starts.avatar, avatar.starts.owner))
        share = share_of(avatar.avatar_id, Settings.renders_per_day_total).name
        shares.append((share, avatar.starts.share))
        return TransactionResult(status=TransactionStatus.DONE, counts=True)

    for avatar in (avatar_id, avatar_id, f"{avatar_id}-2"):
        ledger.put(avatar, document(userId=f"owner-of-{avatar_id}"))
        ledger.port.transact(about(avatar), start, counting=True)
    assert seen == [(0, 0), (1, 1), (0, 2)]
    (name, before), second, third = shares  # others have rendered before
    assert second == (name, before + 1)
    assert third[0] != name or third[1] == before + 2
    counted = ledger.quota(name)
    assert counted is not None
    assert counted["starts"] >= before + 2
    quota = ledger.quota(f"owner:owner-of-{avatar_id}")
    assert quota is not None
    assert quota["starts"] == 3
    assert len(quota["day"]) == len("2026-11-20")


def test_an_earlier_days_starts_do_not_count(database: firestore.Client, avatar_id: str) -> None:
    quota = database.collection("livePortraitQuota").document(f"avatar:{avatar_id}")
    quota.set({"day": "2001-01-01", "starts": 30})
    database.collection("avatars").document(avatar_id).set(document(userId=5))
    seen: list[int] = []

    def start(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        seen.append(avatar.starts.avatar)
        return TransactionResult(status=TransactionStatus.DONE, counts=True)

    FirestoreLedger(database, collection="avatars").transact(about(avatar_id), start, counting=True)
    assert seen == [0]
    snapshot = quota.get()
    stored = snapshot.to_dict()
    assert stored is not None
    assert stored["starts"] == 1
    days = (stored["expireAt"] - snapshot.update_time).total_seconds() / 86400
    assert 1.9 < days <= 2.0, "Firestore's TTL policy deletes the counter once its day is over"


@pytest.mark.parametrize("owner", ["a/b", "..", "x" * 2000, "__x__", "Zoë", " "])
def test_an_owner_that_is_no_plain_id_is_counted_all_the_same(
    database: firestore.Client, avatar_id: str, owner: str
) -> None:
    database.collection("avatars").document(avatar_id).set(document(userId=owner))
    ledger = FirestoreLedger(database, collection="avatars")
    seen: list[int] = []

    def start(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        seen.append(avatar.starts.owner)
        return TransactionResult(status=TransactionStatus.DONE, counts=True)

    for _ in range(2):
        ledger.transact(about(avatar_id), start, counting=True)
    assert seen[1] == seen[0] + 1


def test_rivals_are_all_counted(database: firestore.Client, avatar_id: str) -> None:
    database.collection("avatars").document(avatar_id).set(document())
    ledger = FirestoreLedger(database, collection="avatars")

    def count(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        attempts = avatar.record.attempts + 1
        return TransactionResult(status=TransactionStatus.DONE, record=Record(attempts=attempts))

    rivals = [
        threading.Thread(target=ledger.transact, args=(about(avatar_id), count)) for _ in range(6)
    ]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert ledger.read(about(avatar_id)).record.attempts == 6


def test_aborted_commits_are_repeated(
    suite: Suite, database: firestore.Client, avatar_id: str
) -> None:
    ledger = FirestoreLedger(database, collection="avatars")
    suite.control.abort_commits(4)
    ledger.transact(
        about(avatar_id),
        lambda avatar: TransactionResult(status=TransactionStatus.DONE, record=Record(attempts=1)),
    )
    assert ledger.read(about(avatar_id)).record.attempts == 1


def test_a_document_that_is_gone_at_the_commit_is_not_resurrected(
    database: firestore.Client, avatar_id: str
) -> None:
    ledger = FirestoreLedger(database, collection="avatars")
    change = TransactionResult(
        status=TransactionStatus.DONE,
        record=Record(attempts=1),
        fields={"livePortrait": {"state": "ready"}},
    )
    with pytest.raises(exceptions.NotFound):
        ledger.transact(about(avatar_id), lambda avatar: change)
    assert not database.collection("avatars").document(avatar_id).get().exists
    assert ledger.read(about(avatar_id)).record == Record()


WIRE_ODDITIES: list[tuple[str, Callable[[firestore.Client], Any]]] = [
    ("timestamp", lambda client: datetime(2026, 11, 20, 8, 0, 0, 123456, UTC)),
    ("before 1970", lambda client: datetime(1931, 2, 3, 4, 5, 6, 7, UTC)),
    ("geopoint", lambda client: firestore.GeoPoint(48.1, -11.5)),
    ("reference", lambda client: client.collection("a").document("b c")),
    ("vector", lambda client: Vector([1.0, 2.5])),
    ("bytes", lambda client: b"\x00\xff"),
    ("nan", lambda client: math.nan),
    ("nested", lambda client: {"a": [1, {"b": None}], "c": True, "d": 1.0}),
]


@pytest.mark.parametrize(
    "make", [make for _, make in WIRE_ODDITIES], ids=[n for n, _ in WIRE_ODDITIES]
)
def test_a_document_read_equals_the_event_that_told_of_it(
    suite: Suite,
    database: firestore.Client,
    avatar_id: str,
    make: Callable[[firestore.Client], Any],
) -> None:
    """Were they to differ for some odd value, its avatar would never be rendered."""
    odd = make(database)
    fields = document(training__livePortrait__mood=odd, training__heroVideoUrl=odd)
    reference = database.collection("avatars").document(avatar_id)
    reference.set(fields)
    spec = {"database": database._database_string, "documents": [reference._document_path]}
    (answer,) = database._firestore_api.batch_get_documents(request=spec)
    message = EventData()
    message.value.ParseFromString(type(answer.found).serialize(answer.found))
    write = parse(message.SerializeToString(), collection="avatars")
    read = FirestoreLedger(database, collection="avatars").read(about(avatar_id)).document
    assert read is not None
    assert write.after is not None
    assert read.inputs_key == write.after.inputs_key
    assert same(read.fields["training"], write.after.fields["training"])


def test_an_owners_list_of_turns_follows_the_dispatches(
    ledger: LedgerUnderTest, avatar_id: str
) -> None:
    owner, names = f"owner/of {avatar_id}", [avatar_id, f"{avatar_id}-2"]
    for name in names:
        ledger.put(name, document(userId=owner))

    def note(name: str, task: Dispatch | None) -> AvatarSnapshot:
        seen: list[AvatarSnapshot] = []

        def decide(avatar: AvatarSnapshot) -> TransactionResult[Any]:
            seen.append(avatar)
            record = replace(avatar.record, dispatch=task)
            return TransactionResult(status=TransactionStatus.DONE, record=record)

        ledger.port.transact(about(name), decide, counting=True)
        return seen[-1]

    def listed() -> dict[str, tuple[int, int]]:
        turns = ledger.port.turns_of(owner)
        assert turns.now > 1_700_000_000_000
        return {each.subject.avatar_id: (each.at, each.held) for each in turns.every}

    assert listed() == {}
    task = Dispatch(fingerprint="f", at=7, owner=owner)
    assert note(names[0], task).turns.every == ()
    waiting = replace(task, at=8, held=9)
    (first,) = note(names[1], waiting).turns.every
    assert (first.subject, first.at, first.held) == (about(names[0]), 7, 0)
    assert listed() == {names[0]: (7, 0), names[1]: (8, 9)}
    note(names[1], replace(waiting, held=0))
    assert listed() == {names[0]: (7, 0), names[1]: (8, 0)}
    note(names[0], replace(task, owner=f"another {avatar_id}"))
    assert listed() == {names[1]: (8, 0)}
    ledger.port.transact(
        about(names[1]),
        lambda _: TransactionResult(status=TransactionStatus.DONE, erases=True),
    )
    assert listed() == {}
    note(names[0], task)
    ledger.port.transact(
        about(names[0]),
        lambda _: TransactionResult(status=TransactionStatus.DONE, leaves=owner),
    )
    assert listed() == {}
