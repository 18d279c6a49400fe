"""Listeners over gRPC: documents and queries, as the ordinary client hears them."""

import queue
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud import firestore
from google.cloud.firestore import FieldFilter

from emulator.firestore.messages import ListenResponse, Target, Value, Write
from emulator.firestore.rpc.listen import Watch
from emulator.firestore.store import DocumentStore
from emulator.suite import Suite

TIMEOUT_S = 10.0
Heard = "queue.Queue[list[Any]]"


class Listener:
    """Keeps what a listener hears, snapshot by snapshot."""

    def __init__(self, target: Any) -> None:
        self._heard: queue.Queue[tuple[list[Any], list[Any]]] = queue.Queue()
        self._watch = target.on_snapshot(
            lambda documents, changes, _: self._heard.put((documents, changes))
        )

    def next(self) -> list[dict[str, Any] | None]:
        """The documents of the next snapshot."""
        documents, _ = self._heard.get(timeout=TIMEOUT_S)
        return [document.to_dict() for document in documents]

    def next_changes(self) -> list[tuple[str, str]]:
        """Kind and id of the changes of the next snapshot."""
        _, changes = self._heard.get(timeout=TIMEOUT_S)
        return [(change.type.name, change.document.id) for change in changes]

    def stop(self) -> None:
        self._watch.unsubscribe()


@pytest.fixture
def listen() -> Iterator[Any]:
    listeners: list[Listener] = []

    def begin(target: Any) -> Listener:
        listeners.append(Listener(target))
        return listeners[-1]

    yield begin
    for listener in listeners:
        listener.stop()


def test_a_document_is_followed_from_nothing_to_nothing(
    database: firestore.Client, listen: Any
) -> None:
    reference = database.document("avatars/ada")
    listener = listen(reference)
    assert listener.next() == []
    reference.set({"n": 1})
    assert listener.next() == [{"n": 1}]
    reference.update({"n": 2})
    assert listener.next() == [{"n": 2}]
    reference.update({"n": 2})  # nothing changes: nothing is heard
    reference.delete()
    assert listener.next() == []


def test_a_query_hears_what_enters_changes_and_leaves(
    database: firestore.Client, listen: Any
) -> None:
    jobs = database.collection("jobs")
    jobs.document("a").set({"open": True})
    listener = listen(jobs.where(filter=FieldFilter("open", "==", True)))
    assert listener.next_changes() == [("ADDED", "a")]
    jobs.document("b").set({"open": True})
    assert listener.next_changes() == [("ADDED", "b")]
    jobs.document("a").update({"note": 1})
    assert listener.next_changes() == [("MODIFIED", "a")]
    jobs.document("a").update({"open": False})
    assert listener.next_changes() == [("REMOVED", "a")]
    jobs.document("b").delete()
    assert listener.next_changes() == [("REMOVED", "b")]


def test_a_limited_query_lets_the_next_one_in(database: firestore.Client, listen: Any) -> None:
    numbers = database.collection("numbers")
    for number in (1, 2, 3):
        numbers.document(str(number)).set({"n": number})
    listener = listen(numbers.order_by("n").limit(2))
    assert listener.next() == [{"n": 1}, {"n": 2}]
    numbers.document("1").delete()
    assert listener.next() == [{"n": 2}, {"n": 3}]
    numbers.document("0").set({"n": 0})
    assert listener.next() == [{"n": 0}, {"n": 2}]


def test_a_batch_is_heard_as_one_snapshot(database: firestore.Client, listen: Any) -> None:
    listener = listen(database.collection("avatars"))
    assert listener.next() == []
    batch = database.batch()
    for name in ("ada", "grace", "alan"):
        batch.set(database.document(f"avatars/{name}"), {"n": name})
    batch.commit()
    assert len(listener.next()) == 3


def test_a_reset_is_heard_as_deletion(
    suite: Suite, database: firestore.Client, listen: Any
) -> None:
    database.document("avatars/ada").set({"n": 1})
    listener = listen(database.collection("avatars"))
    assert listener.next() == [{"n": 1}]
    suite.reset()
    assert listener.next() == []


# The client hides tokens and targets: these speak to the part that all dialects share.

DOCUMENTS = "projects/p/databases/(default)/documents"


def put(store: DocumentStore, name: str, number: int) -> None:
    write = Write(
        update={"name": f"{DOCUMENTS}/{name}", "fields": {"n": Value(integer_value=number)}}
    )
    store.commit([write])


def remove(store: DocumentStore, name: str) -> None:
    store.commit([Write(delete=f"{DOCUMENTS}/{name}")])


def all_numbers(target_id: int = 7, **fields: Any) -> Target:
    query = {"from_": [{"collection_id": "numbers"}]}
    return Target(
        target_id=target_id, query={"parent": DOCUMENTS, "structured_query": query}, **fields
    )


def told(answers: list[ListenResponse]) -> list[str]:
    """A short text for each answer."""
    kinds = {0: "snapshot", 1: "add", 2: "remove target", 3: "current", 4: "reset"}
    texts = []
    for answer in answers:
        match answer.WhichOneof("response_type"):
            case "target_change":
                texts.append(kinds[answer.target_change.target_change_type])
            case "document_change":
                texts.append(f"change {answer.document_change.document.name.rpartition('/')[2]}")
            case "document_delete":
                texts.append(f"delete {answer.document_delete.document.rpartition('/')[2]}")
            case other:
                texts.append(str(other))
    return texts


def test_a_resume_token_brings_only_what_changed_since() -> None:
    store = DocumentStore()
    for number in range(3):
        put(store, f"numbers/{number}", number)
    first: list[ListenResponse] = []
    watch = Watch(store, first.append)
    watch.add_target(all_numbers())
    token = first[-1].target_change.resume_token
    watch.close()
    assert told(first) == ["add", "change 0", "change 1", "change 2", "current", "snapshot"]

    put(store, "numbers/1", 10)
    remove(store, "numbers/2")
    again: list[ListenResponse] = []
    Watch(store, again.append).add_target(all_numbers(resume_token=token))
    assert told(again) == ["add", "change 1", "delete 2", "current", "snapshot"]


def test_a_token_from_before_a_reset_begins_anew() -> None:
    store = DocumentStore()
    put(store, "numbers/0", 0)
    first: list[ListenResponse] = []
    Watch(store, first.append).add_target(all_numbers())
    token = first[-1].target_change.resume_token
    store.clear()
    put(store, "numbers/1", 1)
    again: list[ListenResponse] = []
    Watch(store, again.append).add_target(all_numbers(resume_token=token))
    assert told(again) == ["add", "reset", "change 1", "current", "snapshot"]


@pytest.mark.parametrize("token", [b"1", b"no number"])
def test_a_document_that_is_gone_is_told_after_any_old_token(token: bytes) -> None:
    answers: list[ListenResponse] = []
    target = Target(
        target_id=1, documents={"documents": [f"{DOCUMENTS}/numbers/0"]}, resume_token=token
    )
    Watch(DocumentStore(), answers.append).add_target(target)
    assert told(answers) == ["add", "reset", "delete 0", "current", "snapshot"]


def test_targets_end_alone_or_after_their_first_snapshot() -> None:
    store = DocumentStore()
    answers: list[ListenResponse] = []
    watch = Watch(store, answers.append)
    watch.add_target(all_numbers(target_id=1))
    watch.add_target(all_numbers(target_id=2, once=True))
    watch.remove_target(1)
    answers.clear()
    put(store, "numbers/0", 0)
    assert answers == []


def test_a_malformed_target_is_removed_with_its_reason() -> None:
    answers: list[ListenResponse] = []
    Watch(DocumentStore(), answers.append).add_target(Target(target_id=3))
    assert told(answers) == ["remove target"]
    assert "documents or a query" in answers[0].target_change.cause.message
