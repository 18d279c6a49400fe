"""The app's own resources are left alone unless the operator says otherwise."""

from dataclasses import replace

import pytest

from deploy.errors import ForeignResource
from deploy.settings import Part
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import FILES, SMALLEST, USUAL, plan
from tests.deploy.fake_cloud import base_commands
from tests.deploy.fake_cloud.processes import FakeGcloud


def test_the_apps_own_rules_are_not_replaced_unasked(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release = f"projects/{USUAL.project}/releases/cloud.firestore"
    files = [{"name": "firestore.rules", "content": "the app's"}]
    fake_gcloud.cloud.rulesets["projects/p/rulesets/app"] = {"source": {"files": files}}
    fake_gcloud.cloud.releases[release] = "projects/p/rulesets/app"
    with pytest.raises(ForeignResource, match=r"--omit rules.*--replace rules"):
        operator.deployment(USUAL, plan(USUAL)).apply()
    assert fake_gcloud.cloud.releases[release] == "projects/p/rulesets/app"

    omitting = replace(USUAL, omits=frozenset({Part.RULES}))
    operator.deployment(omitting, plan(omitting)).apply()
    assert fake_gcloud.cloud.releases == {release: "projects/p/rulesets/app"}

    replacing = replace(USUAL, replaces=frozenset({Part.RULES}))
    operator.deployment(replacing, plan(replacing)).apply()
    ruleset = fake_gcloud.cloud.rulesets[fake_gcloud.cloud.releases[release]]
    assert ruleset["source"]["files"][0]["name"] == "idle.firestore.rules"


def test_our_own_older_rules_are_replaced(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    release = f"projects/{USUAL.project}/releases/cloud.firestore"
    older = fake_gcloud.cloud.releases[release]
    fake_gcloud.cloud.rulesets[older]["source"]["files"][0]["content"] = "an older version's"
    counts = operator.deployment(USUAL, plan(USUAL)).apply()
    assert counts["changed"] == 1
    assert fake_gcloud.cloud.releases[release] != older


def test_the_buckets_own_cors_is_not_replaced_unasked(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    fake_gcloud.cloud.cors = [{"origin": ["https://app.example.com"], "method": ["PUT"]}]
    with pytest.raises(ForeignResource, match=r"--omit cors.*--replace cors"):
        operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    replacing = replace(SMALLEST, replaces=frozenset({Part.CORS}))
    operator.deployment(replacing, plan(replacing)).apply()
    assert fake_gcloud.cloud.cors[0]["method"] == ["GET", "HEAD"]


def test_the_buckets_own_lifecycle_is_not_replaced_unasked(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    own = {"action": {"type": "Delete"}, "condition": {"age": 7, "matchesPrefix": ["tmp/"]}}
    ours = list(FILES.data.lifecycle)
    fake_gcloud.cloud.lifecycle = [own]
    with pytest.raises(ForeignResource, match=r"--omit lifecycle.*--replace lifecycle"):
        operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    fake_gcloud.cloud.lifecycle = [own, *ours]  # as the message asks for
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert fake_gcloud.cloud.lifecycle == [own, *ours]
    fake_gcloud.cloud.lifecycle = ours[:1]  # of an earlier version
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert fake_gcloud.cloud.lifecycle == ours
    fake_gcloud.cloud.lifecycle = [own]
    replacing = replace(SMALLEST, replaces=frozenset({Part.LIFECYCLE}))
    operator.deployment(replacing, plan(replacing)).apply()
    assert fake_gcloud.cloud.lifecycle == ours


def test_a_bucket_with_access_lists_of_objects_stops_the_run(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    fake_gcloud.cloud.is_uniform = False
    with pytest.raises(ForeignResource, match=r"access lists.*--uniform-bucket-level-access"):
        operator.deployment(USUAL, plan(USUAL)).apply()
    fake_gcloud.cloud.is_uniform = True
    operator.deployment(USUAL, plan(USUAL)).apply()
    ours = ["avatars/", "livePortraitCache/", "livePortraitGenerations/"]
    assert sorted(fake_gcloud.cloud.things["folders"]) == ours


OPENED = (
    ("run.googleapis.com/ingress", "all"),
    ("run.googleapis.com/invoker-iam-disabled", "true"),
)


@pytest.mark.parametrize(("annotation", "value"), OPENED)
def test_a_service_that_was_opened_by_hand_is_closed_again(
    fake_gcloud: FakeGcloud, operator: Operator, annotation: str, value: str
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    services = fake_gcloud.cloud.things["services"]
    services["idle-renderer"]["metadata"]["annotations"][annotation] = value
    counts = operator.deployment(USUAL, plan(USUAL)).apply()
    assert counts["changed"] == 2  # the service, and its traffic
    assert services["idle-renderer"]["metadata"]["annotations"] == {
        "run.googleapis.com/ingress": "internal",
        "run.googleapis.com/invoker-iam-disabled": "False",
    }


@pytest.mark.parametrize(("annotation", "value"), OPENED)
def test_a_service_that_does_not_get_closed_stops_the_run(
    fake_gcloud: FakeGcloud,
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
    annotation: str,
    value: str,
) -> None:
    """Another program opens it again at once."""
    closed = base_commands._annotations
    monkeypatch.setattr(
        base_commands, "_annotations", lambda words: closed(words) | {annotation: value}
    )
    with pytest.raises(ForeignResource, match=r"Strangers may not call idle-gate: .*--invoker-iam"):
        operator.deployment(USUAL, plan(USUAL)).apply()


@pytest.mark.parametrize("everybody", ["allUsers", "allAuthenticatedUsers"])
def test_a_service_that_was_opened_to_everybody_stops_the_run(
    fake_gcloud: FakeGcloud, operator: Operator, everybody: str
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    policy = fake_gcloud.cloud.policies[f"run|services|idle-renderer|{USUAL.region}"]
    policy.add(("roles/run.invoker", everybody, None))
    with pytest.raises(ForeignResource, match=r"Strangers may not call idle-renderer: .*allUsers"):
        operator.deployment(USUAL, plan(USUAL)).apply()
