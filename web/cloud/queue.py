"""Tasks by which the function's queue has a generation rendered."""

import json
import logging

import grpc
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.protobuf.duration_pb2 import Duration

from web.generation import Generation
from web.settings import CloudSettings

_LOG = logging.getLogger("web")
_TIMEOUT_S = 10.0
_DISPATCH_DEADLINE_S = 1800  # the longest that Cloud Tasks accepts


class GenerationQueue:
    """One queue, and the renderer to which it posts `{"generationId": id}`."""

    def __init__(self, settings: CloudSettings, *, emulator: str | None) -> None:
        self._settings = settings
        if emulator is None:
            self._client = tasks_v2.CloudTasksClient()
        else:
            channel = grpc.insecure_channel(emulator)
            self._client = tasks_v2.CloudTasksClient(
                transport=CloudTasksGrpcTransport(channel=channel)
            )

    def put(self, generation: Generation) -> None:
        """Create the task of a queued generation; one that there is already changes nothing.

        Where the service does not answer the generation stays queued, and is put again later.
        """
        try:
            self._client.create_task(
                parent=self._settings.queue, task=self._task(generation), timeout=_TIMEOUT_S
            )
        except exceptions.AlreadyExists:
            return
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
            _LOG.warning("no task for generation %s yet: %s", generation.id, error)

    def _task(self, generation: Generation) -> tasks_v2.Task:
        settings = self._settings
        return tasks_v2.Task(
            # A name is not taken again for an hour after its task has ended.
            name=f"{settings.queue}/tasks/generation-{generation.id}-{generation.attempts}",
            http_request=tasks_v2.HttpRequest(
                http_method=tasks_v2.HttpMethod.POST,
                url=f"{settings.renderer_url}/render",
                headers={"Content-Type": "application/json"},
                body=json.dumps({"generationId": generation.id}).encode(),
                oidc_token=tasks_v2.OidcToken(
                    service_account_email=settings.service_account,
                    audience=settings.renderer_url,
                ),
            ),
            dispatch_deadline=Duration(seconds=_DISPATCH_DEADLINE_S),
        )
