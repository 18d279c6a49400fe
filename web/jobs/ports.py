"""What the API needs of the place where generations wait and are rendered.

Two makers: `web.jobs` on one machine (SQLite, a folder, a thread), and `web.cloud` for many
(Firestore, a bucket, a queue of tasks). `tests/web/test_makers.py` holds both to one contract.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from web.generation import Generation, State


class JobStore(Protocol):
    """Generations of all owners. Every change is whole and lasting before it is answered."""

    def add(self, generation: Generation, *, idempotency_key: str | None) -> Generation:
        """Store a new one; where the id or the key is known already, return that one instead.

        Raises:
            Unprocessable: the id or the key was used for another request.
            Unavailable: too many wait.
        """

    def get(self, generation_id: str) -> Generation | None:
        """Return a generation."""

    def page(self, owner: str, *, limit: int, after: str | None) -> list[Generation]:
        """Return an owner's, the newest first, from the one after the id `after` on."""

    def change(
        self, generation_id: str, how: Callable[[Generation], Generation]
    ) -> Generation | None:
        """Replace one by what `how` returns for it, unless it has ended; return what is stored.

        `how` may be called several times. A webhook that asked for the new state is told.
        """

    def delete_ended(self, before: float) -> list[Generation]:
        """Delete those that ended before a time (at most 100), and return them."""


class QueueView(Protocol):
    """What can be seen of the queue."""

    def position(self, generation: Generation) -> int | None:
        """Return how many are queued before a queued one; None: it is not queued."""

    def count(self, state: State) -> int:
        """Return how many are queued, or are being rendered."""

    def latest(self) -> Generation | None:
        """Return the video that an engine finished last: tells its speed and name."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message that is still to be delivered to a webhook."""

    message: str  # its id, the same in every attempt
    generation: Generation  # as it was when there was something to tell
    attempts: int
    due: float  # Unix time

    @property
    def url(self) -> str:
        """Where to."""
        if self.generation.webhook is None:
            raise ValueError(f"generation {self.generation.id} has no webhook")
        return self.generation.webhook.url


GIVEN_FOR_S = 60.0
"""How long a message that was given out is not given again."""


class MessageStore(Protocol):
    """Messages to webhooks. Those of a state are stored together with it."""

    def take_due(self, now: float) -> list[Delivery]:
        """Return messages whose time has come; each is given again `GIVEN_FOR_S` later."""

    def put_off(self, delivery: Delivery) -> None:
        """Store the next attempt of a message."""

    def forget(self, message: str) -> None:
        """Drop a message: it is delivered, or given up."""

    def disable(self, url: str) -> None:
        """Send nothing to this URL any more."""


class FileStore(Protocol):
    """Inputs and results, by the generation's folder."""

    def keep(self, folder: str, source: Path) -> None:
        """Store the files of a local folder. `source` may be gone afterwards."""

    def fetch(self, folder: str, name: str) -> Path:
        """Return a local copy of a file, to be read at once.

        Raises:
            NotFound: there is none.
        """

    def delete(self, folder: str) -> None:
        """Delete what is there."""


@dataclass(frozen=True, kw_only=True)
class RendererHealth:
    """Whether generations are rendered, and by what; None: not known here."""

    status: str  # starting, ready, failed
    problem: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    reason: str | None = None
    methods: Mapping[str, str] = field(default_factory=dict)  # of talking, with their licences


@dataclass(frozen=True, kw_only=True)
class MethodEstimate:
    """What a method of talking takes beyond the drawing of an idle's frames."""

    name: str
    licence: str
    seconds: float
    opening_seconds: float  # once a process
    peak_mib: float  # of the process


class Rendering(Protocol):
    """What renders, or has it rendered, from `start` to `stop`."""

    def start(self) -> None:
        """Take up what an earlier process left, and begin."""

    def stop(self) -> None:
        """Stop; what is not finished is begun again later."""

    def health(self) -> RendererHealth:
        """Tell whether it renders."""

    def require_able(self, generation: Generation) -> None:
        """Refuse what cannot be rendered here, as far as it is known without looking at files.

        Raises:
            RenderError: names what is missing, or would be ignored.
        """

    def method_cost(self, generation: Generation, seconds: float) -> MethodEstimate | None:
        """Tell what the method of talking takes for so long a sound; None: not known here.

        Raises:
            RenderError: it cannot be had.
        """


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """One maker's parts."""

    store: JobStore
    queue: QueueView
    messages: MessageStore
    files: FileStore
    rendering: Rendering
    look_every_s: float = 0.2  # for messages that are due
