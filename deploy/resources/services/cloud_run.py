"""Cloud Run: the services that answer events and render, and the reconcile job."""

from deploy import names
from deploy.command import gcloud
from deploy.resources import budget, private_network, run_service
from deploy.resources.run_service import INTERNAL, USUAL, RunService
from deploy.settings import Card, Settings
from deploy.step import Step

# Longer than the function's own deadline (480 s) and the time to begin and end a request: what
# Cloud Run cuts off goes on unheard. As long as Pub/Sub and the queues wait for an answer.
_TIMEOUT_S = 600
_MOUNTED = "/models"
GATE_CONCURRENCY = 80  # events at a time, each with a thread


def renderer(settings: Settings) -> Step:
    """Return the step of the service with the GPU; with `single`, it handles events too."""
    if settings.single:
        return _service(
            settings,
            names.RENDERER,
            role="all",
            why="Answers events and renders, one at a time; it scales to zero, and an event may "
            "wake it.",
            concurrency=32,
            flags=_hardware(settings),
        )
    return _service(
        settings,
        names.RENDERER,
        role="renderer",
        why="Renders what the queue hands over, one task an instance; it scales to zero. Zonal "
        "redundancy off: it costs more and has a quota of its own.",
        concurrency=1,
        # The service was made without a check of its health, which would stay so. Traffic comes
        # once the candidate has rendered.
        flags=(
            *_hardware(settings),
            "--deploy-health-check",
            "--no-traffic",
            f"--tag={names.CANDIDATE}",
        ),
        track="beta ",
    )


def renderer_shell(settings: Settings) -> Step:
    """Return the step that makes the renderer's service, once, without starting an instance."""
    location = (f"--region={settings.region}", names.project(settings))
    return Step(
        title="The renderer's service, without an instance",
        why="Before it takes a task the renderer reads who may call it, and a right to read that "
        "can only be given on a service that exists. Nothing is started here.",
        checks=(run_service.listed("services", names.RENDERER, location),),
        create=(
            # Beta: the flag that starts no instance to see whether it gets ready.
            gcloud(
                "beta run deploy",
                names.RENDERER,
                f"--image={names.image(settings)}",
                f"--service-account={names.account(settings, names.RENDERER)}",
                "--no-deploy-health-check",
                *USUAL,
                *INTERNAL,
                *location,
            ),
        ),
        eventually_consistent=True,
    )


def gate(settings: Settings) -> Step:
    """Return the step of the service without a GPU, which handles every write."""
    return _service(
        settings,
        names.GATE,
        role="gate",
        why="Looks at every write to an avatar without waking a GPU; most writes end here.",
        concurrency=GATE_CONCURRENCY,
        flags=(
            "--cpu=1",
            "--memory=1Gi",
            f"--max-instances={settings.gate_max_instances}",
            "--cpu-throttling",
            "--cpu-boost",
        ),
        more=_paused(settings)
        | {
            "LIVEPORTRAIT_DEBOUNCE_QUEUE": names.queue(settings, names.DEBOUNCE_QUEUE),
            "LIVEPORTRAIT_GATE_URL": names.service_url(settings, names.GATE),
        },
    )


def gate_environment(settings: Settings) -> dict[str, str]:
    """Return the variables of a gate that is no service of Cloud Run's own.

    It has no URL that is known beforehand, so it waits for the debounce itself.
    """
    return _environment(settings, "gate") | {"THREADS": str(GATE_CONCURRENCY)}


def _paused(settings: Settings) -> dict[str, str]:
    """Return what tells the gate which queues to pause when the budget is spent."""
    if not settings.budget_pauses:
        return {}
    queues = (names.queue(settings, name) for name in budget.PAUSED_QUEUES)
    return {"LIVEPORTRAIT_BUDGET_QUEUES": ",".join(queues)}


def job(settings: Settings) -> Step:
    """Return the step of `python -m functions.reconcile` as a Cloud Run job."""
    location = (f"--region={settings.region}", names.project(settings))
    track, role, hardware = _job_hardware(settings)
    environment = _environment(settings, role)
    if not settings.single:  # what it finds waits behind what people have just saved
        environment["LIVEPORTRAIT_TASKS_QUEUE"] = names.queue(settings, names.REPAIRS_QUEUE)
    words = run_service.with_label(
        names.RECONCILE,
        f"--image={_image(settings, role)}",
        "--args=-m,functions.reconcile",
        f"--tasks={settings.tasks}",
        f"--parallelism={settings.tasks}",
        "--max-retries=1",
        "--task-timeout=3600s",
        f"--service-account={names.account(settings, names.RECONCILE)}",
        run_service.variables(environment),
        *hardware,
        *_weights(settings, role)[1:],  # jobs know one execution environment
        *location,
    )
    label = run_service.expected_label(words)
    return Step(
        title=f"Job {names.RECONCILE}",
        why="Finds and mends what events missed. Each of its tasks reads its own part of the "
        "avatars.",
        checks=(run_service.listed("jobs", names.RECONCILE, location, (label,)),),
        create=(gcloud(f"{track} run jobs deploy", *words),),
        remove=(gcloud("run jobs delete", names.RECONCILE, *location, "--quiet"),),
        eventually_consistent=True,
    )


def _job_hardware(settings: Settings) -> tuple[str, str, tuple[str, ...]]:
    """Return the job's release track, role and hardware; with `single`, the job renders itself."""
    if not settings.single:
        return "", "gate", ("--cpu=1", "--memory=1Gi")
    machine = settings.machine
    # Without the last flag of the card's, a job asks for the quota with zonal redundancy, which a
    # project rarely has; gcloud 528 knows it for jobs in its alpha part alone.
    hardware = (
        f"--cpu={machine.cpu}",
        f"--memory={machine.memory}",
        *_card(settings),
        *private_network.egress(settings),
    )
    return "" if settings.card is Card.NONE else "alpha", "all", hardware


def _service(
    settings: Settings,
    name: str,
    *,
    role: str,
    why: str,
    concurrency: int,
    flags: tuple[str, ...],
    more: dict[str, str] | None = None,
    track: str = "",
) -> Step:
    # Every event or task in progress occupies a thread.
    threads = {"THREADS": str(max(concurrency, 4))}
    service = RunService(
        name=name,
        why=why,
        image=_image(settings, role),
        concurrency=concurrency,
        timeout_s=_TIMEOUT_S,
        environment=_environment(settings, role) | (more or {}) | threads,
        flags=flags,
        mounts=_weights(settings, role),
        track=track,
    )
    return run_service.step(settings, service)


def _image(settings: Settings, role: str) -> str:
    return names.gate_image(settings) if role == "gate" else names.image(settings)


def _weights(settings: Settings, role: str) -> tuple[str, ...]:
    """Return the flags that mount the weights, where they are in a bucket and the role renders."""
    bucket, folder = settings.weights_bucket
    if not bucket or role == "gate":
        return ()
    only = f",mount-options=only-dir={folder}" if folder else ""
    return (
        "--execution-environment=gen2",
        f"--add-volume=name=weights,type=cloud-storage,bucket={bucket},readonly=true{only}",
        f"--add-volume-mount=volume=weights,mount-path={_MOUNTED}",
    )


def _hardware(settings: Settings) -> tuple[str, ...]:
    machine = settings.machine
    flags = (
        f"--cpu={machine.cpu}",
        f"--memory={machine.memory}",
        f"--max-instances={settings.max_instances}",
        *private_network.egress(settings),
    )
    if settings.card is Card.NONE:
        return (*flags, "--cpu-throttling", "--cpu-boost")
    # A GPU requires that the CPU stays on between requests.
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
    if settings.engine == "liveportrait" and role != "gate":
        # Set, not detected at the start: it is part of the engine's version.
        environment["LIVEPORTRAIT_PRECISION"] = settings.precision
        environment["LIVEPORTRAIT_DEVICE"] = "cuda"  # never the CPU by mistake
    if settings.weights_bucket[0] and role != "gate":
        environment["LIVEPORTRAIT_WEIGHTS"] = _MOUNTED
    if role != "all":
        # The gate's image has nothing to work it out of; a renderer of another one is not ready.
        environment["LIVEPORTRAIT_ENGINE_VERSION"] = settings.engine_version
        url = names.service_url(settings, names.RENDERER)
        environment["LIVEPORTRAIT_RENDERER_URL"] = url
        environment["LIVEPORTRAIT_TASKS_QUEUE"] = names.queue(settings)
        environment["LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT"] = names.account(
            settings, names.TASKS_CALLER
        )
    if role == "renderer":
        # Cloud Run requires and verifies each token, and removes its signature; the renderer reads
        # at its start that this is so, and `iam.invokers` refuses a public service.
        environment["LIVEPORTRAIT_BEHIND_IAM"] = names.service(settings, names.RENDERER)
    own = {name: value for name, value in settings.environment if not name.startswith("AVATAR_")}
    return environment | own
