"""Names of all resources; variables stand for facts of the project."""

from deploy.command import variable
from deploy.settings import Settings

GATE = "idle-gate"
RENDERER = "idle-renderer"
RECONCILE = "idle-reconcile"
RECONCILE_ALL = "idle-reconcile-all"  # the weekly schedule
QUEUE = "idle-renders"
DEBOUNCE_QUEUE = "idle-debounce"
REPAIRS_QUEUE = "idle-repairs"
CHECKS_QUEUE = "idle-checks"
CANDIDATE = "candidate"  # the tag of a renderer's revision that has no traffic yet
API = "idle-api"
TRIGGER = "idle-avatar-written"
TALK_TRIGGER = "idle-talk-written"
DEAD_LETTERS = "idle-dead-letters"
TASKS_CALLER = "idle-tasks"
TRIGGER_CALLER = "idle-trigger"
SCHEDULER = "idle-scheduler"
BUILDER = "idle-build"
REPOSITORY = "idle"
DATABASE = "(default)"
NETWORK = "idle"  # and its subnet
ZONE = "idle-googleapis"
BUDGET = "idle videos"
BUDGET_TOPIC = "idle-budget"  # and its subscription
PAUSER_ROLE = "idleQueuePauser"

PROJECT_NUMBER = variable("PROJECT_NUMBER")
DATABASE_TYPE = variable("DATABASE_TYPE")
FIRESTORE_LOCATION = variable("FIRESTORE_LOCATION")
BUCKET_LOCATION = variable("BUCKET_LOCATION")
BILLING_ACCOUNT = variable("BILLING_ACCOUNT")
API_KEYS_VERSION = variable("API_KEYS_VERSION")
TRIGGER_SUBSCRIPTION = variable("TRIGGER_SUBSCRIPTION")
TALK_SUBSCRIPTION = variable("TALK_SUBSCRIPTION")
CHANNEL = variable("CHANNEL")
RULESET = variable("RULESET")
ITEM = variable("ITEM")

# The label of resources made by this program: the digest of the words that made them.
PLAN_LABEL = "idle-plan"


def project(settings: Settings) -> str:
    """Return the flag of every command."""
    return f"--project={settings.project}"


def account(settings: Settings, name: str) -> str:
    """Return a service account's e-mail address."""
    return f"{name}@{settings.project}.iam.gserviceaccount.com"


def member(settings: Settings, name: str) -> str:
    """Return a service account as a member of IAM bindings."""
    return f"serviceAccount:{account(settings, name)}"


def agent(service: str) -> str:
    """Return the service agent of one of Google's services, as a member of IAM bindings."""
    return f"serviceAccount:service-{PROJECT_NUMBER}@gcp-sa-{service}.iam.gserviceaccount.com"


def repository(settings: Settings) -> str:
    """Return the address of the image repository."""
    return f"{settings.region}-docker.pkg.dev/{settings.project}/{REPOSITORY}"


def image(settings: Settings) -> str:
    """Return the address of the image that renders, with this deployment's tag."""
    return f"{repository(settings)}/idle:{settings.tag}"


def gate_image(settings: Settings) -> str:
    """Return the address of the image that renders nothing, of the same tree."""
    return f"{repository(settings)}/gate:{settings.tag}"


def api_image(settings: Settings) -> str:
    """Return the address of the HTTP API's image."""
    return f"{repository(settings)}/api:{settings.api_tag}"


def build_bucket(settings: Settings) -> str:
    """Return the bucket of the sources for Cloud Build."""
    return f"{settings.project}-idle-build"


def queue(settings: Settings, name: str = QUEUE) -> str:
    """Return a queue's full name."""
    return f"projects/{settings.project}/locations/{settings.region}/queues/{name}"


def service(settings: Settings, name: str) -> str:
    """Return a Cloud Run service's full name."""
    return f"projects/{settings.project}/locations/{settings.region}/services/{name}"


def service_url(settings: Settings, name: str, *, tag: str = "") -> str:
    """Return Cloud Run's deterministic URL, which is known before the service exists.

    Args:
        settings: the deployment.
        name: of the service.
        tag: of one of its revisions; "": whatever has the traffic.
    """
    host = f"{tag}---{name}" if tag else name
    return f"https://{host}-{PROJECT_NUMBER}.{settings.region}.run.app"


def receiver(settings: Settings) -> str:
    """Return the service that receives events."""
    return RENDERER if settings.single else GATE


def services(settings: Settings) -> tuple[str, ...]:
    """Return the services that this program deploys, in the order in which it does."""
    gate = (GATE,) if settings.has_gate else ()
    return (RENDERER, *gate, *((API,) if settings.api is not None else ()))


def runners(settings: Settings) -> tuple[str, ...]:
    """Return the accounts under which the function's code runs."""
    return (RENDERER, RECONCILE) if settings.single else (GATE, RENDERER, RECONCILE)


def renderers(settings: Settings) -> tuple[str, ...]:
    """Return the accounts under which something is rendered."""
    return (RENDERER, RECONCILE) if settings.single else (RENDERER,)


def folder(settings: Settings) -> str:
    """Return the folder of generated files and the journal, from the repository's root."""
    return f"out/deploy/{settings.project}"
