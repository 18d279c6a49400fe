"""A shard's part: every id and every hour is one shard's, and the parts are even."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.errors import InvalidSetting
from functions.reconcile.loading.shard import Shard

AUTO_ID = string.ascii_letters + string.digits
HOUR_MS = 3_600_000
IDS = st.one_of(st.text(min_size=1, max_size=6), st.text(alphabet=AUTO_ID, min_size=1, max_size=20))


def shards(count: int) -> list[Shard]:
    return [Shard(index=index, count=count) for index in range(count)]


@settings(max_examples=300)
@given(name=IDS, count=st.integers(1, 10_000))
def test_every_id_is_one_shards_and_the_ranges_meet(name: str, count: int) -> None:
    first = Shard(index=0, count=count).ids
    last = Shard(index=count - 1, count=count).ids
    assert (first.low, last.high) == ("", "")
    low, high = 0, count  # ranges are in order: half them until one is left
    while high - low > 1:
        middle = (low + high) // 2
        before, after = (Shard(index=each, count=count).ids for each in (middle - 1, middle))
        assert before.high == after.low != ""
        assert before.low < before.high
        low, high = (middle, high) if name >= after.low else (low, middle)
    assert Shard(index=low, count=count).ids.has(name)


@given(name=IDS, count=st.integers(1, 40))
def test_no_id_is_two_shards(name: str, count: int) -> None:
    assert sum(shard.ids.has(name) for shard in shards(count)) == 1


@given(name=IDS, other=IDS, count=st.integers(2, 40))
def test_a_bound_parts_ids_and_the_paths_of_their_objects_alike(
    name: str, other: str, count: int
) -> None:
    bound = Shard(index=1, count=count).ids.low
    for each in (name, other):
        assert (each < bound) == (f"{each}/hero.jpg" < bound)
        # Firestore and Storage compare bytes.
        assert (each < bound) == (each.encode("utf-8", "surrogatepass") < bound.encode())


@pytest.mark.parametrize("count", [2, 3, 7, 16, 100])
def test_ids_that_firestore_makes_are_shared_evenly(count: int) -> None:
    stream = random.Random(count)  # noqa: S311 - must be repeatable
    names = ["".join(stream.choices(AUTO_ID, k=20)) for _ in range(200 * count)]
    shares = [sum(shard.ids.has(name) for name in names) for shard in shards(count)]
    assert sum(shares) == len(names)
    assert min(shares) > 140
    assert max(shares) < 260


@given(
    since=st.integers(0, 10**13),
    hours=st.floats(0.001, 200),
    count=st.integers(1, 9),
    moments=st.lists(st.floats(0, 1, exclude_max=True), max_size=9),
)
def test_every_moment_is_one_shards(
    since: int, hours: float, count: int, moments: list[float]
) -> None:
    until = since + max(1, round(hours * HOUR_MS))
    parts = [list(shard.hours(since, until)) for shard in shards(count)]
    for each in moments:
        moment = since + int((until - since) * each)
        assert [a <= moment < b for own in parts for a, b in own].count(True) == 1
    for own in parts:
        assert all(since <= a < b <= until for a, b in own)
        assert own == sorted(own)


def test_a_later_pass_goes_on_where_an_earlier_one_ended() -> None:
    """However its clock differs from the others', and wherever its last pass ended."""
    shard, whole = Shard(index=1, count=3), set(range(0, 60 * HOUR_MS, HOUR_MS // 4))
    own = {at for at in whole if at // HOUR_MS % 3 == 1}
    cut = 31 * HOUR_MS + 1234
    parts = [*shard.hours(0, cut), *shard.hours(cut, 60 * HOUR_MS)]
    assert {at for at in whole if any(a <= at < b for a, b in parts)} == own


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({}, Shard()),
        ({"CLOUD_RUN_TASK_INDEX": "2", "CLOUD_RUN_TASK_COUNT": "3"}, Shard(index=2, count=3)),
    ],
)
def test_the_job_tells_the_shard(environment: dict[str, str], shard: Shard) -> None:
    assert Shard.of(environment) == shard


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"CLOUD_RUN_TASK_INDEX": "1"}, "CLOUD_RUN_TASK_INDEX is 1; accepted: 0 to 0"),
        ({"CLOUD_RUN_TASK_COUNT": "many"}, "CLOUD_RUN_TASK_COUNT is 'many'"),
        ({"CLOUD_RUN_TASK_COUNT": "0"}, "CLOUD_RUN_TASK_COUNT is 0; accepted: 1 to 10000"),
        ({"CLOUD_RUN_TASK_INDEX": "-1"}, "CLOUD_RUN_TASK_INDEX is '-1'"),
    ],
)
def test_what_is_no_task_of_a_job_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        Shard.of(environment)
