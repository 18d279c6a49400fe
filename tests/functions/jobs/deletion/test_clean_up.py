"""A clean-up that fails, is paused or overtaken, and an avatar that is made again."""

from functools import partial

import pytest

from functions.domain.job_record import Deletion
from functions.domain.transitions.deletions import Cleaner
from functions.errors import RetryLater
from tests.functions.doubles import about
from tests.functions.jobs.deletion.deleting import (
    Killed,
    at,
    at_a_transaction,
    half_cleaned,
    listed,
    once_uploaded,
)
from tests.functions.jobs.rendering.cached_motion import cached
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import (
    AVATAR,
    IMAGE,
    OUTPUT,
    SETTINGS,
    UNSET,
    VIDEO,
    Scene,
    document,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


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
