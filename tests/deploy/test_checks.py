"""Expectations on the JSON of checks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.checks import (
    EntryWhere,
    Field,
    ListEntry,
    ResourceState,
    RoleBinding,
    is_equal,
    value_at,
)
from deploy.resources.project_setup import EnabledServices

NOTHING: dict[str, str] = {}


@given(number=st.integers(0, 10**6))
def test_numbers_and_seconds_are_equal_however_they_are_written(number: int) -> None:
    for written in (number, float(number), str(number), f"{number}.0"):
        assert is_equal(written, str(number))
        assert not is_equal(written, str(number + 1))
    assert is_equal(f"{number}.0s", f"{number}s")


@given(text=st.text(), other=st.text())
def test_texts_are_equal_when_they_are(text: str, other: str) -> None:
    assert is_equal(text, text)
    assert is_equal([other, text], text)


def test_a_version_is_no_number() -> None:
    assert not is_equal("1.10", "1.1.0")
    assert not is_equal("abc", "1")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("a", "b"), 1),
        (("list", 0, "n"), "x"),
        (("list", EntryWhere("n", "y"), "v"), 2),
        (("list", 9), None),
        (("list", EntryWhere("n", "z"), "v"), None),
        (("a", "b", "c"), None),
        (("nothing",), None),
    ],
)
def test_a_path_ends_where_the_answer_does(path: Any, value: Any) -> None:
    answer = {"a": {"b": 1}, "list": [{"n": "x"}, {"n": "y", "v": 2}]}
    assert value_at(answer, path) == value


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ([], ResourceState.MISSING),
        ([{"name": "projects/p/queues/other"}], ResourceState.MISSING),
        ([{"name": "projects/p/queues/not-q", "size": 5}], ResourceState.MISSING),
        ([{"name": "projects/p/queues/q", "size": 5}], ResourceState.MATCHES),
        ([{"name": "q", "size": "5.0"}], ResourceState.MATCHES),
        ([{"name": "projects/p/queues/q", "size": 6}], ResourceState.DIFFERS),
        ([{"name": "projects/p/queues/q"}], ResourceState.DIFFERS),
    ],
)
def test_a_thing_is_found_by_the_end_of_its_name(entries: Any, state: ResourceState) -> None:
    expectation = ListEntry(name="q", fields=(Field(("size",), "5"),))
    assert expectation.evaluate(entries, NOTHING).state is state


def test_a_difference_says_what_is_and_what_is_wanted() -> None:
    expectation = ListEntry(name="q", fields=(Field(("limits", "size"), "${SIZE}"),))
    result = expectation.evaluate([{"name": "q", "limits": {"size": 6}}], {"SIZE": "5"})
    assert result.differences == ("limits.size is 6, wanted '5'",)


def test_all_services_are_wanted() -> None:
    expectation = EnabledServices(services=("a", "b"))
    assert expectation.evaluate([{"config": {"name": "a"}}], NOTHING).differences == (
        "b is not enabled",
    )


@pytest.mark.parametrize(
    ("binding", "state"),
    [
        ({"role": "r", "members": ["m"]}, ResourceState.MISSING),
        ({"role": "r", "members": ["m"], "condition": {"title": "t"}}, ResourceState.MATCHES),
        ({"role": "r", "members": ["n"], "condition": {"title": "t"}}, ResourceState.MISSING),
        ({"role": "s", "members": ["m"], "condition": {"title": "t"}}, ResourceState.MISSING),
        (
            {"role": "r", "members": ["deleted:m?uid=1"], "condition": {"title": "t"}},
            ResourceState.MISSING,
        ),
    ],
)
def test_a_binding_is_role_member_and_condition(binding: Any, state: ResourceState) -> None:
    expectation = RoleBinding(role="r", member="m", condition="t")
    assert expectation.evaluate({"bindings": [binding]}, NOTHING).state is state
    assert expectation.evaluate({"etag": "x"}, NOTHING).state is ResourceState.MISSING
