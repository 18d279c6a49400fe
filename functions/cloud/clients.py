"""Google's clients of one process, each made on first use and shared by its threads.

On first use and not at the start, because gRPC does not survive the server's fork.
"""

import threading
from typing import Any

import firebase_admin
from firebase_admin import credentials, firestore, storage
from google.auth.credentials import AnonymousCredentials

from functions.cloud.oidc import Caller
from functions.cloud.tasks import CloudTasksQueue, pause
from functions.errors import InvalidSetting
from functions.roles import QueueRoute, TaskRoute
from functions.settings import Settings

_ANSWER_S = 120.0  # to begin and to end a task's request, on top of the render's deadline
_LONGEST_DEADLINE_S = 1800.0  # that Cloud Tasks accepts


class Clients:
    """The clients of Firestore, Storage and Cloud Tasks, by the settings of one deployment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._making = threading.Lock()
        self._firebase: Any = None
        self._caller: Caller | None = None

    @property
    def database(self) -> Any:
        """The Firestore client."""
        return firestore.client(self._app)

    @property
    def bucket(self) -> Any:
        """The Storage bucket."""
        return storage.bucket(self._settings.bucket, self._app)

    @property
    def _app(self) -> Any:
        with self._making:
            if self._firebase is None:
                self._firebase = _firebase_app(self._settings)
            return self._firebase

    @property
    def caller(self) -> Caller:
        """The check of who sends tasks; only for the role `renderer`."""
        with self._making:
            if self._caller is None:
                self._caller = Caller(self._route)
            return self._caller

    def queue(self, route: QueueRoute | None) -> CloudTasksQueue | None:
        """Return the queue of a route; None: there is none.

        The queue repeats a task that is not answered in time. That must be later than a render
        reaches its own deadline, or two would run.
        """
        if route is None:
            return None
        deadline_s = min(self._settings.deadline_s + _ANSWER_S, _LONGEST_DEADLINE_S)
        return CloudTasksQueue.open(route, deadline_s=deadline_s)

    def pause_queues(self) -> tuple[str, ...]:
        """Pause the queues that lead to a renderer, and return their names.

        Raises:
            RetryLater: a queue could not be paused.
        """
        route = self._route
        return pause(route.budget_queues, route.emulator)

    @property
    def _route(self) -> TaskRoute:
        if self._settings.route is None:
            raise InvalidSetting(f"the role {self._settings.role} has no queue")
        return self._settings.route


class _Anonymous(credentials.Base):  # type: ignore[misc]  # firebase_admin is untyped
    """Credentials for emulators, which require none."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()


def _firebase_app(settings: Settings) -> Any:
    options = {"storageBucket": settings.bucket}
    if settings.project is not None:
        options["projectId"] = settings.project
    credential = _Anonymous() if settings.emulated else credentials.ApplicationDefault()
    return firebase_admin.initialize_app(credential, options)
