"""Reconcile goes over talks as over avatars: contract.md, sections 10 and 12."""

from dataclasses import replace

import pytest

from functions.domain.job_record import Deletion
from functions.reconcile.findings import Finding
from functions.talk_settings import TalkMethods
from tests.functions.doubles import about
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import AVATAR, SOUND, TALK, Scene, document, talk_document
from tests.functions.scripted_renderer import ScriptedRenderer

PATH = str(about(AVATAR, TALK))
LEDGER = f"{AVATAR}:{TALK}"


@pytest.fixture
def watch() -> Watch:
    """An avatar and its talk, both served to their end."""
    watch = Watch()
    scene = watch.scene
    scene.media.put(SOUND, b"sound")
    scene.save(document())
    scene.save_talk(talk_document())
    return watch


def test_a_sound_talk_is_not_written_to(watch: Watch) -> None:
    before = watch.world()
    report = watch.sweep()
    assert (report.found, report.faults) == ({}, 0)
    assert watch.world() == before


def test_a_lost_event_is_made_up_for(watch: Watch) -> None:
    watch.scene.write_talk(talk_document(strength=0.5))
    assert watch.sweep().mended == {"lost-event": 1}
    assert watch.scene.talk()["params"]["strength"] == 0.5


def test_a_lost_deletion_is_made_up_for(watch: Watch) -> None:
    watch.scene.write_talk(None)
    assert watch.sweep(dry_run=True).found == {"no-document": 1}
    assert watch.sweep().mended == {"no-document": 1}
    assert LEDGER not in watch.scene.ledger.jobs
    assert not [path for path in watch.scene.media.objects if path.endswith("talk.mp4")]


def test_what_a_late_render_uploads_for_a_deleted_talk_goes(watch: Watch) -> None:
    """It stood still while the talk was deleted, uploaded, and died: only the object tells."""
    watch.scene.save_talk(None)
    late = about(AVATAR, TALK).attempt_folder("0" * 16, "0" * 36) + "talk.mp4"
    watch.scene.media.put(late, b"late")
    assert watch.sweep().mended == {"no-document": 1}
    assert late not in watch.scene.media.objects
    assert LEDGER not in watch.scene.ledger.jobs


def test_a_talk_whose_avatar_is_gone_goes_too(watch: Watch) -> None:
    watch.scene.write(None)
    assert watch.sweep().mended == {"no-document": 2}
    assert watch.scene.ledger.documents == {}
    assert watch.scene.ledger.jobs == {}


def test_a_talk_of_another_idle_video_is_counted_and_left_alone(watch: Watch) -> None:
    watch.scene.save(document(training__livePortrait__drivingMultiplier=0.7))
    before = watch.scene.talk()
    report = watch.sweep()
    assert (report.found, report.mended) == ({"outdated": 1}, {})
    assert watch.scene.talk() == before


def test_a_method_that_is_offered_later_renders_no_finished_talk_anew(watch: Watch) -> None:
    scene = watch.scene
    methods = TalkMethods(offered=("joyvasa", "visemes"))
    later = Watch(scene=Scene(settings=replace(scene.settings, talk_methods=methods)))
    later.scene.ledger.documents, later.scene.ledger.jobs = (
        scene.ledger.documents,
        scene.ledger.jobs,
    )
    later.scene.media.objects = scene.media.objects
    report = later.sweep()
    assert (report.found, report.mended) == ({"outdated": 1}, {})
    assert scene.talk()["method"] == "visemes"


def test_a_video_that_is_gone_is_rendered_again(watch: Watch) -> None:
    first = watch.scene.talk()["videoPath"]
    del watch.scene.media.objects[first]
    assert watch.sweep().mended == {"result-gone": 1}
    assert watch.scene.talk()["videoPath"] != first


def test_a_forged_answer_is_corrected(watch: Watch) -> None:
    good = watch.scene.talk()
    watch.scene.ledger.documents[PATH]["talk"] = {"state": "ready", "videoUrl": "https://evil"}
    assert watch.sweep().mended == {"not-shown": 1}
    assert watch.scene.talk() == good


def test_what_a_ledger_notes_is_deleted(watch: Watch) -> None:
    scene = watch.scene
    old = f"{about(AVATAR, TALK).output_folder}0123456789abcdef/x/talk.mp4"
    scene.media.put(old, b"old")
    scene.ledger.keep(LEDGER, scene.ledger.record(LEDGER).deleting(Deletion(path=old)))
    assert watch.sweep().mended == {"litter": 1}
    assert old not in scene.media.objects


def test_a_talk_that_was_refused_is_asked_again(watch: Watch) -> None:
    watch.scene.save(document(avatarImageUrl=None))
    watch.scene.save_talk(talk_document(strength=0.3))
    assert watch.scene.talk()["state"] == "blocked"
    watch.scene.save(document())
    assert watch.sweep().mended == {"lost-event": 1}
    assert watch.scene.talk()["params"]["strength"] == 0.3


@pytest.mark.parametrize("another", ["engine", "idle video"])
def test_an_outdated_talk_is_rendered_anew_on_demand(watch: Watch, another: str) -> None:
    """Where another engine, or another idle video, is what it would be made for."""
    newer = ScriptedRenderer(
        engine_version="mesh-2-89abcdef" if another == "engine" else "mesh-1-0123abcd"
    )
    if another == "idle video":
        watch.scene.save(document(training__livePortrait__drivingMultiplier=0.7))
    before = watch.scene.talk()
    assert watch.sweep(renderer=newer).mended == {}
    report = watch.sweep(renderer=newer, upgrade=True)
    assert (
        report.mended[Finding.OUTDATED] == len(newer.renders) == (2 if another == "engine" else 1)
    )
    after = watch.scene.talk()
    assert (after["state"], after["videoPath"] != before["videoPath"]) == ("ready", True)
    assert after["idleFingerprint"] == watch.scene.live["fingerprint"]
    assert watch.sweep(renderer=newer, upgrade=True).attended == 0
