"""Real processes that are killed and stopped at any moment: the last save is answered all the same.

The explorer of `tests/functions/explorer` once more, shorter, with signals and wires in place of
virtual time. A seed is a plan; when its moments fall within a render is the machine's choice.
"""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from emulator.function_process import FunctionProcess
from tests.end_to_end.app import Avatar, Cloud, Document, play
from tests.end_to_end.deployment import SHORT_LEASE_S, Deployment

pytestmark = [pytest.mark.soak, pytest.mark.queue, pytest.mark.timeout(600)]

SEEDS = 6
VALUES = (0.1, 0.2, 0.3)


@dataclass
class Plan:
    """What one seed does to an avatar and to those who serve it."""

    avatar: Avatar
    running: Deployment
    stream: random.Random

    def play(self) -> float:
        """Do it all; gives the multiplier that was saved last."""
        acts: tuple[Callable[[], None], ...] = (self._save, self._save, self._pause, self._pause)
        acts += (self._kill, self._make_again)
        for _ in range(self.stream.randint(4, 7)):
            self.stream.choice(acts)()
            time.sleep(self.stream.choice((0.1, 0.6, 1.5, 2.5)))
            self._the_url_plays()
        last = self.stream.choice(VALUES)
        self.avatar.save(last)
        time.sleep(self.stream.choice((0.3, 1.3, 2.0)))
        self.stream.choice((self._pause, self._kill))()
        return last

    def _save(self) -> None:
        self.avatar.save(self.stream.choice(VALUES))

    def _pause(self) -> None:
        """Longer than a lease, or just long enough for another to come between."""
        process = self._process()
        process.signal(signal.SIGSTOP)
        try:
            time.sleep(self.stream.choice((0.5, SHORT_LEASE_S + 1.0)))
        finally:
            process.signal(signal.SIGCONT)

    def _kill(self) -> None:
        process = self._process()
        process.signal(signal.SIGKILL)
        process.stop()
        process.start()

    def _make_again(self) -> None:
        self.avatar.document.delete()
        time.sleep(self.stream.choice((0.1, 1.5)))
        self.avatar.create(live_portrait={"drivingMultiplier": self.stream.choice(VALUES)})

    def _process(self) -> FunctionProcess:
        return self.stream.choice((self.running.gate, self.running.renderer))

    def _the_url_plays(self) -> None:
        url = self.avatar.live().get("idleVideoUrl")
        if url is None:
            return
        try:
            body, kind = play(url)
        except OSError:
            assert self.avatar.live().get("idleVideoUrl") != url  # deleted just now, or replaced
        else:
            assert (bool(body), kind) == (True, "video/mp4")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_dies_or_sleeps_the_last_save_is_answered(
    cloud: Cloud, fragile: Deployment, seed: int
) -> None:
    avatar = cloud.avatar(f"signals-{seed}")
    avatar.create()
    stream = random.Random(seed)  # noqa: S311 - must be repeatable
    last = Plan(avatar=avatar, running=fragile, stream=stream).play()
    ready = avatar.wait_ready(last)
    avatar.assert_inputs_untouched()
    assert ready["error"] is None
    body, _ = play(ready["idleVideoUrl"])
    assert len(body) == ready["sizeBytes"]
    ledger = avatar.ledger()
    assert ledger["lease"] is None
    assert ledger["dispatch"] is None
    assert ledger["fingerprint"] == ready["fingerprint"] == ready["resultFingerprint"]
    listed = {path for result in ledger["results"] for path in _paths(result)}
    assert listed <= set(avatar.output_names())  # whoever was killed may have left more


def _paths(result: Document) -> tuple[str, str]:
    return result["video"]["path"], result["poster"]["path"]
