"""An owner's turns: so many in flight, the others in the order in which they came."""

from hypothesis import given
from hypothesis import strategies as st

from functions.domain.limits.turns import TURN_LIFE_MS, Turn, Turns
from tests.functions.doubles import about

NOW = 1_800_000_000_000


def turn(name: str, held: int = 0, at: int = NOW) -> Turn:
    return Turn(subject=about(name), at=at, held=held)


def test_who_comes_when_all_turns_are_taken_waits_behind_those_that_wait() -> None:
    turns = Turns(every=(turn("a"), turn("b", NOW - 5), turn("c", NOW - 9)), now=NOW)
    assert [turns.position(about(each), 1) for each in ("c", "b", "new")] == [1, 2, 3]
    assert [turns.position(about(each), 2) for each in ("c", "b", "new")] == [0, 1, 2]
    assert turns.next(1) == ()
    assert turns.next(3) == (about("c"), about("b"))


def test_a_free_turn_is_theirs_who_wait_already() -> None:
    turns = Turns(every=(turn("b", NOW - 5),), now=NOW)
    assert turns.position(about("new"), 1) == 1
    assert turns.position(about("b"), 1) == 0


def test_what_is_not_relied_on_any_more_takes_no_turn() -> None:
    old = NOW - TURN_LIFE_MS
    turns = Turns(every=(turn("a", at=old), turn("b", NOW - 5, at=old)), now=NOW)
    assert turns.position(about("new"), 1) == 0
    assert turns.next(1) == ()


@given(
    held=st.lists(st.sampled_from((0, 1, 2, 3)), max_size=8),
    most=st.integers(1, 4),
)
def test_those_that_may_begin_are_those_with_position_0_and_they_fit(
    held: list[int], most: int
) -> None:
    every = tuple(turn(f"n{number}", each) for number, each in enumerate(held))
    turns = Turns(every=every, now=NOW)
    begin = {each for each in turns.next(most)}
    waiting = [each.subject for each in turns.waiting]
    assert begin == {each for each in waiting if turns.position(each, most) == 0}
    assert not begin or len(turns.in_flight) + len(begin) <= most
    places = [turns.position(each, most) for each in waiting]
    assert places == sorted(places)
    assert turns.position(about("new"), most) >= max(places, default=0)
