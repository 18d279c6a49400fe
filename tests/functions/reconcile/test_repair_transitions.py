"""The small repairs, where somebody has begun to work on the avatar since it was judged."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.domain.document import MIRROR, Snapshot
from functions.domain.job_record import Purpose, Record
from functions.domain.job_record.status_view import DELETED
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.reconcile.repair_transitions import drop_results, show_again, update_url
from tests.functions.domain.test_status_view import RESULT
from tests.functions.domain.test_transitions import RULES, avatar, lease
from tests.functions.scene import document

FORGED = Snapshot(fields=document(livePortrait={"state": "ready"}))
MIRROR_FIELD = ".".join(MIRROR)
REPAIRS: list[Callable[[AvatarSnapshot], TransactionResult[Any]]] = [
    lambda now: show_again(now, RULES),
    lambda now: drop_results(now, (RESULT,), RULES),
    lambda now: update_url(now, RESULT.video, "https://new", RULES),
]


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_whoever_holds_a_lease_is_left_alone(
    repair: Callable[[AvatarSnapshot], TransactionResult[Any]], purpose: Purpose
) -> None:
    shown = RESULT.shown(requested=1)
    record = Record(results=(RESULT,), shown=shown, lease=lease(purpose=purpose))
    change = repair(avatar(record, FORGED))
    assert (change.status, change.record, change.fields) == (TransactionStatus.BUSY, None, {})
    assert repair(avatar(Record(results=(RESULT,), shown=shown), FORGED)).fields


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_document_that_is_gone_is_not_made_again(
    repair: Callable[[AvatarSnapshot], TransactionResult[Any]],
) -> None:
    change = repair(avatar(Record(results=(RESULT,)), None))
    assert (change.status, change.record, change.fields) == (TransactionStatus.MOVED, None, {})


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [(RESULT.video.url, {MIRROR_FIELD: DELETED}), ("https://elsewhere/x.mp4", {}), ("", {})],
)
def test_without_any_result_our_own_mirror_goes_and_a_foreign_one_stays(
    mirror: str, expected: dict[str, object]
) -> None:
    inputs = Snapshot(fields=document(training__livePortrait__idleVideoUrl=mirror))
    record = Record(results=(RESULT,), shown=RESULT.shown(requested=1))
    change = drop_results(avatar(record, inputs), (RESULT,), RULES)
    assert change.record is not None
    assert change.record.results == ()
    assert {name: each for name, each in change.fields.items() if name == MIRROR_FIELD} == expected
