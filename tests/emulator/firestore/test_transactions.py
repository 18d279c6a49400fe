"""Transactions over gRPC: conflicts, retries, snapshots, and many clients on one document."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from google.api_core.exceptions import Aborted, FailedPrecondition, InvalidArgument
from google.cloud import firestore
from google.cloud.firestore import FieldFilter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.control.handle import Control
from emulator.faults import FaultPlan
from emulator.firestore.errors import FirestoreError
from emulator.firestore.store import DocumentStore
from emulator.firestore.transactions import LIFETIME_US, Transactions


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run work(0), work(1), … at the same time."""
    start = threading.Barrier(count)

    def begin(number: int) -> Any:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def add(database: firestore.Client, reference: firestore.DocumentReference, amount: int) -> None:
    @firestore.transactional
    def body(transaction: firestore.Transaction) -> None:
        value = reference.get(transaction=transaction).get("n")
        transaction.update(reference, {"n": value + amount})

    body(database.transaction())


def test_a_transaction_reads_and_writes(database: firestore.Client) -> None:
    reference = database.document("counters/a")
    reference.set({"n": 1})
    add(database, reference, 2)
    assert reference.get().get("n") == 3


@pytest.mark.parametrize("clients", [2, 16])
def test_concurrent_additions_end_with_the_exact_sum(
    database: firestore.Client, clients: int
) -> None:
    reference = database.document("counters/a")
    reference.set({"n": 0})

    def work(number: int) -> None:
        for _ in range(3):
            add(database, reference, number)

    in_threads(clients, work)
    assert reference.get().get("n") == 3 * sum(range(clients))


def test_five_clients_claim_one_job_and_one_wins(database: firestore.Client) -> None:
    job = database.document("jobs/one")
    job.set({"owner": None})

    @firestore.transactional
    def body(transaction: firestore.Transaction, owner: str) -> bool:
        if job.get(transaction=transaction).get("owner") is not None:
            return False
        transaction.update(job, {"owner": owner})
        return True

    won = in_threads(5, lambda number: body(database.transaction(), f"client {number}"))
    assert sorted(won) == [False] * 4 + [True]
    assert job.get().get("owner") == f"client {won.index(True)}"


def test_five_clients_claim_by_precondition_and_one_wins(database: firestore.Client) -> None:
    job = database.document("jobs/one")
    seen = job.set({"owner": None}).update_time
    option = database.write_option(last_update_time=seen)

    def claim(number: int) -> bool:
        try:
            job.update({"owner": number}, option)
        except FailedPrecondition:
            return False
        return True

    assert sorted(in_threads(5, claim)) == [False] * 4 + [True]


def test_a_write_in_between_aborts(database: firestore.Client) -> None:
    reference = database.document("counters/a")
    reference.set({"n": 1})
    transaction = database.transaction()
    transaction._begin()
    reference.get(transaction=transaction)
    reference.update({"n": 10})
    transaction.update(reference, {"n": 2})
    with pytest.raises(Aborted, match="contention"):
        transaction._commit()
    assert reference.get().get("n") == 10


def test_a_new_result_of_a_query_aborts(database: firestore.Client) -> None:
    free = database.collection("jobs").where(filter=FieldFilter("owner", "==", None))
    transaction = database.transaction()
    transaction._begin()
    assert list(free.stream(transaction=transaction)) == []
    database.document("jobs/new").set({"owner": None})
    transaction.set(database.document("jobs/none"), {"nothing": "free"})
    with pytest.raises(Aborted):
        transaction._commit()


def test_a_document_created_in_between_aborts(database: firestore.Client) -> None:
    reference = database.document("jobs/one")
    transaction = database.transaction()
    transaction._begin()
    assert not reference.get(transaction=transaction).exists
    reference.set({"by": "another"})
    transaction.set(reference, {"by": "us"})
    with pytest.raises(Aborted):
        transaction._commit()
    assert reference.get().get("by") == "another"


def test_all_reads_see_one_moment(database: firestore.Client) -> None:
    one, two = database.document("pair/one"), database.document("pair/two")
    one.set({"n": 1})
    two.set({"n": 1})
    transaction = database.transaction(read_only=True)
    transaction._begin()
    assert one.get(transaction=transaction).get("n") == 1
    two.set({"n": 2})
    assert two.get(transaction=transaction).get("n") == 1
    transaction._rollback()


def test_what_was_rolled_back_is_gone(database: firestore.Client) -> None:
    transaction = database.transaction()
    transaction._begin()
    identifier = transaction.id
    transaction._rollback()
    with pytest.raises(InvalidArgument, match="no longer valid"):
        database._firestore_api.commit(
            {"database": database._database_string, "transaction": identifier}
        )


def test_a_planned_abort_is_retried_by_the_client(
    database: firestore.Client, control: Control
) -> None:
    reference = database.document("counters/a")
    reference.set({"n": 0})
    control.abort_commits(2, prefix="counters/")
    add(database, reference, 1)
    assert reference.get().get("n") == 1
    assert control.calls()["firestore.Commit"] == 4


def test_attempts_that_run_out_end_in_an_error(
    database: firestore.Client, control: Control
) -> None:
    reference = database.document("counters/a")
    reference.set({"n": 0})
    control.abort_commits(5)
    with pytest.raises(ValueError, match="Failed to commit transaction in 5 attempts"):
        add(database, reference, 1)
    assert reference.get().get("n") == 0


def test_a_lost_answer_has_been_written_once(database: firestore.Client, control: Control) -> None:
    reference = database.document("counters/a")
    control.lose_commit_answers(1)
    reference.set({"n": 1})  # UNAVAILABLE is repeated by the client
    assert reference.get().get("n") == 1
    assert control.calls()["firestore.Commit"] == 2


def test_a_lost_answer_in_a_transaction_is_no_success(
    database: firestore.Client, control: Control
) -> None:
    """The client repeats the commit under an id that has ended, and is refused as in production."""
    reference = database.document("counters/a")
    reference.set({"n": 1})
    control.lose_commit_answers(1)
    with pytest.raises(InvalidArgument, match="has expired or is no longer valid"):
        add(database, reference, 2)
    assert reference.get().get("n") == 3


def test_a_transaction_expires() -> None:
    now = [1_000_000]
    store = DocumentStore(lambda: now[0])
    transactions = Transactions(store, FaultPlan())
    old = transactions.begin()
    now[0] += LIFETIME_US
    assert transactions.read_time(old) == now[0]
    now[0] += 1
    with pytest.raises(FirestoreError, match="expired"):
        transactions.commit([], old)


Step = tuple[frozenset[int], frozenset[int], int]
"""What a transaction reads, where it writes, and its own number."""
NUMBERS = st.frozensets(st.integers(0, 2), min_size=1)


def after(state: list[int], step: Step) -> list[int]:
    """Write what is made of all that was read, so that every order leaves its trace."""
    reads, writes, own = step
    value = (7 * sum(state[number] for number in reads) + own) % 1009
    return [value if number in writes else old for number, old in enumerate(state)]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(1, 99)), min_size=2, max_size=4))
def test_concurrent_transactions_leave_what_some_order_of_them_leaves(
    database: firestore.Client, steps: list[Step]
) -> None:
    documents = [database.document(f"cells/{number}") for number in range(3)]
    for number, document in enumerate(documents):
        document.set({"n": number})

    @firestore.transactional
    def body(transaction: firestore.Transaction, step: Step) -> None:
        state = [0, 0, 0]
        for number in sorted(step[0]):
            state[number] = documents[number].get(transaction=transaction).get("n")
        written = after(state, step)
        for number in step[1]:
            transaction.set(documents[number], {"n": written[number]})

    in_threads(len(steps), lambda number: body(database.transaction(), steps[number]))
    found = [document.get().get("n") for document in documents]
    possible = [reduce(after, order, [0, 1, 2]) for order in permutations(steps)]
    assert found in possible


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    transfers=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 5)), min_size=2, max_size=6
    )
)
def test_concurrent_transfers_keep_the_total(
    database: firestore.Client, transfers: list[tuple[int, int, int]]
) -> None:
    accounts = [database.document(f"accounts/{number}") for number in range(3)]
    for account in accounts:
        account.set({"n": 10})

    @firestore.transactional
    def transfer(transaction: firestore.Transaction, source: int, target: int, amount: int) -> None:
        numbers = sorted({source, target})
        balance = {
            number: accounts[number].get(transaction=transaction).get("n") for number in numbers
        }
        balance[source] -= amount
        balance[target] += amount
        for number in numbers:
            transaction.update(accounts[number], {"n": balance[number]})

    in_threads(len(transfers), lambda number: transfer(database.transaction(), *transfers[number]))
    expected = [10, 10, 10]
    for source, target, amount in transfers:
        expected[source] -= amount
        expected[target] += amount
    assert [account.get().get("n") for account in accounts] == expected
