"""What runs: the queue, the services, the reconcile job and its schedule."""

import hashlib

from deploy import names
from deploy.command import gcloud
from deploy.look import Listed, Path, Want, Where
from deploy.settings import Card, Settings
from deploy.step import Check, Step

_SERVICE_SPEC: Path = ("spec", "template", "spec")
_READY: Path = ("status", "conditions", Where("type", "Ready"), "status")


def queue(settings: Settings) -> Step:
    """The queue between gate and renderer; its limits bound the cost."""
    flags = (f"--location={settings.region}", names.project(settings))
    limits = {
        # As many as there can be renderers: a task that waits here costs nothing.
        ("rateLimits", "maxConcurrentDispatches"): str(settings.max_instances),
        ("rateLimits", "maxDispatchesPerSecond"): "5",
        # A task ends when both are passed: after a day, as the dispatch in the ledger does. So a
        # refused token or a body that nothing can read is bounded, and a day without GPUs is not
        # the end of a render. How often one is *rendered*, the ledger counts (three attempts).
        ("retryConfig", "maxAttempts"): "100",
        ("retryConfig", "maxRetryDuration"): "86400s",
        ("retryConfig", "minBackoff"): "10s",
        ("retryConfig", "maxBackoff"): "300s",
        ("retryConfig", "maxDoublings"): "5",
    }
    words = (names.QUEUE, *(f"--{_FLAGS[path[-1]]}={value}" for path, value in limits.items()))
    return Step(
        title=f"Queue {names.QUEUE}",
        why=f"Hands at most {settings.max_instances} at a time to the renderer, and tries again.",
        checks=(
            Check(
                command=gcloud("tasks", "queues", "list", *flags, "--format=json"),
                look=Listed(
                    name=names.QUEUE,
                    wants=tuple(Want(path, value) for path, value in limits.items()),
                ),
            ),
        ),
        create=(gcloud("tasks", "queues", "create", *words, *flags),),
        update=(gcloud("tasks", "queues", "update", *words, *flags),),
        remove=(gcloud("tasks", "queues", "delete", names.QUEUE, *flags, "--quiet"),),
        leaves="Cloud Tasks refuses a deleted queue's name for some days: an apply after a remove "
        "may have to wait",
        settles=True,
    )


_FLAGS = {
    "maxConcurrentDispatches": "max-concurrent-dispatches",
    "maxDispatchesPerSecond": "max-dispatches-per-second",
    "maxAttempts": "max-attempts",
    "maxRetryDuration": "max-retry-duration",
    "minBackoff": "min-backoff",
    "maxBackoff": "max-backoff",
    "maxDoublings": "max-doublings",
}


def renderer(settings: Settings) -> Step:
    """The service with the GPU; alone, it answers the events too."""
    if settings.single:
        return _service(
            settings,
            names.RENDERER,
            why="Answers events and renders, one at a time; it scales to zero, and an event may "
            "wake it.",
            concurrency=32,
            timeout=600,
            environment=_environment(settings, "all"),
            flags=_hardware(settings),
        )
    return _service(
        settings,
        names.RENDERER,
        why="Renders what the queue hands over, one task an instance; it scales to zero. Zonal "
        "redundancy off: it costs more and has a quota of its own.",
        concurrency=1,
        timeout=600,
        environment=_environment(settings, "renderer"),
        flags=_hardware(settings),
    )


def gate(settings: Settings) -> Step:
    """The service without a GPU that looks at every write."""
    return _service(
        settings,
        names.GATE,
        why="Looks at every write to an avatar without waking a GPU; most writes end here.",
        concurrency=80,
        timeout=120,
        environment=_environment(settings, "gate"),
        flags=("--cpu=1", "--memory=1Gi", "--max-instances=10", "--cpu-throttling", "--cpu-boost"),
    )


def job(settings: Settings) -> Step:
    """`python -m functions.reconcile` as a Cloud Run job."""
    flags = (f"--region={settings.region}", names.project(settings))
    hardware: tuple[str, ...] = ("--cpu=1", "--memory=1Gi")
    track: tuple[str, ...] = ()
    role = "gate"
    if settings.single:  # it renders itself what it finds missing
        role, machine = "all", settings.machine
        hardware = (f"--cpu={machine.cpu}", f"--memory={machine.memory}", *_card(settings)[:2])
        track = () if settings.card is Card.NONE else ("beta",)  # where jobs take a GPU
    words = _labelled(
        names.RECONCILE,
        f"--image={names.image(settings)}",
        "--args=-m,functions.reconcile",
        "--tasks=1",
        "--parallelism=1",
        "--max-retries=1",
        "--task-timeout=3600s",
        f"--service-account={names.account(settings, names.RECONCILE)}",
        _variables(_environment(settings, role)),
        *hardware,
        *flags,
    )
    label = words[-1].partition(f"{names.PLAN_LABEL}=")[2]
    return Step(
        title=f"Job {names.RECONCILE}",
        why="Finds and mends what events missed. One task; for a backfill over many avatars give "
        "an execution more of them (--tasks).",
        checks=(
            Check(
                command=gcloud("run", "jobs", "list", *flags, "--format=json"),
                look=Listed(
                    name=names.RECONCILE,
                    key=("metadata", "name"),
                    wants=(Want(("metadata", "labels", names.PLAN_LABEL), label),),
                ),
            ),
        ),
        create=(gcloud(*track, "run", "jobs", "deploy", *words),),
        remove=(gcloud("run", "jobs", "delete", names.RECONCILE, *flags, "--quiet"),),
        settles=True,
    )


def schedule(settings: Settings) -> Step:
    """When the job runs."""
    flags = (f"--location={settings.region}", names.project(settings))
    caller = names.account(settings, names.SCHEDULER)
    uri = (
        f"https://run.googleapis.com/v2/projects/{settings.project}/locations/{settings.region}"
        f"/jobs/{names.RECONCILE}:run"
    )
    words = (
        names.RECONCILE,
        f"--schedule={settings.schedule}",
        "--time-zone=Etc/UTC",
        f"--uri={uri}",
        "--http-method=POST",
        f"--oauth-service-account-email={caller}",
        "--attempt-deadline=180s",
        *flags,
    )
    return Step(
        title=f"Schedule {names.RECONCILE}",
        why=f"Starts the job at {settings.schedule} UTC.",
        checks=(
            Check(
                command=gcloud("scheduler", "jobs", "list", *flags, "--format=json"),
                look=Listed(
                    name=names.RECONCILE,
                    wants=(
                        Want(("schedule",), settings.schedule),
                        Want(("httpTarget", "uri"), uri),
                        Want(("httpTarget", "oauthToken", "serviceAccountEmail"), caller),
                    ),
                ),
            ),
        ),
        create=(gcloud("scheduler", "jobs", "create", "http", *words),),
        update=(gcloud("scheduler", "jobs", "update", "http", *words),),
        remove=(gcloud("scheduler", "jobs", "delete", names.RECONCILE, *flags, "--quiet"),),
        settles=True,
    )


def _service(
    settings: Settings,
    name: str,
    *,
    why: str,
    concurrency: int,
    timeout: int,
    environment: dict[str, str],
    flags: tuple[str, ...],
) -> Step:
    place = (f"--region={settings.region}", names.project(settings))
    words = _labelled(
        name,
        f"--image={names.image(settings)}",
        f"--service-account={names.account(settings, name)}",
        # Every event or task that is being answered holds a thread.
        _variables(environment | {"THREADS": str(max(concurrency, 4))}),
        f"--concurrency={concurrency}",
        f"--timeout={timeout}",
        "--min-instances=0",
        *flags,
        # 240 s is the longest that Cloud Run waits for a start.
        "--startup-probe=httpGet.path=/health,periodSeconds=10,timeoutSeconds=5,"
        "failureThreshold=24",
        # Events, tasks and probes come from within; nobody else may ask, token or not.
        "--ingress=internal",
        "--no-allow-unauthenticated",
        *place,
    )
    label = words[-1].partition(f"{names.PLAN_LABEL}=")[2]
    return Step(
        title=f"Service {name}",
        why=why,
        checks=(
            Check(
                command=gcloud("run", "services", "list", *place, "--format=json"),
                look=Listed(
                    name=name,
                    key=("metadata", "name"),
                    wants=(
                        Want(("metadata", "labels", names.PLAN_LABEL), label),
                        Want((*_SERVICE_SPEC, "containers", 0, "image"), names.image(settings)),
                        Want((*_SERVICE_SPEC, "serviceAccountName"), names.account(settings, name)),
                        Want((*_SERVICE_SPEC, "containerConcurrency"), str(concurrency)),
                        Want((*_SERVICE_SPEC, "timeoutSeconds"), str(timeout)),
                        Want(_READY, "True"),
                    ),
                ),
            ),
        ),
        create=(gcloud("run", "deploy", *words),),
        remove=(gcloud("run", "services", "delete", name, *place, "--quiet"),),
        settles=True,
    )


def _hardware(settings: Settings) -> tuple[str, ...]:
    machine = settings.machine
    flags = (
        f"--cpu={machine.cpu}",
        f"--memory={machine.memory}",
        f"--max-instances={settings.max_instances}",
    )
    if settings.card is Card.NONE:
        return (*flags, "--cpu-throttling", "--cpu-boost")
    # The CPU stays on between requests: a GPU is only to be had so.
    return (*flags, "--no-cpu-throttling", *_card(settings))


def _card(settings: Settings) -> tuple[str, ...]:
    if settings.card is Card.NONE:
        return ()
    # Jobs know no zonal redundancy: they take the first two.
    return ("--gpu=1", f"--gpu-type={settings.card.value}", "--no-gpu-zonal-redundancy")


def _environment(settings: Settings, role: str) -> dict[str, str]:
    environment = {
        "LIVEPORTRAIT_ROLE": role,
        "LIVEPORTRAIT_BUCKET": settings.bucket,
        "LIVEPORTRAIT_COLLECTION": settings.collection,
        "LIVEPORTRAIT_ENGINE": settings.engine,
        "GOOGLE_CLOUD_PROJECT": settings.project,
    }
    if settings.engine == "liveportrait":
        # Told, not chosen at the start: it is part of the engine's version, and the gate has no
        # GPU to ask.
        environment["LIVEPORTRAIT_PRECISION"] = settings.precision
        if role != "gate":
            environment["LIVEPORTRAIT_DEVICE"] = "cuda"  # never the CPU by mistake
    if role != "all":
        environment["LIVEPORTRAIT_RENDERER_URL"] = names.renderer_url(settings)
        environment["LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT"] = names.account(
            settings, names.TASKS_CALLER
        )
    if role == "renderer":
        # Cloud Run verifies each token, since nobody may call without one, and removes its
        # signature; `access.calls` refuses a service that everybody may call.
        environment["LIVEPORTRAIT_BEHIND_IAM"] = "on"
    if role == "gate":
        environment["LIVEPORTRAIT_TASKS_QUEUE"] = names.queue(settings)
    return environment | dict(settings.environment)


def _variables(environment: dict[str, str]) -> str:
    pairs = "|".join(f"{name}={value}" for name, value in sorted(environment.items()))
    return f"--set-env-vars=^|^{pairs}"  # gcloud's own way to say that commas do not separate


def _labelled(*words: str) -> tuple[str, ...]:
    digest = hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]
    return (*words, f"--labels={names.PLAN_LABEL}={digest}")
