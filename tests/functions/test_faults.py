"""Faults nobody foresaw: retried while the event is young, then told to the app."""

import json
from dataclasses import replace

import pytest

from functions.contract import DocumentWrite
from functions.errors import RetryLater
from tests.functions.scene import AVATAR, BUCKET, Scene, document, snapshot


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def event(scene: Scene) -> DocumentWrite:
    return scene.write(document())


def test_a_young_event_is_retried(
    scene: Scene, event: DocumentWrite, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.media.faults["find"] = [ConnectionError("storage is away")]
    with pytest.raises(RetryLater, match="storage is away"):
        scene.doorway.answer(event)
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert (line["severity"], line["avatarId"]) == ("ERROR", AVATAR)
    assert "ConnectionError" in line["stack_trace"]
    scene.doorway.answer(event)
    assert scene.live["state"] == "ready"


def test_an_old_event_ends_in_internal(scene: Scene, event: DocumentWrite) -> None:
    scene.clock.advance(601)
    scene.media.faults["find"] = [ConnectionError("storage is away")]
    scene.doorway.answer(event)
    assert scene.live["state"] == "failed"
    assert scene.live["error"] == {"code": "INTERNAL", "retryable": True}


def test_an_old_event_is_acknowledged_even_if_that_cannot_be_written(
    scene: Scene, event: DocumentWrite
) -> None:
    scene.clock.advance(601)
    scene.ledger.faults = [ConnectionError("firestore is away")] * 2
    scene.doorway.answer(event)
    assert scene.live == {}


def test_an_old_event_of_a_document_that_moved_on_writes_nothing(
    scene: Scene, event: DocumentWrite
) -> None:
    scene.clock.advance(601)
    scene.write(document(avatarImageUrl=None))
    scene.ledger.faults = [ConnectionError("firestore is away")]
    scene.doorway.answer(event)
    assert scene.live == {}


def test_healing_that_fails_for_long_is_given_up_without_a_word(scene: Scene) -> None:
    scene.save(document())
    live = scene.live
    stale = scene.write(document())
    scene.clock.advance(601)
    scene.ledger.faults = [ConnectionError("away")]
    scene.doorway.answer(stale)
    assert scene.live == live


def test_a_clean_up_is_retried_however_old(scene: Scene) -> None:
    scene.save(document())
    deletion = scene.write(None)
    scene.clock.advance(7200)
    scene.media.faults["clear"] = [ConnectionError("storage is away")]
    with pytest.raises(RetryLater):
        scene.doorway.answer(deletion)
    assert scene.record.lease is not None
    scene.doorway.answer(deletion)  # waits for the lease that the failed clean-up left
    assert scene.outputs == []
    assert scene.ledger.jobs == {}


def test_an_instance_busy_for_too_long_answers_503(
    scene: Scene, event: DocumentWrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.inline_dispatch._LOCK_WAIT_S", 0.01)

    base = f"gs://{BUCKET}/avatars/other"
    fields = document(avatarImageUrl=f"{base}/a.jpg", training__heroVideoUrl=f"{base}/b.mp4")
    for name in ("a.jpg", "b.mp4"):
        scene.media.put(f"avatars/other/{name}", b"x")
    scene.ledger.documents["other"] = fields
    other = replace(event, avatar_id="other", after=snapshot(fields))

    def second_avatar() -> None:
        with pytest.raises(RetryLater, match="another render"):
            scene.doorway.answer(other)

    scene.renderer.steps = [second_avatar]
    scene.doorway.answer(event)
    assert scene.live["state"] == "ready"
