"""Two versions of an engine, one after the other or beside each other: what is rendered again."""

from dataclasses import replace

import pytest

from functions.domain.subject import Subject
from liveportrait_core.errors import ImageNoFace
from liveportrait_core.options import Engine
from tests.functions.scene import AVATAR, SETTINGS, VIDEO, Scene, document, shown_version
from tests.functions.scripted_renderer import ScriptedRenderer

NEWER = "mesh-2-89abcdef"
OURS = Subject(avatar_id=AVATAR)


def wish(multiplier: float) -> dict[str, object]:
    return document(training__livePortrait={"drivingMultiplier": multiplier})


def answered_by_the_newer_one(scene: Scene) -> ScriptedRenderer:
    """0.5, then 0.4, both rendered by the version that is then taken back."""
    newer = ScriptedRenderer(engine_version=NEWER)
    for multiplier in (0.5, 0.4):
        scene.second_instance(newer).handle_event(scene.write(wish(multiplier)))
    return newer


def test_a_rollback_renders_nothing_that_stands() -> None:
    """The event again, the wish taken back and made anew, an earlier value: all are answered."""
    scene = Scene()
    newer = answered_by_the_newer_one(scene)
    event, writes = scene.write(wish(0.4)), len(scene.ledger.document_writes)
    scene.handler.handle_event(event)  # its save has lost the mirror, which is healed
    assert len(scene.ledger.document_writes) == writes + 1
    scene.handler.handle_event(event)
    assert len(scene.ledger.document_writes) == writes + 1
    off = wish(0.4)
    off["training"]["dynamicsEnabled"] = False  # type: ignore[index]
    for fields in (off, wish(0.4), wish(0.5), wish(0.4)):
        scene.handler.handle_event(scene.write(fields))
    assert scene.live["engineVersion"] == shown_version(newer, SETTINGS)
    assert (scene.renderer.renders, len(newer.renders)) == ([], 2)
    scene.handler.handle_event(scene.write(wish(0.3)))
    assert scene.live["engineVersion"] == shown_version(scene.renderer, SETTINGS)


@pytest.mark.parametrize("queued", [False, True])
def test_an_upgrade_renders_anew(queued: bool) -> None:
    scene = Scene()
    answered_by_the_newer_one(scene)
    handler = scene.gate() if queued else scene.handler
    handler.handle_subject(OURS)
    assert scene.queue.pending == []
    handler.handle_subject(OURS, upgrades=True)
    assert len(scene.queue.pending) == queued
    handler.handle_event(scene.write(wish(0.4)))  # meanwhile, and nothing is taken back by it
    if queued:
        scene.second_instance().handle_task(OURS)
    assert len(scene.renderer.renders) == 1
    assert scene.live["engineVersion"] == shown_version(scene.renderer, SETTINGS)
    assert (scene.live["state"], scene.record.dispatch) == ("ready", None)


def test_a_duplicate_event_does_not_take_an_upgrade_in_work_back() -> None:
    scene = Scene()
    answered_by_the_newer_one(scene)
    event = scene.write(wish(0.4))
    scene.renderer.steps = [lambda: scene.gate().handle_event(event)]
    scene.handler.handle_subject(OURS, upgrades=True)
    assert len(scene.renderer.renders) == 1
    assert scene.live["engineVersion"] == shown_version(scene.renderer, SETTINGS)


def test_what_an_upgrade_failed_at_for_good_stays_failed() -> None:
    scene = Scene()
    answered_by_the_newer_one(scene)
    scene.renderer.steps = [_no_face]
    scene.handler.handle_subject(OURS, upgrades=True)
    scene.handler.handle_subject(OURS)
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "IMAGE_NO_FACE")


def _no_face() -> None:
    raise ImageNoFace


def test_another_engine_answers_for_none() -> None:
    scene = Scene()
    other = ScriptedRenderer(engine=Engine.LIVEPORTRAIT, engine_version="liveportrait-1-89abcdef")
    scene.second_instance(other).handle_event(scene.write(wish(0.4)))
    scene.handler.handle_subject(OURS)
    assert len(scene.renderer.renders) == 1


@pytest.mark.parametrize(("named", "renders"), [((), 1), ((NEWER,), 0), (("mesh-1-00000000",), 1)])
def test_only_the_accepted_versions_answer(named: tuple[str, ...], renders: int) -> None:
    accepted = frozenset(SETTINGS.engine_version_of(version) for version in named)
    scene = Scene(settings=replace(SETTINGS, accepted_versions=accepted))
    answered_by_the_newer_one(scene)
    scene.handler.handle_subject(OURS)
    assert len(scene.renderer.renders) == renders


def test_what_is_gone_of_another_versions_result_is_rendered_by_this_one() -> None:
    scene = Scene()
    answered_by_the_newer_one(scene)
    del scene.media.objects[scene.live["idleVideoPath"]]
    scene.handler.handle_subject(OURS)
    assert len(scene.renderer.renders) == 1


def test_an_input_that_changed_is_rendered_again() -> None:
    """What another version has rendered answers the same wish alone."""
    scene = Scene()
    answered_by_the_newer_one(scene)
    scene.media.put(VIDEO, b"another clip")
    scene.handler.handle_subject(OURS)
    assert len(scene.renderer.renders) == 1
