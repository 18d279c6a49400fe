"""A task's name and body: what is written is read, and nothing else is taken for an avatar."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.job_record import Dispatch
from functions.domain.task import MAX_BODY_BYTES, RenderTask, read_subject
from functions.errors import InvalidTask
from tests.functions.doubles import about

DISPATCH = Dispatch(fingerprint="0123456789abcdef", at=1_800_000_000_000)
IDS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1)
    .filter(lambda text: len(text.encode()) <= 1500)
    .filter(lambda text: text not in (".", "..") and not text.startswith("__"))
)


@given(IDS)
def test_what_is_written_is_read_back(avatar_id: str) -> None:
    task = RenderTask(subject=about(avatar_id), dispatch=DISPATCH)
    assert read_subject(task.body) == about(avatar_id)
    assert len(task.body) <= MAX_BODY_BYTES


def test_the_longest_id_fits() -> None:
    for character in ("a", "ä", "😀", "\x01"):
        longest = character * (1500 // len(character.encode()))
        task = RenderTask(subject=about(longest), dispatch=DISPATCH)
        assert read_subject(task.body) == about(longest)
        with pytest.raises(InvalidTask):
            read_subject(json.dumps({"avatarId": f"{longest}a"}).encode())


@pytest.mark.parametrize(
    "avatar_id", ["", "a/b", "../x", ".", "..", "__x__", "\ud800", 7, None, ["a"], {"id": "a"}]
)
def test_what_is_no_document_id_is_refused(avatar_id: object) -> None:
    with pytest.raises(InvalidTask, match="avatarId"):
        read_subject(json.dumps({"avatarId": avatar_id}).encode())


@given(st.binary(max_size=200))
def test_any_other_body_is_refused_and_nothing_worse(body: bytes) -> None:
    try:
        read = read_subject(body)
    except InvalidTask:
        return
    assert json.loads(body)["avatarId"] == read.avatar_id


def test_only_what_is_read_counts() -> None:
    body = b'{"avatarId": "a", "fingerprint": "f", "parameters": {"drivingMultiplier": 1}}'
    assert read_subject(body) == about("a")


def test_the_name_is_the_dispatchs_alone() -> None:
    one = RenderTask(subject=about("a"), dispatch=DISPATCH)
    assert one.task_id == RenderTask(subject=about("a"), dispatch=DISPATCH).task_id
    later = Dispatch(fingerprint=DISPATCH.fingerprint, at=DISPATCH.at + 1)
    others = [
        RenderTask(subject=about("b"), dispatch=DISPATCH),
        RenderTask(subject=about("a"), dispatch=later),
    ]
    assert len({one.task_id, *(other.task_id for other in others)}) == 3
