"""What a talk asks for, and what stands in its way: contract.md, section 11, 58 to 66."""

import signal
from pathlib import Path

import pytest

from emulator.suite import Suite
from tests.core.sounds import silence, spoken, wav
from tests.end_to_end.app import Cloud, Talk
from tests.end_to_end.deployment import Deployment, Dispatch, deployed, tell
from tests.end_to_end.test_reconcile import reconcile
from tests.end_to_end.test_talks import good_url, new_avatar


def error_of(live: dict[str, object]) -> object:
    error = live["error"]
    return error["code"] if isinstance(error, dict) else None


def test_58_a_blocked_avatar(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "faceless")
    avatar.update({"avatarImageUrl": None})
    talk = Talk(avatar)
    talk.say()
    assert error_of(talk.wait_state("blocked")) == "MISSING_HERO_IMAGE"
    cloud.settle()
    assert avatar.renders() == 0


def test_59_no_sound(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "speechless")
    talk = Talk(avatar)
    talk.ask(text="Hello")
    assert error_of(talk.wait_state("blocked")) == "MISSING_AUDIO"
    cloud.settle()
    assert avatar.renders() == 0


@pytest.mark.scenarios
def test_60_a_sound_that_comes_late(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "hesitates")
    talk = Talk(avatar)
    talk.ask(audioUrl=good_url(avatar))
    waiting = talk.wait_state("queued")
    while waiting["error"] is None:
        waiting = talk.wait_state("queued")
    assert error_of(waiting) == "AUDIO_NOT_FOUND"
    talk.upload(cloud.media.sound)
    assert talk.wait_ready()["error"] is None
    assert avatar.renders() == 1


@pytest.mark.scenarios
def test_61_a_sound_that_cannot_be_said(cloud: Cloud, tmp_path: Path) -> None:
    avatar = new_avatar(cloud, "mumbles")
    talk = Talk(avatar)
    text = tmp_path / "text.wav"
    text.write_text("This is no sound.")
    for sound, code in (
        (wav(tmp_path / "long.wav", spoken(("a", 61.0))), "AUDIO_TOO_LONG"),
        (wav(tmp_path / "short.wav", silence(0.1)), "AUDIO_TOO_SHORT"),
        (text, "AUDIO_UNSUPPORTED"),
    ):
        talk.say(sound)
        cloud.settle()
        live = talk.live()
        assert (live["state"], error_of(live)) == ("failed", code)
        assert live["error"]["field"] == "request.audioUrl"
    assert avatar.renders() == 3  # an attempt each
    assert talk.output_names() == []


@pytest.mark.scenarios
def test_62_out_of_range_and_of_the_wrong_type(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "shouts")
    talk = Talk(avatar)
    talk.say(strength=9)
    live = talk.wait_ready(1.5)
    assert "PARAM_CLAMPED" in live["warnings"]
    talk.ask(audioUrl=good_url(avatar), strength="loud")
    live = talk.wait_state("failed")
    assert live["error"] == {
        "code": "INVALID_PARAMS", "field": "request.strength", "retryable": False,
    }  # fmt: skip
    cloud.settle()
    assert avatar.renders() == 1


@pytest.mark.scenarios
def test_63_once_more(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "repeats")
    talk = Talk(avatar)
    talk.say(renderNonce=1, visemes=[{"ms": 0, "viseme": "PP"}, {"ms": 150, "viseme": "aa"}])
    first = talk.wait_ready()
    talk.ask(**{**talk.document.get().to_dict()["request"], "renderNonce": 2})
    cloud.settle()
    second = talk.wait_ready()
    assert first["fingerprint"] != second["fingerprint"]
    assert avatar.renders() == 2


@pytest.mark.scenarios
def test_64_the_quota_of_seconds(
    suite: Suite, cloud: Cloud, dispatch: Dispatch, deployment: Deployment, tmp_path: Path
) -> None:
    limits = {"LIVEPORTRAIT_TALK_SECONDS_PER_OWNER_DAY": "1"}
    with deployed(suite, dispatch, tmp_path, **limits) as strict:
        tell(suite, strict)
        avatar = new_avatar(cloud, "talks-a-lot")
        avatar.update({"userId": avatar.id})
        talks = [Talk(avatar, name) for name in ("one", "two", "three")]
        for talk in talks[:2]:
            talk.say()
            talk.wait_ready()
        talks[2].say()
        assert error_of(talks[2].wait_state("failed")) == "QUOTA_EXCEEDED"
        cloud.settle()
        tell(suite, deployment)
    quota = cloud.database.collection("livePortraitQuota").document(f"owner:{avatar.id}")
    stored = quota.get().to_dict()
    assert stored is not None
    assert (stored["starts"], stored["spokenMs"]) == (2, 1600)


@pytest.mark.soak
@pytest.mark.queue
def test_65_who_renders_is_killed(cloud: Cloud, fragile: Deployment) -> None:
    avatar = new_avatar(cloud, "interrupted")
    talk = Talk(avatar)
    url = talk.upload(cloud.media.sound)
    cloud.suite.control.delay_downloads(3.0, prefix=f"avatars/{avatar.id}/hello")
    talk.ask(audioUrl=url)
    talk.wait_state("rendering")
    fragile.renderer.signal(signal.SIGKILL)
    fragile.renderer.stop()
    fragile.renderer.start()
    assert talk.wait_ready()["error"] is None
    assert avatar.renders() == 2
    assert len(talk.output_names()) == 2


@pytest.mark.scenarios
def test_66_what_no_event_told_of(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "zzz-speaks")
    cloud.settle()
    talk = Talk(avatar)
    cloud.suite.control.drop_events(prefix=f"avatars/{avatar.id}/talks")
    talk.say()
    cloud.settle()
    assert talk.live() == {}
    assert reconcile(cloud)["mended"] == {"lost-event": 1}
    talk.wait_ready()
    assert avatar.renders() == 1
    cloud.suite.control.drop_events(prefix=f"avatars/{avatar.id}/talks")
    talk.document.delete()
    cloud.settle()
    assert reconcile(cloud)["mended"] == {"no-document": 1}
    assert talk.output_names() == []
    assert talk.ledger() == {}


def test_no_sound_is_kept_or_told_by_the_log(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "confides")
    talk = Talk(avatar)
    talk.say(text="Nobody else must know this")
    talk.wait_ready()
    for process in (cloud.deployment.gate, cloud.deployment.renderer):
        assert "must know this" not in process.log.read_text()
    cached = cloud.bucket.list_blobs(prefix=f"livePortraitCache/avatars/{avatar.id}/")
    assert [blob.name.rpartition("/")[2] for blob in cached] == ["motion.npz"]
