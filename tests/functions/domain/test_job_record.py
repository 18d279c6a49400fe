"""The ledger's document: what is written is read back, and its questions are answered."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.document import State
from functions.domain.job_record import (
    Dispatch,
    ErrorInfo,
    Lease,
    Missing,
    PublishedObject,
    Purpose,
    Quality,
    Record,
    Result,
    StatusView,
    from_fields,
    to_fields,
)
from functions.domain.job_record.status_view import live_portrait
from functions.domain.parameters import Parameters
from functions.errors import Code
from liveportrait_core import AnimationRegion

TEXT = st.text(max_size=12)
MOMENT = st.integers(0, 2**50)
LEVELS = st.none() | st.floats(0, 255)
PARAMETERS = st.builds(
    Parameters,
    driving_multiplier=st.integers(0, 100),
    normalize_lip=st.booleans(),
    animation_region=st.sampled_from(AnimationRegion),
)
RESULTS = st.builds(
    Result,
    fingerprint=TEXT,
    request_id=TEXT,
    parameters=PARAMETERS,
    engine=TEXT,
    engine_version=TEXT,
    video=st.builds(PublishedObject, path=TEXT, generation=MOMENT, url=TEXT),
    poster=st.builds(PublishedObject, path=TEXT, generation=MOMENT, url=TEXT),
    fps=st.floats(1, 60),
    warnings=st.lists(TEXT, max_size=2).map(tuple),
    quality=st.none()
    | st.builds(
        Quality,
        frames_without_face=st.none() | st.integers(0, 300),
        jitter_driving_per_mille=LEVELS,
        jitter_result_per_mille=LEVELS,
        median_step_levels=st.floats(0, 255),
        loop_step_levels=st.floats(0, 255),
        seam_levels=LEVELS,
        touched_outside_share=LEVELS,
    ),
)
RECORDS = st.builds(
    Record,
    fingerprint=TEXT,
    wish=st.just(""),
    attempts=st.integers(0, 3),
    not_before=MOMENT,
    missing=st.none() | st.builds(Missing, path=TEXT, since=MOMENT),
    lease=st.none()
    | st.builds(
        Lease, owner=TEXT, purpose=st.sampled_from(Purpose), fingerprint=TEXT, expires=MOMENT
    ),
    dispatch=st.none() | st.builds(Dispatch, fingerprint=TEXT, at=MOMENT),
    shown=st.none()
    | st.builds(
        StatusView,
        state=st.sampled_from(State),
        parameters=st.none() | PARAMETERS,
        error=st.none() | st.builds(ErrorInfo, code=st.sampled_from(Code), field=st.none() | TEXT),
        warnings=st.lists(TEXT, max_size=2).map(tuple),
        requested=st.none() | MOMENT,
        eta_s=st.none() | st.integers(0, 500),
    ),
    results=st.lists(RESULTS, max_size=3).map(tuple),
)


@given(RECORDS)
def test_what_is_written_is_read_back(record: Record) -> None:
    assert from_fields(to_fields(record)) == record


def maps(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(TEXT, values, max_size=2)


NEW_KEYS = ("hint", "notAfter", "snake_case", "unknown", "")
NEWS = st.recursive(st.none() | st.booleans() | TEXT, lambda each: st.lists(each) | maps(each))


@given(RECORDS, st.data())
def test_what_a_newer_version_has_added_is_kept(record: Record, data: st.DataObject) -> None:
    fields = to_fields(record)
    for holder in maps_in(fields):
        news = data.draw(st.dictionaries(st.sampled_from(NEW_KEYS), NEWS, max_size=1))
        holder.update(news)
    read = from_fields(fields)
    assert to_fields(read) == fields
    assert read == record
    assert to_fields(replace(read, attempts=9)) == {**fields, "attempts": 9}


def test_a_newer_versions_keys_stay_with_their_parts() -> None:
    shown = StatusView(state=State.QUEUED, parameters=Parameters())
    fields: dict[str, Any] = {**to_fields(Record(shown=shown)), "hint": 1}
    fields["shown"] = {**fields["shown"], "mood": "calm"}
    assert to_fields(from_fields(fields)) == fields


def maps_in(value: object) -> Iterator[dict[str, object]]:
    """Every map of a ledger's document, at whatever depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from maps_in(item)


NEW_VALUES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a state": lambda fields: {**fields, "shown": {**fields["shown"], "state": "paused"}},
    "a code": lambda fields: {
        **fields,
        "shown": {
            **fields["shown"],
            "error": {"code": "TOO_DARK", "field": None, "retryable": False, "seconds": None},
        },
    },
    "a purpose": lambda fields: {**fields, "lease": {**fields["lease"], "purpose": "export"}},
    "a region": lambda fields: {
        **fields,
        "shown": {
            **fields["shown"],
            "parameters": {**fields["shown"]["parameters"], "animationRegion": "hair"},
        },
    },
}


@pytest.mark.parametrize("news", NEW_VALUES)
def test_values_that_only_a_newer_version_knows_are_kept(news: str) -> None:
    record = Record(
        shown=StatusView(state=State.FAILED, parameters=Parameters()),
        lease=Lease(owner="a", purpose=Purpose.RENDER, fingerprint="f", expires=1000),
    )
    fields = NEW_VALUES[news](to_fields(record))
    assert to_fields(from_fields(fields)) == fields


def test_a_state_and_a_code_of_a_newer_version_are_shown_as_they_are() -> None:
    record = Record(shown=StatusView(state=State.FAILED, parameters=Parameters()))
    for news in ("a state", "a code", "a region"):
        record = from_fields(NEW_VALUES[news](to_fields(record)))
    live = live_portrait(record)
    assert live is not None
    assert (live["state"], live["error"]) == ("paused", {"code": "TOO_DARK", "retryable": False})
    assert live["params"] == {**PARAMETERS_SHOWN, "animationRegion": "hair"}


PARAMETERS_SHOWN = {
    "drivingMultiplier": 0.4,
    "normalizeLip": True,
    "pasteback": True,
    "scale": 2.3,
    "sourceMaxDim": 1600,
}


def test_a_lease_for_what_only_a_newer_version_does_is_not_taken_over() -> None:
    fields = to_fields(
        Record(lease=Lease(owner="a", purpose=Purpose.RENDER, fingerprint="f", expires=1000))
    )
    assert not from_fields(fields).cleaning(999)
    record = from_fields(NEW_VALUES["a purpose"](fields))
    assert record.cleaning(999)
    assert not record.cleaning(1000)


def test_an_empty_document_is_an_empty_record() -> None:
    assert from_fields({}) == Record()
    assert "notBefore" in to_fields(Record())


def test_a_lease_lives_until_it_expires() -> None:
    lease = Lease(owner="a", purpose=Purpose.RENDER, fingerprint="f", expires=1000)
    record = Record(lease=lease)
    assert record.lease_lives(999)
    assert not record.lease_lives(1000)
    assert record.in_work("f", 999)
    assert not record.in_work("g", 999)
    assert not record.cleaning(999)
    assert record.held_by("a")
    assert not record.held_by("b")


@given(RECORDS, TEXT, TEXT)
def test_asking_for_another_clears_the_count_and_a_duplicate_does_not(
    record: Record, fingerprint: str, wish: str
) -> None:
    spec = record.asking(fingerprint, wish)
    assert spec.fingerprint == fingerprint
    assert spec.asking(fingerprint, wish) == spec
    if record.fingerprint == fingerprint:
        assert (spec.attempts, spec.missing) == (record.attempts, record.missing)
    else:
        assert (spec.attempts, spec.not_before, spec.missing) == (0, 0, None)
    assert spec.lease is None or spec.lease.fingerprint == fingerprint
    assert spec.results == record.results


def test_each_engine_version_keeps_its_own_count_while_they_take_turns() -> None:
    record = Record(fingerprint="v1", wish="w", attempts=2, not_before=7)
    second = record.asking("v2", "w")
    assert (second.attempts, second.others, second.not_before) == (0, {"v1": 2}, 7)
    second = replace(second, attempts=1)
    assert second.asking("v1", "w") == replace(record, others={"v2": 1})
    assert second.asking("v3", "w").asking("v2", "w").attempts == 1
    for other in (second.asking("v1", "another"), second.asking("v1")):
        assert (other.attempts, other.others, other.not_before) == (0, {}, 0)
    assert from_fields(to_fields(second)) == second
