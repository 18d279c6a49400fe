"""Project setup: APIs, service accounts, the image."""

import json

from deploy import names
from deploy.checks import EnabledServices, Field, ListEntry
from deploy.command import gcloud
from deploy.settings import GIVEN, Settings
from deploy.step import Check, File, Policy, Step, grant

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
_KEPT_IMAGES, _OLD_IMAGE = 5, "30d"
_WEIGHTS_LEFT_OUT = "/weights/liveportrait/\n"
_BUILD_TIMEOUT = "5400s"  # gigabytes of packages and 0.6 GB of weights to download and to push


def apis(settings: Settings) -> Step:
    """Return the first step: the facts are looked up through these APIs."""
    wanted = (*SERVICES, *(_NETWORK_SERVICES if settings.private_egress else ()))
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
        names.BUILDER: "builds the image",
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
    return tuple(_account(settings, name, duty) for name, duty in sorted(duties.items()))


def image(settings: Settings, ignore: str) -> tuple[Step, ...]:
    """Return the steps for repository, build bucket, the builder's roles, and the build.

    Args:
        settings: the deployment.
        ignore: what is not sent to the build: the text of .gcloudignore.
    """
    flags = (f"--location={settings.region}", names.project(settings))
    builder = names.member(settings, names.BUILDER)
    repository = _repository(settings)
    return (
        repository,
        _clean_up(settings),
        _build_bucket(settings),
        grant(
            Policy(
                group="artifacts repositories", target=(names.REPOSITORY, *flags), persistent=True
            ),
            resource_checks=repository.checks,
            role="roles/artifactregistry.writer",
            member=builder,
            title="The builder may push images",
            why="To this repository only.",
        ),
        grant(
            Policy(
                group="storage buckets",
                target=(f"gs://{names.build_bucket(settings)}", names.project(settings)),
                conditional=True,
            ),
            role="roles/storage.objectViewer",
            member=builder,
            title="The builder may read the sources",
            why="In the build bucket only.",
        ),
        grant(
            Policy(group="projects", target=(settings.project,), conditional=True, persistent=True),
            role="roles/logging.logWriter",
            member=builder,
            title="The builder may write its log",
            why="A build with an account of its own logs to Cloud Logging or nowhere.",
        ),
        _build(settings, ignore),
    )


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


def _repository(settings: Settings) -> Step:
    flags = (f"--location={settings.region}", names.project(settings))
    return Step(
        title=f"Artifact Registry repository {names.REPOSITORY}",
        why="Holds the image, in the services' region, so that starting one crosses no region.",
        checks=(
            Check(
                command=gcloud("artifacts repositories list", *flags, "--format=json"),
                expect=ListEntry(name=names.REPOSITORY, fields=(Field(("format",), "DOCKER"),)),
            ),
        ),
        create=(
            gcloud(
                "artifacts repositories create",
                names.REPOSITORY,
                "--repository-format=docker",
                "--description=One image for every role of the idle videos",
                *flags,
            ),
        ),
        remove=(gcloud("artifacts repositories delete", names.REPOSITORY, *flags, "--quiet"),),
        holds_images=True,
    )


def _clean_up(settings: Settings) -> Step:
    flags = (f"--location={settings.region}", names.project(settings))
    policies = [
        {
            "name": "idle-keep-latest",
            "action": {"type": "Keep"},
            "mostRecentVersions": {"keepCount": _KEPT_IMAGES},
        },
        {
            "name": "idle-delete-old",
            "action": {"type": "Delete"},
            "condition": {"tagState": "any", "olderThan": _OLD_IMAGE},
        },
    ]
    file = File(
        path=f"{names.folder(settings)}/clean-up.json",
        content=json.dumps(policies, indent=2) + "\n",
    )
    return Step(
        title="Clean-up of old images",
        why=f"Each is some gigabytes: the last {_KEPT_IMAGES} stay, and what is younger than a "
        "month. A revision that serves has been started with its image; a roll-back further than "
        "that builds it again.",
        checks=(
            Check(
                command=gcloud("artifacts repositories list", *flags, "--format=json"),
                expect=ListEntry(
                    name=names.REPOSITORY,
                    fields=(
                        Field(("cleanupPolicies", "idle-delete-old", "id"), "idle-delete-old"),
                        Field(("cleanupPolicies", "idle-keep-latest", "id"), "idle-keep-latest"),
                    ),
                ),
            ),
        ),
        create=(
            gcloud(
                "artifacts repositories set-cleanup-policies",
                names.REPOSITORY,
                f"--policy={file.path}",
                "--no-dry-run",
                *flags,
            ),
        ),
        files=(file,),
    )


def _build_bucket(settings: Settings) -> Step:
    bucket = f"gs://{names.build_bucket(settings)}"
    project = names.project(settings)
    return Step(
        title=f"Bucket {names.build_bucket(settings)}",
        why="The sources wait here for Cloud Build: code, never portraits.",
        checks=(
            Check(
                command=gcloud("storage buckets list", project, "--format=json"),
                expect=ListEntry(name=names.build_bucket(settings)),
            ),
        ),
        create=(
            gcloud(
                "storage buckets create",
                bucket,
                f"--location={settings.region}",
                "--uniform-bucket-level-access",
                "--public-access-prevention",
                project,
            ),
        ),
        remove=(gcloud("storage rm", "--recursive", bucket, project, "--quiet"),),
    )


def _build(settings: Settings, ignore: str) -> Step:
    image, project = names.image(settings), names.project(settings)
    file = File(path=f"{names.folder(settings)}/cloudbuild.json", content=_recipe(settings, image))
    ignored: tuple[File, ...] = ()
    if settings.weights == GIVEN:
        path = f"{names.folder(settings)}/gcloudignore"
        ignored = (File(path=path, content=ignore.replace(_WEIGHTS_LEFT_OUT, "")),)
    return Step(
        title=f"Image {image}",
        why="Built from this tree, with the weights in it; the tag is the digest of what goes in, "
        "so nothing is built twice.",
        checks=(
            Check(
                command=gcloud(
                    "artifacts docker images list",
                    names.repository(settings),
                    "--include-tags",
                    project,
                    "--format=json",
                ),
                expect=ListEntry(name=settings.tag, key=("tags",)),
            ),
        ),
        create=(
            gcloud(
                "builds submit .",
                f"--config={file.path}",
                *(f"--ignore-file={each.path}" for each in ignored),
                f"--service-account=projects/{settings.project}/serviceAccounts/"
                f"{names.account(settings, names.BUILDER)}",
                f"--gcs-source-staging-dir=gs://{names.build_bucket(settings)}/source",
                project,
            ),
        ),
        eventually_consistent=True,
        files=(file, *ignored),
    )


def _recipe(settings: Settings, image: str) -> str:
    inside = settings.engine != "mesh" and not settings.weights.startswith("gs://")
    weights = settings.weights if inside else "none"
    arguments = (f"WEIGHTS={weights}", f"DRIVER_LIBRARIES={settings.machine.driver_libraries}")
    recipe = {
        "steps": [
            {
                "name": "gcr.io/cloud-builders/docker",
                "args": [
                    "build",
                    *(f"--build-arg={argument}" for argument in arguments),
                    f"--tag={image}",
                    ".",
                ],
                "env": ["DOCKER_BUILDKIT=1"],
            }
        ],
        "images": [image],
        "timeout": _BUILD_TIMEOUT,
        "options": {
            "logging": "CLOUD_LOGGING_ONLY",
            "machineType": "E2_HIGHCPU_8",
            "diskSizeGb": "100",
        },
    }
    return json.dumps(recipe, indent=2) + "\n"
