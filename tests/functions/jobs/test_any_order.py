"""Whatever apps, events, instances and kills do, and in whatever order: it ends as asked.

A model-based test. Saves of every kind are mixed with deliveries that come late, twice, reversed,
on two instances, in the middle of a render, or die with their instance; the ledger's own writes
raise events like any other. Once every event is acknowledged, the document shows what it asks for.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from functions.domain.document import DocumentWrite, Snapshot, State, dig
from functions.domain.request import NotOptedIn, Refusal
from functions.domain.snapshot import AvatarSnapshot, TransactionResult
from functions.domain.storage_paths import StoredObject, Upload, download_url
from functions.errors import RetryLater
from functions.jobs.avatar_state import look
from functions.jobs.motion_cache import motion_path
from tests.functions.doubles import Fields, MemoryLedger, VirtualClock
from tests.functions.scene import (
    AVATAR,
    IMAGE,
    OUTPUT,
    POLICY,
    SETTINGS,
    UNSET,
    VIDEO,
    Scene,
    document,
    snapshot,
)

UNLIMITED = replace(SETTINGS, renders_per_day=10_000, renders_per_owner_day=10_000)
SAVES: tuple[dict[str, Any], ...] = (
    {},
    {"training__livePortrait__drivingMultiplier": 0.5},
    {"training__livePortrait__drivingMultiplier": 0.6},
    {"training__livePortrait__drivingMultiplier": "wrong"},
    {"training__livePortrait__mood": "calm"},
    {"training__livePortrait": UNSET},
    {"training__dynamicsEnabled": False},
    {"avatarImageUrl": None},
    {"training__heroVideoUrl": "https://evil.example/x.mp4"},
    {"nickname": "B"},
)


class Killed(BaseException):
    """An instance dies: nothing of it runs any more, no exception handler either."""


class TellingLedger(MemoryLedger):
    """Raises an event for every write to the document, as the database does."""

    def __init__(self, clock: VirtualClock, tell: Callable[[Fields | None], None]) -> None:
        super().__init__(clock)
        self._tell = tell

    def _commit(self, avatar: AvatarSnapshot, change: TransactionResult) -> None:
        before = copy.deepcopy(self.documents.get(AVATAR))
        super()._commit(avatar, change)
        if change.fields:
            self._tell(before)


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(settings=UNLIMITED)
        self.ledger = TellingLedger(self.scene.clock, self._tell)
        self.scene.use(self.ledger)
        self.instances = [self.scene.second_instance() for _ in range(2)]
        self.pending: list[DocumentWrite] = []
        self.inputs: Fields | None = None  # what the app wrote last
        self.publish = self.scene.media.publish
        self.nonce = 0
        self.killed = False

    def _tell(self, before: Fields | None) -> None:
        self.pending.append(
            DocumentWrite(
                avatar_id=AVATAR,
                before=snapshot(before),
                after=snapshot(self.ledger.documents.get(AVATAR)),
                committed_s=self.scene.clock.now(),
            )
        )

    def _write(self, fields: Fields | None) -> None:
        before = copy.deepcopy(self.ledger.documents.get(AVATAR))
        self.inputs = copy.deepcopy(fields)
        if fields is None:
            self.ledger.documents.pop(AVATAR, None)
        else:
            kept = {key: before[key] for key in ("livePortrait",) if before and key in before}
            self.ledger.documents[AVATAR] = {**kept, **fields}
        if before != self.ledger.documents.get(AVATAR):
            self._tell(before)

    # --- what the app does

    @rule(change=st.sampled_from(SAVES), nonce=st.booleans(), stale=st.booleans())
    def save(self, change: dict[str, Any], nonce: bool, stale: bool) -> None:
        fields = document(**change)
        inputs = fields["training"].get("livePortrait")
        if inputs is not None:
            self.nonce += nonce
            inputs["renderNonce"] = self.nonce
            retired = download_url(f"{OUTPUT}ffff/idle.mp4", "old", POLICY)
            if stale:
                inputs["idleVideoUrl"] = retired
        self._write(fields)

    @rule(path=st.sampled_from([IMAGE, VIDEO]))
    def replace_an_object(self, path: str) -> None:
        """Overwritten under the same URL; the app saves once more, with a new nonce."""
        self.scene.media.put(path, b"another")
        self.save(change={}, nonce=True, stale=False)

    @precondition(lambda self: self.inputs is not None)
    @rule()
    def delete(self) -> None:
        self._write(None)

    @precondition(lambda self: self.inputs is not None)
    @rule(forged=st.sampled_from(["text", {"state": "ready"}, {"state": "queued"}, {}]))
    def forge(self, forged: object) -> None:
        before = copy.deepcopy(self.ledger.documents[AVATAR])
        self.ledger.documents[AVATAR]["livePortrait"] = forged
        self._tell(before)
        self.save(change={}, nonce=True, stale=False)  # a relevant event follows

    @rule(seconds=st.sampled_from([1.0, 20.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.scene.clock.advance(seconds)

    # --- what the cloud does

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.pending))
        twice, instance = data.draw(st.booleans()), data.draw(st.integers(0, 1))
        renderer, happenings = self.scene.renderer, [self._save_now, self._delete_now]
        if data.draw(st.booleans()):
            happenings += [self._deliver_beside, self._kill]
            where = data.draw(st.sampled_from([renderer.before_motion, renderer.steps]))
            where.append(data.draw(st.sampled_from(happenings)))
        if data.draw(st.booleans()):
            self._while_the_motion_is_stored(data.draw(st.sampled_from(happenings)))
        acknowledged = self._answer(event, instance)
        renderer.before_motion.clear()
        renderer.steps.clear()
        self.scene.media.publish = self.publish  # type: ignore[method-assign]
        if acknowledged and not twice and event in self.pending:
            self.pending.remove(event)

    def _answer(self, event: DocumentWrite, instance: int) -> bool:
        try:
            self.instances[instance].handle_event(event)
        except RetryLater:
            return False
        except Killed:
            self.killed = True
            self.instances[instance] = self.scene.second_instance()
            return False
        return True

    def _save_now(self) -> None:
        self.save(
            change={"training__livePortrait__drivingMultiplier": 0.7}, nonce=False, stale=False
        )
        self.scene.clock.advance(2)

    def _deliver_beside(self) -> None:
        # The first instance holds its lock: what comes meanwhile is another instance's.
        third = self.scene.second_instance()
        for event in self.pending[-2:]:
            try:
                third.handle_event(event)
            except RetryLater:
                continue

    def _delete_now(self) -> None:
        """And everything is cleaned up at once; no second event of it will come."""
        if self.ledger.documents.get(AVATAR) is None:
            return
        self._write(None)
        deletion = self.pending[-1]
        try:
            self.scene.second_instance().handle_event(deletion)
        except RetryLater:
            return
        self.pending.remove(deletion)

    def _kill(self) -> None:
        raise Killed

    def _while_the_motion_is_stored(self, happens: Callable[[], object]) -> None:
        """Its lease is confirmed, and its object not there yet."""

        def hooked(publication: Upload, *, replacing: int = 0) -> StoredObject:
            if not publication.token:
                self.scene.media.publish = self.publish  # type: ignore[method-assign]
                happens()
            return self.publish(publication, replacing=replacing)

        self.scene.media.publish = hooked  # type: ignore[method-assign]

    # --- what must hold

    @invariant()
    def what_the_ledger_lists_is_in_place(self) -> None:
        for result in self.scene.record.results:
            for kept in (result.video, result.poster):
                assert self.scene.media.objects[kept.path].generation == kept.generation

    @invariant()
    def the_apps_fields_are_as_it_wrote_them(self) -> None:
        current = self.ledger.documents.get(AVATAR)
        assert _without_ours(current) == _without_ours(self.inputs)

    def teardown(self) -> None:
        for _ in range(40):
            for event in list(self.pending):
                if self._answer(event, 0):
                    self.pending.remove(event)
            if not self.pending:
                break
            self.scene.clock.advance(61)
        assert not self.pending, "some event is never acknowledged"
        self._assert_ended_as_asked()

    def _assert_ended_as_asked(self) -> None:
        fields = self.ledger.documents.get(AVATAR)
        if fields is None:
            assert self.ledger.jobs == {}
            assert self.scene.outputs == []
            assert self.killed or motion_path(AVATAR) not in self.scene.media.objects
            return
        assert self.scene.record.lease is None or self.killed
        reader = self.scene.transitions.reader
        ask = reader.read(AVATAR, Snapshot(fields=fields))
        if isinstance(ask, NotOptedIn):
            return
        live = fields["livePortrait"]
        if isinstance(ask, Refusal):
            assert (live["state"], (live["error"] or {}).get("code")) == (ask.state, ask.code)
            return
        state = look(self.scene.deps, AVATAR)
        assert state.spec is not None
        assert live["fingerprint"] == state.spec.fingerprint
        if live["state"] == State.FAILED:
            assert self.killed
            assert live["error"]["code"] == "RENDER_FAILED"
            return
        assert live["state"] == State.READY
        assert state.result is not None
        assert live["idleVideoUrl"] == state.result.video.url
        objects = self.scene.media.objects
        made_of = objects[IMAGE].body + objects[VIDEO].body  # never of a motion of another clip
        assert objects[state.result.video.path].body.startswith(b"video of " + made_of)
        assert dig(fields, ("training", "livePortrait", "idleVideoUrl")) == live["idleVideoUrl"]
        listed = {
            kept.path for each in self.scene.record.results for kept in (each.video, each.poster)
        }
        assert set(self.scene.outputs) == listed


def _without_ours(fields: Fields | None) -> Fields | None:
    if fields is None:
        return None
    rest = copy.deepcopy(fields)
    rest.pop("livePortrait", None)
    inputs = rest["training"].get("livePortrait")
    if isinstance(inputs, dict):
        inputs.pop("idleVideoUrl", None)
    return rest


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
