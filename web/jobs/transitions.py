"""How a generation goes from state to state. Pure; both makers write what these return."""

from dataclasses import replace

from web.errors import Unavailable, Unprocessable
from web.generation import Failure, Generation, State
from web.jobs.ports import Delivery

MOST_ATTEMPTS = 3
"""How often a generation is begun at most: one that kills the process each time is given up."""


def begun(generation: Generation, now: float) -> Generation:
    """Return it as its rendering begins."""
    return replace(
        generation,
        state=State.RENDERING,
        attempts=generation.attempts + 1,
        started_at=now,
        stage=None,
        progress=0.0,
        eta_s=None,
    )


def interrupted(generation: Generation, now: float) -> Generation:
    """Return it after the process that rendered it has ended: queued again, or given up."""
    if generation.cancel_requested:
        return replace(generation, state=State.CANCELED, finished_at=now)
    if generation.attempts < MOST_ATTEMPTS:
        return replace(generation, state=State.QUEUED, progress=0.0, stage=None, eta_s=None)
    failure = Failure(
        code="RENDER_FAILED",
        message=f"the process ended {generation.attempts} times while it rendered this",
        retryable=True,
    )
    return replace(generation, state=State.FAILED, finished_at=now, error=failure)


def given_back(generation: Generation, now: float) -> Generation:
    """Return it after its renderer has lost the GPU: queued again, and not counted."""
    return interrupted(replace(generation, attempts=generation.attempts - 1), now)


def canceled(generation: Generation, now: float) -> Generation:
    """Return a queued one as canceled, and one that is rendered as asked to stop."""
    if generation.state is State.QUEUED:
        return replace(generation, state=State.CANCELED, finished_at=now, cancel_requested=True)
    return replace(generation, cancel_requested=True)


def announcement(before: Generation | None, after: Generation) -> Delivery | None:
    """Return the message about a new state, where the client asked for it."""
    is_new = before is None or before.state is not after.state
    if not is_new or after.webhook is None or after.state.value not in after.webhook.events:
        return None
    return Delivery(
        message=f"msg_{after.id}_{after.state}",
        generation=replace(after, text=None, visemes=()),  # it may outlive the generation
        attempts=0,
        due=after.finished_at or after.started_at or after.created_at,
    )


def repeated(known: Generation, asked: Generation, key: str | None) -> Generation:
    """Return the known one, if it was the same request of the same owner.

    Raises:
        Unprocessable: it was another.
    """
    if (known.owner, known.request_digest) == (asked.owner, asked.request_digest):
        return known
    what = f"Idempotency-Key {key}" if key is not None else f"generation {asked.id}"
    raise Unprocessable(
        f"{what} was used for another request; accepted: the same request, or a new one",
        field=None if key is None else "Idempotency-Key",
        code="IDEMPOTENCY_MISMATCH",
    )


def require_room(waiting: int, most: int) -> None:
    """Refuse one more where too many wait.

    Raises:
        Unavailable: they do.
    """
    if waiting >= most:
        raise Unavailable(
            f"{waiting} generations wait already; accepted: at most {most}", retry_after_s=30
        )
