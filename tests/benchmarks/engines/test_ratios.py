"""The forms of the networks take turns and are compared with the plain one."""

import torch

from benchmarks.engines.ratios import PLAIN, table_line, take_turns
from liveportrait_core.engines.liveportrait.runtimes.quality import Question


def test_forms_take_turns_and_are_compared_with_the_plain_one() -> None:
    asked = Question(
        feature=torch.zeros(1), source=torch.zeros(1, 21, 3), driving=torch.zeros(1, 21, 3)
    )
    calls: list[str] = []

    def form(name: str, level: float) -> torch.Tensor:
        calls.append(name)
        return torch.full((1, 3, 4, 4), level)

    forms = {PLAIN: lambda _: form("plain", 0.5), "other": lambda _: form("other", 0.51)}
    plain, other = take_turns(forms, asked, rounds=2)
    assert calls == ["plain", "other"] * 3  # once to warm up
    assert (plain.wall_ratio, plain.max_error) == (1.0, 0.0)
    assert abs(other.max_error - 0.01) < 1e-6
    assert abs(other.psnr_db - 40) < 0.01
    assert "other" in table_line(other)
    assert "40.0" in table_line(other)
