"""Jobs and clean-ups that the world has overtaken: what they leave alone, and what they leave."""

from pathlib import Path

import pytest

from functions.domain.storage_paths import StoredObject, Upload
from tests.functions.scene import AVATAR, IMAGE, UNSET, Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("name", ["poster.jpg", "idle.mp4"])
def test_a_job_stopped_after_an_upload_leaves_no_object(scene: Scene, name: str) -> None:
    publish = scene.media.publish

    def move_on(upload: Upload, *, replacing: int = 0) -> StoredObject:
        stored = publish(upload, replacing=replacing)
        if upload.path.endswith(name):
            scene.write(document(training__livePortrait__drivingMultiplier=0.9))
        return stored

    scene.media.publish = move_on  # type: ignore[method-assign]
    scene.handler.handle_event(scene.write(document()))
    assert len(scene.renderer.renders) == 1
    assert scene.outputs == []
    assert scene.record.lease is None


def test_a_job_superseded_while_it_fetches_fetches_no_more(scene: Scene) -> None:
    fetch = scene.media.fetch

    def fetch_slowly(wanted: StoredObject, to: Path) -> None:
        fetch(wanted, to)
        scene.clock.advance(1)
        scene.write(document(training__livePortrait__drivingMultiplier=0.9))

    scene.media.fetch = fetch_slowly  # type: ignore[method-assign]
    scene.handler.handle_event(scene.write(document()))
    assert scene.media.fetched == [IMAGE]
    assert scene.renderer.renders == []


@pytest.mark.parametrize("left", [{}, {"mood": 1}])
def test_inputs_taken_away_during_a_render_get_no_mirror(
    scene: Scene, left: dict[str, object]
) -> None:
    scene.renderer.steps = [lambda: scene.write(document(training__livePortrait=left))]
    scene.handler.handle_event(scene.write(document()))
    assert scene.live["state"] == "ready"
    assert scene.ledger.documents[AVATAR]["training"]["livePortrait"] == left


def test_a_late_deletion_spares_a_document_that_asks_for_nothing_now(scene: Scene) -> None:
    scene.save(document())
    deletion = scene.write(None)
    scene.write(document(training__livePortrait=UNSET))
    outputs, record = scene.outputs, scene.record
    scene.handler.handle_event(deletion)
    assert outputs
    assert (scene.outputs, scene.record) == (outputs, record)
