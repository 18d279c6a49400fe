"""Whatever happened to an avatar, unheard, in whatever order: a few passes, and all is well."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.domain.field_values import dig
from functions.domain.job_record import Record
from functions.errors import RetryLater
from tests.functions.reconcile.reconciling import Watch, plays
from tests.functions.scene import AVATAR, IMAGE, UNSET, VIDEO, Scene, document

URL = ("livePortrait", "idleVideoUrl")
MULTIPLIER = ("training", "livePortrait", "drivingMultiplier")
CACHE = f"livePortraitCache/avatars/{AVATAR}/x"


class Killed(BaseException):
    """The end of a process."""


def params(multiplier: float) -> dict[str, object]:
    return {"drivingMultiplier": multiplier, "normalizeLip": True, "animationRegion": "all"}


def unheard(**changes: object) -> Callable[[Scene], object]:
    """The app writes, and the event is lost."""
    return lambda scene: scene.write(document(**changes))


def heard(**changes: object) -> Callable[[Scene], object]:
    def save(scene: Scene) -> None:
        event = scene.write(document(**changes))
        with suppress(RetryLater):  # its redelivery is lost, too
            scene.handler.handle_event(event)

    return save


def killed(scene: Scene) -> None:
    """The next render, if one is needed, is the last thing its instance does."""

    def kill() -> None:
        raise Killed

    scene.renderer.steps = [kill]
    event = scene.write(document(training__livePortrait=params(0.6)))
    with suppress(Killed, RetryLater):
        scene.handler.handle_event(event)
    scene.renderer.steps = []


def lose_object(name: str) -> Callable[[Scene], object]:
    def lose(scene: Scene) -> None:
        for path in [path for path in scene.outputs if path.endswith(name)][:1]:
            del scene.media.objects[path]

    return lose


def replace_objects(scene: Scene) -> None:
    for path in scene.outputs[-1:]:
        scene.media.put(path, b"forged", token="forged")


def revoke(scene: Scene) -> None:
    for number, path in enumerate(scene.outputs):
        scene.media.objects[path].token = ("", "another")[number % 2]


def forge(scene: Scene) -> None:
    if AVATAR in scene.ledger.documents:
        scene.ledger.documents[AVATAR]["livePortrait"] = {"state": "ready", "idleVideoUrl": "x"}


def lose_ledger(scene: Scene) -> None:
    scene.ledger.jobs.pop(AVATAR, None)


def lose_portrait(scene: Scene) -> None:
    scene.media.objects.pop(IMAGE, None)


def bring_inputs(scene: Scene) -> None:
    scene.media.put(IMAGE, b"portrait")
    scene.media.put(VIDEO, b"clip")


def cache(scene: Scene) -> None:
    scene.media.put(CACHE, b"cache")


HAPPENINGS: dict[str, Callable[[Scene], object]] = {
    "saved unheard": unheard(),
    "changed unheard": unheard(training__livePortrait=params(0.7)),
    "saved": heard(),
    "changed": heard(training__livePortrait=params(0.7)),
    "withdrawn unheard": unheard(training__livePortrait=UNSET),
    "withdrawn": heard(training__livePortrait=UNSET),
    "disabled unheard": unheard(training__dynamicsEnabled=False),
    "blocked": heard(avatarImageUrl=None),
    "wrong": heard(training__livePortrait=params(0.7) | {"normalizeLip": "yes"}),
    "deleted unheard": lambda scene: scene.write(None),
    "killed": killed,
    "video lost": lose_object("idle.mp4"),
    "poster lost": lose_object("poster.jpg"),
    "objects replaced": replace_objects,
    "tokens revoked": revoke,
    "forged": forge,
    "ledger lost": lose_ledger,
    "portrait lost": lose_portrait,
    "inputs brought": bring_inputs,
    "cached": cache,
}


@pytest.mark.timeout(600)  # hypothesis shortens a counterexample for up to 300 s
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.booleans()), max_size=9))
def test_a_few_passes_mend_everything(happenings: list[tuple[str, bool]]) -> None:
    watch = Watch()
    scene = watch.scene
    for name, later in happenings:
        HAPPENINGS[name](scene)
        scene.clock.advance(3600 if later else 1)
    for _ in range(5):  # three attempts, and what each of them may bring to light
        scene.clock.advance(3600)
        assert watch.sweep().faults == 0
    before = watch.world()
    scene.clock.advance(3600)
    assert (watch.sweep().attended, watch.world()) == (0, before)
    check(watch)


def check(watch: Watch) -> None:
    scene = watch.scene
    fields = scene.ledger.documents.get(AVATAR)
    listed = {
        kept.path for result in scene.record.results for kept in (result.video, result.poster)
    }
    assert listed.issuperset(scene.outputs)
    if fields is None:
        assert (scene.ledger.jobs, scene.outputs) == ({}, [])
        assert CACHE not in scene.media.objects
        return
    url, wanted = dig(fields, URL), dig(fields, MULTIPLIER)
    if scene.record.results and scene.live:  # else it is of a life before, and nothing is asked
        assert plays(watch, url)
        assert plays(watch, scene.live["posterUrl"])
    if isinstance(wanted, float):
        assert scene.live["state"] in ("ready", "failed", "blocked", "disabled")
        if scene.live["state"] == "ready":
            assert scene.mirror == url
            assert scene.live["params"]["drivingMultiplier"] == wanted
    if isinstance(wanted, float) or scene.record != Record():  # else it could be anybody's text
        assert scene.live.get("state") not in ("queued", "rendering")
