"""The Cloud Tasks adapter: create the tasks that the queue posts to the renderer."""

from collections.abc import Iterable
from typing import Self

import grpc
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from functions.domain.task import Task
from functions.errors import RetryLater
from functions.observability import telemetry
from functions.roles import QueueRoute

_TIMEOUT_S = 10.0
# A task has a name of its own, so creating it again does no harm.
_RETRY = Retry(
    predicate=if_exception_type(
        exceptions.ServiceUnavailable, exceptions.DeadlineExceeded, exceptions.InternalServerError
    ),
    initial=0.2,
    timeout=20.0,
)


class CloudTasksQueue:
    """One queue, and the service to which it posts."""

    def __init__(
        self, client: tasks_v2.CloudTasksClient, route: QueueRoute, *, deadline_s: float
    ) -> None:
        """Store the client; `deadline_s` is the time after which the queue repeats a task."""
        self._client = client
        self._route = route
        self._deadline_s = deadline_s

    @classmethod
    def open(cls, route: QueueRoute, *, deadline_s: float) -> Self:
        """Create the client; only after the server has forked, which gRPC does not survive."""
        return cls(_client(route.emulator), route, deadline_s=deadline_s)

    @property
    def name(self) -> str:
        """The queue's full name."""
        return self._route.queue

    def put(self, task: Task) -> bool:
        """Create a task, in the queue that it names.

        False: there is one of this name, or was within the last hours.

        Raises:
            RetryLater: the service did not accept it.
        """
        queue = task.queue or self._route.queue
        try:
            self._client.create_task(
                parent=queue, task=self._message(task, queue), retry=_RETRY, timeout=_TIMEOUT_S
            )
        except exceptions.AlreadyExists:
            return False
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as fault:
            raise RetryLater(f"{queue} did not take the task: {fault}") from fault
        return True

    def _message(self, task: Task, queue: str) -> tasks_v2.Task:
        route, here = self._route, telemetry.here()
        headers = {"Content-Type": "application/json"}
        if here is not None:
            headers["traceparent"] = here.traceparent
        return tasks_v2.Task(
            name=f"{queue}/tasks/{task.task_id}",
            http_request=tasks_v2.HttpRequest(
                http_method=tasks_v2.HttpMethod.POST,
                url=route.target,
                headers=headers,
                body=task.body,
                oidc_token=tasks_v2.OidcToken(
                    service_account_email=route.service_account, audience=route.audience
                ),
            ),
            schedule_time=_timestamp(task.due_s),
            dispatch_deadline=Duration(seconds=round(self._deadline_s)),
        )


def pause(queues: Iterable[str], emulator: str | None) -> tuple[str, ...]:
    """Pause queues, paused ones too: what is in them stays, and nothing of it is delivered.

    Args:
        queues: projects/P/locations/L/queues/Q each.
        emulator: host:port; None: the real cloud.

    Returns:
        Their names.

    Raises:
        RetryLater: the service refused one; a redelivery tries all of them again.
    """
    client, paused = _client(emulator), []
    for queue in queues:
        try:
            client.pause_queue(name=queue, retry=_RETRY, timeout=_TIMEOUT_S)
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as fault:
            raise RetryLater(f"{queue} was not paused: {fault}") from fault
        paused.append(queue)
    return tuple(paused)


def _client(emulator: str | None) -> tasks_v2.CloudTasksClient:
    if emulator is None:
        return tasks_v2.CloudTasksClient()
    channel = grpc.insecure_channel(emulator)
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))


def _timestamp(seconds: float) -> Timestamp | None:
    if not seconds:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(round(seconds * 1000))
    return moment
