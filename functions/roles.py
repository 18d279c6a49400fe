"""The role of a process, and the route of renders from the gate to the renderer.

Pure: `settings` passes the environment in. Variables and ranges: contract.md, section 8.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from functions.errors import InvalidSetting

_EMULATOR = "CLOUD_TASKS_EMULATOR_HOST"
_QUEUE = re.compile(r"projects/[^/\s]+/locations/[a-z0-9-]+/queues/[A-Za-z0-9-]{1,100}")
_ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SERVICE = re.compile(r"projects/[^/\s]+/locations/[a-z0-9-]+/services/[a-z0-9-]+")
_OFF = ("off", "false")
_LOOKS, _GATE_URL = "LIVEPORTRAIT_DEBOUNCE_QUEUE", "LIVEPORTRAIT_GATE_URL"
_BUDGET = "LIVEPORTRAIT_BUDGET_QUEUES"
_QUEUES = "projects/PROJECT/locations/LOCATION/queues/QUEUE"


class Role(StrEnum):
    """The part of the work that a process does."""

    ALL = "all"  # answers events and renders
    GATE = "gate"  # answers events and puts renders into the queue
    RENDERER = "renderer"  # answers the queue's tasks


@dataclass(frozen=True, kw_only=True)
class QueueRoute:
    """The way through one queue to one path of a service."""

    queue: str  # projects/P/locations/L/queues/Q
    target: str  # the URL that it posts to
    audience: str  # of its tokens: the service's base URL
    service_account: str  # the e-mail in whose name it calls
    emulator: str | None = None  # host:port; None: the real cloud


@dataclass(frozen=True, kw_only=True)
class TaskRoute:
    """The ways from the gate through the queues: to the renderer, and back to the gate."""

    renderer_url: str  # its base URL, without a slash at the end; also the audience of tokens
    service_account: str  # the e-mail in whose name the queue calls
    queue: str = ""  # projects/P/locations/L/queues/Q; "": a renderer that refuses what is early
    gate_url: str = ""  # the gate's base URL; "": it waits for the debounce itself
    look_queue: str = ""  # the queue that posts to it; "" where there is no URL
    budget_queues: tuple[str, ...] = ()  # that the gate pauses when the budget is spent
    emulator: str | None = None  # host:port; None: the real cloud
    private_service: str = ""  # of Cloud Run, which verifies each token and removes its signature

    @property
    def renders(self) -> QueueRoute | None:
        """The way to the renderer."""
        return self._through(self.queue, self.renderer_url, "/render")

    @property
    def looks(self) -> QueueRoute | None:
        """The way back to the gate, for what is debounced."""
        return self._through(self.look_queue, self.gate_url, "/look")

    def _through(self, queue: str, url: str, path: str) -> QueueRoute | None:
        if not queue:
            return None
        return QueueRoute(
            queue=queue,
            target=f"{url}{path}",
            audience=url,
            service_account=self.service_account,
            emulator=self.emulator,
        )

    @property
    def behind_iam(self) -> bool:
        """Whether a token without a signature has been verified before it comes here."""
        return bool(self.private_service)


def task_route(environment: Mapping[str, str], role: Role, *, emulated: bool) -> TaskRoute | None:
    """Return the route of a role; None for the role `all`, which has no queue.

    Args:
        environment: of the process.
        role: of the process.
        emulated: whether the other services are emulators.

    Raises:
        InvalidSetting: a variable is missing or wrong, or contradicts another one.
    """
    emulator = _emulator(environment, emulated=emulated)
    if role is Role.ALL:
        if queue := environment.get("LIVEPORTRAIT_TASKS_QUEUE"):
            raise InvalidSetting(
                f"LIVEPORTRAIT_TASKS_QUEUE is {queue!r} and LIVEPORTRAIT_ROLE is 'all', which "
                "renders by itself; accepted: role 'gate', or no queue"
            )
        return None
    if emulated and emulator is None:
        raise InvalidSetting(
            f"{_EMULATOR} is not set although the other emulators are; accepted: all or none"
        )
    scheme = "https?" if emulated else "https"
    url = _matching(
        environment,
        "LIVEPORTRAIT_RENDERER_URL",
        _url(scheme),
        "the renderer's base URL, such as https://idle-renderer-123.europe-west1.run.app",
    )
    account = _matching(
        environment,
        "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT",
        _ACCOUNT,
        "the e-mail of the service account in whose name the queue calls the renderer",
    )
    queue = look_queue = gate_url = ""
    if role is Role.GATE or "LIVEPORTRAIT_TASKS_QUEUE" in environment:
        queue = _matching(environment, "LIVEPORTRAIT_TASKS_QUEUE", _QUEUE, _QUEUES)
    if role is Role.GATE and not {_LOOKS, _GATE_URL}.isdisjoint(environment):
        look_queue = _matching(environment, _LOOKS, _QUEUE, _QUEUES)
        gate_url = _matching(environment, _GATE_URL, _url(scheme), "the gate's own base URL")
    return TaskRoute(
        budget_queues=_budget_queues(environment) if role is Role.GATE else (),
        look_queue=look_queue,
        gate_url=gate_url,
        renderer_url=url,
        service_account=account,
        queue=queue,
        emulator=emulator,
        private_service=_private_service(environment, emulated=emulated),
    )


def _budget_queues(environment: Mapping[str, str]) -> tuple[str, ...]:
    text = environment.get(_BUDGET)
    if text is None:
        return ()
    queues = tuple(text.split(","))
    if not all(_QUEUE.fullmatch(queue) for queue in queues):
        raise InvalidSetting(
            f"{_BUDGET} is {text!r}; accepted: {_QUEUES}, several with commas between them"
        )
    return queues


def _url(scheme: str) -> re.Pattern[str]:
    return re.compile(rf"{scheme}://[^/\s?#]+")


def _emulator(environment: Mapping[str, str], *, emulated: bool) -> str | None:
    value = environment.get(_EMULATOR, "")
    if not value:
        return None
    if not emulated:
        raise InvalidSetting(
            f"{_EMULATOR} is {value!r} although no other emulator is set; accepted: all or none"
        )
    if "://" in value or ":" not in value:
        raise InvalidSetting(f"{_EMULATOR} is {value!r}; accepted: host:port, without a scheme")
    return value


def _private_service(environment: Mapping[str, str], *, emulated: bool) -> str:
    text = environment.get("LIVEPORTRAIT_BEHIND_IAM", "off")
    if text.lower() in _OFF:
        return ""
    if not _SERVICE.fullmatch(text):
        raise InvalidSetting(
            f"LIVEPORTRAIT_BEHIND_IAM is {text!r}; accepted: off, or the Cloud Run service that is "
            "to be verified: projects/PROJECT/locations/REGION/services/SERVICE"
        )
    if emulated:
        raise InvalidSetting(
            f"LIVEPORTRAIT_BEHIND_IAM is {text!r} beside an emulator, in front of which nobody "
            "verifies tokens; accepted: off"
        )
    return text


def _matching(
    environment: Mapping[str, str], name: str, pattern: re.Pattern[str], accepted: str
) -> str:
    value = environment.get(name)
    if value is None:
        raise InvalidSetting(f"{name} is not set; accepted: {accepted}")
    if not pattern.fullmatch(value):
        raise InvalidSetting(f"{name} is {value!r}; accepted: {accepted}")
    return value
