"""Cases about transactions, listeners, and the other clients of Firestore."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import firebase_admin.firestore
from google.cloud import firestore
from google.cloud.firestore import FieldFilter

from tests.emulator.conformance.table import Place, case

LISTEN_S = 20.0


def add(database: Any, reference: Any, amount: int) -> None:
    @firestore.transactional
    def body(transaction: firestore.Transaction) -> None:
        n = reference.get(transaction=transaction).get("n")
        transaction.update(reference, {"n": n + amount})

    body(database.transaction())


@case("a transaction reads, then writes", {"n": 3})
def _(at: Place) -> Any:
    at.doc().set({"n": 1})
    add(at.database, at.doc(), 2)
    return at.doc().get().to_dict()


@case("four that add at once come to the exact sum", {"n": 4})
def _(at: Place) -> Any:
    at.doc().set({"n": 0})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: add(at.database, at.doc(), 1), range(4)))
    return at.doc().get().to_dict()


def overtaken(at: Place, read: Any) -> Any:
    """Begin, reads, has another transaction write in between, commits."""
    transaction = at.database.transaction()
    transaction._begin()
    list(read(transaction))
    done = threading.Event()

    def interfere() -> None:
        at.doc().set({"n": 5, "owner": None})
        done.set()

    threading.Thread(target=interfere, daemon=True).start()
    waited = not done.wait(1.0)
    transaction.set(at.doc("other"), {})
    try:
        transaction._commit()
    finally:
        done.wait(LISTEN_S)
    return "the other waited" if waited else "committed"


LOCKS = (
    "neither is wrong: production's default mode locks as the jar does, its optimistic mode aborts"
)


@case("a write in between", "Aborted", official="the other waited", why=LOCKS)
def _(at: Place) -> Any:
    at.doc().set({"n": 1})
    return overtaken(at, lambda transaction: [at.doc().get(transaction=transaction)])


@case("all reads of a transaction see one moment", (1, 1))
def _(at: Place) -> Any:
    at.fill(a={"n": 1}, b={"n": 1})
    transaction = at.database.transaction(read_only=True)
    transaction._begin()
    first = at.doc("a").get(transaction=transaction).get("n")
    at.fill(a={"n": 2}, b={"n": 2})
    return first, at.doc("b").get(transaction=transaction).get("n")


@case("a read-only transaction writes nothing", "InvalidArgument")
def _(at: Place) -> Any:
    api, name = at.database._firestore_api, at.database._database_string
    begun = api.begin_transaction({"database": name, "options": {"read_only": {}}})
    write = {"delete": at.doc()._document_path}
    api.commit({"database": name, "writes": [write], "transaction": begun.transaction})


@case("a transaction's create meets what exists", "AlreadyExists")
def _(at: Place) -> Any:
    at.doc().set({})

    @firestore.transactional
    def body(transaction: firestore.Transaction) -> None:
        transaction.create(at.doc(), {})

    body(at.database.transaction(max_attempts=1))


@case("a rolled-back transaction is over", "InvalidArgument")
def _(at: Place) -> Any:
    api, name = at.database._firestore_api, at.database._database_string
    begun = api.begin_transaction({"database": name}).transaction
    api.rollback({"database": name, "transaction": begun})
    write = {"delete": at.doc()._document_path}
    api.commit({"database": name, "writes": [write], "transaction": begun})


@case("an unknown transaction is refused", "InvalidArgument")
def _(at: Place) -> Any:
    api, name = at.database._firestore_api, at.database._database_string
    write = {"delete": at.doc()._document_path}
    api.commit({"database": name, "writes": [write], "transaction": b"unknown"})


@case("queries run within transactions", ["a"])
def _(at: Place) -> Any:
    query = at.fill(a={"n": 1}, b={"n": 2}).where(filter=FieldFilter("n", "<", 2))

    @firestore.transactional
    def body(transaction: firestore.Transaction) -> list[str]:
        return [one.id for one in query.stream(transaction=transaction)]

    return body(at.database.transaction())


class Heard:
    """The snapshots of a listener."""

    def __init__(self, target: Any) -> None:
        self._condition = threading.Condition()
        self._told: list[tuple[list[str], list[str]]] = []
        self._watch = target.on_snapshot(self._take)

    def _take(self, documents: Any, changes: Any, _time: Any) -> None:
        with self._condition:
            kinds = sorted(f"{change.type.name} {change.document.id}" for change in changes)
            self._told.append(([one.id for one in documents if one.exists], kinds))
            self._condition.notify_all()

    def after(self, count: int) -> tuple[list[str], list[str]]:
        """The documents and changes of the snapshot of a number, from 1."""
        with self._condition:
            assert self._condition.wait_for(lambda: len(self._told) >= count, LISTEN_S)
            return self._told[count - 1]

    def stop(self) -> None:
        self._watch.unsubscribe()


@case("a listener hears what is there, what comes and what goes", [[], ["a"], []])
def _(at: Place) -> Any:
    heard = Heard(at.doc())
    first = heard.after(1)[0]
    at.doc().set({})
    second = heard.after(2)[0]
    at.doc().delete()
    third = heard.after(3)[0]
    heard.stop()
    return [first, second, third]


@case(
    "a query's listener hears what enters, changes and leaves",
    [["ADDED a"], ["ADDED b"], ["MODIFIED a"], ["REMOVED b"]],
)
def _(at: Place) -> Any:
    heard = Heard(at.fill(a={"n": 1}).where(filter=FieldFilter("n", ">", 0)))
    told = [heard.after(1)[1]]
    for count, (name, n) in enumerate((("b", 2), ("a", 3), ("b", 0)), start=2):
        at.doc(name).set({"n": n})
        told.append(heard.after(count)[1])
    heard.stop()
    return told


@case("a limited listener lets the next one in", (["a", "b"], ["b", "c"]))
def _(at: Place) -> Any:
    heard = Heard(at.fill(a={"n": 1}, b={"n": 2}, c={"n": 3}).order_by("n").limit(2))
    first = heard.after(1)[0]
    at.doc("a").delete()
    second = heard.after(2)[0]
    heard.stop()
    return first, second


@case("the asynchronous client writes and reads", {"n": 1}, clients="firestore async")
def _(at: Place) -> Any:
    async def work(client: firestore.AsyncClient) -> Any:
        reference = client.document(at.room, "a")
        await reference.set({"n": 1})
        return (await reference.get()).to_dict()

    return at.run(work)


@case("the asynchronous client queries", ["b", "a"], clients="firestore async")
def _(at: Place) -> Any:
    at.fill(a={"n": 1}, b={"n": 2})

    async def work(client: firestore.AsyncClient) -> Any:
        ordered = client.collection(at.room).order_by("n", direction="DESCENDING")
        return [one.id async for one in ordered.stream()]

    return at.run(work)


@case("the asynchronous client's transaction", {"n": 2}, clients="firestore async")
def _(at: Place) -> Any:
    at.doc().set({"n": 1})

    async def work(client: firestore.AsyncClient) -> None:
        reference = client.document(at.room, "a")

        @firestore.async_transactional
        async def body(transaction: firestore.AsyncTransaction) -> None:
            n = (await reference.get(transaction=transaction)).get("n")
            transaction.update(reference, {"n": n + 1})

        await body(client.transaction())

    at.run(work)
    return at.doc().get().to_dict()


@case("the asynchronous client counts", 3, clients="firestore async")
def _(at: Place) -> Any:
    at.fill(a={}, b={}, c={})

    async def work(client: firestore.AsyncClient) -> Any:
        ((result,),) = await client.collection(at.room).count().get()
        return result.value

    return at.run(work)


@case("firebase-admin's client is the same", {"n": 3}, clients="firebase-admin")
def _(at: Place) -> Any:
    client = firebase_admin.firestore.client(at.admin)
    reference = client.document(f"{at.room}/a")
    reference.set({"n": 1})
    add(client, reference, 2)
    return reference.get().to_dict()
