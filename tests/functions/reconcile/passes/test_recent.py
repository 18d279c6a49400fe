"""A pass over what is recent: what it finds, what only the pass over all does, and when it ends."""

from collections import Counter
from collections.abc import Callable

import pytest

from functions.domain.job_record import Deletion
from functions.errors import RetryLater
from functions.reconcile.findings import Finding
from functions.reconcile.loading.shard import Shard
from functions.reconcile.runner import Ending
from tests.functions.doubles import Fields, about
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import AVATAR, SOUND, TALK, document, talk_document

DAY_S, HOUR_S = 86_400, 3_600


@pytest.fixture
def watch() -> Watch:
    """Three avatars, saved and served long ago; the last passes were tonight's."""
    watch = Watch()
    for name in ("a", "b", "c"):
        save(watch, name, watch.healthy(name))
    watch.scene.clock.advance(30 * DAY_S)
    watch.sweep(recent=True)
    watch.scene.clock.advance(DAY_S)
    return watch


def save(
    watch: Watch, name: str, fields: Fields, *, clock_s: float = 0.0, multiplier: float = 0.4
) -> None:
    """A client saves, and no event tells of it."""
    inputs = {**fields["training"]["livePortrait"], "drivingMultiplier": multiplier}
    fields["training"]["livePortrait"] = inputs
    now_s = watch.scene.clock.now()
    fields["updatedAt"] = round((now_s + clock_s) * 1000)
    watch.repository.written[name] = round(now_s * 1000)


def lose(watch: Watch, name: str, **given: float) -> None:
    save(watch, name, watch.scene.ledger.documents[name], **{"multiplier": 0.7, **given})


@pytest.mark.parametrize("clock_s", [0.0, 3500.0, -3500.0])
def test_a_save_whose_event_was_lost_is_found_the_next_night(watch: Watch, clock_s: float) -> None:
    lose(watch, "b", clock_s=clock_s)
    watch.scene.clock.advance(HOUR_S)
    report = watch.sweep(recent=True)
    assert report.mended == {Finding.LOST_EVENT: 1}
    assert report.avatars == 2, "by its save, and by the request that this has made"
    assert watch.scene.ledger.documents["b"]["livePortrait"]["params"]["drivingMultiplier"] == 0.7
    watch.scene.clock.advance(HOUR_S)
    assert watch.sweep(recent=True).found == {}


def test_what_is_too_young_tonight_is_tomorrows(watch: Watch) -> None:
    lose(watch, "b")
    assert watch.sweep(recent=True).found == {}
    watch.scene.clock.advance(DAY_S)
    assert watch.sweep(recent=True).mended == {Finding.LOST_EVENT: 1}


def test_a_task_that_is_left_to_the_queue_tonight_is_looked_after_tomorrow(watch: Watch) -> None:
    save(watch, "b", watch.scene.ledger.documents["b"], multiplier=0.7)
    watch.scene.gate().handle_subject(about("b"))
    watch.scene.queue.pending.clear()
    watch.scene.clock.advance(5 * HOUR_S)
    assert watch.sweep(recent=True, gate=True).found == {}
    watch.scene.clock.advance(DAY_S)
    assert watch.sweep(recent=True, gate=True).mended == {Finding.LOST_EVENT: 1}
    assert len(watch.scene.queue.pending) == 1


def test_what_is_pending_is_found_however_old_it_is(watch: Watch) -> None:
    scene = watch.scene
    save(watch, "c", scene.ledger.documents["c"], multiplier=0.7)
    del scene.ledger.documents["c"]["updatedAt"]
    scene.renderer.steps = [out_of_memory]
    with pytest.raises(RetryLater):
        scene.handler.handle_subject(about("c"))
    scene.clock.advance(60 * DAY_S)
    assert watch.sweep(recent=True).mended == {Finding.LEFT_OVER: 1}


def out_of_memory() -> None:
    raise MemoryError


def no_time(watch: Watch) -> None:
    fields = watch.scene.ledger.documents["b"]
    at = fields["updatedAt"]
    lose(watch, "b")
    fields["updatedAt"] = at


def wrong_clock(watch: Watch) -> None:
    lose(watch, "b", clock_s=-400.0 * DAY_S)


def deleted(watch: Watch) -> None:
    del watch.scene.ledger.documents["b"]


def video_gone(watch: Watch) -> None:
    del watch.scene.media.objects[
        watch.scene.ledger.documents["b"]["livePortrait"]["idleVideoPath"]
    ]


def forged(watch: Watch) -> None:
    watch.scene.ledger.documents["b"]["livePortrait"] = {"state": "ready"}


def noted(watch: Watch) -> None:
    path = "avatars/b/livePortrait/0123456789abcdef/x/idle.mp4"
    watch.scene.ledger.keep("b", watch.scene.ledger.record("b").deleting(Deletion(path=path)))


@pytest.mark.parametrize("happens", [no_time, wrong_clock, deleted, video_gone, forged, noted])
def test_what_changes_nothing_that_is_indexed_is_the_weekly_passes(
    watch: Watch, happens: Callable[[Watch], None]
) -> None:
    """As contract.md, section 10, has it: the limits of the nightly pass."""
    happens(watch)
    watch.scene.clock.advance(DAY_S)
    assert watch.sweep(recent=True).found == {}
    assert sum(watch.sweep().mended.values()) == 1


def test_talks_are_found_by_their_last_request_and_while_pending(watch: Watch) -> None:
    scene = watch.scene
    scene.media.put(SOUND, b"sound")
    scene.save(document())
    scene.save_talk(talk_document())
    scene.ledger.documents[str(about(AVATAR, TALK))]["talk"] = {"state": "failed"}
    scene.clock.advance(DAY_S)
    assert watch.sweep(recent=True).mended == {Finding.NOT_SHOWN: 1}
    ledger = f"{AVATAR}:{TALK}"
    scene.ledger.jobs[ledger]["shown"] |= {"state": "queued", "fingerprint": "x"}
    scene.clock.advance(60 * DAY_S)
    assert watch.sweep(recent=True).attended == 1


def test_where_something_is_left_the_next_pass_begins_where_this_one_began(watch: Watch) -> None:
    lose(watch, "b")
    watch.scene.clock.advance(HOUR_S)
    since = watch.marks.marks["recent-0-of-1"]["since"]
    watch.scene.renderer.steps = [out_of_memory]
    assert watch.sweep(recent=True).postponed == 1
    assert watch.marks.marks["recent-0-of-1"]["since"] == since
    watch.scene.clock.advance(3 * DAY_S)
    assert watch.sweep(recent=True).mended == {Finding.LEFT_OVER: 1}


def test_a_pass_goes_on_where_it_was_cut(watch: Watch) -> None:
    for name in ("a", "b", "c"):
        watch.scene.clock.advance(60)
        lose(watch, name)
    watch.scene.clock.advance(HOUR_S)
    pieces: Counter[Finding] = Counter()
    endings = []
    for _ in range(3):
        report = watch.sweep(recent=True, limit=1, page_size=1)
        pieces += report.mended
        endings.append(report.ending)
    assert pieces == {Finding.LOST_EVENT: 3}
    assert endings == [Ending.LIMIT, Ending.LIMIT, Ending.COMPLETE]


def test_shards_share_the_hours(watch: Watch) -> None:
    for number in range(12):
        name = f"n{number}"
        watch.avatar(name)
        save(watch, name, watch.scene.ledger.documents[name])
        watch.scene.clock.advance(HOUR_S)
    watch.scene.clock.advance(HOUR_S)
    reports = [watch.sweep(recent=True, shard=Shard(index=each, count=3)) for each in range(3)]
    assert [report.mended for report in reports] == [{Finding.LOST_EVENT: 4}] * 3


def test_a_dry_run_looks_back_eight_days_and_keeps_no_mark(watch: Watch) -> None:
    lose(watch, "a")
    watch.scene.clock.advance(7 * DAY_S)
    kept = watch.marks.kept
    assert watch.sweep(recent=True, dry_run=True).found == {Finding.LOST_EVENT: 1}
    assert watch.marks.kept == kept
