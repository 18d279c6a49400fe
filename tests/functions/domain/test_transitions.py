"""The rules of the ledger, at a moment that stands still: docs/contract.md, section 4."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from functions.domain.document import Snapshot, State
from functions.domain.job_record import Dispatch, Lease, Problem, Purpose, Record
from functions.domain.request import Reader, Refusal, RenderRequest
from functions.domain.snapshot import Advance, Asked, Change, Claim, Standing, Starts, Verdict
from functions.domain.transitions import Transitions
from functions.domain.withdrawal import settle
from functions.errors import Code
from functions.jobs.cleanup import Cleaner
from tests.functions.domain.test_status_view import RESULT
from tests.functions.scene import AVATAR, POLICY, SETTINGS, document

NOW = 1_000_000
DOCUMENT = Snapshot(fields=document())
OTHER = Snapshot(fields=document(training__livePortrait__drivingMultiplier=0.9))
RULES = Transitions(reader=Reader(policy=POLICY), settings=SETTINGS)
REQUEST = RULES.reader.read(AVATAR, DOCUMENT)
assert isinstance(REQUEST, RenderRequest)
ASKED = Asked(
    relevant=DOCUMENT.relevant,
    request=REQUEST,
    fingerprint="aaaa",
    wish="the wish",
    engine="mesh",
    engine_version="mesh-1-0",
)
OOM = Problem(code=Code.RENDER_OOM, field=None, retryable=True)


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


def standing(
    record: Record | None = None, document: Snapshot | None = DOCUMENT, *, starts: int = 0
) -> Standing:
    return Standing(
        avatar_id=AVATAR,
        document=document,
        record=record or Record(),
        now=NOW,
        starts=Starts(avatar=starts, owner=starts),
    )


def claim(
    record: Record | None = None, document: Snapshot | None = DOCUMENT, **options: int
) -> Change:
    return RULES.claim(standing(record, document, **options), Claim(owner="me", asked=ASKED), 480.0)


def claimed() -> Record:
    record = claim().record
    assert record is not None
    return record


UNLEASED: list[Callable[[Standing], Change]] = [
    lambda now: RULES.queue(now, ASKED),
    lambda now: RULES.refuse(now, DOCUMENT.relevant, Refusal(state=State.DISABLED)),
    lambda now: RULES.miss(now, ASKED, "p", OOM),
    lambda now: RULES.reuse(now, replace(ASKED, fingerprint="0123"), RESULT),
    lambda now: RULES.restate(now, ASKED),
    lambda now: RULES.claim(now, Claim(owner="me", asked=ASKED), 480.0),
]


@pytest.mark.parametrize("decide", UNLEASED)
@pytest.mark.parametrize("document", [OTHER, None])
def test_nothing_is_written_for_a_document_that_moved_on(
    decide: Callable[[Standing], Change], document: Snapshot | None
) -> None:
    record = Record(results=(RESULT,))
    assert decide(standing(record, document)) == Change(verdict=Verdict.MOVED)


@pytest.mark.parametrize("decide", UNLEASED)
def test_46_nobody_takes_over_a_living_clean_up(decide: Callable[[Standing], Change]) -> None:
    record = Record(lease=CLEANING, results=(RESULT,))
    assert decide(standing(record)) == Change(verdict=Verdict.BUSY)


@pytest.mark.parametrize("decide", [*UNLEASED[:3]])
def test_deciding_twice_changes_nothing_the_second_time(
    decide: Callable[[Standing], Change],
) -> None:
    first = decide(standing())
    assert first.record is not None
    after = Snapshot(fields=document(livePortrait=first.fields["livePortrait"]))
    later = replace(standing(first.record, after), now=NOW + 5000)
    second = decide(later)
    assert (second.record, second.fields) == (None, {})
    assert second.verdict is first.verdict


def test_a_claim_takes_the_lease_counts_and_shows() -> None:
    change = claim()
    assert change.verdict is Verdict.CLAIMED
    assert change.counts
    assert change.record is not None
    assert change.record.lease == lease(owner="me", expires=NOW + 60_000)
    assert change.record.attempts == 1
    live = change.fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["requestId"], live["stage"]) == ("rendering", "me", "download")
    assert (live["startedAt"], live["deadlineAt"]) == (NOW, NOW + 480_000)


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        (lease("aaaa"), Verdict.BUSY),
        (lease("bbbb"), Verdict.CLAIMED),  # newest wins
        (lease("aaaa", expires=NOW), Verdict.CLAIMED),
        (replace(CLEANING, expires=NOW), Verdict.CLAIMED),
    ],
)
def test_20_21_whose_lease_is_waited_for(held: Lease, verdict: Verdict) -> None:
    change = claim(Record(fingerprint=held.fingerprint, lease=held))
    assert change.verdict is verdict


def test_who_lost_its_lease_once_does_not_snatch_it_back() -> None:
    other = standing(Record(fingerprint="bbbb", lease=lease("bbbb")))
    mine = Claim(owner="me", asked=ASKED)
    assert RULES.claim(other, mine, 480.0, yielding=True) == Change(verdict=Verdict.BUSY)
    over = replace(other, now=NOW + 1)
    assert RULES.claim(over, mine, 480.0, yielding=True).verdict is Verdict.CLAIMED


def test_a_repeated_claim_does_not_count_twice() -> None:
    again = claim(claimed())
    assert again == Change(verdict=Verdict.CLAIMED)


def test_attempts_belong_to_the_fingerprint_last_asked_for() -> None:
    used = Record(fingerprint="aaaa", attempts=3, not_before=NOW + 9)
    change = claim(used)
    assert change.verdict is Verdict.FINAL
    live = change.fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["error"]["code"]) == ("failed", "RENDER_FAILED")
    other = claim(replace(used, fingerprint="bbbb"))
    assert other.record is not None
    assert (other.verdict, other.record.attempts) == (Verdict.CLAIMED, 1)


def test_back_off_by_the_databases_clock() -> None:
    waiting = Record(fingerprint="aaaa", attempts=1, not_before=NOW + 1)
    assert claim(waiting) == Change(verdict=Verdict.NOT_YET)
    assert claim(replace(waiting, not_before=NOW)).verdict is Verdict.CLAIMED


def test_45_quota() -> None:
    assert claim(starts=29).verdict is Verdict.CLAIMED
    refused = claim(starts=30)
    assert (refused.verdict, refused.counts) == (Verdict.FINAL, False)


def test_a_result_published_meanwhile_is_looked_at_again() -> None:
    published = Record(results=(replace(RESULT, fingerprint="aaaa"),))
    assert claim(published) == Change(verdict=Verdict.MOVED)


JOB = Claim(owner="me", asked=ASKED)


@pytest.mark.parametrize(
    "decide",
    [
        lambda now: RULES.renew(
            now, JOB, Advance(stage="render", percent=5, eta_s=None), show=True
        ),
        lambda now: RULES.complete(now, JOB, replace(RESULT, fingerprint="aaaa", request_id="me")),
        lambda now: RULES.fail(now, JOB, OOM),
    ],
)
@pytest.mark.parametrize(
    ("held", "document", "verdict"),
    [
        (lease(owner="them"), DOCUMENT, Verdict.LOST),
        (None, DOCUMENT, Verdict.LOST),
        (lease(owner="me"), OTHER, Verdict.MOVED),
        (lease(owner="me"), None, Verdict.MOVED),
    ],
)
def test_47_a_job_writes_only_under_its_own_lease_for_what_is_asked(
    decide: Callable[[Standing], Change],
    held: Lease | None,
    document: Snapshot | None,
    verdict: Verdict,
) -> None:
    record = replace(claimed(), lease=held)
    assert decide(standing(record, document)) == Change(verdict=verdict)


def test_a_midway_note_shows_stage_progress_and_eta() -> None:
    note = Advance(stage="render", percent=40, eta_s=50)
    quiet = RULES.renew(standing(claimed()), JOB, note, show=False)
    assert quiet.fields == {}
    assert quiet.record is not None
    assert quiet.record.percent == 40
    shown = RULES.renew(standing(claimed()), JOB, note, show=True).fields["livePortrait"]
    assert isinstance(shown, dict)
    assert (shown["stage"], shown["progress"], shown["etaSeconds"]) == ("render", 40, 50)


def test_completing_twice_is_done_once() -> None:
    mine = replace(RESULT, fingerprint="aaaa", request_id="me")
    first = RULES.complete(standing(claimed()), JOB, mine)
    assert first.record is not None
    assert first.record.lease is None
    assert first.record.results[0].finished == NOW
    again = RULES.complete(standing(first.record), JOB, mine)
    assert again == Change(verdict=Verdict.DONE)


def test_the_current_result_and_the_last_three_are_kept() -> None:
    hour = 3_600_000
    old = tuple(
        replace(RESULT, fingerprint=f"{age}h", finished=NOW - age * hour)
        for age in (23, 25, 30, 40)
    )
    record = replace(claimed(), results=old)
    mine = replace(RESULT, fingerprint="aaaa", request_id="me")
    change = RULES.complete(standing(record), JOB, mine)
    assert change.record is not None
    assert [result.fingerprint for result in change.record.results] == ["aaaa", "23h", "25h"]
    assert [result.fingerprint for result in change.retired] == ["30h", "40h"]


def test_a_reused_result_becomes_the_first() -> None:
    record = Record(results=(replace(RESULT, fingerprint="bbbb"), RESULT), lease=lease("bbbb"))
    change = RULES.reuse(standing(record), replace(ASKED, fingerprint="0123"), RESULT)
    assert change.record is not None
    assert [result.fingerprint for result in change.record.results] == ["0123", "bbbb"]
    assert change.record.lease is None
    assert change.fields["training.livePortrait.idleVideoUrl"] == RESULT.video.url


def test_what_a_newer_version_added_to_a_result_since_it_was_seen_outlives_its_reuse() -> None:
    added = replace(RESULT, unknown={"later": 1})
    record = Record(results=(replace(RESULT, fingerprint="bbbb"), added))
    change = RULES.reuse(standing(record), replace(ASKED, fingerprint="0123"), RESULT)
    assert change.record is not None
    assert change.record.results[0].unknown == {"later": 1}


def test_an_avatar_made_again_gets_the_optional_mirror_with_its_old_result() -> None:
    rules = replace(RULES, settings=replace(SETTINGS, mirror_dynamics=True))
    asked = replace(ASKED, fingerprint="0123")
    answered = rules.reuse(standing(Record(results=(RESULT,))), asked, RESULT).record
    change = rules.reuse(standing(answered), asked, RESULT)  # the ledger says so already
    assert change.fields["dynamics.basic.status"] == "ready"


@pytest.mark.parametrize(
    ("attempts", "state", "not_before"), [(1, "queued", NOW + 10_000), (3, "failed", 0)]
)
def test_a_failure_waits_for_its_next_attempt_or_is_final(
    attempts: int, state: str, not_before: int
) -> None:
    change = RULES.fail(standing(replace(claimed(), attempts=attempts)), JOB, OOM)
    assert change.record is not None
    assert (change.record.lease, change.record.not_before) == (None, not_before)
    live = change.fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["error"]) == (state, {"code": "RENDER_OOM", "retryable": True})


def test_what_no_retry_can_cure_is_final_at_once() -> None:
    change = RULES.fail(standing(claimed()), JOB, replace(OOM, retryable=False))
    assert change.verdict is Verdict.FINAL


def test_release_is_for_ones_own_lease() -> None:
    released = RULES.release(standing(claimed()), "me")
    assert released.record is not None
    assert released.record.lease is None
    assert RULES.release(standing(claimed()), "other") == Change(verdict=Verdict.LOST)
    assert RULES.release(standing(Record(), None), "me") == Change(verdict=Verdict.LOST)


def test_13_the_grace_of_a_missing_object_is_of_one_path() -> None:
    first = RULES.miss(standing(), ASKED, "a", OOM)
    assert first.record is not None
    late = replace(standing(first.record), now=NOW + 60_000)
    assert RULES.miss(late, ASKED, "a", OOM).verdict is Verdict.FINAL
    assert RULES.miss(late, ASKED, "b", OOM).verdict is Verdict.AGAIN
    other = replace(ASKED, fingerprint="bbbb", wish="another")
    assert RULES.miss(late, other, "a", OOM).verdict is Verdict.AGAIN
    assert RULES.miss(replace(late, now=NOW + 59_999), ASKED, "a", OOM).verdict is Verdict.AGAIN


def test_a_queued_is_due_only_where_nothing_answers() -> None:
    for record in (
        Record(fingerprint="aaaa", lease=lease("aaaa")),
        Record(results=(replace(RESULT, fingerprint="aaaa"),)),
    ):
        assert RULES.queue(standing(record), ASKED) == Change(verdict=Verdict.DONE)
    change = RULES.queue(standing(Record(fingerprint="bbbb", lease=lease("bbbb"))), ASKED)
    assert change.record is not None
    assert change.record.lease is None  # the job for the older value stops


def test_18_a_clean_up_takes_the_lease_of_a_render_but_not_of_another_clean_up() -> None:
    begun = CLEANER.begin(standing(claimed(), None))
    assert begun.verdict is Verdict.CLAIMED
    assert begun.record is not None
    assert begun.record.cleaning(NOW)
    assert begun.record.results == ()
    again = CLEANER.begin(standing(begun.record, None))
    assert again == begun
    assert RIVAL.begin(standing(begun.record, None)).verdict is Verdict.BUSY
    assert CLEANER.begin(standing(claimed())).verdict is Verdict.MOVED
    noted = begun.record.deletions
    assert CLEANER.end(standing(begun.record, None), noted).erases
    assert CLEANER.end(standing(begun.record, None), noted[1:]).verdict is Verdict.MOVED
    assert RIVAL.end(standing(begun.record, None), noted).verdict is Verdict.LOST
    assert CLEANER.renew(standing(begun.record)).verdict is Verdict.DONE
    assert CLEANER.renew(standing(Record(), None)).verdict is Verdict.LOST


FAILED = claim(Record(fingerprint="aaaa", attempts=3)).record


@pytest.mark.parametrize(
    "decide",
    [
        lambda now: RULES.miss(now, ASKED, "p", OOM),
        lambda now: RULES.claim(now, Claim(owner="me", asked=ASKED), 480.0),
    ],
)
def test_a_final_failure_is_not_overwritten(decide: Callable[[Standing], Change]) -> None:
    assert decide(standing(FAILED)) == Change(verdict=Verdict.FINAL)
    assert RULES.queue(standing(FAILED), ASKED) == Change(verdict=Verdict.DONE)


def test_what_changed_in_the_ledger_meanwhile_is_looked_at_again() -> None:
    assert (
        RULES.reuse(standing(), replace(ASKED, fingerprint="0123"), RESULT).verdict is Verdict.MOVED
    )
    assert RULES.restate(standing(), ASKED).verdict is Verdict.MOVED


WITHDRAWN = Snapshot(fields=document(training__livePortrait=None, livePortrait={"state": "queued"}))


def test_11_a_queued_is_taken_back_only_while_nobody_works() -> None:
    assert settle(standing(document=DOCUMENT)) == Change(verdict=Verdict.DONE)
    assert settle(standing(document=None)) == Change(verdict=Verdict.DONE)
    task = Dispatch(fingerprint="aaaa", at=NOW)
    working = standing(Record(lease=lease(), dispatch=task), WITHDRAWN)
    assert settle(working) == Change(verdict=Verdict.BUSY, dispatch=task)
    left = standing(Record(lease=lease(expires=NOW), results=(RESULT,)), WITHDRAWN)
    live = settle(left).fields["livePortrait"]
    assert isinstance(live, dict)
    assert (live["state"], live["idleVideoUrl"]) == ("ready", RESULT.video.url)


def test_09_healing_needs_a_document_and_a_result() -> None:
    assert RULES.heal(standing(Record(results=(RESULT,)), None)) == Change(verdict=Verdict.DONE)
    assert RULES.heal(standing()) == Change(verdict=Verdict.DONE)


def test_the_optional_mirror_is_written_with_the_result() -> None:
    rules = replace(RULES, settings=replace(SETTINGS, mirror_dynamics=True))
    mine = replace(RESULT, fingerprint="aaaa", request_id="me")
    change = rules.complete(standing(claimed()), JOB, mine)
    assert change.fields["dynamics.basic.status"] == "ready"
    bare = RULES.complete(standing(claimed()), JOB, mine)
    assert not [path for path in bare.fields if path.startswith("dynamics")]
