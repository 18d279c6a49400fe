"""Processes that are killed in the middle of their work: scenario 21, for each role."""

import signal

import pytest

from emulator.function_process import FunctionProcess
from tests.end_to_end.app import Avatar, Cloud
from tests.end_to_end.deployment import Deployment, Dispatch

pytestmark = [pytest.mark.soak, pytest.mark.queue]  # processes start again and again

FETCHING_S = 3.0


def kill(process: FunctionProcess) -> None:
    """End it as a machine that loses power does."""
    process.signal(signal.SIGKILL)
    process.stop()


def saved(cloud: Cloud, name: str) -> Avatar:
    """An avatar that was just saved, and whose render takes a while."""
    avatar = cloud.avatar(name)
    avatar.create()
    cloud.settle()
    cloud.suite.control.delay_downloads(FETCHING_S, prefix=f"avatars/{avatar.id}/heroVideo")
    avatar.save(0.40)
    return avatar


def test_21_who_renders_is_killed(cloud: Cloud, fragile: Deployment) -> None:
    avatar = saved(cloud, "killed")
    avatar.wait_state("rendering")
    kill(fragile.renderer)
    fragile.renderer.start()
    ready = avatar.wait_ready(0.40)
    assert ready["error"] is None
    assert avatar.renders() == 2  # the one that died, and the one that was published
    assert len(avatar.output_names()) == 2
    avatar.assert_inputs_untouched()


def test_who_answers_events_is_killed(cloud: Cloud, fragile: Deployment) -> None:
    avatar = saved(cloud, "unheard")
    avatar.wait_state("queued")  # it waits for the next save: no lease, no task
    kill(fragile.gate)
    fragile.gate.start()
    avatar.wait_ready(0.40)
    assert avatar.renders() == 1


def test_the_gate_s_death_does_not_touch_a_render(cloud: Cloud, fragile: Deployment) -> None:
    if fragile.dispatch is Dispatch.INLINE:
        pytest.skip("the process that answers events is the one that renders")
    avatar = saved(cloud, "undisturbed")
    avatar.wait_state("rendering")
    kill(fragile.gate)
    avatar.wait_state("ready")
    fragile.gate.start()  # and hears of what it missed
    cloud.settle()
    assert avatar.live()["state"] == "ready"
    assert avatar.renders() == 1
