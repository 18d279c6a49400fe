"""What a save leads to, from the gate to the outcome: the scenarios of contract.md."""

from dataclasses import replace

import pytest

from functions.domain.field_values import ABSENT
from liveportrait_core import Engine, RenderWarning
from liveportrait_core.errors import ImageNoFace
from tests.functions.scene import (
    AVATAR,
    BUCKET,
    OUTPUT,
    UNSET,
    Scene,
    document,
)
from tests.functions.scripted_renderer import ScriptedRenderer


@pytest.fixture
def scene() -> Scene:
    return Scene()


class Killed(BaseException):
    """The process is no more."""


def die() -> None:
    raise Killed


def params(multiplier: object) -> dict[str, object]:
    return {"drivingMultiplier": multiplier, "normalizeLip": True, "animationRegion": "all"}


def test_a_first_save_renders_and_publishes(scene: Scene) -> None:
    scene.renderer.warnings = (RenderWarning.VIDEO_TRIMMED,)
    scene.save(document())
    assert scene.states == ["queued", "rendering", "ready"]
    live = scene.live
    folder = f"{OUTPUT}{live['fingerprint']}/{live['requestId']}"
    assert scene.outputs == [f"{folder}/idle.mp4", f"{folder}/poster.jpg"]
    assert list(scene.media.objects)[-2:] == [f"{folder}/poster.jpg", f"{folder}/idle.mp4"]
    video = scene.media.objects[f"{folder}/idle.mp4"]
    assert video.content_type == "video/mp4"
    assert video.metadata == {
        "avatarId": AVATAR,
        "fingerprint": live["fingerprint"],
        "engineVersion": live["engineVersion"],
    }
    quoted = f"{folder}/idle.mp4".replace("/", "%2F")
    assert live["idleVideoUrl"] == (
        f"https://firebasestorage.googleapis.com/v0/b/{BUCKET}/o/{quoted}"
        f"?alt=media&token={video.token}"
    )
    assert scene.mirror == live["idleVideoUrl"]
    assert (live["contract"], live["engine"], live["progress"]) == (1, "mesh", 100)
    assert live["warnings"] == ["VIDEO_TRIMMED"]
    assert live["error"] is None
    assert live["requestedAt"] <= live["startedAt"] <= live["finishedAt"] <= live["deadlineAt"]
    assert (live["width"], live["height"], live["frameCount"]) == (300, 400, 60)
    assert live["fps"] == pytest.approx(29.97, abs=1e-3)
    assert "stage" not in live
    assert scene.record.lease is None


def test_only_our_fields_are_written(scene: Scene) -> None:
    scene.save(document())
    written = {path for _, fields in scene.ledger.document_writes for path in fields}
    assert written == {"livePortrait", "training.livePortrait.idleVideoUrl"}
    assert len(scene.ledger.document_writes) == 3


def test_a_newer_save_during_the_debounce_wins(scene: Scene) -> None:
    event = scene.write(document(training__livePortrait=params(0.3)))
    newer = []
    scene.clock.after(
        1.0, lambda: newer.append(scene.write(document(training__livePortrait=params(0.5))))
    )
    scene.handler.handle_event(event)
    assert scene.renderer.renders == []
    scene.handler.handle_event(newer[0])
    assert [options.driving_multiplier for options in scene.renderer.renders] == [0.5]


@pytest.mark.parametrize(
    ("ahead_s", "waited_s"), [(0.0, 3.0), (-2.0, 1.0), (-60.0, 0.0), (500.0, 3.0)]
)
def test_debounce_counts_from_the_commit_and_never_longer(
    scene: Scene, ahead_s: float, waited_s: float
) -> None:
    event = scene.write(document())
    scene.handler.handle_event(replace(event, committed_s=event.committed_s + ahead_s))
    assert sum(scene.clock.slept) == pytest.approx(waited_s)


def test_a_new_value_while_rendering_stops_the_job(scene: Scene) -> None:
    other = scene.second_instance()
    newer = []

    def save_and_answer() -> None:
        newer.append(scene.write(document(training__livePortrait=params(0.7))))
        scene.clock.advance(2)

    scene.renderer.steps = [save_and_answer]
    scene.save(document(training__livePortrait=params(0.3)))
    assert scene.outputs == []
    assert "idleVideoUrl" not in scene.live
    other.handle_event(newer[0])
    assert scene.live["params"]["drivingMultiplier"] == 0.7
    assert len({path.split("/")[3] for path in scene.outputs}) == 1
    assert scene.starts == 2


def test_another_instance_takes_over_at_once(scene: Scene) -> None:
    other = scene.second_instance()

    def save_and_answer() -> None:
        other.handle_event(scene.write(document(training__livePortrait=params(0.7))))

    scene.renderer.steps = [save_and_answer]
    scene.save(document(training__livePortrait=params(0.3)))
    assert scene.live["state"] == "ready"
    assert scene.live["params"]["drivingMultiplier"] == 0.7
    assert {path.split("/")[3] for path in scene.outputs} == {scene.live["fingerprint"]}


def test_the_same_again_writes_nothing(scene: Scene) -> None:
    scene.save(document())
    before = list(scene.ledger.document_writes)
    stored = dict(scene.ledger.jobs)
    scene.handler.handle_event(
        scene.write(document(training__livePortrait={**params(0.4), "mood": 1}))
    )
    assert scene.ledger.document_writes[len(before) :] == [
        (AVATAR, {"training.livePortrait.idleVideoUrl": scene.live["idleVideoUrl"]})
    ]
    assert scene.ledger.jobs == stored
    assert len(scene.renderer.renders) == 1


def test_a_second_delivery_waits_and_finds_the_result(scene: Scene) -> None:
    event = scene.write(document())
    other = scene.second_instance()
    scene.renderer.steps = [lambda: scene.clock.after(4, lambda: None)]
    scene.handler.handle_event(event)
    writes = len(scene.ledger.document_writes)
    other.handle_event(event)
    assert len(scene.renderer.renders) == 1
    assert len(scene.ledger.document_writes) == writes


def test_unrelated_changes_touch_nothing(scene: Scene) -> None:
    scene.save(document())
    scene.ledger.calls.clear()
    scene.media.calls.clear()
    for change in ({"nickname": "B"}, {"slug": "b"}, {"training__status": "x"}):
        scene.save(
            {**scene.ledger.documents[AVATAR], **document(**change)}
            | {"training": {**scene.ledger.documents[AVATAR]["training"], "status": "x"}}
        )
    assert not scene.ledger.calls
    assert not scene.media.calls


def test_a_stale_mirror_is_healed_without_a_render(scene: Scene) -> None:
    scene.save(document())
    first = scene.live["idleVideoUrl"]
    scene.save(document(training__livePortrait=params(0.5)))
    second = scene.live["idleVideoUrl"]
    with_mirror = document(training__livePortrait=params(0.5))
    write = scene.ledger.document_writes
    for stale in (first, UNSET):
        fields = {**with_mirror, "training": {**with_mirror["training"]}}
        fields["training"]["livePortrait"] = dict(params(0.5))
        if stale is not UNSET:
            fields["training"]["livePortrait"]["idleVideoUrl"] = stale
        count = len(write)
        scene.save(fields)
        assert scene.mirror == second
        assert len(write) == count + 1
    assert len(scene.renderer.renders) == 2


def test_a_foreign_mirror_is_left_alone(scene: Scene) -> None:
    scene.save(document())
    fields = document()
    fields["training"]["livePortrait"]["idleVideoUrl"] = "https://example.com/x.mp4"
    scene.save(fields)
    assert scene.mirror == "https://example.com/x.mp4"


def test_a_stale_mirror_is_healed_although_the_request_failed_for_good(scene: Scene) -> None:
    def no_face() -> None:
        raise ImageNoFace

    scene.save(document())
    url = scene.live["idleVideoUrl"]
    scene.renderer.steps = [no_face]
    scene.save(document(training__livePortrait={**params(0.5), "idleVideoUrl": url}))
    assert scene.live["state"] == "failed"
    for stale in (url.replace(scene.live["resultFingerprint"], "f" * 16), None):
        writes = len(scene.ledger.document_writes)
        mirrored = {**params(0.5), "idleVideoUrl": stale, "mood": str(stale)}
        scene.save(document(training__livePortrait=mirrored))
        assert scene.mirror == url
        assert scene.ledger.document_writes[writes:] == [
            (AVATAR, {"training.livePortrait.idleVideoUrl": url})
        ]
    assert scene.live["state"] == "failed"
    assert len(scene.renderer.renders) == 2


def test_withdrawn_during_a_render(scene: Scene) -> None:
    later = []
    scene.renderer.steps = [
        lambda: later.append(scene.write(document(training__livePortrait=UNSET))),
        lambda: scene.clock.advance(2),
    ]
    scene.save(document())
    assert scene.live["state"] == "ready"
    assert scene.mirror is ABSENT
    assert "livePortrait" not in scene.ledger.documents[AVATAR]["training"]
    writes = len(scene.ledger.document_writes)
    scene.handler.handle_event(later[0])
    assert len(scene.ledger.document_writes) == writes


def test_a_queued_that_nobody_asks_for_is_taken_back(scene: Scene) -> None:
    scene.save(document())
    ready = scene.live
    event = scene.write(document(training__livePortrait=params(0.9)))
    withdrawn = []
    scene.clock.after(
        1, lambda: withdrawn.append(scene.write(document(training__livePortrait=UNSET)))
    )
    scene.clock.after(2, die)
    with pytest.raises(Killed):
        scene.handler.handle_event(event)
    assert scene.live["state"] == "queued"
    scene.handler.handle_event(withdrawn[0])
    assert scene.live["state"] == "ready"
    assert scene.live["idleVideoUrl"] == ready["idleVideoUrl"]


def test_a_queued_without_any_result_disappears(scene: Scene) -> None:
    event = scene.write(document())
    withdrawn = []
    scene.clock.after(
        1, lambda: withdrawn.append(scene.write(document(training__livePortrait=UNSET)))
    )
    scene.clock.after(2, die)
    with pytest.raises(Killed):
        scene.handler.handle_event(event)
    assert scene.live["state"] == "queued"
    scene.handler.handle_event(withdrawn[0])
    assert "livePortrait" not in scene.ledger.documents[AVATAR]


def test_a_value_rendered_before_is_ready_without_waiting(scene: Scene) -> None:
    scene.save(document())
    first = scene.live["idleVideoUrl"]
    scene.save(document(training__livePortrait=params(0.5)))
    scene.clock.slept.clear()
    scene.save(document())
    assert scene.live["idleVideoUrl"] == first
    assert scene.mirror == first
    assert scene.clock.slept == []
    assert len(scene.renderer.renders) == 2


def test_disabled_then_enabled(scene: Scene) -> None:
    scene.save(document())
    scene.save(document(training__dynamicsEnabled=False))
    assert scene.live["state"] == "disabled"
    assert scene.live["error"] is None
    scene.save(document(training__dynamicsEnabled=True))
    assert scene.live["state"] == "ready"
    assert len(scene.renderer.renders) == 1


def test_disabled_during_a_render_stops_it(scene: Scene) -> None:
    scene.renderer.steps = [
        lambda: scene.write(document(training__dynamicsEnabled=False)),
        lambda: scene.clock.advance(2),
    ]
    scene.save(document())
    assert scene.outputs == []
    assert scene.record.lease is None


def test_a_forged_answer_is_corrected_by_the_next_relevant_event(scene: Scene) -> None:
    scene.save(document())
    ready = dict(scene.live)
    scene.ledger.documents[AVATAR]["livePortrait"] = {"state": "failed", "evil": True}
    scene.save(document(training__livePortrait={**params(0.4), "mood": "calm"}))
    assert scene.live == ready
    scene.ledger.documents[AVATAR]["livePortrait"] = "forged"
    scene.save(document(training__livePortrait={**params(0.4), "mood": "merry"}))
    assert scene.live == ready
    assert len(scene.renderer.renders) == 1


def test_the_engine_is_named() -> None:
    scene = Scene(renderer=ScriptedRenderer(engine=Engine.LIVEPORTRAIT))
    scene.save(document())
    assert scene.live["engine"] == "liveportrait"
    assert scene.live["engineVersion"].startswith("mesh-1-")
