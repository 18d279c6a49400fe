"""What will be refused is refused before the image is built; drift is told and put right."""

from dataclasses import replace
from typing import Any

import pytest

from deploy.errors import CommandFailed, ForeignResource
from deploy.execution.script import apply_script
from deploy.resources.data_protection.security_rules import denies_all
from deploy.settings import Card, Settings
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import ALL, FILES, SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.processes import FakeGcloud

LOCKED = """rules_version = '2';

service cloud.firestore {
  match /databases/{database}/documents {
    // locked mode
    match /{document=**} {
      allow read, write: if false;
    }
  }
}
"""
OWN = LOCKED.replace("if false", "if request.auth != null")


def put_rules(fake_gcloud: FakeGcloud, text: str) -> str:
    """The project has these rules for Firestore."""
    release = f"projects/{USUAL.project}/releases/cloud.firestore"
    files = [{"name": "firestore.rules", "content": text}]
    fake_gcloud.cloud.rulesets["projects/p/rulesets/app"] = {"source": {"files": files}}
    fake_gcloud.cloud.releases[release] = "projects/p/rulesets/app"
    return release


@pytest.mark.parametrize(
    "case",
    [
        lambda fake: put_rules(fake, OWN),
        lambda fake: setattr(fake.cloud, "cors", [{"origin": ["x"], "method": ["PUT"]}]),
        lambda fake: setattr(fake.cloud, "is_uniform", False),
        lambda fake: setattr(fake.cloud, "linked", ["another"]),
        lambda fake: setattr(fake.cloud, "lifecycle", [{"action": {"type": "Delete"}}]),
    ],
)
def test_a_foreign_resource_stops_the_run_before_the_build(
    fake_gcloud: FakeGcloud, operator: Operator, case: Any
) -> None:
    case(fake_gcloud)
    with pytest.raises(ForeignResource):
        operator.deployment(USUAL, plan(USUAL)).apply()
    assert [words.positional[:2] for words in fake_gcloud.changes] == [("services", "enable")]


def test_the_console_s_locked_rules_are_replaced(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release = put_rules(fake_gcloud, LOCKED)
    operator.deployment(USUAL, plan(USUAL)).apply()
    ruleset = fake_gcloud.cloud.rulesets[fake_gcloud.cloud.releases[release]]
    assert ruleset["source"]["files"][0]["content"] == FILES.data.firestore_rules


def test_rules_that_the_firebase_cli_has_put_there_are_ours_by_their_text(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release = put_rules(fake_gcloud, FILES.data.firestore_rules)
    operator.deployment(USUAL, plan(USUAL)).apply()
    assert fake_gcloud.cloud.releases[release] == "projects/p/rulesets/app"


@pytest.mark.parametrize(
    ("rules", "locked"),
    [
        (LOCKED, True),
        (LOCKED.replace("rules_version = '2';", ""), True),
        (
            "service firebase.storage { match /b/{bucket}/o { match /{all=**} "
            "{ allow read, write: if false; } } }",
            True,
        ),
        (OWN, False),
        (LOCKED.replace("read, write", "read"), False),
        (LOCKED.replace("if false", "if false || true"), False),
        (LOCKED.replace("/{document=**}", "/secrets/{id}"), False),
        (LOCKED + "// match /x { allow read; }", True),
        ("", False),
    ],
)
def test_only_rules_that_let_nobody_in_are_locked(rules: str, locked: bool) -> None:
    assert denies_all(rules) is locked


def drifted(service: dict[str, Any], *path: Any, value: str) -> None:
    for part in path[:-1]:
        service = service[part]
    service[path[-1]] = value


TEMPLATE = ("spec", "template", "metadata", "annotations")
CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ((*TEMPLATE, "autoscaling.knative.dev/maxScale"), "40", "maxScale is '40', wanted '3'"),
        ((*TEMPLATE, "run.googleapis.com/cpu-throttling"), "true", "cpu-throttling is 'true'"),
        (
            (*TEMPLATE, "run.googleapis.com/gpu-zonal-redundancy-disabled"),
            "false",
            "gpu-zonal-redundancy-disabled is 'false'",
        ),
        ((*CONTAINER, "resources", "limits", "memory"), "64Gi", "memory is '64Gi'"),
        ((*CONTAINER, "resources", "limits", "nvidia.com/gpu"), "0", "nvidia.com/gpu is '0'"),
        ((*CONTAINER, "livenessProbe", "httpGet", "path"), "/", "livenessProbe.httpGet.path is"),
        (("metadata", "annotations", "run.googleapis.com/ingress"), "all", "ingress is 'all'"),
    ],
)
def test_drift_is_told_and_put_right(
    fake_gcloud: FakeGcloud, operator: Operator, path: Any, value: str, told: str
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    service = fake_gcloud.cloud.things["services"]["idle-renderer"]
    drifted(service, *path, value=value)
    operator.said.clear()
    counts = operator.deployment(USUAL, plan(USUAL)).apply()
    assert counts["changed"] == 2  # the service, and its traffic
    assert any(told in line for line in operator.said)
    assert operator.deployment(USUAL, plan(USUAL)).apply().keys() == {"stands"}


@pytest.mark.parametrize(
    ("message", "tries"),
    [
        ("ERROR: Quota exceeded for quota metric; please try again later", 1),
        ("ERROR: You do not have permission to act as the account. Please try again", 1),
        ("ERROR: ALREADY_EXISTS: not found in", 1),
        ("ERROR: Service account idle-gate@x does not exist.", 4),
        ("ERROR: There were concurrent policy changes. Please retry", 4),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(
    fake_gcloud: FakeGcloud, operator: Operator, message: str, tries: int
) -> None:
    def fault(number: int, words: Arguments) -> str | None:
        return message if words.starts("tasks queues create") else None

    fake_gcloud.fault = fault
    with pytest.raises(CommandFailed):
        operator.deployment(USUAL, plan(USUAL)).apply()
    asked = [words for words in fake_gcloud.changes if words.starts("tasks queues create")]
    assert len(asked) == tries


@pytest.mark.parametrize("name", ALL)
def test_the_printed_script_stops_at_the_first_failure(name: str) -> None:
    text = apply_script(ALL[name], plan(ALL[name]))
    assert text.startswith("#!/usr/bin/env bash\nset -euo pipefail\n")
    assert "\nagain gcloud tasks queues create" in text or ALL[name].single


def gpu_job(settings: Settings) -> tuple[str, ...]:
    (step,) = (each for each in plan(settings).steps if each.title == "Job idle-reconcile")
    return step.create[0].argv


def test_a_job_with_a_gpu_asks_for_the_quota_without_zonal_redundancy() -> None:
    single = replace(USUAL, single=True)
    assert gpu_job(single)[:4] == ("gcloud", "alpha", "run", "jobs")
    assert {"--gpu=1", "--no-gpu-zonal-redundancy"} <= set(gpu_job(single))
    assert SMALLEST.card is Card.NONE
    assert not any("gpu" in word for word in gpu_job(SMALLEST))
