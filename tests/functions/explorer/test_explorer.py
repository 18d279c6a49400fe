"""Seeded episodes of the explorer: whatever is disturbed, the contract holds at every step.

A breach is printed with the one command that repeats and tells it.
"""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from functions.domain.job_record import ErrorInfo, Result
from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    Held,
    RenderSpec,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.transitions.renders import Transitions
from tests.functions.explorer.episode import play
from tests.functions.explorer.report import CHECKS

CHUNK = 250
SOAKED = 50_000


def explore(seeds: range) -> None:
    breaches = []
    for seed in seeds:
        status = play(seed)
        if status.check is not None:
            command = f"python -m tests.functions.explorer {seed}"
            breaches.append(f"{status.check}: {status.breach}\n    {command}")
    assert not breaches, f"{len(breaches)} of {len(seeds)} episodes:\n" + "\n".join(breaches[:5])


@pytest.mark.parametrize("first", range(0, 2_000, CHUNK))
def test_two_thousand_episodes(first: int) -> None:
    explore(range(first, first + CHUNK))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, SOAKED, 4 * CHUNK))
def test_fifty_thousand_episodes(first: int) -> None:
    explore(range(first, first + 4 * CHUNK))


@pytest.mark.parametrize("seed", range(100))
def test_a_seed_is_an_episode_bit_for_bit(seed: int) -> None:
    first, second = (play(seed, telling=True) for _ in range(2))
    assert first == second
    assert len(first.trace) > 2


def test_the_command_tells_the_same_in_every_process() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-m", "tests.functions.explorer", "4"],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(told) == 1
    assert "seed 4: nothing is wrong" in told.pop()


class Rules(Transitions):
    """The rules with one fault."""


class KeepsTheLease(Rules):
    def complete(
        self, avatar: AvatarSnapshot, claim: Claim, result: Result
    ) -> TransactionResult[Any]:
        change = super().complete(avatar, claim, result)
        if change.record is None:
            return change
        return replace(change, record=replace(change.record, lease=avatar.record.lease))


class NeverStops(Rules):
    def hold(self, *given: Any) -> Held:
        return TransactionStatus.DONE


class TalksAreNotCounted(Rules):
    def claim(self, avatar: AvatarSnapshot, *given: Any, **more: Any) -> TransactionResult[Any]:
        change = super().claim(avatar, *given, **more)
        return replace(change, counts=change.counts and not avatar.subject.is_talk)


class TalksShowNothing(Rules):
    def complete(
        self, avatar: AvatarSnapshot, claim: Claim, result: Result
    ) -> TransactionResult[Any]:
        change = super().complete(avatar, claim, result)
        lost = replace(result.video, generation=result.video.generation + 1)
        if change.record is None or not avatar.subject.is_talk:
            return change
        first = replace(change.record.results[0], video=lost)
        return replace(change, record=replace(change.record, results=(first,)))


class LetsAllBegin(Rules):
    def _position(self, *given: Any) -> int:
        return 0


class NeverHeals(Rules):
    def repair_mirror(self, *given: Any) -> TransactionResult[Any]:
        return TransactionResult(status=TransactionStatus.DONE)


class FailsAtOnce(Rules):
    def fail(
        self, avatar: AvatarSnapshot, claim: Claim, problem: ErrorInfo
    ) -> TransactionResult[Any]:
        return super().fail(avatar, claim, replace(problem, retryable=False))


class ForgetsTheLastOne(Rules):
    def reuse(
        self, avatar: AvatarSnapshot, asked: RenderSpec, result: Result
    ) -> TransactionResult[Any]:
        change = super().reuse(avatar, asked, result)
        if change.record is None:
            return change
        return replace(change, record=replace(change.record, results=change.record.results[:1]))


@pytest.mark.parametrize(
    ("rules", "check"),
    [
        (KeepsTheLease, "lease left"),
        (NeverStops, "starts"),
        (TalksAreNotCounted, "starts"),
        (TalksShowNothing, "listed"),
        (LetsAllBegin, "turns"),
        (NeverHeals, "mirror"),
        (FailsAtOnce, "failed"),
        (ForgetsTheLastOne, "objects left"),
    ],
)
def test_a_fault_in_the_rules_is_found(
    monkeypatch: pytest.MonkeyPatch, rules: type[Rules], check: str
) -> None:
    monkeypatch.setattr("tests.functions.explorer.instances.Transitions", rules)
    others = CHECKS - {check}
    assert any(play(seed, off=others).check for seed in range(CHUNK))
