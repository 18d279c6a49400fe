"""A hero video is read once: its motion recalled, replaced, distrusted, gone with its avatar."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.job_record import Record
from functions.domain.storage_paths import StoredObject
from functions.errors import RetryLater
from functions.jobs.rendering.motion_cache import motion_key
from liveportrait_core import Species
from liveportrait_core.errors import EncodeFailed
from tests.functions.doubles import about
from tests.functions.jobs.rendering.cached_motion import (
    CACHE,
    MOTION,
    at,
    cached,
    nothing,
    while_it_is_kept,
)
from tests.functions.scene import AVATAR, IMAGE, SETTINGS, UNSET, VIDEO, Scene, document
from tests.functions.scripted_renderer import ScriptedRenderer


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def warm(scene: Scene) -> Scene:
    """After a first save, at 0.40."""
    scene.save(document())
    scene.media.fetched.clear()
    return scene


def video(scene: Scene) -> bytes:
    return scene.media.objects[scene.live["idleVideoPath"]].body


def from_scratch(multiplier: float) -> bytes:
    """The video as it is made where nothing is kept."""
    fresh = Scene()
    fresh.save(at(multiplier))
    assert fresh.renderer.recalls == []
    return video(fresh)


def told(capsys: pytest.CaptureFixture[str], message: str) -> list[dict[str, Any]]:
    lines = map(json.loads, capsys.readouterr().err.splitlines())
    return [line for line in lines if line["message"] == message]


# --- what is kept, and what that saves


def test_the_first_save_keeps_the_motion_privately(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.save(document())
    held = cached(scene)
    assert held is not None
    assert (held.body, held.token) == (MOTION, "")
    assert held.metadata["sha256"] == hashlib.sha256(MOTION).hexdigest()
    assert sorted(held.metadata) == ["key", "sha256"]
    assert [line["path"] for line in told(capsys, "motion kept")] == [CACHE]


def test_the_second_save_does_not_fetch_the_clip(
    warm: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = cached(warm)
    warm.save(at(0.5))
    assert warm.media.fetched == [IMAGE, CACHE]
    assert warm.renderer.recalls == [MOTION]
    assert warm.live["state"] == "ready"
    assert video(warm) == from_scratch(0.5)
    assert cached(warm) is kept
    (line,) = told(capsys, "motion recalled")
    assert (line["severity"], line["path"]) == ("INFO", CACHE)


def test_a_new_portrait_moves_by_the_same_motion(warm: Scene) -> None:
    warm.media.put(IMAGE, b"another portrait")
    warm.save(at(0.5))
    assert warm.media.fetched == [IMAGE, CACHE]
    assert b"another portrait" in video(warm)


def test_the_queue_makes_no_difference(scene: Scene) -> None:
    for multiplier in (0.4, 0.5):
        scene.gate().handle_event(scene.write(at(multiplier)))
        scene.handler.handle_task(about(AVATAR))
    assert scene.live["state"] == "ready"
    assert scene.media.fetched == [IMAGE, VIDEO, IMAGE, CACHE]
    assert video(scene) == from_scratch(0.5)


def test_a_superseded_drag_leaves_its_motion_to_the_next_move(scene: Scene) -> None:
    moves: list[DocumentWrite] = []
    scene.renderer.steps = [
        lambda: moves.append(scene.write(at(0.5))),
        lambda: scene.clock.advance(2),  # it looks at the document once a second
    ]
    scene.handler.handle_event(scene.write(document()))
    assert scene.outputs == []
    scene.handler.handle_event(moves[0])
    assert scene.media.fetched == [IMAGE, VIDEO, IMAGE, CACHE]
    assert video(scene) == from_scratch(0.5)


def test_a_second_attempt_profits_from_the_first(scene: Scene) -> None:
    def fail() -> None:
        raise EncodeFailed("no space left")

    scene.renderer.steps = [fail]
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert scene.redeliver(event) == 1
    assert scene.media.fetched == [IMAGE, VIDEO, IMAGE, CACHE]
    assert scene.live["state"] == "ready"


def test_a_synthetic_idle_has_nothing_to_keep() -> None:
    scene = Scene(settings=replace(SETTINGS, synthetic_idle=True))
    scene.save(document(training__heroVideoUrl=UNSET))
    assert scene.live["state"] == "ready"
    assert cached(scene) is None


# --- whose motion it is


STORED = StoredObject(path=VIDEO, generation=7, size_bytes=4)
KEY = motion_key(STORED, "mesh-1-0123abcd", max_seconds=10.0)


def test_the_key_is_a_digest_of_all_that_matters() -> None:
    assert len(KEY) == 64
    same = replace(STORED, size_bytes=5, token="t", metadata={"more": "or less"})
    assert motion_key(same, "mesh-1-0123abcd", max_seconds=10.0) == KEY
    others = {
        motion_key(replace(STORED, generation=8), "mesh-1-0123abcd", max_seconds=10.0),
        motion_key(replace(STORED, path=f"{VIDEO}2"), "mesh-1-0123abcd", max_seconds=10.0),
        motion_key(STORED, "mesh-1-0123abce", max_seconds=10.0),
        motion_key(STORED, "mesh-1-0123abcd", max_seconds=10.5),
        motion_key(STORED, "mesh-1-0123abcd", max_seconds=10.0, species=Species.ANIMAL),
    }
    assert len(others - {KEY}) == 5


def test_an_overwritten_clip_is_read_and_its_motion_replaces_the_old(
    warm: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    warm.media.put(VIDEO, b"another clip")
    warm.save(at(0.5))
    assert warm.media.fetched == [IMAGE, VIDEO]
    held = cached(warm)
    assert held is not None
    assert held.body == b"motion by mesh-1-0123abcd of another clip"
    assert told(capsys, "kept motion not used") == []
    warm.save(at(0.6))
    assert b"another clip" in video(warm)
    assert len(warm.renderer.recalls) == 1


def test_another_engine_reads_the_clip_anew(warm: Scene) -> None:
    newer = ScriptedRenderer(engine_version="mesh-2-0123abcd")
    warm.second_instance(newer).handle_event(warm.write(at(0.5)))
    assert warm.media.fetched == [IMAGE, VIDEO]
    held = cached(warm)
    assert held is not None
    assert held.body.startswith(b"motion by mesh-2")


# --- what is wrong with it


def damaged(scene: Scene, **changes: Any) -> None:
    held = scene.media.objects[CACHE]
    body = changes.pop("body", held.body)
    scene.media.put(CACHE, body, metadata={**held.metadata, **changes})


def compressed(scene: Scene) -> None:
    scene.media.objects[CACHE].encoding = "gzip"


class Long(bytes):
    def __len__(self) -> int:
        return 16_000_001


def vanish_while_fetched(scene: Scene) -> None:
    fetch = scene.media.fetch

    def gone(wanted: StoredObject, to: Any) -> None:
        if wanted.path == CACHE:
            del scene.media.objects[CACHE]
        fetch(wanted, to)

    scene.media.fetch = gone  # type: ignore[method-assign]


def fail_to_fetch(scene: Scene) -> None:
    fetch = scene.media.fetch

    def fail(wanted: StoredObject, to: Any) -> None:
        if wanted.path == CACHE:
            raise ConnectionError("reset by peer")
        fetch(wanted, to)

    scene.media.fetch = fail  # type: ignore[method-assign]


FOREIGN = b"motion by somebody else"
WRONG: dict[str, tuple[Callable[[Scene], object], str]] = {
    "damaged": (lambda scene: damaged(scene, body=b"motion by mesh-1"), "digest"),
    "cut off": (lambda scene: damaged(scene, body=b""), "digest"),
    "without digest": (lambda scene: damaged(scene, sha256=""), "digest"),
    "too large": (lambda scene: damaged(scene, body=Long(b"x")), "16000001 bytes"),
    "compressed": (compressed, "content encoding 'gzip'"),
    "not the engine's": (
        lambda scene: damaged(scene, body=FOREIGN, sha256=hashlib.sha256(FOREIGN).hexdigest()),
        "another engine's",
    ),
    "vanished": (vanish_while_fetched, "no longer at generation"),
    "out of reach": (fail_to_fetch, "reset by peer"),
}


@pytest.mark.parametrize(("wrong", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_it_is_told_and_the_clip_is_read(
    warm: Scene, capsys: pytest.CaptureFixture[str], wrong: Callable[[Scene], object], reason: str
) -> None:
    before = warm.media.objects[CACHE]
    wrong(warm)
    warm.save(at(0.5))
    assert warm.live["state"] == "ready"
    assert VIDEO in warm.media.fetched
    assert video(warm) == from_scratch(0.5)
    (line,) = told(capsys, "kept motion not used")
    assert (line["severity"], line["path"]) == ("WARNING", CACHE)
    assert reason in line["reason"]
    held = cached(warm)
    assert held is not None
    assert held.body == MOTION
    assert held.generation > before.generation


def test_a_store_that_cannot_be_asked_is_told_too(
    warm: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    find = warm.media.find

    def fail(path: str) -> StoredObject | None:
        if path == CACHE:
            raise ConnectionError("reset by peer")
        return find(path)

    warm.media.find = fail  # type: ignore[method-assign]
    held = cached(warm)
    warm.save(at(0.5))
    assert warm.live["state"] == "ready"
    assert VIDEO in warm.media.fetched
    assert len(told(capsys, "kept motion not used")) == 1
    assert cached(warm) is held


def test_what_cannot_be_deleted_is_replaced(warm: Scene) -> None:
    damaged(warm, body=b"motion by")
    warm.media.faults["delete"] = [OSError("busy")]
    warm.save(at(0.5))
    held = cached(warm)
    assert held is not None
    assert held.body == MOTION


# --- storing it


def test_storing_that_fails_fails_no_render(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.media.faults["keep"] = [OSError("connection reset")]
    scene.save(document())
    assert scene.live["state"] == "ready"
    assert cached(scene) is None
    (line,) = told(capsys, "motion not kept")
    assert (line["severity"], line["reason"]) == ("WARNING", "connection reset")


@pytest.mark.parametrize("is_replacing", [False, True])
def test_what_another_attempt_has_stored_meanwhile_is_let_be(
    scene: Scene, is_replacing: bool
) -> None:
    if is_replacing:
        scene.media.put(CACHE, b"old", metadata={"key": "another"})
    while_it_is_kept(scene, lambda: scene.media.put(CACHE, b"theirs"), nothing)
    scene.save(document())
    assert scene.live["state"] == "ready"
    held = cached(scene)
    assert held is not None
    assert held.body == b"theirs"


def test_an_upload_whose_answer_was_lost_is_recalled(scene: Scene) -> None:
    def lose() -> None:
        raise ConnectionError("answer lost")

    while_it_is_kept(scene, nothing, lose)
    scene.save(document())
    assert scene.live["state"] == "ready"
    scene.save(at(0.5))
    assert scene.renderer.recalls == [MOTION]


def test_who_has_lost_the_lease_stores_nothing(scene: Scene) -> None:
    scene.renderer.before_motion = [lambda: scene.ledger.keep(AVATAR, Record())]
    scene.save(document())
    assert scene.media.fetched == [IMAGE, VIDEO, IMAGE, VIDEO]  # nobody holds it: claimed again
    assert scene.media.calls["keep"] == 1


def test_whose_time_is_over_stores_nothing(scene: Scene) -> None:
    scene.renderer.before_motion = [lambda: scene.clock.advance(10_000)]
    with pytest.raises(RetryLater):
        scene.save(document())
    assert scene.media.calls["keep"] == 0


def test_who_is_superseded_before_the_motion_is_known_stores_nothing(scene: Scene) -> None:
    scene.renderer.before_motion = [lambda: scene.write(at(0.5))]
    scene.handler.handle_event(scene.write(document()))
    assert scene.media.calls["keep"] == 0
