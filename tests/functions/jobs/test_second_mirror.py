"""The optional second mirror in `dynamics.basic` shows what the first one does."""

from dataclasses import replace
from typing import Any

import pytest

from functions.domain.storage_paths import download_url
from tests.functions.scene import AVATAR, OUTPUT, POLICY, SETTINGS, UNSET, Scene, document

OLD = download_url(f"{OUTPUT}ffff/idle.mp4", "x", POLICY)


@pytest.fixture
def scene() -> Scene:
    return Scene(settings=replace(SETTINGS, mirror_dynamics=True))


def saved(scene: Scene, **changes: Any) -> dict[str, Any]:
    """What the app saves, with the second mirror as it stands."""
    return document(dynamics__basic=dict(second(scene)), **changes)


def second(scene: Scene) -> dict[str, Any]:
    basic: dict[str, Any] = scene.ledger.documents[AVATAR]["dynamics"]["basic"]
    return basic


def test_a_result_that_came_after_opting_out_is_shown_when_it_is_asked_for_again(
    scene: Scene,
) -> None:
    scene.save(document())
    wish = {"training__livePortrait__drivingMultiplier": 0.7}
    withdrawn = saved(scene, training__livePortrait=UNSET)
    scene.renderer.steps = [lambda: scene.write(withdrawn)]
    scene.save(saved(scene, **wish))
    assert second(scene)["idleVideoUrl"] != scene.live["idleVideoUrl"]
    scene.save(saved(scene, **wish))
    assert scene.starts == 2
    assert second(scene)["idleVideoUrl"] == scene.live["idleVideoUrl"]
    assert second(scene)["parameters"]["driving_multiplier"] == 0.7


@pytest.mark.parametrize(
    ("url", "healed"), [(OLD, True), (None, True), ("https://elsewhere/x.mp4", False)]
)
def test_a_stale_save_of_both_mirrors_is_healed_once(
    scene: Scene, url: str | None, healed: bool
) -> None:
    scene.save(document())
    stale = saved(scene, training__livePortrait__idleVideoUrl=OLD)
    stale["dynamics"]["basic"]["idleVideoUrl"] = url
    scene.save(stale)
    assert (second(scene)["idleVideoUrl"] == scene.live["idleVideoUrl"]) == healed
    assert len(scene.renderer.renders) == 1


def test_a_mirror_that_stands_is_not_written(scene: Scene) -> None:
    scene.save(document())
    before = dict(second(scene))
    scene.clock.advance(60)
    scene.save(saved(scene, training__livePortrait__mood="calm"))
    assert second(scene) == before
