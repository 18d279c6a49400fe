"""One attempt: what it publishes, what it withdraws, whose objects it spares."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.domain.storage_paths import StoredObject, Upload
from functions.domain.subject import Subject
from functions.errors import LeaseLost, RetryLater
from liveportrait_core import Delivery
from liveportrait_core.errors import (
    OutOfMemory,
    RenderError,
)
from tests.functions.doubles import HeldObject
from tests.functions.scene import AVATAR, IMAGE, SETTINGS, VIDEO, Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_each_object_has_a_token_of_its_own(scene: Scene) -> None:
    scene.save(document())
    tokens = {scene.media.objects[path].token for path in scene.outputs}
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("path", "size", "code", "field"),
    [
        (IMAGE, 50_000_001, "IMAGE_TOO_LARGE", "avatarImageUrl"),
        (VIDEO, 200_000_001, "VIDEO_TOO_LARGE", "training.heroVideoUrl"),
    ],
)
def test_an_object_beyond_the_limit_is_not_even_fetched(
    scene: Scene, path: str, size: int, code: str, field: str
) -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return size

    scene.media.objects[path].body = Long(b"x")
    scene.save(document())
    assert scene.live["error"] == {"code": code, "field": field, "retryable": False}
    assert scene.media.calls["fetch"] == (0 if path == IMAGE else 1)
    assert scene.renderer.renders == []


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        (IMAGE, "IMAGE_UNSUPPORTED", "avatarImageUrl"),
        (VIDEO, "VIDEO_UNSUPPORTED", "training.heroVideoUrl"),
    ],
)
def test_an_object_that_is_compressed_once_more_is_not_even_fetched(
    scene: Scene, path: str, code: str, field: str
) -> None:
    scene.media.objects[path].encoding = "gzip"
    scene.save(document())
    assert scene.live["error"] == {"code": code, "field": field, "retryable": False}
    assert path not in scene.media.fetched
    assert scene.renderer.renders == []


def test_a_lost_answer_of_an_upload_is_taken_over(scene: Scene) -> None:
    publish = scene.media.publish

    def repeat(upload: Upload, *, replacing: int = 0) -> object:
        publish(upload, replacing=replacing)
        return publish(upload, replacing=replacing)

    scene.media.publish = repeat  # type: ignore[method-assign, assignment]
    scene.save(document())
    assert scene.live["state"] == "ready"
    kept = scene.record.results[0]
    assert scene.media.objects[kept.video.path].generation == kept.video.generation


def test_an_object_of_anothers_at_its_path_is_never_replaced(scene: Scene) -> None:
    publish = scene.media.publish

    def taken(upload: Upload, *, replacing: int = 0) -> object:
        if upload.token:
            scene.media.publish = publish  # type: ignore[method-assign]
            theirs.append(publish(replace(upload, token="theirs")))
        return publish(upload, replacing=replacing)

    theirs: list[StoredObject] = []
    scene.media.publish = taken  # type: ignore[method-assign, assignment]
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert scene.live["error"]["code"] == "UPLOAD_FAILED"
    assert scene.redeliver(event) == 1
    assert scene.live["state"] == "ready"
    assert theirs[0].path not in (scene.record.results[0].poster.path, *scene.outputs)


def test_what_a_successor_published_is_never_replaced(scene: Scene) -> None:
    """A job that slept between its last renewal and its upload finds another's object there."""
    other = scene.second_instance()
    publish = scene.media.publish
    event = scene.write(document())

    def sleep_first(upload: Upload, *, replacing: int = 0) -> object:
        if not upload.token:  # the motion
            return publish(upload, replacing=replacing)
        scene.media.publish = publish  # type: ignore[method-assign]
        scene.clock.advance(61)
        other.handle_event(event)
        return publish(upload, replacing=replacing)

    scene.media.publish = sleep_first  # type: ignore[method-assign, assignment]
    scene.handler.handle_event(event)
    assert len(scene.renderer.renders) == 2
    kept = scene.record.results[0]
    for item in (kept.video, kept.poster):
        assert scene.media.objects[item.path].generation == item.generation
    assert scene.live["idleVideoUrl"] == kept.video.url


def test_a_job_that_lost_its_lease_while_it_uploaded_leaves_nothing(scene: Scene) -> None:
    publish = scene.media.publish

    def lose(upload: Upload, *, replacing: int = 0) -> object:
        stored = publish(upload, replacing=replacing)
        if upload.path.endswith("poster.jpg"):
            scene.media.publish = publish  # type: ignore[method-assign]
            scene.second_instance().handle_event(scene.write(document(avatarImageUrl=None)))
        return stored

    scene.media.publish = lose  # type: ignore[method-assign, assignment]
    scene.save(document())
    assert scene.live["state"] == "blocked"
    assert scene.outputs == []
    assert scene.record.deletions == ()


def test_a_failed_upload_is_retried_by_the_redelivery_and_leaves_nothing(scene: Scene) -> None:
    scene.media.faults["publish"] = [OSError("connection reset")]
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert scene.live["error"]["code"] == "UPLOAD_FAILED"
    assert scene.outputs == []
    assert scene.redeliver(event) == 1
    assert scene.live["state"] == "ready"


def test_an_upload_that_arrived_although_it_failed_is_deleted(scene: Scene) -> None:
    scene.media.lost_answers = [OSError("connection reset")]
    with pytest.raises(RetryLater):
        scene.save(document())
    assert scene.outputs == []


def test_a_commit_whose_answer_was_lost_keeps_its_objects(scene: Scene) -> None:
    transact = scene.ledger.transact

    def lose_the_last(subject: Subject, decide: Any, *, counting: bool = False) -> object:
        change: object = transact(subject, decide, counting=counting)
        if scene.record.results and not lost:
            lost.append(change)
            raise ConnectionError("answer lost")
        return change

    lost: list[object] = []
    scene.ledger.transact = lose_the_last  # type: ignore[method-assign, assignment]
    scene.save(document())
    assert lost
    assert scene.live["state"] == "ready"
    assert len(scene.outputs) == 2
    assert len(scene.renderer.renders) == 1


def test_a_retired_object_that_cannot_be_deleted_is_deleted_next_time() -> None:
    scene = Scene(settings=replace(SETTINGS, keep=1, keep_hours=0))
    scene.save(document())
    scene.clock.advance(1)
    scene.media.faults["delete"] = [OSError("busy")] * 3  # of two objects, and once more of one
    event = scene.save(document(training__livePortrait__drivingMultiplier=0.5))
    assert scene.live["state"] == "ready"
    assert len(scene.record.results) == 1
    assert len(scene.outputs) == 3
    scene.handler.handle_event(event)
    assert len(scene.outputs) == 2
    assert scene.record.deletions == ()


def test_what_a_stopped_job_cannot_delete_is_deleted_next_time(scene: Scene) -> None:
    scene.media.lost_answers = [OSError("connection reset")]
    scene.media.faults["delete_prefix"] = [OSError("busy")]
    event = scene.write(document())
    with pytest.raises(RetryLater, match="next attempt"):
        scene.handler.handle_event(event)
    assert len(scene.outputs) == 1
    assert scene.redeliver(event) == 1
    assert len(scene.outputs) == 2


@pytest.mark.parametrize("steps", [0, 1])
def test_a_ledger_that_cannot_be_reached_ends_in_a_redelivery(scene: Scene, steps: int) -> None:
    event = scene.write(document())

    def outage() -> None:
        scene.ledger.faults = [ConnectionError("away")] * 9
        raise [LeaseLost(), OutOfMemory()][steps]

    scene.renderer.steps = [outage]
    with pytest.raises(RetryLater, match="outcome"):
        scene.handler.handle_event(event)
    scene.ledger.faults.clear()
    assert scene.redeliver(event, times=9) > 0
    assert scene.live["state"] == "ready"


def test_the_inputs_keep_the_suffix_of_their_names(scene: Scene) -> None:
    seen: list[Path] = []
    fetch = scene.media.fetch

    def note(wanted: object, to: Path) -> None:
        seen.append(to)
        fetch(wanted, to)  # type: ignore[arg-type]

    scene.media.fetch = note  # type: ignore[method-assign]
    odd = f"avatars/{AVATAR}/clip.m;rm"
    scene.media.objects[odd] = HeldObject(
        body=b"clip", generation=7, content_type="", token="", metadata={}
    )
    scene.save(document(training__heroVideoUrl=f"gs://demo.appspot.com/{odd}"))
    assert [path.name for path in seen] == ["portrait.jpg", "driving"]


def test_a_code_that_only_a_newer_renderer_knows_is_told_as_internal(scene: Scene) -> None:
    class FromTheFuture(RenderError):
        code = "FROM_THE_FUTURE"
        retryable = False

    def fail() -> None:
        raise FromTheFuture("what only a newer renderer tells")

    scene.renderer.steps = [fail]
    scene.save(document())
    assert scene.live["state"] == "failed"
    assert scene.live["error"] == {"code": "INTERNAL", "retryable": False}


def test_a_bound_on_the_rate_is_asked_of_the_renderer_and_names_the_result() -> None:
    free, bound = Scene(), Scene(settings=replace(SETTINGS, peak_mbit_s=8.0))
    for scene in (free, bound):
        scene.save(document())
        assert scene.live["state"] == "ready"
    assert free.renderer.deliveries == [Delivery()]
    assert bound.renderer.deliveries == [Delivery(peak_mbit_s=8.0)]
    assert free.live["engineVersion"] != bound.live["engineVersion"]
    assert free.live["fingerprint"] != bound.live["fingerprint"]
