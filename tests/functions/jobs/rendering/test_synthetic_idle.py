"""Avatars without a hero video, where the deployment moves them all the same."""

from dataclasses import replace

import pytest

from functions.domain.request import Reader, RenderRequest
from liveportrait_core import SyntheticIdle
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, IMAGE, POLICY, SETTINGS, UNSET, Scene, document, snapshot


@pytest.fixture
def scene() -> Scene:
    return Scene(settings=replace(SETTINGS, synthetic_idle=True))


def request_without_video(avatar_id: str = AVATAR) -> RenderRequest:
    spec = snapshot(document(training__heroVideoUrl=UNSET))
    assert spec is not None
    ask = Reader(policy=POLICY, synthetic_idle=True).read(about(avatar_id), spec)
    assert isinstance(ask, RenderRequest)
    return ask


@pytest.mark.parametrize("nothing", [UNSET, None, ""])
def test_no_hero_video_becomes_a_synthetic_idle(scene: Scene, nothing: object) -> None:
    scene.save(document(training__heroVideoUrl=nothing))
    assert (scene.live["state"], scene.live["error"]) == ("ready", None)
    assert [type(idle) for idle in scene.renderer.idles] == [SyntheticIdle]


def test_only_the_portrait_is_fetched(scene: Scene) -> None:
    scene.media.objects = {IMAGE: scene.media.objects[IMAGE]}
    scene.save(document(training__heroVideoUrl=None))
    assert scene.live["state"] == "ready"


def test_an_avatar_always_moves_in_its_own_way(scene: Scene) -> None:
    scene.save(document(training__heroVideoUrl=None))
    scene.save(document(training__heroVideoUrl=None, training__livePortrait__renderNonce="again"))
    other = Scene(settings=scene.settings)
    other.save(document(training__heroVideoUrl=None))
    first, again = scene.renderer.idles
    assert other.renderer.idles == [first]
    assert first.seed != again.seed


def test_a_hero_video_that_comes_later_is_rendered(scene: Scene) -> None:
    scene.save(document(training__heroVideoUrl=None))
    synthetic = scene.live["idleVideoUrl"]
    scene.save(document())
    assert len(scene.renderer.renders) == 2
    assert len(scene.renderer.idles) == 1
    assert scene.live["idleVideoUrl"] != synthetic


def test_a_hero_video_that_is_named_but_gone_is_still_missing(scene: Scene) -> None:
    scene.media.objects = {IMAGE: scene.media.objects[IMAGE]}
    event = scene.write(document())
    with pytest.raises(AssertionError):
        scene.redeliver(event, times=1)
    assert scene.live["error"]["code"] == "HERO_VIDEO_NOT_FOUND"
    assert scene.renderer.idles == []


def test_a_missing_portrait_still_blocks(scene: Scene) -> None:
    scene.save(document(avatarImageUrl=None, training__heroVideoUrl=None))
    assert scene.live["error"]["code"] == "MISSING_HERO_IMAGE"


def test_an_empty_video_is_another_render_than_a_clip() -> None:
    spec = snapshot(document())
    assert spec is not None
    with_clip = Reader(policy=POLICY, synthetic_idle=True).read(about(AVATAR), spec)
    assert not request_without_video().same_render(with_clip)
    assert request_without_video().same_render(request_without_video())
