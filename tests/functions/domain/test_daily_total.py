"""The daily total in shares: together the total, each avatar in one, refused a little early."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.limits.daily_total import Share, share_count, share_of


@pytest.mark.parametrize(
    ("total", "count"), [(1, 1), (999, 1), (1_000, 2), (5_000, 10), (50_000, 100), (1_000_000, 100)]
)
def test_a_share_is_neither_small_nor_one_of_too_many(total: int, count: int) -> None:
    assert share_count(total) == count


@given(total=st.integers(1, 1_000_000), name=st.text(min_size=1, max_size=9))
def test_the_shares_are_the_total_and_an_avatar_counts_in_one(total: int, name: str) -> None:
    own = share_of(name, total)
    every = [Share(index=each, count=own.count, most=0) for each in range(own.count)]
    whole, rest = divmod(total, own.count)
    assert own.most == whole + (own.index < rest)
    assert sum(whole + (each.index < rest) for each in every) == total
    assert [each.name for each in every].count(own.name) == 1
    assert share_of(name, total) == own


def test_a_total_of_one_share_keeps_its_documents_name() -> None:
    assert share_of("any", 7).name == "all"
    assert share_of("any", 5_000).name == f"all:{share_of('any', 5_000).index}-of-10"


@pytest.mark.parametrize("total", [5_000, 100_000])
def test_eight_tenths_of_the_total_are_used_before_the_first_refusal(total: int) -> None:
    """Of avatars that render a few times a day each."""
    stream, used, firsts = random.Random(total), 0, []  # noqa: S311 - must be repeatable
    for day in range(20):
        counts: dict[str, int] = {}
        used = 0
        while True:
            name = f"{day}-{stream.randrange(total // 3)}"
            share = share_of(name, total)
            if counts.get(share.name, 0) == share.most:
                break
            counts[share.name] = counts.get(share.name, 0) + 1
            used += 1
        firsts.append(used / total)
    assert min(firsts) > 0.8
    assert max(firsts) <= 1
