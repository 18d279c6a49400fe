"""Project setup: APIs, service accounts."""

from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import CheckResult, ListEntry, ResourceState, Variables, value_at
from deploy.command import gcloud
from deploy.settings import Settings
from deploy.step import Check, Step

SERVICES = (
    "artifactregistry",
    "billingbudgets",
    "cloudbilling",
    "cloudbuild",
    "cloudquotas",
    "cloudresourcemanager",
    "cloudscheduler",
    "cloudtasks",
    "eventarc",
    "eventarcpublishing",
    "firebaserules",
    "firebasestorage",
    "firestore",
    "iam",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "storage",
)
_NETWORK_SERVICES = ("compute", "dns")
_SECRET_SERVICES = ("secretmanager",)


@dataclass(frozen=True, kw_only=True)
class EnabledServices:
    """All of these services are enabled."""

    services: tuple[str, ...]

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; MISSING while one service is not enabled."""
        enabled = {value_at(entry, ("config", "name")) for entry in output}
        absent = tuple(name for name in self.services if name not in enabled)
        return CheckResult(
            state=ResourceState.MISSING if absent else ResourceState.MATCHES,
            differences=tuple(f"{name} is not enabled" for name in absent),
        )


def apis(settings: Settings) -> Step:
    """Return the first step: the facts are looked up through these APIs."""
    wanted = (
        *SERVICES,
        *(_NETWORK_SERVICES if settings.private_egress else ()),
        *(_SECRET_SERVICES if settings.api_secret else ()),
    )
    services = tuple(f"{name}.googleapis.com" for name in wanted)
    return Step(
        title="APIs",
        why="What the other steps and the function call. Enabling costs nothing.",
        checks=(
            Check(
                command=gcloud(
                    "services list", "--enabled", names.project(settings), "--format=json"
                ),
                expect=EnabledServices(services=services),
            ),
        ),
        create=(gcloud("services enable", *services, names.project(settings)),),
        leaves="the APIs stay enabled: other parts of the project may use them",
    )


def accounts(settings: Settings) -> tuple[Step, ...]:
    """Return the steps for the service accounts, one for each caller, for least privilege."""
    duties = {
        names.BUILDER: "builds the images",
        names.RENDERER: "renders",
        names.RECONCILE: "mends what events missed",
        names.TRIGGER_CALLER: "carries Firestore's events to the service",
        names.SCHEDULER: "starts the reconcile job",
    }
    if not settings.single:
        duties |= {
            names.GATE: "answers events and hands renders to the queue",
            names.TASKS_CALLER: "carries the queue's tasks to the renderer",
        }
    if settings.api is not None:
        duties[names.API] = "serves the renderer over HTTP"
    return tuple(_account(settings, name, duty) for name, duty in sorted(duties.items()))


def _account(settings: Settings, name: str, duty: str) -> Step:
    email, project = names.account(settings, name), names.project(settings)
    return Step(
        title=f"Service account {name}",
        why=f"It {duty}.",
        checks=(
            Check(
                command=gcloud("iam service-accounts list", project, "--format=json"),
                expect=ListEntry(name=email, key=("email",)),
            ),
        ),
        create=(
            gcloud(
                "iam service-accounts create", name, f"--display-name=Idle videos: {duty}", project
            ),
        ),
        remove=(gcloud("iam service-accounts delete", email, project, "--quiet"),),
    )
