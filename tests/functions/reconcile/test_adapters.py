"""Repositories, listings and checkpoints keep their promises: in memory, and by real clients."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from google.cloud import firestore
from google.cloud.storage import Bucket

from emulator.suite import Suite
from functions.cloud.storage import TOKEN_KEY, CloudMediaStore
from functions.domain.document import State
from functions.domain.field_values import ABSENT
from functions.domain.job_record import Deletion, Lease, Purpose, Record, StatusView, to_fields
from functions.domain.storage_paths import StoredObject
from functions.domain.subject import IDLE_LEDGERS
from functions.reconcile.adapters import (
    BucketLister,
    FirestoreAvatars,
    FirestoreCheckpoints,
    FirestoreOwner,
    FirestoreRequests,
)
from functions.reconcile.loading.ports import (
    AvatarRepository,
    ObjectLister,
    Place,
    Requests,
    TimedPage,
)
from functions.reconcile.loading.shard import IdRange
from functions.reconcile.runner import Checkpoints
from tests.functions.doubles import Fields, MemoryLedger, MemoryMediaStore, VirtualClock
from tests.functions.reconcile.reconciling import (
    MemoryCensus,
    MemoryInventory,
    MemoryMarks,
    MemoryRequests,
)
from tests.functions.scene import document

ALL = IdRange()


@dataclass(frozen=True, kw_only=True)
class World:
    """The three ports, and another way to the same things."""

    repository: AvatarRepository
    lister: ObjectLister
    marks: Checkpoints
    requests: Requests
    ledger: MemoryLedger | None = None
    media: MemoryMediaStore | None = None
    database: Any = None
    bucket: Any = None

    def put_document(self, avatar_id: str, fields: Fields) -> None:
        if self.ledger is not None:
            self.ledger.documents[avatar_id] = fields
        else:
            self.database.collection("avatars").document(avatar_id).set(fields)

    def put_ledger(self, avatar_id: str, record: Record) -> None:
        if self.ledger is not None:
            self.ledger.keep(avatar_id, record)
        else:
            jobs = self.database.collection("livePortraitJobs")
            jobs.document(avatar_id).set(to_fields(record))

    def put_tombstone(self, avatar_id: str, at: int) -> None:
        if self.ledger is not None:
            self.ledger.quotas[f"deleted:{avatar_id}"] = {"at": at}
        else:
            quotas = self.database.collection("livePortraitQuota")
            quotas.document(f"deleted:{avatar_id}").set({"at": at})

    def put_object(self, path: str, token: str = "") -> None:
        if self.media is not None:
            self.media.put(path, b"body", token=token)
        else:
            blob = self.bucket.blob(path)
            blob.metadata = {"firebaseStorageDownloadTokens": token, "kept": "yes"}
            blob.upload_from_string(b"body")

    def listed(self, prefix: str, **span: str) -> list[str]:
        return [each.path for each in self.lister.objects(prefix, **span)]


@pytest.fixture(params=["memory", "cloud"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        ledger, media = MemoryLedger(VirtualClock()), MemoryMediaStore()
        yield World(
            repository=MemoryCensus(ledger=ledger),
            lister=MemoryInventory(media=media),
            marks=MemoryMarks(),
            requests=MemoryRequests(ledger=ledger),
            ledger=ledger,
            media=media,
        )
        return
    suite: Suite = request.getfixturevalue("suite")
    suite.reset()
    database: firestore.Client = request.getfixturevalue("database")
    bucket: Bucket = request.getfixturevalue("bucket")
    yield World(
        repository=FirestoreAvatars(database, collection="avatars"),
        lister=BucketLister(bucket),
        marks=FirestoreCheckpoints(database),
        requests=FirestoreRequests(database, IDLE_LEDGERS),
        database=database,
        bucket=bucket,
    )
    suite.reset()


NAMES = ["A", "a", "a b", "a-b", "a0", "b", "é"]


def test_documents_come_in_the_order_of_their_ids(world: World) -> None:
    for name in reversed(NAMES):
        world.put_document(name, {"nickname": name})
    assert list(world.repository.avatars(ALL, "", 100)) == NAMES
    assert list(world.repository.avatars(ALL, "", 3)) == NAMES[:3]
    assert list(world.repository.avatars(ALL, "a b", 3)) == ["a-b", "a0", "b"]
    assert list(world.repository.avatars(ALL, "aa", 100)) == ["b", "é"]
    assert list(world.repository.avatars(ALL, "é", 100)) == []
    assert not world.repository.ledgers(ALL, "", 100)


def test_a_page_of_documents_tells_whom_the_pipeline_serves(world: World) -> None:
    world.put_document("asks", document())
    world.put_document("asks nothing", document(training__livePortrait={"idleVideoUrl": "x"}))
    world.put_document("once asked", {"livePortrait": {"state": "ready"}})
    world.put_document("odd", {"training": 5, "livePortrait": "text"})
    found = world.repository.avatars(ALL, "", 10)
    assert [name for name in found if found[name].opted_in] == ["asks"]
    assert found["once asked"].output == {"state": "ready"}
    assert found["asks nothing"].output is found["asks"].output is ABSENT


def test_ledgers_come_in_the_order_of_their_ids(world: World) -> None:
    for name in reversed(NAMES):
        world.put_ledger(name, Record())
    assert list(world.repository.ledgers(ALL, "A", 4)) == ["a", "a b", "a-b", "a0"]
    assert list(world.repository.avatars(ALL, "", 100)) == []


def test_a_ledger_tells_whether_something_is_to_be_deleted(world: World) -> None:
    lease = Lease(owner="x", purpose=Purpose.RENDER, fingerprint="f", expires=1)
    world.put_ledger("rendered", Record(lease=lease))
    world.put_ledger("noted", Record(deletions=(Deletion(path="p", generation=7),)))
    world.put_ledger("half cleaned", Record(lease=replace(lease, purpose=Purpose.CLEAN_UP)))
    owing = {"half cleaned": True, "noted": True, "rendered": False}
    assert world.repository.ledgers(ALL, "", 10) == owing


def test_requests_come_newest_first(world: World) -> None:
    moments = {"a": 30, "b": 10, "c": 30, "d": 40, "e": None}
    for name, at in moments.items():
        world.put_ledger(name, Record(shown=StatusView(state=State.READY, requested=at)))
    world.put_ledger("f", Record())
    newest = told(world.requests.newest)
    assert newest == [("d", 40), ("c", 30), ("a", 30), ("b", 10)]
    between = told(partial(world.requests.between, 10, 40))
    assert between == [("b", 10), ("a", 30), ("c", 30)]
    assert told(partial(world.requests.between, 11, 30)) == []


def told(source: Callable[[Place | None, int], TimedPage]) -> list[tuple[str, int]]:
    """What all pages of a query in the order of time say."""
    found: list[tuple[str, int]] = []
    last: Place | None = None
    while True:
        page = source(last, 2)
        found += [(each.subject.avatar_id, each.at) for each in page.found]
        if page.last is None:
            return found
        last = page.last


def test_what_a_client_has_saved_is_told_in_the_order_of_time(world: World) -> None:
    moments = {"a": 30, "b": 10, "c": 30, "d": 40}
    for name, at in moments.items():
        world.put_document(name, document(updatedAt=at))
    world.put_document("no time", {"training": {}})
    world.put_document("text", document(updatedAt="30"))
    world.put_document("never asked", {"updatedAt": 20})
    saved = told(partial(world.repository.saved, 10, 40))
    assert saved == [("b", 10), ("a", 30), ("c", 30)]


def test_what_is_shown_as_pending_is_found_in_a_range_of_ids(world: World) -> None:
    states = {"a": State.QUEUED, "b": State.READY, "c": State.RENDERING, "d": State.QUEUED}
    for name, state in states.items():
        world.put_ledger(name, Record(shown=StatusView(state=state)))
    world.put_ledger("e", Record())
    page = world.requests.pending(ALL, "", 2)
    assert ([each.avatar_id for each in page.subjects], page.last) == (["a", "c"], "c")
    page = world.requests.pending(ALL, page.last, 2)
    assert ([each.avatar_id for each in page.subjects], page.last) == (["d"], "")
    page = world.requests.pending(IdRange(low="b", high="d"), "", 9)
    assert [each.avatar_id for each in page.subjects] == ["c"]


def test_a_range_of_ids_is_read_alone(world: World) -> None:
    for name in NAMES:
        world.put_document(name, document())
        world.put_ledger(name, Record())
    for ids, expected in (
        (IdRange(high="a0"), ["A", "a", "a b", "a-b"]),
        (IdRange(low="a0"), ["a0", "b", "é"]),
        (IdRange(low="a", high="b"), ["a", "a b", "a-b", "a0"]),
    ):
        assert list(world.repository.avatars(ids, "", 9)) == expected
        assert list(world.repository.ledgers(ids, "", 9)) == expected
        assert list(world.repository.avatars(ids, expected[0], 9)) == expected[1:]


def test_many_are_read_at_once_whether_they_are_there_or_not(world: World) -> None:
    world.put_document("both", document())
    world.put_ledger("both", Record(fingerprint="f", attempts=2))
    world.put_document("document", document(nickname="not read"))
    world.put_ledger("ledger", Record(fingerprint="g"))
    names = ["both", "document", "ledger", "neither", *(f"none-{n}" for n in range(300))]
    found = {each.avatar.avatar_id: each for each in world.repository.dated(names)}
    assert list(found) == names
    assert {name for name in names if found[name].avatar.document} == {"both", "document"}
    assert all(bool(each.written) == bool(each.avatar.document) for each in found.values())
    assert found["both"].avatar.record == Record(fingerprint="f", attempts=2)
    assert found["ledger"].avatar.record.fingerprint == "g"
    assert found["document"].avatar.record == found["neither"].avatar.record == Record()
    read = found["document"].avatar.document
    assert read is not None
    assert "nickname" not in read.fields
    gone = ["ledger", "neither", *(f"none-{n}" for n in range(300))]
    assert sorted(world.repository.without_document(names)) == sorted(gone)


def test_a_tombstone_is_told_where_there_is_no_ledger(world: World) -> None:
    gone, again, known = (uuid.uuid4().hex for _ in range(3))
    for name in (gone, again, known):
        world.put_tombstone(name, 7)
    world.put_document(again, document())
    world.put_ledger(known, Record(deleted=9))
    found = world.repository.dated([gone, again, known])
    assert [each.avatar.record.deleted for each in found] == [7, 7, 9]


def test_an_avatar_is_deleted_only_while_it_is_its_owners(database: firestore.Client) -> None:
    owner, other, name = (uuid.uuid4().hex for _ in range(3))
    database.collection("avatars").document(name).set({"userId": owner})
    documents = FirestoreOwner(database, collection="avatars")
    assert documents.avatars(owner) == [name]
    database.collection("avatars").document(name).update({"userId": other})
    assert not documents.delete_avatar(name, owner)
    assert documents.delete_avatar(name, other)
    assert not documents.delete_avatar(name, other)
    assert documents.avatars(other) == []


def test_the_hour_of_a_write_is_the_databases(world: World) -> None:
    world.put_document("a", document())
    (dated,) = world.repository.dated(["a"])
    assert 0 < dated.written <= dated.avatar.now


def test_objects_come_by_prefix_and_between_names(world: World) -> None:
    for name in ("a-b", "a", "a0", "b"):
        world.put_object(f"avatars/{name}/livePortrait/x/idle.mp4", token="t")
    world.put_object("elsewhere/x")
    found = list(world.lister.objects("avatars/"))
    assert [each.path.split("/")[1] for each in found] == ["a-b", "a", "a0", "b"]
    assert all(each.tokens == ("t",) and each.created > 0 for each in found)
    assert all(each.generation > 0 for each in found)
    assert len(world.listed("avatars/a/")) == 1
    between = world.listed("avatars/", start="avatars/a", end="avatars/a0")
    assert [path.split("/")[1] for path in between] == ["a-b", "a"]
    assert len(world.listed("avatars/", start="avatars/a0")) == 2
    assert world.listed("nothing/") == []


def test_folders_come_in_order(world: World) -> None:
    for name in ("b", "a", "c"):
        for number in range(3):
            world.put_object(f"livePortraitCache/avatars/{name}/deep/{number}")
    prefix = "livePortraitCache/avatars/"
    assert list(world.lister.folders(prefix)) == ["a", "b", "c"]
    assert list(world.lister.folders(prefix, start=f"{prefix}a0")) == ["b", "c"]
    assert list(world.lister.folders("nothing/")) == []


def one(world: World, path: str) -> StoredObject:
    (found,) = world.lister.objects(path)
    return found


def test_a_token_is_given_and_nothing_else_changes(world: World) -> None:
    world.put_object("avatars/a/x")
    before = one(world, "avatars/a/x")
    assert before.tokens == ()
    assert world.lister.give_token(before, "new")
    after = one(world, "avatars/a/x")
    assert after.tokens == ("new",)
    assert after.generation == before.generation
    if world.bucket is not None:
        assert world.bucket.get_blob("avatars/a/x").metadata["kept"] == "yes"


@pytest.mark.parametrize("since", ["token given", "replaced", "deleted"])
def test_no_token_is_given_to_what_has_changed_since(world: World, since: str) -> None:
    world.put_object("avatars/a/x")
    before = one(world, "avatars/a/x")
    if since == "token given":
        assert world.lister.give_token(before, "theirs")
    elif since == "replaced":
        world.put_object("avatars/a/x")
    elif world.media is not None:
        del world.media.objects["avatars/a/x"]
    else:
        CloudMediaStore(world.bucket).delete("avatars/a/x", before.generation)
    assert not world.lister.give_token(before, "ours")
    assert all("ours" not in each.tokens for each in world.lister.objects("avatars/a/x"))


def test_a_token_given_between_our_look_and_our_write_stays(bucket: Bucket, suite: Suite) -> None:
    suite.reset()
    bucket.blob("avatars/a/x").upload_from_string(b"x")
    (listed,) = BucketLister(bucket).objects("avatars/a/x")

    class Overtaken:
        """The bucket, in which somebody gives a token right after it was looked at."""

        def get_blob(self, path: str, *, generation: int) -> Any:
            found = bucket.get_blob(path, generation=generation)
            theirs = bucket.get_blob(path)
            theirs.metadata = {TOKEN_KEY: "theirs"}
            theirs.patch()
            return found

    assert not BucketLister(Overtaken()).give_token(listed, "ours")
    (after,) = BucketLister(bucket).objects("avatars/a/x")
    assert after.tokens == ("theirs",)
    suite.reset()


def test_a_mark_stands_until_it_is_dropped(world: World) -> None:
    name = f"0-of-{uuid.uuid4().hex[:4]}"
    assert world.marks.read(name) is None
    world.marks.keep(name, {"phase": "documents", "after": "a/b? é", "at": 0})
    world.marks.keep(name, {"phase": "ledgers", "after": "z", "at": 5})
    assert world.marks.read(name) == {"phase": "ledgers", "after": "z", "at": 5}
    assert world.marks.read("1-of-2") is None
    world.marks.drop(name)
    assert world.marks.read(name) is None
