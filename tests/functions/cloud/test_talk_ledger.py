"""Document, ledger and quotas of a talk, by the real client against the stand-in cloud."""

import time
from typing import Any

from google.cloud import firestore

from functions.cloud.database.firestore import FirestoreLedger
from functions.domain.job_record import Deletion, Lease, Purpose, Record, to_fields
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.domain.talks.document import TalkSnapshot
from functions.reconcile.adapters import FirestoreOwner, FirestoreTalks
from functions.reconcile.loading.shard import IdRange
from tests.functions.doubles import about
from tests.functions.scene import document, talk_document


def test_a_talk_is_read_with_its_avatar(database: firestore.Client, avatar_id: str) -> None:
    ledger = FirestoreLedger(database, collection="avatars")
    host = database.collection("avatars").document(avatar_id)
    talk = host.collection("talks").document("hello")
    talk.set(talk_document())
    assert ledger.read(about(avatar_id, "hello")).document is None, "without its avatar it is gone"
    host.set(document())
    read = ledger.read(about(avatar_id, "hello"))
    assert isinstance(read.document, TalkSnapshot)
    assert read.document.owner == "owner-1"
    assert (read.has_ledger, read.oldest_input) == (False, 0)
    quotas = database.collection("livePortraitQuota")
    quotas.document(f"deleted:{avatar_id}").set({"at": 17})
    assert ledger.read(about(avatar_id, "hello")).oldest_input == 17
    jobs = database.collection("livePortraitJobs")
    jobs.document(avatar_id).set(to_fields(Record(deleted=18)))
    read = ledger.read(about(avatar_id, "hello"))
    assert (read.oldest_input, read.cleaning) == (18, False)
    lease = Lease.granted("somebody", Purpose.CLEAN_UP, now=read.now, life_s=60)
    jobs.document(avatar_id).set(to_fields(Record(lease=lease)))
    assert ledger.read(about(avatar_id, "hello")).cleaning


def test_a_talk_has_a_ledger_and_shares_the_quotas(
    database: firestore.Client, avatar_id: str
) -> None:
    owner = f"talker-{avatar_id}"
    host = database.collection("avatars").document(avatar_id)
    host.set(document(userId=owner))
    host.collection("talks").document("hello").set(talk_document())
    ledger = FirestoreLedger(database, collection="avatars")

    def speak(avatar: AvatarSnapshot) -> TransactionResult[Any]:
        return TransactionResult(
            status=TransactionStatus.DONE,
            record=Record(attempts=1),
            fields={"talk": {"state": "ready"}},
            counts=True,
            spoken_ms=700,
        )

    for _ in range(2):
        ledger.transact(about(avatar_id, "hello"), speak, counting=True)
    job = database.collection("livePortraitTalkJobs").document(f"{avatar_id}:hello").get()
    assert (job.to_dict() or {})["attempts"] == 1
    assert (host.collection("talks").document("hello").get().to_dict() or {})["talk"]
    assert "talk" not in (host.get().to_dict() or {})
    quotas = database.collection("livePortraitQuota")
    stored = quotas.document(f"owner:{owner}").get().to_dict() or {}
    assert (stored["starts"], stored["spokenMs"]) == (2, 1400)
    assert (quotas.document(f"avatar:{avatar_id}").get().to_dict() or {})["starts"] == 2
    ledger.transact(
        about(avatar_id),
        lambda avatar: TransactionResult(status=TransactionStatus.DONE, counts=True),
        counting=True,
    )
    stored = quotas.document(f"owner:{owner}").get().to_dict() or {}
    assert (stored["starts"], stored["spokenMs"]) == (3, 1400)


def test_only_older_documents_of_a_collection_are_deleted(
    database: firestore.Client, avatar_id: str
) -> None:
    talks = database.collection(f"avatars/{avatar_id}/talks")
    talks.document("old").set(talk_document())
    created = talks.document("old").get().create_time.timestamp() * 1000
    time.sleep(0.01)
    talks.document("new").set(talk_document())
    deletion = Deletion(path=f"{avatar_id}/talks", until=round(created) + 1, documents=True)
    FirestoreLedger(database, collection="avatars").delete_documents(deletion)
    assert [each.id for each in talks.stream()] == ["new"]


def test_a_talk_without_its_avatar_is_deleted_with_its_ledger(
    database: firestore.Client, avatar_id: str
) -> None:
    talk = database.document(f"avatars/{avatar_id}/talks/hello")
    talk.set(talk_document())
    FirestoreLedger(database, collection="avatars").transact(
        about(avatar_id, "hello"),
        lambda avatar: TransactionResult(
            status=TransactionStatus.DONE, erases=True, deletes_document=True
        ),
    )
    assert not talk.get().exists


def test_an_avatars_talks_are_found_by_documents_and_by_ledgers(
    database: firestore.Client, avatar_id: str
) -> None:
    database.document(f"avatars/{avatar_id}/talks/said").set(talk_document())
    for name in (f"{avatar_id}:forgotten", f"{avatar_id}:more:hidden", f"{avatar_id}x:other"):
        database.collection("livePortraitTalkJobs").document(name).set(to_fields(Record()))
    talks = FirestoreOwner(database, collection="avatars").talks(avatar_id)
    assert [each.talk_id for each in talks] == ["forgotten", "said"]


def test_all_talks_are_gone_over_page_by_page(database: firestore.Client, avatar_id: str) -> None:
    """In any collection of this name; those below other documents are passed over."""
    wanted = {about(avatar_id, name) for name in ("a", "b", "c")}
    for talk in wanted:
        database.document("avatars", *talk.document).set(talk_document())
    database.document(f"another/{avatar_id}/talks/a").set({"title": "not ours"})
    repository = FirestoreTalks(database, collection="avatars")
    found, page = set(), repository.talks(IdRange(), "", 2)
    while True:
        found |= set(page.subjects)
        if not page.last:
            break
        page = repository.talks(IdRange(), page.last, 2)
    assert {each for each in found if each.avatar_id == avatar_id} == wanted
    dated = repository.dated(about(avatar_id, "a"))
    assert dated.avatar.document is None, "its avatar has no document"
    assert dated.written > 0
