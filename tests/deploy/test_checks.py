"""How answers are read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.checks import Bound, Enabled, Listed, Standing, Want, Where, at, same

NOTHING: dict[str, str] = {}


@given(number=st.integers(0, 10**6))
def test_numbers_and_seconds_are_equal_however_they_are_written(number: int) -> None:
    for written in (number, float(number), str(number), f"{number}.0"):
        assert same(written, str(number))
        assert not same(written, str(number + 1))
    assert same(f"{number}.0s", f"{number}s")


@given(text=st.text(), other=st.text())
def test_texts_are_equal_when_they_are(text: str, other: str) -> None:
    assert same(text, text)
    assert same([other, text], text)


def test_a_version_is_no_number() -> None:
    assert not same("1.10", "1.1.0")
    assert not same("abc", "1")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("a", "b"), 1),
        (("list", 0, "n"), "x"),
        (("list", Where("n", "y"), "v"), 2),
        (("list", 9), None),
        (("list", Where("n", "z"), "v"), None),
        (("a", "b", "c"), None),
        (("nothing",), None),
    ],
)
def test_a_path_ends_where_the_answer_does(path: Any, value: Any) -> None:
    answer = {"a": {"b": 1}, "list": [{"n": "x"}, {"n": "y", "v": 2}]}
    assert at(answer, path) == value


@pytest.mark.parametrize(
    ("entries", "standing"),
    [
        ([], Standing.MISSING),
        ([{"name": "projects/p/queues/other"}], Standing.MISSING),
        ([{"name": "projects/p/queues/not-q", "size": 5}], Standing.MISSING),
        ([{"name": "projects/p/queues/q", "size": 5}], Standing.RIGHT),
        ([{"name": "q", "size": "5.0"}], Standing.RIGHT),
        ([{"name": "projects/p/queues/q", "size": 6}], Standing.DIFFERS),
        ([{"name": "projects/p/queues/q"}], Standing.DIFFERS),
    ],
)
def test_a_thing_is_found_by_the_end_of_its_name(entries: Any, standing: Standing) -> None:
    look = Listed(name="q", wants=(Want(("size",), "5"),))
    assert look.judge(entries, NOTHING).standing is standing


def test_a_difference_says_what_is_and_what_is_wanted() -> None:
    look = Listed(name="q", wants=(Want(("limits", "size"), "${SIZE}"),))
    verdict = look.judge([{"name": "q", "limits": {"size": 6}}], {"SIZE": "5"})
    assert verdict.differences == ("limits.size is 6, wanted '5'",)


def test_all_services_are_wanted() -> None:
    look = Enabled(services=("a", "b"))
    assert look.judge([{"config": {"name": "a"}}], NOTHING).differences == ("b is not enabled",)


@pytest.mark.parametrize(
    ("binding", "standing"),
    [
        ({"role": "r", "members": ["m"]}, Standing.MISSING),
        ({"role": "r", "members": ["m"], "condition": {"title": "t"}}, Standing.RIGHT),
        ({"role": "r", "members": ["n"], "condition": {"title": "t"}}, Standing.MISSING),
        ({"role": "s", "members": ["m"], "condition": {"title": "t"}}, Standing.MISSING),
        (
            {"role": "r", "members": ["deleted:m?uid=1"], "condition": {"title": "t"}},
            Standing.MISSING,
        ),
    ],
)
def test_a_binding_is_role_member_and_condition(binding: Any, standing: Standing) -> None:
    look = Bound(role="r", member="m", condition="t")
    assert look.judge({"bindings": [binding]}, NOTHING).standing is standing
    assert look.judge({"etag": "x"}, NOTHING).standing is Standing.MISSING
