"""A process that is told to end while it renders, by SIGTERM, as Cloud Run does it."""

import time
from collections.abc import Callable
from pathlib import Path

from emulator.function_process import FunctionProcess
from emulator.suite import Suite
from tests.end_to_end.app import Cloud
from tests.end_to_end.deployment import Deployment, Dispatch, deployed

FETCHING_S = 6.0
SOON_S = 5.0  # the lease of 60 s is not waited for


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something holds within some seconds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_it_gives_its_render_back_and_another_begins_at_once(
    cloud: Cloud, suite: Suite, dispatch: Dispatch, deployment: Deployment, tmp_path: Path
) -> None:
    with deployed(suite, dispatch, tmp_path) as own:
        suite.connect("idle", "avatars/{avatarId}", [own.gate.url])
        try:
            _told_to_end(cloud, own)
        finally:
            suite.connect("idle", "avatars/{avatarId}", [deployment.gate.url])


def _told_to_end(cloud: Cloud, own: Deployment) -> None:
    avatar = cloud.avatar("told")
    avatar.create()
    cloud.settle()
    cloud.suite.control.delay_downloads(FETCHING_S, prefix=f"avatars/{avatar.id}/heroVideo")
    avatar.save(0.40)
    avatar.wait_state("rendering")
    ledger = cloud.database.collection("livePortraitJobs").document(avatar.id)
    renderer: FunctionProcess = own.renderer
    renderer.tell_to_end()
    assert within(SOON_S, lambda: ledger.get().get("lease") is None)
    record = ledger.get().to_dict() or {}
    assert (record["attempts"], record["returned"]) == (0, 1)
    assert renderer.wait(15.0) == 0
    renderer.start()
    avatar.wait_ready(0.40)
    assert avatar.renders() == 2
    record = ledger.get().to_dict() or {}
    assert (record["attempts"], record["returned"]) == (0, 0)
    assert len(avatar.output_names()) == 2
