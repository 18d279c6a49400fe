"""What everything in the project is called; variables stand for what only the project knows."""

from deploy.command import variable
from deploy.settings import Settings

GATE = "idle-gate"
RENDERER = "idle-renderer"
RECONCILE = "idle-reconcile"
QUEUE = "idle-renders"
TRIGGER = "idle-avatar-written"
DEAD_LETTERS = "idle-dead-letters"
TASKS_CALLER = "idle-tasks"
TRIGGER_CALLER = "idle-trigger"
SCHEDULER = "idle-scheduler"
BUILDER = "idle-build"
REPOSITORY = "idle"
DATABASE = "(default)"
BUDGET = "idle videos"

PROJECT_NUMBER = variable("PROJECT_NUMBER")
DATABASE_TYPE = variable("DATABASE_TYPE")
FIRESTORE_LOCATION = variable("FIRESTORE_LOCATION")
BUCKET_LOCATION = variable("BUCKET_LOCATION")
BILLING_ACCOUNT = variable("BILLING_ACCOUNT")
TRIGGER_SUBSCRIPTION = variable("TRIGGER_SUBSCRIPTION")
CHANNEL = variable("CHANNEL")
RULESET = variable("RULESET")
ITEM = variable("ITEM")

# In force for a thing made by this program: the digest of the words that made it.
PLAN_LABEL = "idle-plan"


def project(settings: Settings) -> str:
    """The flag that every command bears."""
    return f"--project={settings.project}"


def account(settings: Settings, name: str) -> str:
    """A service account's e-mail."""
    return f"{name}@{settings.project}.iam.gserviceaccount.com"


def member(settings: Settings, name: str) -> str:
    """A service account as IAM's bindings name it."""
    return f"serviceAccount:{account(settings, name)}"


def agent(service: str) -> str:
    """The account by which one of Google's services acts in this project, as a member."""
    return f"serviceAccount:service-{PROJECT_NUMBER}@gcp-sa-{service}.iam.gserviceaccount.com"


def repository(settings: Settings) -> str:
    """Where the images are."""
    return f"{settings.region}-docker.pkg.dev/{settings.project}/{REPOSITORY}"


def image(settings: Settings) -> str:
    """The one image, of this deployment's tag."""
    return f"{repository(settings)}/idle:{settings.tag}"


def build_bucket(settings: Settings) -> str:
    """Where the sources wait for Cloud Build."""
    return f"{settings.project}-idle-build"


def queue(settings: Settings) -> str:
    """The queue's full name."""
    return f"projects/{settings.project}/locations/{settings.region}/queues/{QUEUE}"


def renderer_url(settings: Settings) -> str:
    """Cloud Run's deterministic URL: known before the service is."""
    return f"https://{RENDERER}-{PROJECT_NUMBER}.{settings.region}.run.app"


def receiver(settings: Settings) -> str:
    """The service that events go to."""
    return RENDERER if settings.single else GATE


def runners(settings: Settings) -> tuple[str, ...]:
    """The accounts under which the function's own code runs."""
    return (RENDERER, RECONCILE) if settings.single else (GATE, RENDERER, RECONCILE)


def folder(settings: Settings) -> str:
    """Where generated files and the journal are, from the repository's root."""
    return f"out/deploy/{settings.project}"
