"""What is to be done for an avatar now: one decision for the handler and for reconcile."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from functions.domain.avatar_state import AvatarState
from functions.domain.document import Snapshot, State
from functions.domain.job_record import Dispatch, Lease, Purpose, Record, StatusView
from functions.domain.next_step import (
    CleanUp,
    Debounce,
    MissingInput,
    NewerEvent,
    NewerTask,
    NextStep,
    Reject,
    ReshowFailure,
    Reuse,
    Trigger,
    Wait,
    Withdraw,
    next_step,
)
from functions.domain.request import Reader
from functions.domain.snapshot import AvatarSnapshot, RenderJob
from functions.domain.storage_paths import StoredObject
from functions.errors import Code
from tests.functions.domain.test_status_view import RESULT
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, IMAGE, POLICY, UNSET, VIDEO, document

NOW = 1_000_000
OBJECTS = {path: StoredObject(path=path, generation=1, size_bytes=1) for path in (IMAGE, VIDEO)}
KEPT = {
    item.path: StoredObject(path=item.path, generation=item.generation, size_bytes=1)
    for item in (RESULT.video, RESULT.poster)
}


def seen(
    record: Record | None = None,
    fields: Mapping[str, Any] | None = None,
    objects: Mapping[str, StoredObject] = OBJECTS,
) -> AvatarState:
    found = Snapshot(fields=document() if fields is None else fields)
    avatar = AvatarSnapshot(
        subject=about(AVATAR),
        document=None if fields == {} else found,
        record=record or Record(),
        has_ledger=record is not None,
        now=NOW,
    )
    return AvatarState.of(
        avatar,
        Reader(policy=POLICY).read(about(AVATAR), avatar.document),
        engine="mesh",
        engine_version="mesh-1-0",
        find=objects.get,
    )


SPEC = seen().spec
assert SPEC is not None
NAME = SPEC.fingerprint
LISTED = Record(results=(replace(RESULT, fingerprint=NAME),))
FAILED = Record(fingerprint=NAME, shown=StatusView(state=State.FAILED, fingerprint=NAME))
HELD = Record(lease=Lease(owner="x", purpose=Purpose.RENDER, fingerprint=NAME, expires=NOW + 1))
TASK, OTHER = Dispatch(fingerprint=NAME, at=1), Dispatch(fingerprint="other", at=2)
MOVED = document(training__livePortrait__drivingMultiplier=0.9)


def decided(state: AvatarState, **trigger: Any) -> NextStep:
    usual = replace(Trigger.present(seen().avatar, deadline=480.0), **trigger)
    return next_step(usual, state)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (seen(), RenderJob),
        (seen(LISTED, objects=OBJECTS | KEPT), Reuse),
        (seen(LISTED), RenderJob),  # its objects are gone
        (seen(FAILED), ReshowFailure),
        (seen(HELD), Wait),
        (seen(objects={}), MissingInput),
        (seen(fields=document(training__dynamicsEnabled=False)), Reject),
        (seen(fields=MOVED), NewerEvent),
        (seen(Record(dispatch=OTHER)), RenderJob),  # an event leaves a task alone
    ],
)
def test_the_next_step_after_the_debounce(state: AvatarState, kind: type[NextStep]) -> None:
    key = state.avatar.inputs_key if kind is Reject else seen().avatar.inputs_key
    assert isinstance(decided(state, inputs_key=key), kind)


def test_who_asks_for_nothing_is_withdrawn_and_who_is_gone_is_cleaned_up() -> None:
    asks_nothing = seen(fields=document(training__livePortrait=UNSET))
    gone = seen(fields={})
    assert decided(asks_nothing, inputs_key=asks_nothing.avatar.inputs_key) == Withdraw()
    assert decided(gone, inputs_key=None) == CleanUp()


def test_before_its_debounce_an_event_is_answered_or_shown_as_queued() -> None:
    reused = decided(seen(LISTED, objects=OBJECTS | KEPT), debounced=False, inputs_key=None)
    assert isinstance(reused, Reuse)
    assert decided(seen(), debounced=False) == Debounce(queued=SPEC)
    assert decided(seen(), debounced=False, inputs_key=None) == NewerEvent()
    refused = seen(fields=document(training__dynamicsEnabled=False))
    key = refused.avatar.inputs_key
    assert decided(refused, debounced=False, inputs_key=key) == Debounce(queued=None)


def test_a_task_is_debounced_for_another_request_than_its_own() -> None:
    for task, kind in ((TASK, RenderJob), (OTHER, Debounce)):
        state = seen(Record(dispatch=task))
        assert isinstance(decided(state, dispatch=task, debounced=False), kind)
        assert isinstance(decided(state, dispatch=task), RenderJob)


def test_a_task_gives_way_to_a_newer_one() -> None:
    assert decided(seen(Record(dispatch=OTHER)), dispatch=TASK) == NewerTask()
    assert isinstance(decided(seen(Record(dispatch=TASK)), dispatch=TASK), RenderJob)


def test_a_task_that_was_ended_begins_nothing() -> None:
    assert decided(seen(Record()), dispatch=TASK) == NewerTask()


def test_who_leaves_renders_to_a_queue_waits_for_none() -> None:
    assert isinstance(decided(seen(HELD), queues=True), RenderJob)


@pytest.mark.parametrize(
    ("absent", "code"),
    [(IMAGE, Code.HERO_IMAGE_NOT_FOUND), (VIDEO, Code.HERO_VIDEO_NOT_FOUND)],
)
def test_the_missing_input_is_named(absent: str, code: Code) -> None:
    step = decided(seen(objects={path: OBJECTS[path] for path in OBJECTS if path != absent}))
    assert isinstance(step, MissingInput)
    assert (step.path, step.problem.code) == (absent, code)


def test_the_job_takes_along_all_that_was_decided() -> None:
    step = decided(seen(), since_s=7.0, yielding=True)
    assert isinstance(step, RenderJob)
    assert (step.spec, step.image, step.video) == (SPEC, OBJECTS[IMAGE], OBJECTS[VIDEO])
    assert (step.since_s, step.deadline, step.yielding) == (7.0, 480.0, True)
