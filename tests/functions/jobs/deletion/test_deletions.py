"""What must be deleted is deleted whatever fails before it; what plays, or may soon, stays."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.job_record import Record
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.domain.subject import Subject
from functions.errors import RetryLater
from functions.jobs.rendering.motion_cache import motion_path
from tests.functions.doubles import about
from tests.functions.jobs.deletion.deleting import (
    Killed,
    at,
    at_a_transaction,
    listed,
    once_uploaded,
)
from tests.functions.jobs.rendering.cached_motion import while_it_is_kept
from tests.functions.scene import (
    AVATAR,
    SETTINGS,
    Scene,
    document,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("before", [True, False], ids=["not released", "its answer lost"])
@pytest.mark.parametrize("fault", [ConnectionError("DEADLINE_EXCEEDED"), Killed()])
def test_a_stopped_job_leaves_nothing_although_the_release_fails(
    scene: Scene, before: bool, fault: BaseException
) -> None:
    saved: list[DocumentWrite] = []

    def disable() -> None:
        saved.append(scene.write(document(training__dynamicsEnabled=False)))
        at_a_transaction(
            scene,
            lambda change: change.status is TransactionStatus.DONE,
            before=before,
            fault=fault,
        )

    once_uploaded(scene, disable)
    event = scene.write(document())
    with suppress(Killed):
        scene.handler.handle_event(event)
    scene.handler.handle_event(saved[0])
    scene.handler.handle_event(event)
    assert scene.live["state"] == "disabled"
    assert scene.outputs == []
    assert scene.record.deletions == ()


@pytest.mark.parametrize("newer", [at(0.4), at(0.5), document(avatarImageUrl=None)])
def test_what_a_killed_attempt_has_uploaded_goes_with_the_next_event(
    scene: Scene, newer: dict[str, Any]
) -> None:
    def die() -> None:
        raise Killed

    once_uploaded(scene, die)
    event = scene.write(at(0.4))
    with pytest.raises(Killed):
        scene.handler.handle_event(event)
    assert len(scene.outputs) == 2
    scene.clock.advance(61)
    scene.save(newer)
    scene.handler.handle_event(event)
    assert set(scene.outputs) == listed(scene)
    assert scene.record.deletions == ()


def test_a_failed_attempt_leaves_nothing_although_its_deletion_failed_twice(scene: Scene) -> None:
    scene.media.lost_answers = [ConnectionError("reset")]  # of the poster's upload
    scene.media.faults["delete_prefix"] = [ConnectionError("503")] * 2
    event = scene.write(document())
    assert scene.redeliver(event, times=3) > 1
    assert set(scene.outputs) == listed(scene)


def test_a_commit_unheard_for_longer_than_its_lease_keeps_its_objects(scene: Scene) -> None:
    transact = scene.ledger.transact

    def deaf(
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Any]:
        if not scene.record.results:
            change = transact(subject, decide, counting=counting)
            if not scene.record.results:
                return change
            heard_again.append(scene.clock.now() + 61)
        if scene.clock.now() < heard_again[0]:
            raise ConnectionError("UNAVAILABLE")
        return transact(subject, decide, counting=counting)

    heard_again: list[float] = []
    scene.ledger.transact = deaf  # type: ignore[method-assign]
    event = scene.write(document())
    scene.clock.after(70, lambda: None)
    with suppress(RetryLater):
        scene.handler.handle_event(event)
    assert heard_again
    scene.redeliver(event, times=9)
    assert scene.live["state"] == "ready"
    assert len(scene.renderer.renders) == 1
    assert set(scene.outputs) == listed(scene) != set()


# --- what is retired


@pytest.mark.parametrize("fault", [ConnectionError("DEADLINE_EXCEEDED"), Killed()])
def test_retired_objects_go_although_the_commits_answer_was_lost(fault: BaseException) -> None:
    scene = Scene(settings=replace(SETTINGS, keep=1, keep_hours=0))
    scene.save(document())
    scene.clock.advance(1)
    at_a_transaction(scene, lambda change: bool(change.retired), before=False, fault=fault)
    event = scene.write(at(0.5))
    with suppress(Killed):
        scene.handler.handle_event(event)
    scene.handler.handle_event(event)
    assert scene.live["state"] == "ready"
    assert len(scene.outputs) == 2
    assert set(scene.outputs) == listed(scene)


@pytest.mark.parametrize("comes", ["event", "task"])
def test_who_has_nothing_else_to_do_deletes_what_is_noted(comes: str) -> None:
    scene = Scene(settings=replace(SETTINGS, keep=1, keep_hours=0))
    scene.save(document())
    scene.clock.advance(1)
    scene.media.faults["delete"] = [ConnectionError("503")] * 4  # both objects, twice
    event = scene.save(at(0.5))
    assert len(scene.outputs) == 4
    writes = len(scene.ledger.document_writes)
    if comes == "event":
        scene.handler.handle_event(event)
    else:
        scene.handler.handle_subject(about(AVATAR))
    assert set(scene.outputs) == listed(scene)
    assert scene.record.deletions == ()
    assert len(scene.ledger.document_writes) == writes


# --- what plays


@pytest.mark.parametrize("lost", ["idle.mp4", "poster.jpg"])
@pytest.mark.parametrize("newer", ["x", 0.4], ids=["superseded", "completed"])
def test_a_render_in_its_place_touches_no_object_of_a_result(
    scene: Scene, lost: str, newer: object
) -> None:
    """Half of a result is gone; the other half stays as it is until the commit."""
    scene.save(document())
    result, url = scene.record.results[0], scene.live["idleVideoUrl"]
    pair = {result.video.path: result.video, result.poster.path: result.poster}
    gone = next(path for path in pair if path.endswith(lost))
    del scene.media.objects[gone]
    (left,) = (kept for path, kept in pair.items() if path != gone)
    seen: list[int] = []
    events: list[DocumentWrite] = []

    def look() -> None:
        seen.append(scene.media.objects[left.path].generation)
        assert scene.live["idleVideoUrl"] == url
        if newer == "x":
            events.append(scene.write(at(newer)))

    once_uploaded(scene, look)
    scene.save(document(training__livePortrait__mood="calm"))
    for event in events:
        scene.handler.handle_event(event)
    assert seen == [left.generation]
    if newer == "x":
        assert scene.live["state"] == "failed"
        assert scene.live["idleVideoUrl"] == url
        assert scene.outputs == [left.path]
    else:
        assert scene.live["state"] == "ready"
        assert scene.live["idleVideoUrl"] != url
        assert set(scene.outputs) == listed(scene)
        assert left.path not in scene.outputs


# --- the kept motion, and an avatar that is gone


@pytest.mark.parametrize("method", ["find", "delete"])
def test_no_motion_outlives_its_avatar_because_of_one_fault(scene: Scene, method: str) -> None:
    def delete() -> None:
        scene.handler.handle_event(scene.write(None))  # cleaned up, before the object is there

    def fail() -> None:
        scene.media.faults[method] = [ConnectionError("503")]

    while_it_is_kept(scene, delete, fail)
    scene.save(document())
    assert scene.media.faults[method] == []
    assert motion_path(AVATAR) not in scene.media.objects
    assert scene.ledger.jobs == {}


def test_a_ledger_without_a_list_of_deletions_has_none(scene: Scene) -> None:
    scene.save(document())
    del scene.ledger.jobs[AVATAR]["deletions"]  # written by an earlier version
    assert scene.record.deletions == ()
    assert scene.record != Record()


@pytest.mark.parametrize("method", ["delete_prefix", "transact"])
def test_a_job_that_wakes_long_after_its_avatars_deletion_leaves_no_ledger(
    scene: Scene, method: str
) -> None:
    """Nothing comes back for such an avatar: a fault as it deletes what it made is outlived."""

    def deleted_meanwhile() -> None:
        scene.second_instance().handle_event(scene.write(None))
        scene.clock.advance(500)
        if method == "transact":  # the one that strikes off what is deleted
            at_a_transaction(scene, lambda change: change.erases, before=True, fault=fault)
        else:
            scene.media.faults[method] = [fault]

    fault = ConnectionError("503")
    event = scene.write(document())
    once_uploaded(scene, deleted_meanwhile)
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert scene.media.faults.get(method, []) == []
    assert scene.outputs == []
    assert scene.ledger.jobs == {}
