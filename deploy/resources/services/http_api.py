"""The HTTP API before the renderer's queue: a service of its own, open to who has a key."""

from deploy import names
from deploy.checks import ListEntry, Required
from deploy.command import gcloud
from deploy.resources import iam, object_access, run_service
from deploy.resources.run_service import RunService
from deploy.settings import Settings
from deploy.step import Check, Policy, Step, grant

_FOLDER = "livePortraitGenerations/"
_WAIT_S = 660  # a client may have its answer wait for 600 (`Prefer: wait`)
_PORT = 8080


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps of account's rights and service; none where the API is not wanted."""
    if settings.api is None:
        return ()
    return (
        iam.document_access(settings, names.API),
        object_access.folder_access(settings, _FOLDER, names.API),
        *iam.task_access(settings, names.API, names.QUEUE),
        *_secret(settings),
        _service(settings),
    )


def _secret(settings: Settings) -> tuple[Step, ...]:
    name, project = settings.api_secret, names.project(settings)
    if not name:
        return ()
    there = Step(
        title=f"Secret {name}",
        why="The SHA-256 digests of the API's keys, by commas. This program makes no keys and "
        "reads none.",
        checks=(
            Check(
                command=gcloud("secrets list", project, "--format=json"),
                expect=Required(expect=ListEntry(name=name)),
            ),
        ),
        create=(),
        foreseeable=True,
        foreign_message=f"there is no secret {name}. Make it: printf %s KEY | sha256sum, then "
        f"printf %s DIGEST | gcloud secrets create {name} --data-file=- {project}",
    )
    access = grant(
        Policy(group="secrets", target=(name, project), persistent=True),
        role="roles/secretmanager.secretAccessor",
        member=names.member(settings, names.API),
        title=f"{names.API} may read {name}",
        why="This secret and no other.",
    )
    return (there, access)


def _service(settings: Settings) -> Step:
    secret = settings.api_secret
    environment = {
        "GOOGLE_CLOUD_PROJECT": settings.project,
        "AVATAR_WEB_QUEUE": names.queue(settings),
        "AVATAR_WEB_RENDERER_URL": names.service_url(settings, names.RENDERER),
        "AVATAR_WEB_SERVICE_ACCOUNT": names.account(settings, names.TASKS_CALLER),
        "AVATAR_WEB_BUCKET": settings.bucket,
        "AVATAR_WEB_PUBLIC_URL": names.service_url(settings, names.API),
        "AVATAR_WEB_HOST": "0.0.0.0",  # noqa: S104 - of its container
        "AVATAR_WEB_PORT": str(_PORT),
        "AVATAR_WEB_DATA": "/tmp/web",  # noqa: S108 - memory; nothing is kept there
        **{name: value for name, value in settings.environment if name.startswith("AVATAR_WEB_")},
    }
    if not secret:
        environment["AVATAR_WEB_KEYS"] = settings.api or ""
    return run_service.step(
        settings,
        RunService(
            name=names.API,
            why="Takes generations from other servers, checks them and leaves them in the queue. "
            "Open to the internet: it refuses who has no key.",
            image=names.api_image(settings),
            concurrency=20,
            timeout_s=_WAIT_S,
            environment=environment,
            secrets={"AVATAR_WEB_KEYS": secret} if secret else {},
            flags=(
                "--cpu=1",
                "--memory=2Gi",  # uploads wait there on their way to the bucket
                f"--max-instances={settings.api_max_instances}",
                # Between requests webhooks are sent and lost tasks are put again.
                "--no-cpu-throttling",
                f"--port={_PORT}",
            ),
            is_public=True,
        ),
    )
