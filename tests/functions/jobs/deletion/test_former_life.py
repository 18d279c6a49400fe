"""A deleted avatar's face: nothing of it reaches whoever gets the id next."""

from dataclasses import replace
from typing import Any

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.job_record import Deletion
from functions.domain.storage_paths import OWNER_KEY, download_url
from functions.errors import RetryLater
from tests.functions.doubles import about
from tests.functions.jobs.deletion.deleting import Killed, at_a_transaction, half_cleaned, listed
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


@pytest.fixture
def scene() -> Scene:
    return Scene()


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
