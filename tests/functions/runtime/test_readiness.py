"""Opening in the background: probes are answered at once, events wait, failures are tried again."""

import json
import threading
from collections.abc import Callable

import pytest

from functions.errors import RetryLater
from functions.runtime.readiness import Readiness, Stage
from liveportrait_core.errors import EngineUnavailable

PATIENCE_S = 30.0


class Door:
    """Opens when it is told to; counts how often and from which thread."""

    def __init__(self, *outcomes: str | Exception) -> None:
        self.allowed = threading.Event()
        self.threads: list[str] = []
        self._outcomes = list(outcomes)

    def open(self) -> str:
        self.threads.append(threading.current_thread().name)
        assert self.allowed.wait(PATIENCE_S)
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def together(count: int, what: Callable[[], None]) -> None:
    threads = [threading.Thread(target=what) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_nothing_begins_by_itself() -> None:
    door = Door("open")
    Readiness(door.open)
    assert door.threads == []


def test_a_probe_is_answered_at_once_and_begins_the_opening() -> None:
    door = Door("open")
    readiness = Readiness(door.open)
    assert readiness.look()[0] is Stage.OPENING
    assert readiness.look() == (Stage.OPENING, "opening and warming up; ask again")
    door.allowed.set()
    assert readiness.wait() == "open"
    assert readiness.look() == (Stage.READY, "")
    assert door.threads == ["opening"]


def test_everybody_waits_for_one_opening() -> None:
    door = Door("open")
    readiness = Readiness(door.open)
    seen: list[str] = []
    threading.Timer(0.05, door.allowed.set).start()
    together(16, lambda: seen.append(readiness.wait()))
    assert seen == ["open"] * 16
    assert len(door.threads) == 1


def test_what_is_opened_may_be_nothing() -> None:
    readiness: Readiness[None] = Readiness(lambda: None)
    readiness.wait()
    assert readiness.look() == (Stage.READY, "")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (EngineUnavailable("the driver is too old"), "the driver is too old"),
        (TypeError("a bug"), "TypeError: a bug"),
    ],
)
def test_a_failure_is_told_to_probes_and_to_those_who_wait(
    fault: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    door = Door(fault)
    door.allowed.set()
    readiness = Readiness(door.open)
    with pytest.raises(RetryLater, match=f"not ready: {words}"):
        readiness.wait()
    assert readiness.look() == (Stage.UNAVAILABLE, words)
    with pytest.raises(RetryLater, match=words):
        readiness.wait()
    assert len(door.threads) == 1  # a failure stands for a while
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["severity"], line["message"]) for line in lines] == [("ERROR", "not ready")]


def test_after_a_while_it_is_tried_again() -> None:
    door = Door(EngineUnavailable("no driver yet"), "open")
    door.allowed.set()
    readiness = Readiness(door.open, again_after_s=0.0)
    with pytest.raises(RetryLater):
        readiness.wait()
    assert readiness.wait() == "open"
    assert readiness.look()[0] is Stage.READY


def test_while_it_is_tried_again_probes_still_hear_the_reason() -> None:
    door = Door(EngineUnavailable("no driver yet"), "open")
    door.allowed.set()
    readiness = Readiness(door.open, again_after_s=0.0)
    with pytest.raises(RetryLater):
        readiness.wait()
    door.allowed.clear()
    assert readiness.look() == (Stage.UNAVAILABLE, "no driver yet")
    door.allowed.set()
    assert readiness.wait() == "open"
