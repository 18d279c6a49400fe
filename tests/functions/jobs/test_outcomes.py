"""What one attempt took, as the log tells it."""

import json

import pytest

from functions.jobs.outcomes import AttemptMetrics, AttemptOutcome
from tests.functions.doubles import VirtualClock


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    (line,) = capsys.readouterr().err.splitlines()
    facts: dict[str, object] = json.loads(line)
    return facts


def test_the_cost_is_of_the_hours_worked(capsys: pytest.CaptureFixture[str]) -> None:
    clock = VirtualClock()
    with AttemptMetrics(clock, waited_s=1.5, device="cuda:0", usd_per_hour=0.9) as account:
        clock.advance(40)
        account.ended(AttemptOutcome.PUBLISHED)
    facts = told(capsys)
    figures = [facts[name] for name in ("workedS", "gpuS", "waitedS", "tookS", "costUsd")]
    assert figures == [40.0, 40.0, 1.5, 41.5, 0.01]
    assert facts["outcome"] == "published"


def test_what_ends_without_a_word_is_to_be_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        AttemptMetrics(VirtualClock(), waited_s=None, device="cpu", usd_per_hour=None),
    ):
        raise ZeroDivisionError
    facts = told(capsys)
    assert (facts["outcome"], facts["code"], facts["gpuS"]) == ("retried", "INTERNAL", 0.0)
    assert not {"waitedS", "tookS", "costUsd"} & facts.keys()
