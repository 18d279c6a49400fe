"""What runs: the services and the reconcile job."""

import hashlib

from deploy import names
from deploy.checks import Listed, Path, Want, Where
from deploy.command import gcloud
from deploy.settings import Card, Settings
from deploy.step import Check, Step

_SPEC: Path = ("spec", "template", "spec")
_READY: Path = ("status", "conditions", Where("type", "Ready"), "status")
_ALL = (
    "--min-instances=0",  # where nothing happens, nothing runs
    # 240 s is the longest that Cloud Run waits for a start.
    "--startup-probe=httpGet.path=/health,periodSeconds=10,timeoutSeconds=5,failureThreshold=24",
    # Events, tasks and probes come from within; nobody else may ask, token or not.
    "--ingress=internal",
    "--no-allow-unauthenticated",
)


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
    place = (f"--region={settings.region}", names.project(settings))
    track, role, hardware = _errand(settings)
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
        *place,
    )
    return Step(
        title=f"Job {names.RECONCILE}",
        why="Finds and mends what events missed. One task; for a backfill over many avatars give "
        "an execution more of them (--tasks).",
        checks=(_seen("jobs", names.RECONCILE, place, (_labelled_as(words),)),),
        create=(gcloud(f"{track} run jobs deploy", *words),),
        remove=(gcloud("run jobs delete", names.RECONCILE, *place, "--quiet"),),
        settles=True,
    )


def _errand(settings: Settings) -> tuple[str, str, tuple[str, ...]]:
    """The job's release track, role and hardware: where nobody else renders, it does."""
    if not settings.single:
        return "", "gate", ("--cpu=1", "--memory=1Gi")
    machine = settings.machine
    # Jobs know no zonal redundancy, and take a GPU in gcloud's beta.
    hardware = (f"--cpu={machine.cpu}", f"--memory={machine.memory}", *_card(settings)[:2])
    return "" if settings.card is Card.NONE else "beta", "all", hardware


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
    # Every event or task that is being answered holds a thread.
    told = environment | {"THREADS": str(max(concurrency, 4))}
    words = _labelled(
        name,
        f"--image={names.image(settings)}",
        f"--service-account={names.account(settings, name)}",
        _variables(told),
        f"--concurrency={concurrency}",
        f"--timeout={timeout}",
        *flags,
        *_ALL,
        *place,
    )
    wants = {
        ("containers", 0, "image"): names.image(settings),
        ("serviceAccountName",): names.account(settings, name),
        ("containerConcurrency",): str(concurrency),
        ("timeoutSeconds",): str(timeout),
    }
    spec = tuple(Want((*_SPEC, *path), value) for path, value in wants.items())
    seen = (_labelled_as(words), *spec, *_told(told), Want(_READY, "True"))
    return Step(
        title=f"Service {name}",
        why=why,
        checks=(_seen("services", name, place, seen),),
        create=(gcloud("run deploy", *words),),
        remove=(gcloud("run services delete", name, *place, "--quiet"),),
        settles=True,
    )


def _seen(kind: str, name: str, place: tuple[str, ...], wants: tuple[Want, ...]) -> Check:
    return Check(
        command=gcloud(f"run {kind} list", *place, "--format=json"),
        look=Listed(name=name, key=("metadata", "name"), wants=wants),
    )


def _told(environment: dict[str, str]) -> tuple[Want, ...]:
    variables = (*_SPEC, "containers", 0, "env")
    return tuple(
        Want((*variables, Where("name", name), "value"), value)
        for name, value in sorted(environment.items())
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
        # signature; `iam.calls` refuses a service that everybody may call.
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


def _labelled_as(words: tuple[str, ...]) -> Want:
    """That a thing was made by these words, the last of which is its label."""
    label, _, digest = words[-1].removeprefix("--labels=").partition("=")
    return Want(("metadata", "labels", label), digest)
