"""Events that are unrelated, late, twice or out of order: scenarios 5–8 and 20."""

from collections import Counter
from pathlib import Path

import pytest

from tests.end_to_end.app import Cloud
from tests.end_to_end.deployment import deployed


@pytest.mark.queue
def test_05_an_event_twice_renders_once(cloud: Cloud) -> None:
    avatar = cloud.avatar("twice")
    avatar.create()
    cloud.settle()
    cloud.suite.control.duplicate_next_event()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    assert avatar.renders() == 1


@pytest.mark.queue
def test_reversed_events_end_with_the_newest_document(cloud: Cloud) -> None:
    avatar = cloud.avatar("reversed")
    avatar.create()
    cloud.settle()
    cloud.suite.control.hold_events(2)
    avatar.save(0.30)
    avatar.save(0.80)
    cloud.suite.control.release_events(reverse=True)
    avatar.wait_ready(0.80)
    assert avatar.renders() == 1


def test_06_unrelated_changes_cost_nothing(cloud: Cloud) -> None:
    avatar = cloud.avatar("unrelated")
    avatar.create()
    avatar.save(0.40)
    before = avatar.wait_ready(0.40)
    cloud.suite.control.clear_calls()
    for change in (
        {"nickname": "Amazing Grace"},
        {"greetingText": "Guten Tag"},
        {"isPublic": True},
        {"slug": "grace"},
        {"role": "admiral"},
    ):
        avatar.document.update(change)
    cloud.settle()
    assert cloud.calls() == Counter({"firestore.Commit": 5})  # the app's own, nothing of ours
    assert avatar.live() == before


@pytest.mark.queue
def test_07_fifty_unrelated_updates_also_while_rendering(cloud: Cloud) -> None:
    avatar = cloud.avatar("busy")
    avatar.create()
    cloud.suite.control.delay_downloads(3.0, prefix=f"avatars/{avatar.id}/heroVideo")
    avatar.save(0.40)
    avatar.wait_state("rendering")
    first_event = len(cloud.suite.control.events())
    for number in range(50):
        avatar.document.update({"visits": number})
    assert avatar.live()["state"] == "rendering"
    avatar.wait_ready(0.40)
    assert avatar.renders() == 1

    visits = cloud.suite.control.events()[first_event : first_event + 50]
    assert len(visits) == 50
    cloud.suite.control.clear_calls()
    for number in range(50):
        avatar.document.update({"visits": number + 100})
    cloud.settle()
    assert cloud.calls() == Counter({"firestore.Commit": 50})
    assert avatar.read()["visits"] == 149


def test_08_another_features_keys_are_not_ours(cloud: Cloud) -> None:
    avatar = cloud.avatar("neighbour")
    avatar.create()
    avatar.save(0.40)
    before = avatar.wait_ready(0.40)
    cloud.suite.control.clear_calls()
    avatar.document.update(
        {"training.status": "idle", "training.progress": 0, "training.jobId": "job-7"}
    )
    cloud.settle()
    assert cloud.calls() == Counter({"firestore.Commit": 1})
    assert avatar.live() == before


@pytest.mark.queue
def test_20_two_avatars_at_once_do_not_mix(cloud: Cloud) -> None:
    one, two = cloud.avatar("one"), cloud.avatar("two")
    one.create()
    two.create()
    two.update({"avatarImageUrl": two.upload("b.jpg", cloud.media.other_portrait, "image/jpeg")})
    one.save(0.40)
    two.save(0.60)
    first, second = one.wait_ready(0.40), two.wait_ready(0.60)
    assert (first["width"], first["height"]) == (256, 300)
    assert (second["width"], second["height"]) == (256, 256)
    assert one.id in first["idleVideoPath"]
    assert two.id in second["idleVideoPath"]
    assert (one.renders(), two.renders()) == (1, 1)


@pytest.mark.queue
def test_one_avatar_on_two_instances_renders_once(cloud: Cloud, tmp_path: Path) -> None:
    first = cloud.deployment
    with deployed(cloud.suite, first.dispatch, tmp_path) as second:
        cloud.suite.connect("second instance", "avatars/{avatarId}", [second.gate.url])
        try:
            avatar = cloud.avatar("shared")
            avatar.create()
            avatar.save(0.40)  # each instance is told of every write
            avatar.wait_ready(0.40)
        finally:
            cloud.suite.control.disconnect("second instance")
    targets = {
        attempt.target.rstrip("/")
        for delivery in cloud.suite.control.deliveries()
        if delivery.document == f"avatars/{avatar.id}"
        for attempt in delivery.attempts
    }
    assert targets == {first.gate.url, second.gate.url}
    assert avatar.renders() == 1
