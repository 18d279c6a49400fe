"""A cloud that fails, a day that is spent, and a process that sleeps: scenarios 44, 45 and 47.

Of contract.md, section 11.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from google.cloud.firestore import Increment

from emulator.function_process import FunctionProcess
from emulator.suite import Suite
from tests.end_to_end.app import PATIENCE_S, Avatar, Cloud, play
from tests.end_to_end.deployment import Deployment, Dispatch, deployed

pytestmark = [pytest.mark.scenarios, pytest.mark.queue]

LEASE_S = 6.0  # renewed every 1.5 s: a busy machine still manages
ASLEEP_S = 1.5 * LEASE_S
PER_DAY = 30  # the setting's default


def test_44_storage_and_firestore_fail_for_a_while(cloud: Cloud) -> None:
    avatar = cloud.avatar("unlucky")
    avatar.create()
    cloud.settle()
    control, folder = cloud.suite.control, f"avatars/{avatar.id}"
    control.fail_downloads(2, status=503, prefix=f"{folder}/heroVideo")
    control.fail_uploads(2, status=503, prefix=f"{folder}/livePortrait")
    if cloud.is_embedded:  # Google's emulator aborts by itself, where writers contend
        control.abort_commits(2, prefix=f"livePortraitJobs/{avatar.id}")
    visits, done = 0, threading.Event()

    def contend() -> None:
        nonlocal visits
        while not done.wait(0.05):  # the document changes under every transaction of ours
            avatar.document.update({"visits": Increment(1)})
            visits += 1

    contending = threading.Thread(target=contend)
    contending.start()
    try:
        avatar.save(0.40)
        avatar.wait_state("ready")
    finally:
        done.set()
        contending.join()
    live = avatar.wait_ready(0.40)
    assert control.planned() == ()  # all of it came to pass
    assert avatar.renders() == 1
    assert play(live["idleVideoUrl"])[1] == "video/mp4"
    mirrored = avatar.read()["training"]["livePortrait"]["idleVideoUrl"]
    assert (avatar.read()["visits"], mirrored) == (visits, live["idleVideoUrl"])


def test_45_a_day_s_renders_are_spent(cloud: Cloud) -> None:
    """Of the day's thirty all but three are counted as spent; its end is the counter's old date."""
    avatar = cloud.avatar("spent")
    counter = cloud.database.collection("livePortraitQuota").document(f"avatar:{avatar.id}")
    avatar.create()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    counter.update({"starts": Increment(PER_DAY - 3)})
    avatar.save(0.50)
    avatar.wait_ready(0.50)
    avatar.document.delete()
    cloud.settle()
    avatar.create()
    avatar.save(0.60)
    last = avatar.wait_ready(0.60)
    assert avatar.renders() == PER_DAY

    avatar.save(0.70)
    refused = avatar.wait_state("failed")
    cloud.settle()
    assert refused["error"]["code"] == "QUOTA_EXCEEDED"
    assert refused["idleVideoUrl"] == last["idleVideoUrl"]
    assert play(last["idleVideoUrl"])[1] == "video/mp4"
    assert avatar.renders() == PER_DAY

    counter.update({"day": "2001-09-09"})
    avatar.save(0.80)
    assert avatar.wait_ready(0.80)["error"] is None
    assert avatar.renders() == 1
    avatar.assert_inputs_untouched()


@pytest.fixture(scope="module")
def pair(
    suite: Suite,
    dispatch: Dispatch,
    deployment: Deployment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Deployment, FunctionProcess]]:
    """Processes of this module's own with a short lease, and a second one that renders."""
    folder = tmp_path_factory.mktemp(f"pair-{dispatch}")
    # The queue gives an attempt as long as a deadline, and 120 s: here 14 s, a tenth of it.
    short = {"LIVEPORTRAIT_LEASE_S": str(LEASE_S), "LIVEPORTRAIT_DEADLINE_S": "20"}
    with (
        deployed(suite, dispatch, folder, **short) as first,
        FunctionProcess(first.environment, folder / "second.log") as second,
    ):
        suite.connect("idle", "avatars/{avatarId}", [first.gate.url])
        yield first, second
        suite.connect("idle", "avatars/{avatarId}", [deployment.gate.url])


def asleep(cloud: Cloud, first: Deployment, name: str) -> Avatar:
    """An avatar whose renderer fell asleep between an upload and its commit."""
    avatar = cloud.avatar(name)
    avatar.create()
    cloud.settle()
    cloud.suite.control.lose_upload_answers(prefix=f"avatars/{avatar.id}/livePortrait")
    avatar.save(0.40)
    give_up_at = time.monotonic() + PATIENCE_S
    while not avatar.output_names():  # stored; the client waits before it asks again
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    first.renderer.signal(signal.SIGSTOP)
    assert avatar.live()["state"] == "rendering"
    return avatar


@pytest.fixture
def take_over(
    cloud: Cloud, pair: tuple[Deployment, FunctionProcess]
) -> Iterator[Callable[[], None]]:
    """Has the second process render from now on; undone at the end, and the first woken."""
    first, second = pair
    triggered = []

    def take() -> None:
        time.sleep(ASLEEP_S)
        if first.turnstile is None:
            cloud.suite.connect("second", "avatars/{avatarId}", [second.url])
            triggered.append("second")
        else:
            first.turnstile.target = second.url

    yield take
    first.renderer.signal(signal.SIGCONT)
    for name in triggered:
        cloud.suite.control.disconnect(name)
    if first.turnstile is not None:
        first.turnstile.target = first.renderer.url


@pytest.mark.parametrize("multiplier", [0.40, 0.70], ids=["same", "newer"])
def test_47_who_wakes_after_another_published(
    cloud: Cloud,
    pair: tuple[Deployment, FunctionProcess],
    take_over: Callable[[], None],
    multiplier: float,
) -> None:
    first, _ = pair
    avatar = asleep(cloud, first, "asleep")
    left = avatar.output_names()
    take_over()
    avatar.save(multiplier, normalize_lip=None)  # another save: for 0.40 the same request
    published = avatar.wait(
        lambda live: (
            (live.get("state"), live["params"]["drivingMultiplier"]) == ("ready", multiplier)
        ),
        "video by the second process",
    )
    renders = avatar.renders()
    objects = {
        blob.name: blob.generation
        for blob in cloud.bucket.list_blobs(prefix=f"avatars/{avatar.id}/livePortrait/")
    }
    first.renderer.signal(signal.SIGCONT)
    cloud.settle()
    time.sleep(ASLEEP_S)

    assert avatar.live() == published
    own = f"{published['fingerprint']}/{published['requestId']}"
    folder = f"avatars/{avatar.id}/livePortrait/{own}"
    assert avatar.output_names() == [f"{folder}/idle.mp4", f"{folder}/poster.jpg"]
    now = {blob.name: blob.generation for blob in cloud.bucket.list_blobs(prefix=folder)}
    assert now == {name: objects[name] for name in now}
    assert play(published["idleVideoUrl"])[1] == "video/mp4"
    assert set(left).isdisjoint(objects)  # the second deleted what the first had uploaded
    assert avatar.renders() == renders  # who woke did not begin again
    avatar.assert_inputs_untouched()
