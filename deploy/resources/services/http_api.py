"""The HTTP API before the renderer's queue: a service of its own, open to who has a key."""

from deploy import names
from deploy.checks import Path
from deploy.resources import run_service
from deploy.resources.access import iam, objects
from deploy.resources.run_service import RunService
from deploy.settings import Settings
from deploy.step import Policy, Step, grant

_FOLDER = "livePortraitGenerations/"
_WAIT_S = 660  # a client may have its answer wait for 600 (`Prefer: wait`)
_PORT = 8080
_KEYS = "AVATAR_WEB_KEYS"


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps of the account's rights, and of the service."""
    return (
        iam.document_access(settings, names.API),
        objects.folder_access(settings, _FOLDER, names.API),
        *iam.task_access(settings, names.API, names.QUEUE),
        *_secret(settings),
        _service(settings),
    )


def keys(settings: Settings) -> dict[Path, str]:
    """Return what tells a revision its keys, by paths that begin at its `spec`."""
    return run_service.told(*_keys(settings))


def _keys(settings: Settings) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Return the variable of the keys' digests: as it is, or of a secret."""
    if settings.api_secret:  # by its version, so that new keys make a new revision
        return {}, {_KEYS: (settings.api_secret, names.API_KEYS_VERSION)}
    return {_KEYS: settings.api or ""}, {}


def _secret(settings: Settings) -> tuple[Step, ...]:
    name = settings.api_secret
    if not name:
        return ()
    return (
        grant(
            Policy(group="secrets", target=(name, names.project(settings)), persistent=True),
            role="roles/secretmanager.secretAccessor",
            member=names.member(settings, names.API),
            title=f"{names.API} may read {name}",
            why="This secret and no other. It holds the SHA-256 digests of the API's keys, by "
            "commas; this program makes no keys and reads none.",
        ),
    )


def _service(settings: Settings) -> Step:
    digests, secrets = _keys(settings)
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
        **digests,
    }
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
            secrets=secrets,
            flags=(
                "--cpu=1",
                "--memory=2Gi",  # uploads wait there on their way to the bucket
                f"--max-instances={settings.api_max_instances}",
                # Between requests webhooks are sent and lost tasks are put again.
                "--no-cpu-throttling",
                f"--port={_PORT}",
            ),
            is_public=True,
            release=settings.tag,
        ),
    )
