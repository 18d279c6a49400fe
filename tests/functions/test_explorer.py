"""Seeded episodes of the explorer: whatever is disturbed, the contract holds at every step.

A breach is printed with the one command that repeats and tells it.
"""

import pytest

from tests.functions.explorer.episode import play

CHUNK = 250
SOAKED = 50_000
UNMENDED = frozenset({"lease left", "listed", "objects left", "plays"})


def explore(seeds: range, off: frozenset[str]) -> None:
    breaches = []
    for seed in seeds:
        verdict = play(seed, off=off)
        if verdict.check is not None:
            command = f"python -m tests.functions.explorer {seed}"
            breaches.append(f"{verdict.check}: {verdict.breach}\n    {command}")
    assert not breaches, f"{len(breaches)} of {len(seeds)} episodes:\n" + "\n".join(breaches[:5])


@pytest.mark.parametrize("first", range(0, 2_000, CHUNK))
def test_two_thousand_episodes(first: int) -> None:
    explore(range(first, first + CHUNK), UNMENDED)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, SOAKED, 4 * CHUNK))
def test_fifty_thousand_episodes(first: int) -> None:
    explore(range(first, first + 4 * CHUNK), UNMENDED)


@pytest.mark.parametrize("seed", range(100))
def test_a_seed_is_an_episode_bit_for_bit(seed: int) -> None:
    first, second = (play(seed, telling=True) for _ in range(2))
    assert first == second
    assert len(first.trace) > 2
