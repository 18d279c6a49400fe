"""Scheduling: the queues' limits and the reconcile job's schedules."""

import base64
import json
from dataclasses import dataclass

from deploy import names
from deploy.checks import Field, ListEntry
from deploy.command import gcloud
from deploy.settings import Settings
from deploy.step import Check, Step

_FLAGS = {
    "maxConcurrentDispatches": "max-concurrent-dispatches",
    "maxDispatchesPerSecond": "max-dispatches-per-second",
    "maxAttempts": "max-attempts",
    "maxRetryDuration": "max-retry-duration",
    "minBackoff": "min-backoff",
    "maxBackoff": "max-backoff",
    "maxDoublings": "max-doublings",
}


def queues(settings: Settings) -> tuple[Step, ...]:
    """Return the steps of the queues; limits of those that bring renders bound the cost."""
    instances = settings.max_instances
    return (
        _queue(
            settings,
            names.QUEUE,
            # As many as there can be renderers: a task that waits here costs nothing.
            concurrent=instances,
            # Ends of old tasks take milliseconds: they must not hold up those behind them.
            per_second=min(5 * instances, 500),
            why=f"Hands at most {instances} at a time to the renderer, and tries again.",
        ),
        _queue(
            settings,
            names.REPAIRS_QUEUE,
            concurrent=max(1, instances // 4),
            per_second=1,
            why="What reconcile finds, and backfills, at most on a quarter of the renderers.",
        ),
        _queue(
            settings,
            names.DEBOUNCE_QUEUE,
            concurrent=80 * settings.gate_max_instances,
            per_second=500,
            why="Brings a save back to the gate when its debounce is over: no thread waits for it.",
        ),
        _queue(
            settings,
            names.CHECKS_QUEUE,
            concurrent=1,
            per_second=1,
            # As long as a deployment waits for the answer: a later try would start a GPU in vain.
            tries=_Tries(attempts=3, duration_s=600),
            why="Has a candidate render the golden avatar, called as tasks call, and whatever "
            "waits in the other queues.",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Tries:
    """When a queue gives a task up: after both."""

    attempts: int
    duration_s: int


# After a day, like the dispatch in the ledger. That bounds a refused token or an unreadable body,
# and a render survives a day without GPUs. Render attempts are counted in the ledger (three).
_A_DAY = _Tries(attempts=100, duration_s=86_400)


def _queue(
    settings: Settings,
    name: str,
    *,
    concurrent: int,
    per_second: int,
    why: str,
    tries: _Tries = _A_DAY,
) -> Step:
    flags = (f"--location={settings.region}", names.project(settings))
    limits = {
        ("rateLimits", "maxConcurrentDispatches"): str(concurrent),
        ("rateLimits", "maxDispatchesPerSecond"): str(per_second),
        ("retryConfig", "maxAttempts"): str(tries.attempts),
        ("retryConfig", "maxRetryDuration"): f"{tries.duration_s}s",
        ("retryConfig", "minBackoff"): "10s",
        ("retryConfig", "maxBackoff"): "300s",
        ("retryConfig", "maxDoublings"): "5",
    }
    words = (name, *(f"--{_FLAGS[path[-1]]}={value}" for path, value in limits.items()))
    return Step(
        title=f"Queue {name}",
        why=why,
        checks=(
            Check(
                command=gcloud("tasks queues list", *flags, "--format=json"),
                expect=ListEntry(
                    name=name,
                    fields=tuple(Field(path, value) for path, value in limits.items()),
                ),
            ),
        ),
        create=(gcloud("tasks queues create", *words, *flags),),
        update=(gcloud("tasks queues update", *words, *flags),),
        remove=(gcloud("tasks queues delete", name, *flags, "--quiet"),),
        leaves=f"Cloud Tasks refuses a deleted queue's name ({name}) for some days: an apply "
        "after a remove may have to wait",
        eventually_consistent=True,
    )


def schedules(settings: Settings) -> tuple[Step, ...]:
    """Return the steps of the reconcile job's schedules."""
    job = ("-m", "functions.reconcile")
    return (
        _schedule(
            settings,
            names.RECONCILE,
            settings.schedule,
            arguments=(*job, "--recent"),
            why="goes over what was saved or asked for since the last night",
        ),
        _schedule(
            settings,
            names.RECONCILE_ALL,
            settings.schedule_all,
            arguments=job,
            why="goes over every avatar: what changed nothing that is indexed",
        ),
    )


def _schedule(
    settings: Settings, name: str, cron: str, *, arguments: tuple[str, ...], why: str
) -> Step:
    flags = (f"--location={settings.region}", names.project(settings))
    caller = names.account(settings, names.SCHEDULER)
    uri = (
        f"https://run.googleapis.com/v2/projects/{settings.project}/locations/{settings.region}"
        f"/jobs/{names.RECONCILE}:run"
    )
    body = json.dumps({"overrides": {"containerOverrides": [{"args": list(arguments)}]}})
    words = (
        name,
        f"--schedule={cron}",
        "--time-zone=Etc/UTC",
        f"--uri={uri}",
        "--http-method=POST",
        f"--message-body={body}",
        f"--oauth-service-account-email={caller}",
        "--attempt-deadline=180s",
        *flags,
    )
    json_body = "Content-Type=application/json"
    return Step(
        title=f"Schedule {name}",
        why=f"Starts the job at {cron} UTC, which {why}.",
        checks=(
            Check(
                command=gcloud("scheduler jobs list", *flags, "--format=json"),
                expect=ListEntry(
                    name=name,
                    fields=(
                        Field(("schedule",), cron),
                        Field(("httpTarget", "uri"), uri),
                        Field(("httpTarget", "body"), base64.b64encode(body.encode()).decode()),
                        Field(("httpTarget", "oauthToken", "serviceAccountEmail"), caller),
                    ),
                ),
            ),
        ),
        create=(gcloud("scheduler jobs create http", *words, f"--headers={json_body}"),),
        update=(gcloud("scheduler jobs update http", *words, f"--update-headers={json_body}"),),
        remove=(gcloud("scheduler jobs delete", name, *flags, "--quiet"),),
        eventually_consistent=True,
    )
