"""What one attempt took, as the log tells it; and what the document says of a fault."""

import json

import pytest

from functions.errors import Code, Failure
from functions.jobs.outcomes import AttemptMetrics, AttemptOutcome, problem_of
from liveportrait_core.errors import (
    EncodeFailed,
    EngineUnavailable,
    ImageNoFace,
    OutOfMemory,
    RenderError,
    VideoTooShort,
)
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


@pytest.mark.parametrize(
    ("fault", "code", "field", "retryable"),
    [
        (ImageNoFace("x"), "IMAGE_NO_FACE", "avatarImageUrl", False),
        (VideoTooShort("x"), "VIDEO_TOO_SHORT", "training.heroVideoUrl", False),
        (OutOfMemory("x"), "RENDER_OOM", None, True),
        (EncodeFailed("x"), "ENCODE_FAILED", None, True),
        (RenderError("x"), "RENDER_FAILED", None, True),
        (EngineUnavailable("x"), "RENDER_FAILED", None, False),
        (MemoryError(), "RENDER_OOM", None, True),
        (ZeroDivisionError(), "INTERNAL", None, True),
        (Failure(Code.UPLOAD_FAILED, "x"), "UPLOAD_FAILED", None, True),
        (
            Failure(Code.IMAGE_TOO_LARGE, "x", field="avatarImageUrl"),
            "IMAGE_TOO_LARGE",
            "avatarImageUrl",
            False,
        ),
    ],
)
def test_faults_become_codes(
    fault: Exception, code: str, field: str | None, retryable: bool
) -> None:
    problem = problem_of(fault)
    assert (problem.code.value, problem.field, problem.retryable) == (code, field, retryable)
