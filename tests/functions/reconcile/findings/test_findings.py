"""What has no finding, and what another engine version leads to."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from functions.domain.job_record import Dispatch, Lease, Purpose, Record
from functions.errors import RetryLater
from functions.jobs.steps import load_state
from functions.reconcile.findings import Finding
from functions.reconcile.runner import Ending
from liveportrait_core.errors import OutOfMemory
from tests.functions.doubles import about
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import UNSET, document
from tests.functions.scripted_renderer import ScriptedRenderer

NEWER = "mesh-2-89abcdef"


@pytest.fixture
def watch() -> Watch:
    return Watch()


def now_ms(watch: Watch) -> int:
    return round(watch.scene.clock.now() * 1000)


def params(multiplier: object) -> dict[str, object]:
    return {"drivingMultiplier": multiplier, "normalizeLip": True, "animationRegion": "all"}


def untouched(watch: Watch, **options: Any) -> None:
    before = watch.world()
    watch.scene.ledger.calls.clear()
    report = watch.sweep(**options)
    assert (report.attended, report.faults, watch.world()) == (0, 0, before)
    assert watch.scene.ledger.calls["transact"] == 0


# --- whom it leaves alone


HEALTHY: dict[str, dict[str, object]] = {
    "ready": {},
    "disabled": {"training__dynamicsEnabled": False},
    "blocked": {"avatarImageUrl": None},
    "refused": {"training__livePortrait": params("much")},
    "clamped": {"training__livePortrait": params(7)},
}


@pytest.mark.parametrize("changes", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_avatar_is_not_touched(watch: Watch, changes: dict[str, object]) -> None:
    watch.healthy("other", **changes)
    untouched(watch)


@pytest.mark.parametrize(
    "changes",
    [
        {"training__livePortrait": UNSET},
        {"training__livePortrait": {"idleVideoUrl": "https://elsewhere/x.mp4"}},
        {"training__livePortrait": UNSET, "livePortrait": {"state": "queued", "forged": True}},
        {"training": 5},
    ],
)
def test_who_never_opted_in_is_not_touched(watch: Watch, changes: dict[str, object]) -> None:
    watch.scene.ledger.documents["stranger"] = document(**changes)
    untouched(watch)


def fail_for_good(watch: Watch, avatar_id: str) -> None:
    def fail() -> None:
        raise OutOfMemory("it always fails")

    watch.avatar(avatar_id)
    for _ in range(3):
        watch.scene.renderer.steps = [fail]
        with suppress(RetryLater):
            watch.scene.handler.handle_subject(about(avatar_id))
        watch.scene.clock.advance(600)
    assert watch.scene.ledger.documents[avatar_id]["livePortrait"]["state"] == "failed"


def test_a_final_failure_stands(watch: Watch) -> None:
    fail_for_good(watch, "failed")
    untouched(watch)


def test_a_wish_that_is_young_is_its_events_matter(watch: Watch) -> None:
    watch.avatar("young")
    watch.repository.written["young"] = now_ms(watch) - 899_000
    untouched(watch)
    watch.scene.clock.advance(2)
    assert watch.sweep().mended == {Finding.LOST_EVENT: 1}


def test_a_young_attempt_is_its_redeliverys_matter(watch: Watch) -> None:
    def fail() -> None:
        raise RuntimeError("the first attempt fails")

    watch.avatar("young")
    watch.scene.renderer.steps = [fail]
    with pytest.raises(RetryLater):
        watch.scene.handler.handle_subject(about("young"))
    watch.scene.clock.advance(600)
    untouched(watch)
    watch.scene.clock.advance(600)
    assert watch.sweep().mended == {Finding.LEFT_OVER: 1}


@pytest.mark.parametrize("purpose", list(Purpose))
def test_who_holds_a_lease_is_at_it(watch: Watch, purpose: Purpose) -> None:
    watch.healthy("held")
    watch.scene.ledger.documents["held"]["training"]["livePortrait"] = params(0.9)
    record = watch.scene.ledger.record("held")
    lease = Lease(owner="x", purpose=purpose, fingerprint="f", expires=now_ms(watch) + 60_000)
    watch.scene.ledger.keep("held", replace(record, lease=lease))
    untouched(watch)
    watch.scene.clock.advance(61)
    left = {Finding.ORPHAN: 1} if purpose is Purpose.CLEAN_UP else {}
    assert watch.sweep().mended == {Finding.LOST_EVENT: 1, **left}


def test_what_a_task_stands_for_is_the_queues_matter(watch: Watch) -> None:
    watch.avatar("queued")
    spec = load_state(watch.scene.deps, about("queued")).spec
    assert spec is not None
    task = Dispatch(fingerprint=spec.fingerprint, at=now_ms(watch))
    watch.scene.ledger.keep("queued", Record(dispatch=task))
    untouched(watch)
    watch.scene.clock.advance(6 * 3600)
    assert watch.sweep().mended == {Finding.LOST_EVENT: 1}


# --- an engine's upgrade


def test_another_engine_version_alone_changes_nothing(watch: Watch) -> None:
    for name in ("a", "b", "c", "d"):
        watch.healthy(name)
    before = watch.world()
    report = watch.sweep(renderer=ScriptedRenderer(engine_version=NEWER))
    assert (report.found, report.attended) == ({Finding.OUTDATED: 4}, 0)
    assert watch.world() == before


def test_an_upgrade_begins_with_those_asked_for_last_and_is_paced(watch: Watch) -> None:
    for name in ("b", "d", "a", "c"):
        watch.healthy(name)
        watch.scene.clock.advance(3600)
    newer = ScriptedRenderer(engine_version=NEWER)
    order: list[str] = []
    for _ in range(3):
        report = watch.sweep(renderer=newer, upgrade=True, limit=2)
        order += upgraded(watch, order)
    assert order == ["c", "a", "d", "b"]
    assert report.ending is Ending.COMPLETE
    assert len(newer.renders) == 4
    assert watch.sweep(renderer=newer, upgrade=True).attended == 0


def upgraded(watch: Watch, known: list[str]) -> list[str]:
    records = {each: watch.scene.ledger.record(each) for each in watch.scene.ledger.jobs}
    fresh = {
        record.shown.requested or 0: name
        for name, record in records.items()
        if record.shown is not None
        and record.shown.engine_version.startswith("mesh-2")
        and name not in known
    }
    return [fresh[at] for at in sorted(fresh)]


def test_an_outdated_avatar_is_mended_without_a_render(watch: Watch) -> None:
    fields = watch.healthy("old")
    url = fields["livePortrait"]["idleVideoUrl"]
    del fields["training"]["livePortrait"]["idleVideoUrl"]
    newer = ScriptedRenderer(engine_version=NEWER)
    report = watch.sweep(renderer=newer)
    assert report.mended == {Finding.STALE_MIRROR: 1}
    assert fields["training"]["livePortrait"]["idleVideoUrl"] == url
    assert newer.renders == []


def test_an_outdated_video_that_is_gone_is_made_anew(watch: Watch) -> None:
    fields = watch.healthy("old")
    del watch.scene.media.objects[fields["livePortrait"]["idleVideoPath"]]
    newer = ScriptedRenderer(engine_version=NEWER)
    assert watch.sweep(renderer=newer).mended == {Finding.RESULT_GONE: 1}
    assert len(newer.renders) == 1


def test_an_outdated_failure_is_tried_again_on_demand_only(watch: Watch) -> None:
    fail_for_good(watch, "old")
    newer = ScriptedRenderer(engine_version=NEWER)
    assert watch.sweep(renderer=newer).found == {Finding.OUTDATED: 1}
    assert watch.sweep(renderer=newer, upgrade=True).mended == {Finding.OUTDATED: 1}
    assert watch.scene.ledger.documents["old"]["livePortrait"]["state"] == "ready"
