"""The rules of the ledger, at a moment that stands still: contract.md, section 4."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.domain.document import Snapshot, State
from functions.domain.job_record import Dispatch, ErrorInfo, Lease, Purpose, Record
from functions.domain.next_step import Reject
from functions.domain.request import Reader, Refusal, RenderRequest
from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    RenderSpec,
    ReportedProgress,
    Starts,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.transitions.deletions import Cleaner
from functions.domain.transitions.renders import Transitions
from functions.errors import Code
from tests.functions.domain.test_status_view import RESULT
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, POLICY, SETTINGS, document

NOW = 1_000_000
DOCUMENT = Snapshot(fields=document())
OTHER = Snapshot(fields=document(training__livePortrait__drivingMultiplier=0.9))
RULES = Transitions(reader=Reader(policy=POLICY), settings=SETTINGS)
REQUEST = RULES.reader.read(about(AVATAR), DOCUMENT)
assert isinstance(REQUEST, RenderRequest)
ASKED = RenderSpec(
    inputs_key=DOCUMENT.inputs_key,
    asked_before="",
    request=REQUEST,
    fingerprint="aaaa",
    wish="the wish",
    engine="mesh",
    engine_version="mesh-1-0",
)
DISABLED = Reject(
    inputs_key=DOCUMENT.inputs_key, asked_before="", refusal=Refusal(state=State.DISABLED)
)
OOM = ErrorInfo(code=Code.RENDER_OOM, field=None, retryable=True)


def lease(
    fingerprint: str = "aaaa",
    *,
    owner: str = "them",
    expires: int = NOW + 1,
    purpose: Purpose = Purpose.RENDER,
) -> Lease:
    return Lease(owner=owner, purpose=purpose, fingerprint=fingerprint, expires=expires)


CLEANING = lease("", purpose=Purpose.CLEAN_UP)
CLEANER, RIVAL = Cleaner(owner="cleaner", lease_s=60), Cleaner(owner="rival", lease_s=60)


def avatar(
    record: Record | None = None, document: Snapshot | None = DOCUMENT, *, starts: int = 0
) -> AvatarSnapshot:
    return AvatarSnapshot(
        subject=about(AVATAR),
        document=document,
        record=record or Record(),
        has_ledger=record is not None,
        now=NOW,
        starts=Starts(avatar=starts, owner=starts),
    )


def claim(
    record: Record | None = None, document: Snapshot | None = DOCUMENT, **options: int
) -> TransactionResult[Any]:
    seen = replace(ASKED, asked_before="" if record is None else record.fingerprint)
    return RULES.claim(avatar(record, document, **options), Claim(owner="me", spec=seen), 480.0)


def claimed() -> Record:
    record = claim().record
    assert record is not None
    return record


UNLEASED: list[Callable[[AvatarSnapshot], TransactionResult[Any]]] = [
    lambda now: RULES.queue(now, ASKED),
    lambda now: RULES.refuse(now, DISABLED),
    lambda now: RULES.record_missing_input(now, ASKED, "p", OOM),
    lambda now: RULES.reuse(now, replace(ASKED, fingerprint="0123"), RESULT),
    lambda now: RULES.reshow_failure(now, ASKED),
    lambda now: RULES.claim(now, Claim(owner="me", spec=ASKED), 480.0),
]


@pytest.mark.parametrize("decide", UNLEASED)
def test_nothing_is_written_where_a_later_look_has_asked_for_something_else(
    decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
) -> None:
    """An input was overwritten meanwhile: what was looked up before is worth nothing."""
    rendering = Record(fingerprint="bbbb", results=(RESULT,), lease=lease("bbbb"))
    assert decide(avatar(rendering)) == TransactionResult(status=TransactionStatus.MOVED)


@pytest.mark.parametrize("decide", UNLEASED)
@pytest.mark.parametrize("document", [OTHER, None])
def test_nothing_is_written_for_a_document_that_moved_on(
    decide: Callable[[AvatarSnapshot], TransactionResult[Any]], document: Snapshot | None
) -> None:
    record = Record(results=(RESULT,))
    assert decide(avatar(record, document)) == TransactionResult(status=TransactionStatus.MOVED)


@pytest.mark.parametrize("decide", UNLEASED)
def test_nobody_takes_over_a_living_clean_up(
    decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
) -> None:
    record = Record(lease=CLEANING, results=(RESULT,))
    assert decide(avatar(record)) == TransactionResult(status=TransactionStatus.BUSY)


@pytest.mark.parametrize("decide", [*UNLEASED[:3]])
def test_deciding_twice_changes_nothing_the_second_time(
    decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
) -> None:
    first = decide(avatar())
    assert first.record is not None
    after = Snapshot(fields=document(livePortrait=first.fields["livePortrait"]))
    later = replace(avatar(first.record, after), now=NOW + 5000)
    second = decide(later)
    assert (second.record, second.fields) == (None, {})
    assert second.status is first.status


def test_a_claim_takes_the_lease_counts_and_shows() -> None:
    change = claim()
    assert change.status is TransactionStatus.DONE
    assert change.counts
    assert change.record is not None
    assert change.record.lease == lease(owner="me", expires=NOW + 60_000)
    assert change.record.attempts == 1
    live = change.fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["requestId"], live["stage"]) == ("rendering", "me", "download")
    assert (live["startedAt"], live["deadlineAt"]) == (NOW, NOW + 480_000)


@pytest.mark.parametrize(
    ("held", "status"),
    [
        (lease("aaaa"), TransactionStatus.BUSY),
        (lease("bbbb"), TransactionStatus.DONE),  # newest wins
        (lease("aaaa", expires=NOW), TransactionStatus.DONE),
        (replace(CLEANING, expires=NOW), TransactionStatus.DONE),
    ],
)
def test_whose_lease_is_waited_for(held: Lease, status: TransactionStatus) -> None:
    change = claim(Record(fingerprint=held.fingerprint, lease=held))
    assert change.status is status


def test_who_lost_its_lease_once_does_not_snatch_it_back() -> None:
    other = avatar(Record(fingerprint="bbbb", lease=lease("bbbb")))
    mine = Claim(owner="me", spec=replace(ASKED, asked_before="bbbb"))
    assert RULES.claim(other, mine, 480.0, yielding=True) == TransactionResult(
        status=TransactionStatus.BUSY
    )
    over = replace(other, now=NOW + 1)
    assert RULES.claim(over, mine, 480.0, yielding=True).status is TransactionStatus.DONE


def test_a_repeated_claim_does_not_count_twice() -> None:
    again = claim(claimed())
    assert again == TransactionResult(status=TransactionStatus.DONE)


def test_attempts_belong_to_the_fingerprint_last_asked_for() -> None:
    used = Record(fingerprint="aaaa", attempts=3, not_before=NOW + 9)
    change = claim(used)
    assert change.status is TransactionStatus.FINAL
    live = change.fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["error"]["code"]) == ("failed", "RENDER_FAILED")
    other = claim(replace(used, fingerprint="bbbb"))
    assert other.record is not None
    assert (other.status, other.record.attempts) == (TransactionStatus.DONE, 1)


def test_back_off_by_the_databases_clock() -> None:
    waiting = Record(fingerprint="aaaa", attempts=1, not_before=NOW + 1)
    assert claim(waiting) == TransactionResult(status=TransactionStatus.NOT_YET)
    assert claim(replace(waiting, not_before=NOW)).status is TransactionStatus.DONE


def test_quota() -> None:
    assert claim(starts=29).status is TransactionStatus.DONE
    refused = claim(starts=30)
    assert (refused.status, refused.counts) == (TransactionStatus.FINAL, False)


def test_a_result_published_meanwhile_is_looked_at_again() -> None:
    published = Record(results=(replace(RESULT, fingerprint="aaaa"),))
    assert claim(published) == TransactionResult(status=TransactionStatus.MOVED)


JOB = Claim(owner="me", spec=ASKED)


@pytest.mark.parametrize(
    "decide",
    [
        lambda now: RULES.renew(
            now, JOB, ReportedProgress(stage="render", percent=5, eta_s=None), show=True
        ),
        lambda now: RULES.complete(now, JOB, replace(RESULT, fingerprint="aaaa", request_id="me")),
        lambda now: RULES.fail(now, JOB, OOM),
    ],
)
@pytest.mark.parametrize(
    ("held", "document", "status"),
    [
        (lease(owner="them"), DOCUMENT, TransactionStatus.LOST),
        (None, DOCUMENT, TransactionStatus.LOST),
        (lease(owner="me"), OTHER, TransactionStatus.MOVED),
        (lease(owner="me"), None, TransactionStatus.MOVED),
    ],
)
def test_a_job_writes_only_under_its_own_lease_for_what_is_asked(
    decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
    held: Lease | None,
    document: Snapshot | None,
    status: TransactionStatus,
) -> None:
    record = replace(claimed(), lease=held)
    assert decide(avatar(record, document)) == TransactionResult(status=status)


def test_a_midway_note_shows_stage_progress_and_eta() -> None:
    note = ReportedProgress(stage="render", percent=40, eta_s=50)
    quiet = RULES.renew(avatar(claimed()), JOB, note, show=False)
    assert quiet.fields == {}
    assert quiet.record is not None
    assert quiet.record.percent == 40
    shown = RULES.renew(avatar(claimed()), JOB, note, show=True).fields["livePortrait"]
    assert isinstance(shown, dict)
    assert (shown["stage"], shown["progress"], shown["etaSeconds"]) == ("render", 40, 50)


def test_completing_twice_is_done_once() -> None:
    mine = replace(RESULT, fingerprint="aaaa", request_id="me")
    first = RULES.complete(avatar(claimed()), JOB, mine)
    assert first.record is not None
    assert first.record.lease is None
    assert first.record.results[0].finished == NOW
    again = RULES.complete(avatar(first.record), JOB, mine)
    assert again == TransactionResult(status=TransactionStatus.DONE)


def test_the_current_result_and_the_last_three_are_kept() -> None:
    hour = 3_600_000
    old = tuple(
        replace(RESULT, fingerprint=f"{age}h", finished=NOW - age * hour)
        for age in (23, 25, 30, 40)
    )
    record = replace(claimed(), results=old)
    mine = replace(RESULT, fingerprint="aaaa", request_id="me")
    change = RULES.complete(avatar(record), JOB, mine)
    assert change.record is not None
    assert [result.fingerprint for result in change.record.results] == ["aaaa", "23h", "25h"]
    assert [result.fingerprint for result in change.retired] == ["30h", "40h"]


def test_a_reused_result_becomes_the_first() -> None:
    record = Record(results=(replace(RESULT, fingerprint="bbbb"), RESULT), lease=lease("bbbb"))
    change = RULES.reuse(avatar(record), replace(ASKED, fingerprint="0123"), RESULT)
    assert change.record is not None
    assert [result.fingerprint for result in change.record.results] == ["0123", "bbbb"]
    assert change.record.lease is None
    assert change.fields["training.livePortrait.idleVideoUrl"] == RESULT.video.url


def test_what_a_newer_version_added_to_a_result_since_it_was_seen_outlives_its_reuse() -> None:
    added = replace(RESULT, unknown={"later": 1})
    record = Record(results=(replace(RESULT, fingerprint="bbbb"), added))
    change = RULES.reuse(avatar(record), replace(ASKED, fingerprint="0123"), RESULT)
    assert change.record is not None
    assert change.record.results[0].unknown == {"later": 1}


def test_an_avatar_made_again_gets_the_optional_mirror_with_its_old_result() -> None:
    rules = replace(RULES, settings=replace(SETTINGS, mirror_dynamics=True))
    spec = replace(ASKED, fingerprint="0123")
    answered = rules.reuse(avatar(Record(results=(RESULT,))), spec, RESULT).record
    change = rules.reuse(avatar(answered), spec, RESULT)  # the ledger says so already
    assert change.fields["dynamics.basic.status"] == "ready"


@pytest.mark.parametrize(
    ("attempts", "state", "not_before"), [(1, "queued", NOW + 10_000), (3, "failed", 0)]
)
def test_a_failure_waits_for_its_next_attempt_or_is_final(
    attempts: int, state: str, not_before: int
) -> None:
    change = RULES.fail(avatar(replace(claimed(), attempts=attempts)), JOB, OOM)
    assert change.record is not None
    assert (change.record.lease, change.record.not_before) == (None, not_before)
    live = change.fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["error"]) == (state, {"code": "RENDER_OOM", "retryable": True})


def test_what_no_retry_can_cure_is_final_at_once() -> None:
    change = RULES.fail(avatar(claimed()), JOB, replace(OOM, retryable=False))
    assert change.status is TransactionStatus.FINAL


def test_release_is_for_ones_own_lease() -> None:
    released = RULES.release(avatar(claimed()), "me")
    assert released.record is not None
    assert released.record.lease is None
    assert RULES.release(avatar(claimed()), "other") == TransactionResult(
        status=TransactionStatus.LOST
    )
    assert RULES.release(avatar(Record(), None), "me") == TransactionResult(
        status=TransactionStatus.LOST
    )


def test_the_grace_of_a_missing_object_is_of_one_path() -> None:
    first = RULES.record_missing_input(avatar(), ASKED, "a", OOM)
    assert first.record is not None
    late = replace(avatar(first.record), now=NOW + 60_000)
    assert RULES.record_missing_input(late, ASKED, "a", OOM).status is TransactionStatus.FINAL
    assert RULES.record_missing_input(late, ASKED, "b", OOM).status is TransactionStatus.AGAIN
    other = replace(ASKED, asked_before="aaaa", fingerprint="bbbb", wish="another")
    assert RULES.record_missing_input(late, other, "a", OOM).status is TransactionStatus.AGAIN
    assert (
        RULES.record_missing_input(replace(late, now=NOW + 59_999), ASKED, "a", OOM).status
        is TransactionStatus.AGAIN
    )


def test_a_queued_is_due_only_where_nothing_answers() -> None:
    for record in (
        Record(fingerprint="aaaa", lease=lease("aaaa")),
        Record(results=(replace(RESULT, fingerprint="aaaa"),)),
    ):
        assert RULES.queue(avatar(record), ASKED) == TransactionResult(
            status=TransactionStatus.DONE
        )
    older = avatar(Record(fingerprint="bbbb", lease=lease("bbbb")))
    change = RULES.queue(older, replace(ASKED, asked_before="bbbb"))
    assert change.record is not None
    assert change.record.lease is None  # the job for the older value stops


def test_a_clean_up_takes_the_lease_of_a_render_but_not_of_another_clean_up() -> None:
    begun = CLEANER.begin(avatar(claimed(), None))
    assert begun.status is TransactionStatus.DONE
    assert begun.record is not None
    assert begun.record.cleaning(NOW)
    assert begun.record.results == ()
    again = CLEANER.begin(avatar(begun.record, None))
    assert again == begun
    assert RIVAL.begin(avatar(begun.record, None)).status is TransactionStatus.BUSY
    assert CLEANER.begin(avatar(claimed())).status is TransactionStatus.MOVED
    noted = begun.record.deletions
    assert CLEANER.end(avatar(begun.record, None), noted).erases
    assert CLEANER.end(avatar(begun.record, None), noted[1:]).status is TransactionStatus.MOVED
    assert RIVAL.end(avatar(begun.record, None), noted).status is TransactionStatus.LOST
    assert CLEANER.renew(avatar(begun.record)).status is TransactionStatus.DONE
    assert CLEANER.renew(avatar(Record(), None)).status is TransactionStatus.LOST


FAILED = claim(Record(fingerprint="aaaa", attempts=3)).record


@pytest.mark.parametrize(
    "decide",
    [
        lambda now: RULES.record_missing_input(now, ASKED, "p", OOM),
        lambda now: RULES.claim(now, Claim(owner="me", spec=ASKED), 480.0),
    ],
)
def test_a_final_failure_is_not_overwritten(
    decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
) -> None:
    assert decide(avatar(FAILED)) == TransactionResult(status=TransactionStatus.FINAL)
    assert RULES.queue(avatar(FAILED), ASKED) == TransactionResult(status=TransactionStatus.DONE)


def test_what_changed_in_the_ledger_meanwhile_is_looked_at_again() -> None:
    assert (
        RULES.reuse(avatar(), replace(ASKED, fingerprint="0123"), RESULT).status
        is TransactionStatus.MOVED
    )
    assert RULES.reshow_failure(avatar(), ASKED).status is TransactionStatus.MOVED


WITHDRAWN = Snapshot(fields=document(training__livePortrait=None, livePortrait={"state": "queued"}))


def test_a_queued_is_taken_back_only_while_nobody_works() -> None:
    assert RULES.settle(avatar(document=DOCUMENT)) == TransactionResult(
        status=TransactionStatus.DONE
    )
    assert RULES.settle(avatar(document=None)) == TransactionResult(status=TransactionStatus.DONE)
    task = Dispatch(fingerprint="aaaa", at=NOW)
    working = avatar(Record(lease=lease(), dispatch=task), WITHDRAWN)
    assert RULES.settle(working) == TransactionResult(status=TransactionStatus.BUSY, dispatch=task)
    left = avatar(Record(lease=lease(expires=NOW), results=(RESULT,)), WITHDRAWN)
    live = RULES.settle(left).fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["idleVideoUrl"]) == ("ready", RESULT.video.url)


def test_healing_needs_a_document_and_a_result() -> None:
    assert RULES.repair_mirror(avatar(Record(results=(RESULT,)), None)) == TransactionResult(
        status=TransactionStatus.DONE
    )
    assert RULES.repair_mirror(avatar()) == TransactionResult(status=TransactionStatus.DONE)


def test_the_optional_mirror_is_written_with_the_result() -> None:
    rules = replace(RULES, settings=replace(SETTINGS, mirror_dynamics=True))
    mine = replace(RESULT, fingerprint="aaaa", request_id="me")
    change = rules.complete(avatar(claimed()), JOB, mine)
    assert change.fields["dynamics.basic.status"] == "ready"
    bare = RULES.complete(avatar(claimed()), JOB, mine)
    assert not [path for path in bare.fields if path.startswith("dynamics")]
