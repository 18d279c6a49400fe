"""What must be deleted is deleted whatever fails before it; what plays, or may soon, stays."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from functions.domain.deletions import Cleaner
from functions.domain.document import DocumentWrite
from functions.domain.job_record import Deletion, Record
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.domain.storage_paths import OWNER_KEY, StoredObject, Upload, download_url
from functions.domain.subject import Subject
from functions.errors import RetryLater
from functions.jobs.motion_cache import motion_path
from tests.functions.doubles import about
from tests.functions.jobs.cached_motion import cached, while_it_is_kept
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import (
    AVATAR,
    IMAGE,
    OUTPUT,
    POLICY,
    SETTINGS,
    UNSET,
    VIDEO,
    Scene,
    document,
    snapshot,
)


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture
def scene() -> Scene:
    return Scene()


def at(multiplier: object) -> dict[str, Any]:
    return document(training__livePortrait__drivingMultiplier=multiplier)


def listed(scene: Scene) -> set[str]:
    return {kept.path for each in scene.record.results for kept in (each.video, each.poster)}


def once_uploaded(scene: Scene, act: Callable[[], object]) -> None:
    """Let something happen as soon as a video is there, before it is committed."""
    publish = scene.media.publish

    def hooked(publication: Upload, *, replacing: int = 0) -> StoredObject:
        stored = publish(publication, replacing=replacing)
        if publication.path.endswith("idle.mp4"):
            scene.media.publish = publish  # type: ignore[method-assign]
            act()
        return stored

    scene.media.publish = hooked  # type: ignore[method-assign]


def at_a_transaction(
    scene: Scene,
    when: Callable[[TransactionResult[Any]], bool],
    *,
    before: bool,
    fault: BaseException,
) -> None:
    """Raise once in place of a transaction, or after it is committed: of the first that fits."""
    transact = scene.ledger.transact

    def hooked(
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Any]:
        planned = decide(scene.ledger.read(subject))
        fits = when(planned)
        if fits:
            scene.ledger.transact = transact  # type: ignore[method-assign]
        if fits and before:
            raise fault
        change = transact(subject, decide, counting=counting)
        if fits:
            raise fault
        return change

    scene.ledger.transact = hooked  # type: ignore[method-assign]


# --- a clean-up that fails, and an avatar that is made again


def half_cleaned(scene: Scene, method: str = "delete_prefix") -> DocumentWrite:
    """Two videos, the document deleted, the clean-up failed."""
    for multiplier in (0.1, 0.2):
        scene.save(at(multiplier))
    deletion = scene.write(None)
    scene.media.faults[method] = [ConnectionError("503")]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(deletion)
    scene.clock.advance(5)
    return deletion


def test_a_half_done_clean_up_is_finished_for_the_avatar_made_again(scene: Scene) -> None:
    deletion = half_cleaned(scene)
    scene.save(at(0.3))
    assert scene.live["state"] == "ready"
    assert set(scene.outputs) == listed(scene)
    assert scene.redeliver(deletion) == 1
    assert set(scene.outputs) == listed(scene)
    assert (scene.record.lease, scene.record.deletions) == (None, ())


def test_and_for_one_that_asks_for_nothing(scene: Scene) -> None:
    """No event of the new document looks at the ledger: the deletion's own redelivery must."""
    deletion = half_cleaned(scene)
    scene.save(document(training__livePortrait=UNSET))
    assert scene.redeliver(deletion) == 1
    assert set(scene.media.objects) == {IMAGE, VIDEO}
    assert (scene.record.lease, scene.record.deletions) == (None, ())


def test_the_deletion_is_not_acknowledged_while_something_is_left(scene: Scene) -> None:
    deletion = half_cleaned(scene)
    scene.save(document(training__livePortrait=UNSET))
    scene.clock.advance(61)
    scene.media.faults["delete_prefix"] = [ConnectionError("503")]
    assert scene.redeliver(deletion, times=2) == 2
    assert set(scene.media.objects) == {IMAGE, VIDEO}


def test_one_folder_that_cannot_be_deleted_spares_no_other(scene: Scene) -> None:
    half_cleaned(scene)
    assert cached(scene) is None
    assert IMAGE not in scene.media.objects
    assert len(scene.outputs) == 2  # the last: no older than the clean-up


def test_a_clean_up_killed_at_its_end_is_ended_by_the_next(scene: Scene) -> None:
    scene.save(document())
    deletion = scene.write(None)
    at_a_transaction(scene, lambda change: change.erases, before=True, fault=Killed())
    with pytest.raises(Killed):
        scene.handler.handle_event(deletion)
    assert scene.redeliver(deletion, times=9) == 1
    assert scene.ledger.jobs == {}


@pytest.mark.parametrize("where", ["before it lists", "between two folders"])
def test_a_clean_up_that_was_paused_spares_the_next_lifes_video(scene: Scene, where: str) -> None:
    scene.save(document())
    deletion = scene.write(None)
    clear = scene.media.delete_prefix

    def paused(deletion: Deletion) -> None:
        if where == "between two folders":
            clear(deletion)
        scene.media.delete_prefix = clear  # type: ignore[method-assign]
        scene.clock.advance(61)  # its lease runs out
        scene.second_instance().handle_event(scene.write(document()))
        assert scene.live["state"] == "ready"
        if where == "before it lists":
            clear(deletion)

    scene.media.delete_prefix = paused  # type: ignore[method-assign]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(deletion)
    assert set(scene.outputs) == listed(scene) != set()
    assert cached(scene) is not None
    assert scene.redeliver(deletion) == 1
    assert set(scene.outputs) == listed(scene) != set()
    assert scene.live["state"] == "ready"


def test_what_is_uploaded_right_after_the_lease_was_taken_is_cleaned_up(scene: Scene) -> None:
    """By an instance that dies with its upload, so that only the clean-up can delete it."""
    scene.save(document())
    clear = scene.media.delete_prefix

    def late(deletion: Deletion) -> None:
        scene.media.delete_prefix = clear  # type: ignore[method-assign]
        scene.clock.advance(1)
        scene.media.put(f"{OUTPUT}{'a' * 16}/idle.mp4", b"late")
        clear(deletion)

    scene.media.delete_prefix = late  # type: ignore[method-assign]
    scene.save(None)
    assert scene.media.objects == {}


def test_the_task_that_cleaned_up_finishes_it_for_the_avatar_made_again(scene: Scene) -> None:
    half_cleaned(scene)
    scene.write(document(training__livePortrait=UNSET))
    scene.clock.advance(61)
    scene.second_instance().handle_subject(about(AVATAR))
    assert set(scene.media.objects) == {IMAGE, VIDEO}
    assert (scene.record.lease, scene.record.deletions) == (None, ())


@pytest.mark.parametrize("again", [True, False], ids=["made again", "gone"])
def test_reconcile_finishes_a_half_done_clean_up(scene: Scene, again: bool) -> None:
    """Its event comes no more, and nothing in documents or objects tells of it."""
    half_cleaned(scene)
    if again:
        scene.write(document(training__livePortrait=UNSET))
    for path in scene.outputs:
        del scene.media.objects[path]
    scene.clock.advance(61)
    watch = Watch(scene=scene)
    assert sum(watch.sweep().mended.values()) == 1
    assert scene.record.is_blank
    assert watch.sweep().attended == 0


# --- what a stopped, failed or killed attempt has made


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


# --- the kept motion


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


def test_what_is_noted_during_a_clean_up_is_deleted_before_the_ledger_goes(
    scene: Scene,
) -> None:
    """A job's motion gets to the store when that folder has been emptied already."""
    scene.save(document())
    scene.media.put(f"{OUTPUT}late/idle.mp4", b"noted late")
    clear = scene.media.delete_prefix
    calls: list[str] = []

    def note(deletion: Deletion) -> None:
        clear(deletion)
        calls.append(deletion.path)
        if len(calls) == 2:
            scene.media.put(f"{OUTPUT}late/idle.mp4", b"noted late")
            noted = Deletion(path=f"{OUTPUT}late/")
            scene.ledger.keep(AVATAR, scene.record.deleting(noted))

    scene.media.delete_prefix = note  # type: ignore[method-assign]
    scene.save(None)
    assert scene.outputs == []
    assert scene.ledger.jobs == {}


def test_a_ledger_without_a_list_of_deletions_has_none(scene: Scene) -> None:
    scene.save(document())
    del scene.ledger.jobs[AVATAR]["deletions"]  # written by an earlier version
    assert scene.record.deletions == ()
    assert scene.record != Record()


def test_a_clean_up_that_lost_its_lease_asks_for_another_look_and_is_no_error(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.save(document())
    event = scene.write(None)
    delete_prefix = scene.media.delete_prefix

    def paused(deletion: Deletion) -> None:
        scene.media.delete_prefix = delete_prefix  # type: ignore[method-assign]
        scene.clock.advance(61)
        scene.second_instance().handle_event(event)
        delete_prefix(deletion)

    scene.media.delete_prefix = paused  # type: ignore[method-assign]
    with pytest.raises(RetryLater, match="clean-up"):
        scene.handler.handle_event(event)
    assert '"ERROR"' not in capsys.readouterr().err
    assert scene.ledger.jobs == {}


def test_clean_ups_that_fail_again_and_again_note_each_folder_once(scene: Scene) -> None:
    scene.save(document())
    deletion = scene.write(None)
    for _ in range(5):
        scene.media.faults["delete_prefix"] = [ConnectionError("503")] * 2
        with pytest.raises(RetryLater):
            scene.handler.handle_event(deletion)
        scene.clock.advance(61)
    noted = scene.record.deletions
    assert len({each.path for each in noted}) == len(noted)
    assert max(each.until or 0 for each in noted) > (scene.clock.now() - 62) * 1000
    scene.handler.handle_event(deletion)
    assert scene.outputs == []
    assert scene.ledger.jobs == {}


def test_a_job_that_deletes_beside_a_clean_up_spares_the_next_lifes_video(scene: Scene) -> None:
    """It is stopped by the clean-up, paused, and wakes when all of that is long over."""
    cleaner = Cleaner(owner="cleaner", lease_s=SETTINGS.lease_s)
    delete_prefix = scene.media.delete_prefix

    def begin() -> None:
        scene.write(None)
        scene.ledger.transact(about(AVATAR), cleaner.begin)

    def end_and_begin_anew() -> None:
        for each in scene.record.deletions:
            delete_prefix(each)
        gone = scene.record.deletions
        scene.ledger.transact(about(AVATAR), partial(cleaner.end, gone=gone))
        scene.second_instance().handle_event(scene.write(document()))
        urls.append(scene.live["idleVideoUrl"])
        scene.clock.advance(61)

    def paused(deletion: Deletion) -> None:
        if deletion.until is not None:  # a folder of the clean-up's
            scene.media.delete_prefix = delete_prefix  # type: ignore[method-assign]
            end_and_begin_anew()
        delete_prefix(deletion)

    urls: list[str] = []
    once_uploaded(scene, begin)
    scene.media.delete_prefix = paused  # type: ignore[method-assign]
    scene.save(document())
    if not urls:
        end_and_begin_anew()
    assert scene.live["idleVideoUrl"] == urls[0]
    assert set(scene.outputs) == listed(scene) != set()


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


# --- a deleted avatar's face


def renewed(scene: Scene, **changes: Any) -> DocumentWrite:
    """The same id, made again past the rules, with what its new owner finds in the folder."""
    scene.clock.advance(1)
    scene.ledger.documents[AVATAR] = document(userId="mallory", **changes)
    return DocumentWrite(
        subject=about(AVATAR),
        before=None,
        after=snapshot(scene.ledger.documents[AVATAR]),
        committed_s=scene.clock.now(),
    )


def test_nothing_of_a_deleted_avatar_is_left_but_a_tombstone(scene: Scene) -> None:
    scene.save(document())
    scene.media.put(f"avatars/{AVATAR}/images/1/old.png", b"another picture")
    scene.media.put(f"avatars/{AVATAR}b/hero.jpg", b"another avatar's")
    scene.clock.advance(1)
    scene.save(None)
    assert set(scene.media.objects) == {f"avatars/{AVATAR}b/hero.jpg"}
    assert scene.ledger.jobs == {}
    assert scene.ledger.quotas[f"deleted:{AVATAR}"] == {"at": round(scene.clock.now() * 1000)}


@pytest.mark.parametrize(
    ("left", "field"), [(IMAGE, "avatarImageUrl"), (VIDEO, "training.heroVideoUrl")]
)
def test_what_is_older_than_the_avatars_deletion_is_not_rendered(left: str, field: str) -> None:
    """The app shares the folder, or an upload outlives the clean-up."""
    scene = Scene(settings=replace(SETTINGS, keep_inputs=True))
    scene.save(document())
    scene.clock.advance(1)
    scene.save(None)
    assert {IMAGE, VIDEO} == set(scene.media.objects)
    renders = len(scene.renderer.renders)
    event = renewed(scene)
    for path in {IMAGE, VIDEO} - {left}:
        scene.media.put(path, b"mallory's own")
    scene.handler.handle_event(event)
    error = {"code": "INPUT_NOT_OWNED", "field": field, "retryable": False}
    assert (scene.live["state"], scene.live["error"]) == ("failed", error)
    assert len(scene.renderer.renders) == renders
    assert scene.redeliver(event) == 1  # and a ledger knows it as well
    assert scene.live["error"] == error
    scene.media.put(left, b"mallory's own")
    scene.save(document(userId="mallory", training__livePortrait__renderNonce=1))
    assert scene.live["state"] == "ready"


@pytest.mark.parametrize("when", ["before the event", "after a lost event"])
@pytest.mark.parametrize("label", ["owner-1", "mallory"])
def test_what_another_user_has_uploaded_is_not_rendered(when: str, label: str) -> None:
    """The id is taken before any clean-up: nothing but the label tells whose the files are."""
    scene = Scene()
    scene.media.put(IMAGE, b"a face", metadata={OWNER_KEY: label})
    scene.media.put(VIDEO, b"a clip", metadata={OWNER_KEY: label})
    deleted = scene.write(document())
    deleted = scene.write(None)
    if when == "before the event":
        event = renewed(scene)
        scene.handler.handle_event(deleted)
    else:
        event = renewed(scene)
    scene.handler.handle_event(event)
    state = "ready" if label == "mallory" else "failed"
    assert scene.live["state"] == state
    if label != "mallory":
        assert scene.live["error"]["code"] == "INPUT_NOT_OWNED"
        assert scene.renderer.renders == []


@pytest.mark.parametrize("touch", ["asks", "touches the mirror", "asks for nothing"])
def test_another_owner_gets_no_video_of_the_former_ones(scene: Scene, touch: str) -> None:
    """The id is taken before any clean-up: the ledger still lists the former owner's videos."""
    scene.save(document())
    former, url = set(scene.outputs), scene.live["idleVideoUrl"]
    deleted = scene.write(None)
    event = renewed(scene, **({} if touch == "asks" else {"training__livePortrait": UNSET}))
    scene.upload()  # of one's own
    scene.handler.handle_event(event)
    if touch == "touches the mirror":
        inputs = {"idleVideoUrl": download_url(f"{OUTPUT}ffff/idle.mp4", "x", POLICY)}
        scene.save(document(userId="mallory", training__livePortrait=inputs))
        scene.save(document(userId="mallory", training__livePortrait={**inputs, "mood": 1}))
    scene.handler.handle_event(deleted)
    assert url not in repr(scene.ledger.documents)
    if touch == "asks":
        assert scene.live["state"] == "ready"
        assert set(scene.outputs) == listed(scene)
    scene.handler.handle_subject(about(AVATAR))
    assert former.isdisjoint(scene.outputs)


@pytest.mark.parametrize("before", [True, False], ids=["not committed", "its answer lost"])
@pytest.mark.parametrize("fault", [ConnectionError("DEADLINE_EXCEEDED"), Killed()])
def test_no_fault_comes_between_the_ledgers_end_and_the_tombstone(
    scene: Scene, before: bool, fault: BaseException
) -> None:
    scene.save(document())
    deletion = scene.write(None)
    at_a_transaction(scene, lambda change: change.erases, before=before, fault=fault)
    with pytest.raises((RetryLater, Killed)):
        scene.handler.handle_event(deletion)
    assert (AVATAR in scene.ledger.jobs) != (f"deleted:{AVATAR}" in scene.ledger.quotas)
    assert scene.redeliver(deletion, times=9) == 1
    assert f"deleted:{AVATAR}" in scene.ledger.quotas


def test_a_half_done_clean_up_refuses_as_well(scene: Scene) -> None:
    """Its ledger stays, and knows when the avatar was deleted."""
    half_cleaned(scene)
    scene.media.put(IMAGE, b"mallory's own")
    scene.media.put(VIDEO, b"mallory's own")
    event = renewed(scene)
    scene.media.objects[VIDEO].generation = 1  # the clip that the clean-up could not delete
    scene.redeliver(event, times=9)
    assert scene.live["error"]["code"] == "INPUT_NOT_OWNED"
    assert "idleVideoUrl" not in scene.live


@pytest.mark.parametrize("where", ["before it lists", "after it has listed"])
def test_a_clean_up_spares_what_the_next_life_uploads_while_it_runs(
    scene: Scene, where: str
) -> None:
    scene.save(document())
    scene.clock.advance(1)
    deletion = scene.write(None)
    clear = scene.media.delete_prefix

    def slow(deletion: Deletion) -> None:
        scene.media.delete_prefix = clear  # type: ignore[method-assign]
        if where == "after it has listed":
            clear(deletion)
        scene.clock.advance(0.5)
        scene.write(document())  # uploads anew
        if where == "before it lists":
            clear(deletion)

    scene.media.delete_prefix = slow  # type: ignore[method-assign]
    scene.handler.handle_event(deletion)
    assert set(scene.media.objects) == {IMAGE, VIDEO}
    scene.handler.handle_subject(about(AVATAR))
    assert scene.live["state"] == "ready"
