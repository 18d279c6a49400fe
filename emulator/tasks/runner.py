"""Pushes tasks: each when it is due and its queue's limits admit it, until it has ended.

Knows the store and HTTP, no message of the service. All times of the real service are multiplied
by the time factor.
"""

import asyncio
import logging
import time

from emulator.faults import FaultKind, FaultPlan
from emulator.http_client import Unreachable, send
from emulator.tasks.identity import Identity
from emulator.tasks.names import fault_path, queue_of
from emulator.tasks.push import push_headers
from emulator.tasks.queue import RETENTION_S, QueueState
from emulator.tasks.rate_limiter import RateLimiter
from emulator.tasks.store import TaskStore
from emulator.tasks.task import Task, TaskState

_log = logging.getLogger(__name__)


class Runner:
    """Pushes tasks; lives on one event loop."""

    def __init__(
        self, store: TaskStore, faults: FaultPlan, identity: Identity, time_factor: float = 1.0
    ) -> None:
        self._store = store
        self._faults = faults
        self._identity = identity
        self._factor = time_factor
        self._limiters: dict[str, RateLimiter] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._attempts: set[asyncio.Task[None]] = set()

    def start(self, name: str) -> None:
        """Begin to run a task, or begin again after its schedule has changed."""
        self.forget(name)
        self._waiting[name] = asyncio.get_running_loop().create_task(self._run_to_end(name))
        self._waiting[name].add_done_callback(lambda done: self._drop(name, done))

    def forget(self, name: str) -> None:
        """Stop waiting for a task's turn; a request under way continues."""
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            waiting.cancel()

    def run_now(self, name: str) -> None:
        """Push a task at once, regardless of its schedule and of its queue's limits and state."""
        self._store.reschedule(name, time.time())
        attempt = self._begin_attempt(name)
        attempt.add_done_callback(lambda _done: self._continue(name))

    def update(self, queue: str) -> None:
        """Apply a queue's changed limits and state to its waiting tasks."""
        if queue in self._limiters:
            self._limiters[queue].update()

    def is_idle(self) -> bool:
        """Return whether no request runs and no task waits, except in paused queues."""
        if self._attempts:
            return False
        paused = {one.name for one in self._store.queues() if one.state is QueueState.PAUSED}
        return all(queue_of(name) in paused for name in self._waiting)

    def clear(self) -> None:
        """Stop everything."""
        for task in (*self._waiting.values(), *self._attempts):
            task.cancel()
        for limiter in self._limiters.values():
            limiter.close()
        self._waiting.clear()
        self._limiters.clear()

    async def close(self) -> None:
        """Stop everything, and wait for its end."""
        tasks = (*self._waiting.values(), *self._attempts)
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, name: str, done: "asyncio.Task[None]") -> None:
        if self._waiting.get(name) is done:
            del self._waiting[name]

    def _continue(self, name: str) -> None:
        if self._store.find(name) is None:
            self.forget(name)
        else:
            self.start(name)

    def _limiter(self, queue: str) -> RateLimiter:
        if queue not in self._limiters:
            self._limiters[queue] = RateLimiter(
                lambda: self._store.queue(queue), time.monotonic, self._factor
            )
        return self._limiters[queue]

    async def _run_to_end(self, name: str) -> None:
        """Repeat attempts until one succeeds or no further one is due."""
        while (task := self._store.find(name)) is not None:
            if (ahead_s := task.due_at - time.time()) > 0:
                await asyncio.sleep(ahead_s)
                continue  # it may have been rescheduled meanwhile
            limiter = self._limiter(queue_of(name))
            await limiter.acquire()
            try:
                copies = 1 + bool(self._faults.take(FaultKind.DUPLICATE_TASK, fault_path(name)))
                attempts = [self._begin_attempt(name) for _ in range(copies)]
                await asyncio.wait(attempts)
            finally:
                limiter.release()

    def _begin_attempt(self, name: str) -> "asyncio.Task[None]":
        headers = push_headers(self._store.task(name), self._identity)
        number = self._store.begin_attempt(name)
        attempt = self._attempt(self._store.task(name), number, headers)
        running = asyncio.get_running_loop().create_task(attempt)
        self._attempts.add(running)
        running.add_done_callback(self._attempts.discard)
        return running

    async def _attempt(self, task: Task, number: int, headers: list[tuple[str, str]]) -> None:
        status, error = await self._send_request(task, headers)
        url = task.request.url
        _log.info("task %s, attempt %d, to %s: %s", task.name, number + 1, url, status or error)
        left = self._store.end_attempt(task.name, number, status, error)
        if left is None:
            return
        if left.attempts[number].has_succeeded:
            self._store.end(task.name, TaskState.DONE)
            return
        self._schedule_next(left)

    async def _send_request(
        self, task: Task, headers: list[tuple[str, str]]
    ) -> tuple[int | None, str]:
        """Return the status of the response, or None and why there was none."""
        path = fault_path(task.name)
        if self._faults.take(FaultKind.DROP_TASK, path):
            return None, "UNAVAILABLE: lost on its way, on purpose"
        request = task.request
        pushing = send(request.url, headers, request.body, method=request.method)
        try:
            response = await asyncio.wait_for(pushing, task.dispatch_deadline_s * self._factor)
        except TimeoutError:
            return None, "DEADLINE_EXCEEDED: no answer within the dispatch deadline"
        except Unreachable as error:
            return None, f"UNAVAILABLE: {error}"
        if self._faults.take(FaultKind.LOSE_TASK_ANSWER, path):
            return None, f"UNAVAILABLE: the answer {response.status} was lost, on purpose"
        self._limiter(queue_of(task.name)).note(response.status, response.retry_after_s)
        return response.status, ""

    def _schedule_next(self, task: Task) -> None:
        retry = task.retry_config or self._store.queue(queue_of(task.name)).retry_config
        now = time.time()
        since_first_s = (now - task.attempts[0].dispatched_at) / self._factor
        too_old = now - task.created_at > RETENTION_S * self._factor
        if too_old or retry.is_spent(len(task.attempts), since_first_s):
            _log.error("task %s is given up after %d attempts", task.name, len(task.attempts))
            self._store.end(task.name, TaskState.GIVEN_UP)
            return
        pause_s = retry.backoff_s(len(task.attempts)) * self._factor
        self._store.reschedule(task.name, now + pause_s)
