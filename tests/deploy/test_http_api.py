"""The HTTP API as an option of the deployment: who may call it, what it may do, drift, removal."""

import hashlib
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from deploy.command import fill
from deploy.errors import InvalidSetting, UnsupportedProject
from deploy.plan import make
from deploy.repository_files import read
from deploy.settings import Settings
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import API, ROOT, SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.processes import FakeGcloud
from tests.deploy.test_plan import environment, flags, step
from web.settings import settings_from

TITLE = "Service idle-api"
KEY = "a key of 32 random bytes"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
BY_DIGEST = replace(API, api=DIGEST)


def make_secret(fake_gcloud: FakeGcloud) -> None:
    name = "idle-api-keys"
    secret = {"name": f"projects/1/secrets/{name}", "#versions": ["1"]}
    fake_gcloud.cloud.make("secrets", name, secret)


def test_without_the_option_there_is_none() -> None:
    assert not [each.title for each in plan(USUAL).steps if "api" in each.title.split()]
    assert "idle-api" not in str(plan(USUAL))


def test_it_is_open_to_the_internet_and_to_nobody_without_a_key() -> None:
    (command,) = step(API, TITLE).create
    assert flags(command) >= {
        "--ingress=all",
        "--no-invoker-iam-check",
        "--set-secrets=AVATAR_WEB_KEYS=idle-api-keys:${API_KEYS_VERSION}",
        "--min-instances=0",
        "--max-instances=3",
    }
    assert not any("gpu" in flag for flag in flags(command))
    assert "allUsers" not in str(plan(API)).replace("lets allUsers or allAuthenticatedUsers", "")
    told = environment(BY_DIGEST, TITLE)
    assert told["AVATAR_WEB_KEYS"] == DIGEST
    assert "AVATAR_WEB_KEYS" not in environment(API, TITLE)


def test_the_api_starts_with_its_variables() -> None:
    more = replace(BY_DIGEST, environment=(("AVATAR_WEB_MAX_QUEUED", "7"), ("OTEL_X", "1")))
    told = {
        name: fill(value, {"PROJECT_NUMBER": "123"})
        for name, value in environment(more, TITLE).items()
    }
    settings = settings_from(told)
    assert settings.cloud is not None
    assert settings.cloud.queue == "projects/my-app-1234/locations/europe-west4/queues/idle-renders"
    assert settings.cloud.renderer_url == "https://idle-renderer-123.europe-west4.run.app"
    assert settings.public_url == "https://idle-api-123.europe-west4.run.app"
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)
    assert settings.key_digests == {DIGEST}
    assert settings.max_queued == 7
    (command,) = step(more, TITLE).create
    (timeout,) = (int(word[10:]) for word in command.argv if word.startswith("--timeout="))
    assert timeout > settings.wait_limit_s
    assert "AVATAR_WEB_MAX_QUEUED" not in environment(more, "Service idle-gate")
    assert "OTEL_X" not in told


def test_its_account_has_the_least_rights() -> None:
    member = "--member=serviceAccount:idle-api@my-app-1234.iam.gserviceaccount.com"
    rights = {
        (word.removeprefix("--role=roles/"), command.argv[command.argv.index(verb) + 1])
        for each in plan(API).steps
        for command in each.create
        for verb in command.argv
        for word in command.argv
        if member in command.argv
        and verb == "add-iam-policy-binding"
        and word.startswith("--role=")
    }
    assert rights == {
        ("datastore.user", "my-app-1234"),
        ("storage.objectUser", "gs://my-app.appspot.com/livePortraitGenerations/"),
        ("cloudtasks.enqueuer", "idle-renders"),
        ("iam.serviceAccountUser", "idle-tasks@my-app-1234.iam.gserviceaccount.com"),
        ("secretmanager.secretAccessor", "idle-api-keys"),
    }


def served_as(fake_gcloud: FakeGcloud) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the service was deployed as."""
    service = fake_gcloud.cloud.find("services", "idle-api")
    return service["metadata"], service["spec"]


@pytest.mark.parametrize("settings", [API, BY_DIGEST], ids=["secret", "digests"])
def test_a_second_run_changes_nothing_and_what_a_person_changed_is_put_right(
    fake_gcloud: FakeGcloud, operator: Operator, settings: Settings
) -> None:
    make_secret(fake_gcloud)
    operator.deployment(settings, plan(settings)).apply()
    known = deepcopy(served_as(fake_gcloud))
    counts = operator.deployment(settings, plan(settings)).apply()
    assert counts == {"stands": counts.total()}
    service = fake_gcloud.cloud.things["services"]["idle-api"]
    service["metadata"]["annotations"]["run.googleapis.com/ingress"] = "internal"
    service["metadata"]["annotations"]["run.googleapis.com/invoker-iam-disabled"] = "False"
    for variable in service["spec"]["template"]["spec"]["containers"][0]["env"]:
        if variable["name"] == "AVATAR_WEB_KEYS":
            reference = {"name": "another", "key": "1"}
            variable |= {"value": "x", "valueFrom": {"secretKeyRef": reference}}
    operator.said.clear()
    counts = operator.deployment(settings, plan(settings)).apply()
    assert counts["changed"] == 3, "service, traffic, and the address of the revision before"
    assert sum("invoker-iam-disabled is" in line for line in operator.said) == 1
    assert sum("ingress is 'internal', wanted 'all'" in line for line in operator.said) == 1
    assert sum("env.AVATAR_WEB_KEYS" in line for line in operator.said) == 2
    assert served_as(fake_gcloud) == known


def test_a_secret_that_is_not_there_stops_the_run_with_what_helps(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    told = r"no secret idle-api-keys with an enabled version\. Make it: printf"
    with pytest.raises(UnsupportedProject, match=told):
        operator.deployment(API, plan(API)).apply()
    assert [words.positional[:2] for words in fake_gcloud.changes] == [("services", "enable")]
    make_secret(fake_gcloud)
    fake_gcloud.cloud.find("secrets", "idle-api-keys")["#versions"].clear()
    with pytest.raises(UnsupportedProject, match=told):
        operator.deployment(API, plan(API)).apply()


def test_removing_leaves_the_secret(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    make_secret(fake_gcloud)
    operator.deployment(API, plan(API)).apply()
    operator.deployment(API, plan(API)).remove(with_images=True)
    things = fake_gcloud.cloud.things
    assert [*things["secrets"]] == ["idle-api-keys"]
    assert not things["services"]
    assert not things["accounts"]


def test_its_image_is_built_of_what_it_serves() -> None:
    (image,) = (each for each in make(API, read(ROOT)).steps if "/idle/api:" in each.title)
    assert image.title.endswith("/api:fedcba9876543210")
    assert '"--target=api"' in image.files[0].content


@pytest.mark.parametrize(
    ("settings", "changes", "words"),
    [
        (API, {"api": KEY}, "api is 'a key of 32 random bytes'; accepted: SHA-256 digests"),
        (API, {"api": DIGEST[:-1]}, r"api is .* \(64 hex digits each, by commas\)"),
        (SMALLEST, {"api": DIGEST, "api_tag": "x"}, "api is given, and --single has no queue"),
        (API, {"environment": (("AVATAR_WEB_KEYS", DIGEST),)}, "env sets AVATAR_WEB_KEYS, which"),
        (USUAL, {"environment": (("AVATAR_WEB_MAX_QUEUED", "1"),)}, "without an API; accepted: wi"),
        (API, {"api_max_instances": 0}, "api-max-instances is 0; accepted: 1 to 60"),
    ],
)
def test_what_is_no_api_is_refused(
    settings: Settings, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidSetting, match=words):
        replace(settings, **changes)  # type: ignore[arg-type]
