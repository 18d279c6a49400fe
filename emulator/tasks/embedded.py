"""Cloud Tasks: its port, the servers behind it, and the runner that pushes the tasks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from emulator.faults import FaultPlan
from emulator.serving import HttpServer, bind
from emulator.shared_port import sharing
from emulator.tasks.api.calls import Calls
from emulator.tasks.api.grpc_server import grpc_server
from emulator.tasks.api.http_server import TasksHttpServer
from emulator.tasks.identity import Identity
from emulator.tasks.queue import Queue, QueueState
from emulator.tasks.runner import Runner
from emulator.tasks.store import TaskStore
from emulator.tasks.task import Task


class EmbeddedTasks:
    """Serves queues over gRPC and REST on one port, and pushes their tasks.

    Args:
        address: host and port to bind; port 0: a free one.
        faults: the planned faults.
        folder: an existing folder for a socket.
        first_queues: the queues that exist at the start and after a reset.
        time_factor: 1 for the real service's times, less to shorten them.
    """

    def __init__(
        self,
        address: tuple[str, int],
        faults: FaultPlan,
        folder: Path,
        first_queues: tuple[Queue, ...],
        time_factor: float = 1.0,
    ) -> None:
        self.port = 0
        self._address = address
        self._faults = faults
        self._grpc_socket = folder / "tasks.sock"
        self._first_queues = first_queues
        self._store = TaskStore(time.time, time_factor)
        self._add_first_queues()
        self._identity = Identity()
        self._runner = Runner(self._store, faults, self._identity, time_factor)
        self._calls = Calls(self._store, self._runner, faults, time_factor).table()
        self._http = HttpServer(TasksHttpServer(self._calls, self._identity, faults))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve for the duration of the block; `port` then says where.

        Raises:
            PortBusy: the port is taken.
        """
        with bind(*self._address) as listener:
            self.port = listener.getsockname()[1]
            server = grpc_server(self._calls, self._faults, f"unix:{self._grpc_socket}")
            async with sharing(listener, self._http, server, self._grpc_socket, self._runner.close):
                await asyncio.to_thread(self._identity.prepare)  # else the first push would wait
                yield

    def queues(self) -> tuple[Queue, ...]:
        """Return all queues."""
        return self._store.queues()

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks, oldest first, with ended ones as long as their names are kept."""
        return self._store.history()

    def pause(self, queue: str) -> None:
        """Pause a queue.

        Raises:
            NotFound: there is no such queue.
        """
        self._store.set_queue_state(queue, QueueState.PAUSED)

    def resume(self, queue: str) -> None:
        """Resume a queue.

        Raises:
            NotFound: there is no such queue.
        """
        self._store.set_queue_state(queue, QueueState.RUNNING)
        self._runner.update(queue)

    def is_idle(self) -> bool:
        """Return whether no request runs and no task waits, except in paused queues."""
        return self._runner.is_idle()

    def clear(self) -> None:
        """Delete all tasks, names and queues; add the first queue again."""
        self._runner.clear()
        self._store.clear()
        self._add_first_queues()

    def _add_first_queues(self) -> None:
        for queue in self._first_queues:
            self._store.add_queue(queue)
