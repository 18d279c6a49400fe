"""The bucket: its CORS, for browsers, and its lifecycle, for caches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import CheckResult, ResourceState, Variables, value_at
from deploy.command import gcloud
from deploy.settings import Part, Settings
from deploy.step import Check, Step


@dataclass(frozen=True, kw_only=True)
class BucketCors:
    """A bucket's CORS: none, this program's, or the app's."""

    cors: Sequence[Any]

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; FOREIGN where there are other entries."""
        cors = output.get("cors_config") or []
        if not cors:
            return CheckResult(state=ResourceState.MISSING)
        ours = cors == list(self.cors)
        return CheckResult(state=ResourceState.MATCHES if ours else ResourceState.FOREIGN)


@dataclass(frozen=True, kw_only=True)
class BucketLifecycle:
    """A bucket's lifecycle rules: none, this program's among them, or only the app's."""

    rules: Sequence[Any]

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; FOREIGN where there are others, and not all of this program's."""
        rules = value_at(output, ("lifecycle_config", "rule")) or []
        if len(rules) < len(self.rules) and all(rule in self.rules for rule in rules):
            return CheckResult(state=ResourceState.MISSING)
        ours = all(rule in rules for rule in self.rules)
        return CheckResult(state=ResourceState.MATCHES if ours else ResourceState.FOREIGN)


def cors(settings: Settings, entries: Sequence[object]) -> Step:
    """Return the step of the bucket's CORS."""
    bucket, project = f"gs://{settings.bucket}", names.project(settings)
    return Step(
        title=f"CORS of {bucket}",
        why="Browsers may read videos and pictures by their URLs; apps on phones need none.",
        checks=(
            Check(
                command=gcloud("storage buckets describe", bucket, project, "--format=json"),
                expect=BucketCors(cors=entries),
            ),
        ),
        create=(gcloud("storage buckets update", bucket, "--cors-file=deploy/cors.json", project),),
        foreseeable=True,
        leaves="CORS stays: it opens nothing that a URL's token does not open",
        foreign_message=None
        if Part.CORS in settings.replaces
        else "it has a CORS configuration of its own. Add deploy/cors.json to it and go on with "
        "--omit cors; or --replace cors",
    )


def lifecycle(settings: Settings, rules: Sequence[object]) -> Step:
    """Return the step of the bucket's lifecycle."""
    bucket, project = f"gs://{settings.bucket}", names.project(settings)
    return Step(
        title=f"Lifecycle of {bucket}",
        why="Caches hold how a person moves: what was kept a month ago goes, and what the HTTP API "
        "was sent after two days.",
        checks=(
            Check(
                command=gcloud("storage buckets describe", bucket, project, "--format=json"),
                expect=BucketLifecycle(rules=rules),
            ),
        ),
        create=(
            gcloud(
                "storage buckets update",
                bucket,
                "--lifecycle-file=deploy/lifecycle.json",
                project,
            ),
        ),
        foreseeable=True,
        leaves="caches that are left behind go too",
        foreign_message=None
        if Part.LIFECYCLE in settings.replaces
        else "it has lifecycle rules of its own, and not ours. Add the rule of "
        "deploy/lifecycle.json to them; or go on with --omit lifecycle; or --replace lifecycle, "
        "which takes the others away",
    )
