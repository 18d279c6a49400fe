"""Gate, queue and renderer in whatever order: the last wish is rendered, the queue swallows none.

The model-based test of `test_any_order` once more, with gates for instances and tasks between them
and the renderers. At every transaction of the one side the other one may come in between: another
save, another event, another task, a fault, or the death of the process.
"""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from functions.domain.snapshot import AvatarSnapshot, TransactionResult
from functions.domain.task import RenderTask, read_avatar_id
from functions.errors import RetryLater
from tests.functions.doubles import Fields, VirtualClock
from tests.functions.jobs.test_any_order import AnyOrder, Killed, TellingLedger
from tests.functions.scene import AVATAR

_LOOKS = 6  # at so many of the first reads and transactions of a request something may come between


class InterruptedLedger(TellingLedger):
    """Lets others come in before it reads and before it transacts."""

    def __init__(self, clock: VirtualClock, tell: Callable[[Fields | None], None]) -> None:
        super().__init__(clock, tell)
        self.interruptions: list[Callable[[], object] | None] = []

    def read(self, avatar_id: str) -> AvatarSnapshot:
        self._interrupt()
        return super().read(avatar_id)

    def transact(
        self,
        avatar_id: str,
        decide: Callable[[AvatarSnapshot], TransactionResult],
        *,
        counting: bool = False,
    ) -> TransactionResult:
        self._interrupt()
        change = super().transact(avatar_id, decide, counting=counting)
        self._clock.advance(0.001)  # no two commits have one time
        return change

    def _interrupt(self) -> None:
        if not self.interruptions:
            return
        rest, self.interruptions = self.interruptions, []  # those who come between are left alone
        action = rest.pop(0)
        try:
            if action is not None:
                action()
        finally:
            self.interruptions = rest


class AnyOrderOfTasks(AnyOrder):
    def __init__(self) -> None:
        super().__init__()
        self.ledger: InterruptedLedger = InterruptedLedger(self.scene.clock, self._tell)
        self.scene.use(self.ledger)
        self.instances = [self.scene.gate() for _ in range(2)]
        self.queue = self.scene.queue

    # --- what comes in between

    def _disturb(self, data: st.DataObject) -> None:
        actions: list[Callable[[], object] | None] = [
            None,
            self._save_now,
            self._save_back,
            self._deliver_another,
            self._run_another,
            self._lose_the_answer,
            self._fail,
            self._kill,
        ]
        drawn = data.draw(st.lists(st.sampled_from(actions), max_size=_LOOKS))
        self.ledger.interruptions = drawn

    def _save_back(self) -> None:
        self.save(change={}, nonce=False, stale=False)

    def _deliver_another(self) -> None:
        for event in self.pending[-1:]:
            if self._answer(event, 1):
                self.pending.remove(event)

    def _run_another(self) -> None:
        for task in self.queue.pending[-1:]:
            self._run(task)

    def _lose_the_answer(self) -> None:
        self.ledger.lost_answers = [ConnectionError("the answer was lost")]

    def _fail(self) -> None:
        raise ConnectionError("the database is away")

    # --- what the cloud does

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def deliver_disturbed(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.pending))
        self._disturb(data)
        where = data.draw(st.sampled_from([None, self.queue.before, self.queue.after]))
        if where is not None:
            where.append(data.draw(st.sampled_from([self._refuse, self._kill, self._run_another])))
        if self._answer(event, 0) and event in self.pending and not data.draw(st.booleans()):
            self.pending.remove(event)
        self._calm()

    @precondition(lambda self: self.queue.pending)
    @rule(data=st.data())
    def run_a_task(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.queue.pending))
        self._disturb(data)
        if data.draw(st.booleans()):
            actions = [self._save_now, self._save_back, self._deliver_another, self._kill]
            self.scene.renderer.steps = [data.draw(st.sampled_from(actions))]
        self._run(task, twice=data.draw(st.booleans()))
        self._calm()

    def _refuse(self) -> None:
        raise RetryLater("the queue is away")

    def _calm(self) -> None:
        self.ledger.interruptions = []
        self.ledger.lost_answers = []
        self.scene.renderer.steps = []
        self.queue.before.clear()
        self.queue.after.clear()

    def _run(self, task: RenderTask, *, twice: bool = False) -> None:
        """One delivery by the queue, to an instance that may have been started for it."""
        try:
            self.scene.second_instance().handle_task(read_avatar_id(task.body))
        except RetryLater:
            return
        except Killed:
            self.killed = True
            return
        if not twice and task in self.queue.pending:
            self.queue.pending.remove(task)

    # --- what must hold

    def teardown(self) -> None:
        for _ in range(60):
            for task in list(self.queue.pending):
                self._run(task)
            for event in list(self.pending):
                if self._answer(event, 0):
                    self.pending.remove(event)
            if not self.pending and not self.queue.pending:
                break
            self.scene.clock.advance(61)
        assert not self.pending, "some event is never acknowledged"
        assert not self.queue.pending, "some task never ends"
        noted = self.ledger.record(AVATAR).dispatch
        if noted is not None:  # by a gate that died before it made the task: the name is still free
            name = RenderTask(avatar_id=AVATAR, dispatch=noted).task_id
            assert name not in self.queue.names
        self._assert_ended_as_asked()


TestAnyOrderOfTasks = AnyOrderOfTasks.TestCase
TestAnyOrderOfTasks.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
