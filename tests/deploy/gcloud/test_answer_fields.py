"""The fields that the checks expect exist in Google's own messages.

The fake project's output was written for it; the installed gcloud's messages tell whether Google's
output has these fields. `storage` and `docker images` have output formats of gcloud's own, which no
message describes.
"""

from typing import Any

import pytest

from deploy.checks import (
    Demanded,
    EntryWhere,
    Field,
    FieldNot,
    ListEntry,
    SingleResource,
)
from deploy.checks import Path as Way
from deploy.resources.data_protection.fields import NoIndexes
from deploy.resources.project_setup import EnabledServices
from deploy.step import Check
from tests.deploy.example_plans import ALL, API, plan
from tests.deploy.gcloud.messages import Body, unknown_fields

MESSAGES = {
    "alpha monitoring policies": ("monitoring", "v3", "AlertPolicy"),
    "artifacts repositories": ("artifactregistry", "v1", "Repository"),
    "beta monitoring channels": ("monitoring", "v3", "NotificationChannel"),
    "billing budgets": ("billingbudgets", "v1", "GoogleCloudBillingBudgetsV1Budget"),
    "compute firewall-rules": ("compute", "v1", "Firewall"),
    "compute networks list": ("compute", "v1", "Network"),
    "compute networks subnets": ("compute", "v1", "Subnetwork"),
    "dns managed-zones": ("dns", "v1", "ManagedZone"),
    "dns record-sets": ("dns", "v1", "ResourceRecordSet"),
    "eventarc triggers": ("eventarc", "v1", "Trigger"),
    "firestore fields": ("firestore", "v1", "GoogleFirestoreAdminV1Field"),
    "firestore indexes": ("firestore", "v1", "GoogleFirestoreAdminV1Field"),
    "iam roles": ("iam", "v1", "Role"),
    "iam service-accounts": ("iam", "v1", "ServiceAccount"),
    "logging metrics": ("logging", "v2", "LogMetric"),
    "monitoring dashboards": ("monitoring", "v1", "Dashboard"),
    "pubsub subscriptions": ("pubsub", "v1", "Subscription"),
    "pubsub topics": ("pubsub", "v1", "Topic"),
    "run jobs": ("run", "v1", "Job"),
    "run services": ("run", "v1", "Service"),
    "scheduler jobs": ("cloudscheduler", "v1", "Job"),
    "services list": ("serviceusage", "v1", "GoogleApiServiceusageV1Service"),
    "tasks queues": ("cloudtasks", "v2", "Queue"),
}
NO_MESSAGE = ("storage buckets", "storage managed-folders", "artifacts docker images")


def ways(check: Check) -> list[tuple[Way, Any]]:
    """Every path that a check reads, with a value of the expected type."""
    expectation = check.expect
    if isinstance(expectation, Demanded):
        expectation = expectation.expect
    if isinstance(expectation, EnabledServices):
        return [(("config", "name"), "x")]
    if isinstance(expectation, NoIndexes):
        config: dict[str, Any] = {"usesAncestorConfig": True}
        config["indexes"] = [{"fields": [{"order": "ASCENDING"}, {"arrayConfig": "CONTAINS"}]}]
        return [(("name",), "x"), (("indexConfig",), config)]
    if isinstance(expectation, SingleResource):
        return [wanted(field_) for field_ in expectation.fields]
    if isinstance(expectation, ListEntry):
        names = [(expectation.key, "x"), *((path, "x") for path in expectation.defines.values())]
        return names + [wanted(field_) for field_ in expectation.fields]
    return []


def wanted(field_: Field | FieldNot) -> tuple[Way, Any]:
    texts = {"labels", "userLabels", "annotations", "env", "ports", "limits", "nodeSelector"}
    is_text = not texts.isdisjoint(field_.path)
    if field_.value in ("True", "False") and "status" not in field_.path and not is_text:
        return field_.path, field_.value == "True"
    number = field_.value.isdigit() and not is_text
    return field_.path, int(field_.value) if number else field_.value


def body(way: Way, value: Any) -> Any:
    """The smallest message that has this value at this path."""
    if not way:
        return value
    first, rest = way[0], way[1:]
    if isinstance(first, EntryWhere):
        inner = body(rest, value)
        return [{first.key: first.value, **inner}]
    if isinstance(first, int):
        return [body(rest, value)]
    return {first: body(rest, value)}


def bodies(check: Check) -> dict[str, Body]:
    """The paths that a check reads, each as the smallest message that has it."""
    command = " ".join(word for word in check.command.argv[1:] if not word.startswith("-"))
    if check.command.argv[0] != "gcloud" or command.startswith(NO_MESSAGE):
        return {}
    asked = {}
    for way, value in ways(check):
        (message,) = (name for start, name in MESSAGES.items() if command.startswith(start))
        asked[f"{command}: {way}"] = (*message, body(way, value))
    return asked


@pytest.mark.gcloud
def test_google_has_every_field_that_a_check_looks_at(
    parser: list[str], environment: dict[str, str]
) -> None:
    control = "a field that a queue does not have"
    asked: dict[str, Body] = {control: (*MESSAGES["tasks queues"], {"rateLimits": {"what": 1}})}
    for settings in (*ALL.values(), API):
        made = plan(settings)
        for check in (check for step in (*made.first, *made.steps) for check in step.checks):
            asked |= bodies(check)
    assert len(asked) > 40
    found = dict(zip(asked, unknown_fields(parser, environment, list(asked.values())), strict=True))
    assert found.pop(control) == ["Queue.rateLimits.what"]
    assert {way: paths for way, paths in found.items() if paths} == {}
