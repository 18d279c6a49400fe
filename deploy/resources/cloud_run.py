"""Cloud Run: the services and the reconcile job."""

import hashlib

from deploy import names
from deploy.checks import EntryWhere, Field, FieldCheck, FieldNot, ListEntry, Path
from deploy.command import gcloud
from deploy.resources import private_network
from deploy.settings import Card, Settings
from deploy.step import Check, Step

_TEMPLATE: Path = ("spec", "template", "metadata", "annotations")
_SPEC: Path = ("spec", "template", "spec")
_READY: Path = ("status", "conditions", EntryWhere("type", "Ready"), "status")
_ALL = (
    "--min-instances=0",  # scale to zero
    # 240 s is the longest that Cloud Run waits for a start.
    "--startup-probe=httpGet.path=/health,periodSeconds=10,timeoutSeconds=5,failureThreshold=24",
    # What cannot get ready any more (a lost GPU) and does not end by itself is replaced.
    "--liveness-probe=httpGet.path=/health,periodSeconds=30,timeoutSeconds=5,failureThreshold=3",
    # Events, tasks and probes are internal; other callers are refused, with or without a token.
    "--ingress=internal",
    "--no-allow-unauthenticated",
    "--invoker-iam-check",
)
# Longer than the function's own deadline (480 s) and the time to begin and end a request: what
# Cloud Run cuts off goes on unheard. As long as Pub/Sub and the queues wait for an answer.
_TIMEOUT_S = 600
_MOUNTED = "/models"
_HEALTH = "/health"
_MAX_SCALE, _THROTTLING = "autoscaling.knative.dev/maxScale", "run.googleapis.com/cpu-throttling"
_ANNOTATIONS: Path = ("metadata", "annotations")
CLOSED: tuple[FieldCheck, ...] = (
    Field((*_ANNOTATIONS, "run.googleapis.com/ingress"), "internal"),
    # gcloud sets it to False, and Cloud Run may leave it out then.
    FieldNot((*_ANNOTATIONS, "run.googleapis.com/invoker-iam-disabled"), "true"),
)


def renderer(settings: Settings) -> Step:
    """Return the step of the service with the GPU; with `single`, it handles events too."""
    if settings.single:
        return _service(
            settings,
            names.RENDERER,
            why="Answers events and renders, one at a time; it scales to zero, and an event may "
            "wake it.",
            concurrency=32,
            timeout=_TIMEOUT_S,
            environment=_environment(settings, "all"),
            flags=_hardware(settings),
        )
    return _service(
        settings,
        names.RENDERER,
        why="Renders what the queue hands over, one task an instance; it scales to zero. Zonal "
        "redundancy off: it costs more and has a quota of its own.",
        concurrency=1,
        timeout=_TIMEOUT_S,
        environment=_environment(settings, "renderer"),
        # The service was made without, which would stay so.
        flags=(*_hardware(settings), "--deploy-health-check"),
        track="beta ",
    )


def renderer_shell(settings: Settings) -> Step:
    """Return the step that makes the renderer's service, once, without starting an instance."""
    location = (f"--region={settings.region}", names.project(settings))
    return Step(
        title="The renderer's service, without an instance",
        why="Before it takes a task the renderer reads who may call it, and a right to read that "
        "can only be given on a service that exists. Nothing is started here.",
        checks=(_check("services", names.RENDERER, location),),
        create=(
            # Beta: the flag that starts no instance to see whether it gets ready.
            gcloud(
                "beta run deploy",
                names.RENDERER,
                f"--image={names.image(settings)}",
                f"--service-account={names.account(settings, names.RENDERER)}",
                "--no-deploy-health-check",
                *_ALL,
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
        why="Looks at every write to an avatar without waking a GPU; most writes end here.",
        concurrency=80,
        timeout=_TIMEOUT_S,
        environment=_environment(settings, "gate")
        | {
            "LIVEPORTRAIT_DEBOUNCE_QUEUE": names.queue(settings, names.DEBOUNCE_QUEUE),
            "LIVEPORTRAIT_GATE_URL": names.service_url(settings, names.GATE),
        },
        flags=(
            "--cpu=1",
            "--memory=1Gi",
            f"--max-instances={settings.gate_max_instances}",
            "--cpu-throttling",
            "--cpu-boost",
        ),
    )


def job(settings: Settings) -> Step:
    """Return the step of `python -m functions.reconcile` as a Cloud Run job."""
    location = (f"--region={settings.region}", names.project(settings))
    track, role, hardware = _job_hardware(settings)
    environment = _environment(settings, role)
    if not settings.single:  # what it finds waits behind what people have just saved
        environment["LIVEPORTRAIT_TASKS_QUEUE"] = names.queue(settings, names.REPAIRS_QUEUE)
    words = _with_label(
        names.RECONCILE,
        f"--image={names.image(settings)}",
        "--args=-m,functions.reconcile",
        f"--tasks={settings.tasks}",
        f"--parallelism={settings.tasks}",
        "--max-retries=1",
        "--task-timeout=3600s",
        f"--service-account={names.account(settings, names.RECONCILE)}",
        _variables(environment),
        *hardware,
        *_weights(settings)[1:],  # jobs know one execution environment
        *location,
    )
    return Step(
        title=f"Job {names.RECONCILE}",
        why="Finds and mends what events missed. Each of its tasks reads its own part of the "
        "avatars.",
        checks=(_check("jobs", names.RECONCILE, location, (_expected_label(words),)),),
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
    why: str,
    concurrency: int,
    timeout: int,
    environment: dict[str, str],
    flags: tuple[str, ...],
    track: str = "",
) -> Step:
    location = (f"--region={settings.region}", names.project(settings))
    # Every event or task in progress occupies a thread.
    variables = environment | {"THREADS": str(max(concurrency, 4))}
    words = _with_label(
        name,
        f"--image={names.image(settings)}",
        f"--service-account={names.account(settings, name)}",
        _variables(variables),
        f"--concurrency={concurrency}",
        f"--timeout={timeout}",
        *flags,
        *_weights(settings),
        *_ALL,
        *location,
    )
    spec: dict[Path, str] = {
        ("containers", 0, "image"): names.image(settings),
        ("containers", 0, "startupProbe", "httpGet", "path"): _HEALTH,
        ("containers", 0, "livenessProbe", "httpGet", "path"): _HEALTH,
        ("serviceAccountName",): names.account(settings, name),
        ("containerConcurrency",): str(concurrency),
        ("timeoutSeconds",): str(timeout),
    }
    fields = (
        _expected_label(words),
        *(Field((*_SPEC, *path), value) for path, value in spec.items()),
        *_expected_environment(variables),
        *CLOSED,
        *_expected_hardware(flags),
        FieldNot((*_TEMPLATE, "run.googleapis.com/health-check-disabled"), "true"),
        Field(_READY, "True"),
    )
    return Step(
        title=f"Service {name}",
        why=why,
        checks=(_check("services", name, location, fields),),
        create=(gcloud(f"{track}run deploy", *words),),
        remove=(gcloud("run services delete", name, *location, "--quiet"),),
        eventually_consistent=True,
    )


def _check(
    kind: str, name: str, location: tuple[str, ...], fields: tuple[FieldCheck, ...] = ()
) -> Check:
    return Check(
        command=gcloud(f"run {kind} list", *location, "--format=json"),
        expect=ListEntry(name=name, key=("metadata", "name"), fields=fields),
    )


def _expected_environment(environment: dict[str, str]) -> tuple[Field, ...]:
    variables = (*_SPEC, "containers", 0, "env")
    return tuple(
        Field((*variables, EntryWhere("name", name), "value"), value)
        for name, value in sorted(environment.items())
    )


def _weights(settings: Settings) -> tuple[str, ...]:
    """Return the flags that mount the weights, where they are in a bucket."""
    bucket, folder = settings.weights_bucket
    if not bucket:
        return ()
    only = f",mount-options=only-dir={folder}" if folder else ""
    return (
        "--execution-environment=gen2",
        f"--add-volume=name=weights,type=cloud-storage,bucket={bucket},readonly=true{only}",
        f"--add-volume-mount=volume=weights,mount-path={_MOUNTED}",
    )


def _expected_hardware(flags: tuple[str, ...]) -> tuple[Field, ...]:
    """Return the fields that these flags set: a person may have changed them in the console."""
    given = dict(flag.removeprefix("--").partition("=")[::2] for flag in flags)
    limits = (*_SPEC, "containers", 0, "resources", "limits")
    fields = [
        Field((*_TEMPLATE, _MAX_SCALE), given["max-instances"]),
        Field((*_TEMPLATE, _THROTTLING), str("cpu-throttling" in given).lower()),
        Field((*limits, "cpu"), given["cpu"]),
        Field((*limits, "memory"), given["memory"]),
    ]
    if "gpu" in given:
        fields += (
            Field((*limits, "nvidia.com/gpu"), given["gpu"]),
            Field((*_SPEC, "nodeSelector", "run.googleapis.com/accelerator"), given["gpu-type"]),
            Field((*_TEMPLATE, "run.googleapis.com/gpu-zonal-redundancy-disabled"), "true"),
        )
    return tuple(fields)


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
    if settings.engine == "liveportrait":
        # Set, not detected at the start: it is part of the engine's version, and the gate has no
        # GPU.
        environment["LIVEPORTRAIT_PRECISION"] = settings.precision
        if role != "gate":
            environment["LIVEPORTRAIT_DEVICE"] = "cuda"  # never the CPU by mistake
    if settings.weights_bucket[0]:
        environment["LIVEPORTRAIT_WEIGHTS"] = _MOUNTED
    if role != "all":
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
    return environment | dict(settings.environment)


def _variables(environment: dict[str, str]) -> str:
    pairs = "|".join(f"{name}={value}" for name, value in sorted(environment.items()))
    return f"--set-env-vars=^|^{pairs}"  # gcloud's syntax for another separator than commas


def _with_label(*words: str) -> tuple[str, ...]:
    digest = hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]
    return (*words, f"--labels={names.PLAN_LABEL}={digest}")


def _expected_label(words: tuple[str, ...]) -> Field:
    """Return the expected label of a resource created by these words, the last of which sets it."""
    label, _, digest = words[-1].removeprefix("--labels=").partition("=")
    return Field(("metadata", "labels", label), digest)
