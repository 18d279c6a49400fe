"""A talk is served as an idle video is: the same handler, attempt, lease, quota and clean-up."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from functions.domain.job_record import Deletion
from functions.domain.snapshot import TransactionResult
from functions.domain.task import read_subject
from functions.errors import RetryLater
from liveportrait_core import SpeechMethod, TimedViseme
from tests.functions.doubles import about
from tests.functions.jobs.deletion.deleting import Killed, half_cleaned, once_uploaded
from tests.functions.scene import (
    AVATAR,
    BUCKET,
    IMAGE,
    SETTINGS,
    SOUND,
    TALK,
    UNSET,
    VIDEO,
    Scene,
    document,
    talk_document,
)

FOLDER = f"avatars/{AVATAR}/livePortrait/talks/{TALK}/"
LEDGER = f"{AVATAR}:{TALK}"


@pytest.fixture
def scene() -> Scene:
    """An avatar with its idle video, and a sound."""
    scene = Scene()
    scene.media.put(SOUND, b"sound")
    scene.save(document())
    return scene


def talk_outputs(scene: Scene) -> list[str]:
    return sorted(path for path in scene.media.objects if path.startswith(FOLDER))


def error_of(scene: Scene) -> tuple[Any, Any, Any]:
    talk = scene.talk()
    error = talk["error"] or {}
    return talk["state"], error.get("code"), error.get("field")


def test_a_talk_is_rendered_beside_its_idle_video(scene: Scene) -> None:
    idle = scene.live
    scene.save_talk(talk_document(strength=0.8))
    talk = scene.talk()
    assert talk["state"] == "ready"
    assert talk["idleFingerprint"] == idle["resultFingerprint"]
    assert (talk["startFrame"], talk["resumeFrame"], talk["hasSpeech"]) == (0, 15, True)
    assert talk["method"] == "visemes"
    assert talk["params"] == {
        "method": "visemes", "strength": 0.8, "head": "idle", "base": "idle", "refine": False,
    }  # fmt: skip
    video, poster = f"{talk['videoPath']}", talk_outputs(scene)[0]
    assert talk_outputs(scene) == [poster, video]
    assert video.startswith(f"{FOLDER}{talk['fingerprint']}/{talk['requestId']}/")
    assert video.endswith("/talk.mp4")
    assert dict(scene.media.objects[video].metadata)["talkId"] == TALK
    assert scene.live == idle
    (speech,) = scene.renderer.speeches
    assert (speech.strength, speech.method) == (0.8, SpeechMethod.VISEMES)


def test_the_kept_motion_serves_talks_too_and_no_sound_is_kept(scene: Scene) -> None:
    scene.media.fetched.clear()
    scene.save_talk(talk_document())
    assert SOUND in scene.media.fetched
    assert len(scene.renderer.recalls) == 1
    assert not any(b"sound" in held.body for path, held in scene.media.objects.items()
                   if path != SOUND and not path.startswith(FOLDER))  # fmt: skip


def test_the_same_request_renders_once_and_a_nonce_again(scene: Scene) -> None:
    scene.save_talk(talk_document())
    scene.save_talk(talk_document())
    assert len(scene.renderer.speeches) == 1
    scene.save_talk(talk_document(renderNonce=2))
    assert len(scene.renderer.speeches) == 2


def test_a_new_idle_does_not_render_its_talks_anew(scene: Scene) -> None:
    scene.save_talk(talk_document())
    before = scene.talk()
    scene.save(document(training__livePortrait__drivingMultiplier=0.7))
    assert len(scene.renderer.speeches) == 1
    assert scene.talk() == before
    assert before["idleFingerprint"] != scene.live["resultFingerprint"]


def test_what_is_said_and_how_decides_the_fingerprint(scene: Scene) -> None:
    visemes = [{"ms": 0, "viseme": "PP"}, {"ms": 120.0, "viseme": "aa"}]
    named = []
    for request in ({}, {"strength": 0.5}, {"text": "Hello"}, {"visemes": visemes}):
        scene.save_talk(talk_document(**request))
        named.append(scene.talk()["fingerprint"])
    scene.media.put(SOUND, b"another sound")
    scene.save_talk(talk_document(renderNonce=None))
    named.append(scene.talk()["fingerprint"])
    assert len(set(named)) == 5
    assert [bool(each.visemes) for each in scene.renderer.speeches].count(True) == 1
    assert scene.renderer.speeches[3].visemes[1] == TimedViseme(at_ms=120, viseme="aa")


def test_a_changed_request_replaces_the_render_in_work(scene: Scene) -> None:
    event = scene.write_talk(talk_document(strength=0.5))
    scene.renderer.steps = [
        lambda: scene.clock.advance(2),
        lambda: scene.write_talk(talk_document(strength=0.6)),
        lambda: scene.clock.advance(2),
    ]
    scene.handler.handle_event(event)
    assert scene.talk()["state"] == "rendering"
    scene.handler.handle_event(replace(scene.write_talk(talk_document(strength=0.6)), before=None))
    assert scene.talk()["params"]["strength"] == 0.6
    assert len(talk_outputs(scene)) == 2


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"avatarImageUrl": None}, ("blocked", "MISSING_HERO_IMAGE", "avatarImageUrl")),
        (
            {"training__heroVideoUrl": None},
            ("blocked", "MISSING_HERO_VIDEO", "training.heroVideoUrl"),
        ),
        ({"training__dynamicsEnabled": False}, ("disabled", None, None)),
        (
            {"training__livePortrait__scale": "big"},
            ("failed", "INVALID_PARAMS", "training.livePortrait.scale"),
        ),
    ],
)
def test_what_stops_the_avatar_stops_its_talks(
    scene: Scene, changes: dict[str, Any], refusal: tuple[Any, Any, Any]
) -> None:
    scene.save(document(**changes))
    scene.save_talk(talk_document())
    assert error_of(scene) == refusal
    assert not scene.renderer.speeches


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"audioUrl": UNSET}, ("blocked", "MISSING_AUDIO", "request.audioUrl")),
        ({"audioUrl": ""}, ("blocked", "MISSING_AUDIO", "request.audioUrl")),
        (
            {"audioUrl": "https://example.com/a.wav"},
            ("failed", "URL_NOT_ALLOWED", "request.audioUrl"),
        ),
        (
            {"audioUrl": f"gs://{BUCKET}/avatars/{AVATAR}/livePortrait/x.mp4"},
            ("failed", "URL_NOT_ALLOWED", "request.audioUrl"),
        ),
        ({"strength": "loud"}, ("failed", "INVALID_PARAMS", "request.strength")),
        ({"text": 7}, ("failed", "INVALID_PARAMS", "request.text")),
        ({"text": "a" * 5001}, ("failed", "INVALID_PARAMS", "request.text")),
        ({"visemes": "PP"}, ("failed", "INVALID_PARAMS", "request.visemes")),
        (
            {"visemes": [{"ms": 5, "viseme": "PP"}, {"ms": 2, "viseme": "aa"}]},
            ("failed", "INVALID_PARAMS", "request.visemes"),
        ),
        ({"method": "magic"}, ("failed", "INVALID_PARAMS", "request.method")),
        ({"method": "joyvasa"}, ("failed", "METHOD_NOT_INSTALLED", "request.method")),
        ({"head": "speech"}, ("failed", "METHOD_NOT_INSTALLED", "request.method")),
        (
            {"method": "visemes", "head": "speech"},
            ("failed", "INVALID_PARAMS", "request.head"),
        ),
        ({"base": "heroVideo"}, ("failed", "METHOD_NOT_INSTALLED", "request.method")),
        ({"refine": True}, ("failed", "METHOD_NOT_INSTALLED", "request.method")),
    ],
)
def test_what_a_talk_may_ask_for(
    scene: Scene, request_: dict[str, Any], refusal: tuple[Any, Any, Any]
) -> None:
    scene.save_talk(talk_document(**request_))
    assert error_of(scene) == refusal
    assert not scene.renderer.speeches


def test_a_strength_out_of_range_is_clamped(scene: Scene) -> None:
    scene.save_talk(talk_document(strength=9))
    assert scene.talk()["params"]["strength"] == 1.5
    assert scene.talk()["warnings"] == ["PARAM_CLAMPED"]


def test_a_sound_that_is_not_there_yet_is_waited_for(scene: Scene) -> None:
    del scene.media.objects[SOUND]
    event = scene.write_talk(talk_document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert error_of(scene) == ("queued", "AUDIO_NOT_FOUND", "request.audioUrl")
    scene.media.put(SOUND, b"sound")
    scene.handler.handle_event(event)
    assert scene.talk()["state"] == "ready"
    assert scene.ledger.record(LEDGER).attempts == 0


def test_another_owners_sound_is_refused(scene: Scene) -> None:
    scene.media.put(SOUND, b"sound", metadata={"ownerUid": "somebody"})
    scene.save_talk(talk_document())
    assert error_of(scene) == ("failed", "INPUT_NOT_OWNED", "request.audioUrl")


def test_a_forged_answer_is_corrected(scene: Scene) -> None:
    scene.save_talk(talk_document())
    good = scene.talk()
    path = str(about(AVATAR, TALK))
    scene.ledger.documents[path]["talk"] = {"state": "ready", "videoUrl": "https://evil"}
    scene.save_talk(talk_document(renderNonce=None))
    assert scene.talk() == good


def test_deleting_a_talk_deletes_its_objects_and_its_ledger(scene: Scene) -> None:
    scene.save_talk(talk_document())
    idle = scene.live["idleVideoPath"]
    scene.save_talk(None)
    assert talk_outputs(scene) == []
    assert LEDGER not in scene.ledger.jobs
    assert idle in scene.media.objects
    assert SOUND in scene.media.objects
    assert f"deleted:{AVATAR}" not in scene.ledger.quotas


def test_a_talk_may_be_made_again_under_its_id(scene: Scene) -> None:
    scene.save_talk(talk_document())
    scene.save_talk(None)
    scene.save_talk(talk_document())
    assert scene.talk()["state"] == "ready"


def deliver(scene: Scene, events: list[Callable[[], object]]) -> None:
    """Serve what the deletion of talks tells of."""
    while events:
        events.pop(0)()


def test_deleting_an_avatar_deletes_its_talks(scene: Scene) -> None:
    scene.save_talk(talk_document())
    scene.save_talk(talk_document(strength=0.5), "second")
    left: list[Callable[[], object]] = []
    scene.ledger.talk_deleted = lambda path, before: left.append(
        lambda: scene.handler.handle_subject(about(AVATAR, path.rpartition("/")[2]))
    )
    scene.clock.advance(1)
    scene.save(None)
    assert len(left) == 2
    deliver(scene, left)
    assert scene.ledger.documents == {}
    assert scene.ledger.jobs == {}
    assert scene.media.objects == {}


def test_an_avatars_deletion_stops_the_talk_in_work(scene: Scene) -> None:
    event = scene.write_talk(talk_document())
    scene.renderer.steps = [
        lambda: scene.clock.advance(2),
        lambda: scene.save(None),
        lambda: scene.clock.advance(2),
    ]
    scene.handler.handle_event(event)
    scene.handler.handle_subject(about(AVATAR, TALK))  # as the event of the talk's deletion does
    assert talk_outputs(scene) == []
    assert scene.ledger.documents == {}
    assert scene.ledger.jobs == {}


def test_a_talk_without_its_avatar_is_deleted(scene: Scene) -> None:
    scene.save_talk(talk_document())
    scene.ledger.documents.pop(AVATAR)
    scene.handler.handle_subject(about(AVATAR, TALK))
    assert scene.ledger.documents == {}
    assert LEDGER not in scene.ledger.jobs


def test_an_event_that_finds_no_avatar_takes_the_talk_with_it(scene: Scene) -> None:
    """The avatar may be there again before its deletion is served, and nobody would look again."""
    event = scene.write_talk(talk_document())
    scene.ledger.documents.pop(AVATAR)
    scene.handler.handle_event(event)
    assert str(about(AVATAR, TALK)) not in scene.ledger.documents
    assert LEDGER not in scene.ledger.jobs


def test_a_talk_whose_avatar_comes_back_during_its_clean_up_shows_nothing_stale(
    scene: Scene,
) -> None:
    """The avatar's own deletion is never served then: what is shown would stand for ever."""
    event = scene.write_talk(talk_document())
    scene.ledger.documents.pop(AVATAR)
    delete = scene.media.delete_prefix

    def late(deletion: Deletion) -> None:
        scene.media.delete_prefix = delete  # type: ignore[method-assign]
        scene.write(document())
        delete(deletion)

    scene.media.delete_prefix = late  # type: ignore[method-assign]
    scene.handler.handle_event(event)
    assert AVATAR in scene.ledger.documents
    assert str(about(AVATAR, TALK)) not in scene.ledger.documents
    assert LEDGER not in scene.ledger.jobs


def test_a_talk_that_finds_its_avatar_there_again_is_served(scene: Scene) -> None:
    event, avatar = scene.write_talk(talk_document()), scene.ledger.documents.pop(AVATAR)
    transact = scene.ledger.transact

    def late(*args: Any, **kwargs: Any) -> TransactionResult[Any]:
        scene.ledger.documents.setdefault(AVATAR, avatar)
        return transact(*args, **kwargs)

    scene.ledger.transact = late  # type: ignore[method-assign]
    scene.handler.handle_event(event)
    assert scene.talk()["state"] == "ready"


def test_a_late_look_that_finds_no_avatar_takes_the_talk_with_it(scene: Scene) -> None:
    scene.waitless_gate().handle_event(scene.write_talk(talk_document()))
    (look,) = scene.queue.looks
    scene.ledger.documents.pop(AVATAR)
    scene.clock.advance(5)
    scene.waitless_gate().handle_look(look)
    assert str(about(AVATAR, TALK)) not in scene.ledger.documents


def test_a_talk_of_the_former_life_is_not_published_in_the_next(scene: Scene) -> None:
    def made_again() -> None:
        deletion, killed = scene.write(None), cast(Exception, Killed())
        scene.media.faults["delete_prefix"] = [killed]
        with pytest.raises(Killed):
            scene.handler.handle_event(deletion)
        scene.write(document())

    once_uploaded(scene, made_again, name="talk.mp4")
    scene.save_talk(talk_document())
    assert error_of(scene)[:2] == ("failed", "INPUT_NOT_OWNED")  # the sound is of that life, too
    assert talk_outputs(scene) == []


def test_a_talk_of_the_next_life_waits_for_the_clean_up(scene: Scene) -> None:
    """What was noted goes later, too: a talk made meanwhile would go with it."""
    deletion = half_cleaned(scene)
    scene.write(document())
    for path in (IMAGE, VIDEO, SOUND):
        scene.media.put(path, b"again")
    scene.save_talk(talk_document())
    video = scene.talk()["videoPath"]
    scene.redeliver(deletion, times=2)
    assert video in scene.media.objects


def test_a_talk_of_the_next_life_stays(scene: Scene) -> None:
    """What is made after the clean-up has begun belongs to the avatar that is there again."""
    scene.save_talk(talk_document())
    deletion = scene.write(None)
    lose = scene.ledger.delete_documents

    def late(deletion: Deletion) -> None:
        scene.clock.advance(1)
        scene.write(document())
        scene.write_talk(talk_document(), "fresh")
        lose(deletion)

    scene.ledger.delete_documents = late  # type: ignore[method-assign]
    scene.handler.handle_event(deletion)
    assert str(about(AVATAR, "fresh")) in scene.ledger.documents
    assert str(about(AVATAR, TALK)) not in scene.ledger.documents


def test_renders_are_counted_with_the_avatars(scene: Scene) -> None:
    scene.save_talk(talk_document())
    assert scene.starts == 2
    assert scene.ledger.quotas["owner:owner-1"]["starts"] == 2
    assert scene.ledger.quotas["owner:owner-1"]["spokenMs"] == scene.talk()["durationMs"]


def test_the_seconds_of_an_owner_are_bounded() -> None:
    scene = Scene(settings=replace(SETTINGS, talk_seconds_per_owner_day=3))
    scene.media.put(SOUND, b"sound")
    scene.save(document())
    scene.save_talk(talk_document())
    scene.save_talk(talk_document(), "second")
    scene.save_talk(talk_document(), "third")
    assert scene.talk("second")["state"] == "ready"
    assert scene.talk("third")["error"]["code"] == "QUOTA_EXCEEDED"
    scene.save(document(training__livePortrait__drivingMultiplier=0.7))
    assert scene.live["state"] == "ready"
    scene.clock.advance(86_400)
    scene.save_talk(talk_document(renderNonce=1), "third")
    assert scene.talk("third")["state"] == "ready"


def test_a_gate_leaves_a_task_that_names_the_talk(scene: Scene) -> None:
    scene.gate().handle_event(scene.write_talk(talk_document()))
    (task,) = scene.queue.pending
    assert task.body == b'{"avatarId": "ava", "talkId": "hello"}'
    scene.second_instance().handle_task(read_subject(task.body))
    assert scene.talk()["state"] == "ready"
    assert scene.ledger.record(LEDGER).dispatch is None


def test_an_unrelated_write_is_ignored(scene: Scene) -> None:
    scene.save_talk(talk_document())
    scene.ledger.calls.clear()
    scene.save_talk({**talk_document(), "title": "Greeting"})
    assert not scene.ledger.calls


def test_a_removed_request_takes_a_queued_one_back(scene: Scene) -> None:
    del scene.media.objects[SOUND]
    with pytest.raises(RetryLater):
        scene.save_talk(talk_document())
    scene.save_talk({})
    assert "talk" not in scene.ledger.documents[str(about(AVATAR, TALK))]


def test_a_portrait_that_is_replaced_takes_part_in_the_fingerprint(scene: Scene) -> None:
    scene.save_talk(talk_document())
    first = scene.talk()["fingerprint"]
    scene.media.put(IMAGE, b"another portrait")
    scene.save_talk(talk_document(renderNonce=None))
    assert scene.talk()["fingerprint"] != first
