"""Reconcile in the role of a gate: tasks instead of renders, and the queue's own mishaps."""

from contextlib import suppress

import pytest

from functions.errors import RetryLater
from functions.reconcile.findings import Finding
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import AVATAR, document

SIX_HOURS_S = 6 * 3600


@pytest.fixture
def watch() -> Watch:
    watch = Watch()
    watch.scene.write(document())
    return watch


def deliver(watch: Watch) -> None:
    """The queue hands its tasks to a renderer."""
    while watch.scene.queue.pending:
        task = watch.scene.queue.pending.pop(0)
        watch.scene.second_instance().handle_task(task.subject)


def test_a_lost_event_becomes_one_task(watch: Watch) -> None:
    assert watch.sweep(gate=True).mended == {Finding.LOST_EVENT: 1}
    assert watch.sweep(gate=True).attended == 0
    assert watch.scene.renderer.renders == []
    assert [task.subject.avatar_id for task in watch.scene.queue.pending] == [AVATAR]
    deliver(watch)
    assert watch.scene.live["state"] == "ready"
    assert watch.sweep(gate=True).attended == 0
    assert len(watch.scene.queue.names) == 1


def test_a_task_that_waits_for_long_is_put_again_and_stays_one(watch: Watch) -> None:
    watch.sweep(gate=True)
    watch.scene.clock.advance(SIX_HOURS_S)
    assert watch.sweep(gate=True).attended == 1
    assert len(watch.scene.queue.pending) == len(watch.scene.queue.names) == 1
    deliver(watch)
    assert len(watch.scene.renderer.renders) == 1


def test_a_task_that_could_not_be_made_is_made_by_a_later_pass(watch: Watch) -> None:
    def away() -> None:
        try:
            raise ConnectionError("the queue is away")
        except ConnectionError as fault:
            raise RetryLater("the queue did not take the task") from fault

    watch.scene.queue.before = [away]
    assert watch.sweep(gate=True).faults == 1
    assert watch.scene.queue.names == []
    watch.scene.clock.advance(SIX_HOURS_S)
    assert watch.sweep(gate=True).faults == 0
    deliver(watch)
    assert watch.scene.live["state"] == "ready"


def test_a_killed_render_behind_the_queue_is_its_tasks_matter_at_first(watch: Watch) -> None:
    class Killed(BaseException):
        """The end of a process."""

    def kill() -> None:
        raise Killed

    watch.sweep(gate=True)
    watch.scene.renderer.steps = [kill]
    (task,) = watch.scene.queue.pending
    with suppress(Killed):
        watch.scene.second_instance().handle_task(task.subject)
    assert watch.scene.live["state"] == "rendering"
    watch.scene.clock.advance(3600)
    assert watch.sweep(gate=True).attended == 0
    watch.scene.queue.pending.clear()  # the queue gives it up
    watch.scene.clock.advance(24 * 3600)
    assert watch.sweep(gate=True).mended == {Finding.LEFT_OVER: 1}
    deliver(watch)
    assert watch.scene.live["state"] == "ready"


def test_what_needs_no_render_needs_no_task(watch: Watch) -> None:
    watch.scene.write(document(avatarImageUrl=None))
    watch.healthy("other")["livePortrait"]["state"] = "failed"
    watch.sweep(gate=True)
    assert watch.scene.live["state"] == "blocked"
    assert watch.scene.queue.names == []
    assert watch.sweep(gate=True).attended == 0
