"""The rules of a dispatch, at a moment that stands still: contract.md, section 9."""

from dataclasses import replace

import pytest

from functions.domain.document import Snapshot, State
from functions.domain.job_record import Dispatch, Record, StatusView
from functions.domain.snapshot import Claim, TransactionResult, TransactionStatus
from tests.functions.domain.test_status_view import RESULT
from tests.functions.domain.test_transitions import (
    ASKED,
    CLEANER,
    CLEANING,
    DOCUMENT,
    FAILED,
    NOW,
    OTHER,
    RULES,
    avatar,
    lease,
)
from tests.functions.scene import document

DAY_MS = 24 * 3_600_000
DISPATCH = Dispatch(fingerprint="aaaa", at=NOW - 5)
NOTED = Record(fingerprint="aaaa", dispatch=DISPATCH)


def test_a_dispatch_is_noted_and_handed_back() -> None:
    change = RULES.dispatch(avatar(), ASKED)
    assert change.status is TransactionStatus.DONE
    assert change.dispatch == Dispatch(fingerprint="aaaa", at=NOW, owner="owner-1")
    assert change.record is not None
    assert change.record.dispatch == change.dispatch
    assert change.fields == {}


def test_one_that_stands_is_taken_again_and_nothing_is_written() -> None:
    assert RULES.dispatch(avatar(NOTED), ASKED) == TransactionResult(
        status=TransactionStatus.DONE, dispatch=DISPATCH
    )


@pytest.mark.parametrize(
    "dispatch",
    [Dispatch(fingerprint="bbbb", at=NOW), Dispatch(fingerprint="aaaa", at=NOW - DAY_MS)],
)
def test_one_for_something_else_or_of_yesterday_is_replaced(dispatch: Dispatch) -> None:
    change = RULES.dispatch(avatar(replace(NOTED, dispatch=dispatch)), ASKED)
    assert change.dispatch == Dispatch(fingerprint="aaaa", at=NOW, owner="owner-1")


def test_a_render_in_work_goes_on_and_another_wishs_stops() -> None:
    for fingerprint, goes_on in (("aaaa", True), ("bbbb", False)):
        working = Record(fingerprint=fingerprint, lease=lease(fingerprint), attempts=3)
        asked = replace(ASKED, asked_before=fingerprint)
        change = RULES.dispatch(avatar(working, starts=30), asked)
        if goes_on:
            assert change.status is TransactionStatus.DONE
            assert change.record is not None
            assert change.record.lease == working.lease
        else:  # and for the new wish the day's renders are used up
            assert change.status is TransactionStatus.FINAL
            assert change.record is not None
            assert change.record.lease is None


@pytest.mark.parametrize(
    ("record", "document_", "starts", "status"),
    [
        (NOTED, OTHER, 0, TransactionStatus.MOVED),
        (NOTED, None, 0, TransactionStatus.MOVED),
        (Record(lease=CLEANING), DOCUMENT, 0, TransactionStatus.BUSY),
        (FAILED, DOCUMENT, 0, TransactionStatus.FINAL),
        (
            Record(results=(replace(RESULT, fingerprint="aaaa"),)),
            DOCUMENT,
            0,
            TransactionStatus.MOVED,
        ),
        (Record(fingerprint="aaaa", attempts=3), DOCUMENT, 0, TransactionStatus.FINAL),
        (Record(), DOCUMENT, 30, TransactionStatus.FINAL),
    ],
)
def test_what_a_claim_would_not_take_is_not_dispatched(
    record: Record, document_: Snapshot | None, starts: int, status: TransactionStatus
) -> None:
    change = RULES.dispatch(avatar(record, document_, starts=starts), ASKED)
    assert (change.status, change.dispatch) == (status, None)


def test_a_task_rests_where_the_document_is_what_was_brought_to_its_end() -> None:
    change = RULES.finish_task(avatar(NOTED), DOCUMENT.inputs_key, DISPATCH)
    assert change == TransactionResult(
        status=TransactionStatus.DONE, record=Record(fingerprint="aaaa")
    )
    assert RULES.finish_task(avatar(), DOCUMENT.inputs_key, DISPATCH) == TransactionResult(
        status=TransactionStatus.DONE
    )


def test_a_task_leaves_a_newer_ones_dispatch() -> None:
    newer = replace(NOTED, dispatch=replace(DISPATCH, at=NOW))
    assert RULES.finish_task(avatar(newer), DOCUMENT.inputs_key, DISPATCH) == TransactionResult(
        status=TransactionStatus.DONE
    )


def test_a_claim_for_a_task_that_was_ended_looks_again() -> None:
    claim = Claim(owner="me", spec=ASKED)
    for record, status in (
        (NOTED, TransactionStatus.DONE),
        (replace(NOTED, dispatch=None), TransactionStatus.MOVED),
        (replace(NOTED, dispatch=replace(DISPATCH, at=NOW)), TransactionStatus.MOVED),
    ):
        change = RULES.claim(avatar(record), claim, 480.0, dispatch=DISPATCH)
        assert change.status is status


@pytest.mark.parametrize("state", [State.QUEUED, State.RENDERING])
def test_it_does_not_where_that_is_asked_for_anew(state: State) -> None:
    record = replace(NOTED, shown=StatusView(state=state))
    moved = TransactionResult(status=TransactionStatus.MOVED)
    assert RULES.finish_task(avatar(record), DOCUMENT.inputs_key, DISPATCH) == moved
    assert RULES.finish_task(avatar(NOTED), OTHER.inputs_key, DISPATCH) == moved
    assert RULES.finish_task(avatar(NOTED, None), DOCUMENT.inputs_key, DISPATCH) == moved


def test_where_nothing_is_asked_a_queued_is_no_hindrance() -> None:
    withdrawn = Snapshot(fields=document(training__livePortrait=None))
    record = replace(NOTED, shown=StatusView(state=State.QUEUED), lease=lease())
    assert (
        RULES.finish_task(avatar(record, withdrawn), withdrawn.inputs_key, DISPATCH).status
        is TransactionStatus.DONE
    )


def test_a_clean_up_forgets_the_dispatch() -> None:
    begun = CLEANER.begin(avatar(NOTED, None)).record
    assert begun is not None
    assert begun.dispatch is None
    assert RULES.finish_task(avatar(begun, None), None, DISPATCH).record is None
