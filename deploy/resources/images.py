"""The images: the repository, the sources on their way, the builder's rights, a build of each."""

import json
from dataclasses import dataclass

from deploy import names
from deploy.checks import Field, ListEntry
from deploy.command import gcloud
from deploy.settings import GIVEN, Settings
from deploy.step import Check, File, Policy, Step, grant

_KEPT_IMAGES, _OLD_IMAGE = 5, "30d"
_WEIGHTS_LEFT_OUT = "/weights/liveportrait/\n"
_BUILD_TIMEOUT = "5400s"  # gigabytes of packages and 0.6 GB of weights to download and to push


@dataclass(frozen=True, kw_only=True)
class _Image:
    """An image to build from this tree.

    Attributes:
        name: of the image in the repository; also of the generated files.
        address: where it is pushed, with its tag.
        why: what is in it.
        target: the Dockerfile's stage; "": the last one.
        arguments: of the build, NAME=VALUE.
        machine: that builds it; "": Cloud Build's smallest.
        takes_weights: the build reads those in weights/.
    """

    name: str
    address: str
    why: str
    target: str = ""
    arguments: tuple[str, ...] = ()
    machine: str = ""
    takes_weights: bool = False


def steps(settings: Settings, ignore: str) -> tuple[Step, ...]:
    """Return the steps for repository, build bucket, the builder's roles, and the builds.

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
        *(_build(settings, image, ignore) for image in _images(settings)),
    )


def _images(settings: Settings) -> tuple[_Image, ...]:
    renderer = _Image(
        name="idle",
        address=names.image(settings),
        why="Built from this tree, with the weights in it; the tag is the digest of what goes in, "
        "so nothing is built twice.",
        arguments=_arguments(settings),
        machine="E2_HIGHCPU_8",
        takes_weights=settings.weights == GIVEN,
    )
    if settings.single:
        return (renderer,)
    gate = _Image(
        name="gate",
        address=names.gate_image(settings),
        why="For gate and reconcile: the clients of Google's services and no engine, so that it "
        "is there quickly when an event wakes it.",
        target="gate",
    )
    if settings.api is None:
        return (renderer, gate)
    api = _Image(
        name="api",
        address=names.api_image(settings),
        why="For the HTTP API: a web framework, and what looks into files before they wait.",
        target="api",
    )
    return (renderer, gate, api)


def _arguments(settings: Settings) -> tuple[str, ...]:
    inside = settings.engine != "mesh" and not settings.weights.startswith("gs://")
    weights = settings.weights if inside else "none"
    return (f"WEIGHTS={weights}", f"DRIVER_LIBRARIES={settings.machine.driver_libraries}")


def _repository(settings: Settings) -> Step:
    flags = (f"--location={settings.region}", names.project(settings))
    return Step(
        title=f"Artifact Registry repository {names.REPOSITORY}",
        why="Holds the images, in the services' region, so that starting one crosses no region.",
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
                "--description=The images of the idle videos",
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
        why=f"A renderer's is some gigabytes: of each the last {_KEPT_IMAGES} stay, and what is "
        "younger than a month. A revision that serves has been started with its image; a roll-back "
        "further than that builds it again.",
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


def _build(settings: Settings, image: _Image, ignore: str) -> Step:
    project, folder = names.project(settings), names.folder(settings)
    package, _, tag = image.address.rpartition(":")
    file = File(path=f"{folder}/cloudbuild-{image.name}.json", content=_recipe(image))
    ignored: tuple[File, ...] = ()
    if image.takes_weights:
        content = ignore.replace(_WEIGHTS_LEFT_OUT, "")
        ignored = (File(path=f"{folder}/gcloudignore", content=content),)
    return Step(
        title=f"Image {image.address}",
        why=image.why,
        checks=(
            Check(
                command=gcloud(
                    "artifacts docker images list",
                    names.repository(settings),
                    "--include-tags",
                    f"--filter=package={package}",
                    project,
                    "--format=json",
                ),
                expect=ListEntry(name=tag, key=("tags",)),
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


def _recipe(image: _Image) -> str:
    target = (f"--target={image.target}",) if image.target else ()
    options = {"logging": "CLOUD_LOGGING_ONLY"}
    if image.machine:
        options |= {"machineType": image.machine, "diskSizeGb": "100"}
    recipe = {
        "steps": [
            {
                "name": "gcr.io/cloud-builders/docker",
                "args": [
                    "build",
                    *target,
                    *(f"--build-arg={argument}" for argument in image.arguments),
                    f"--tag={image.address}",
                    ".",
                ],
                "env": ["DOCKER_BUILDKIT=1"],  # builds the stages that the target needs, no others
            }
        ],
        "images": [image.address],
        "timeout": _BUILD_TIMEOUT,
        "options": options,
    }
    return json.dumps(recipe, indent=2) + "\n"
