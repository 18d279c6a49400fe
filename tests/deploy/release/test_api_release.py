"""Releases of the HTTP API: it goes back with the others, and no old key opens an old revision."""

import hashlib
from dataclasses import replace

import pytest

from deploy.errors import CommandFailed, ForeignResource
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import API, USUAL
from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.processes import FakeGcloud
from tests.deploy.release.test_release import NEXT, back, release, verbs
from tests.deploy.test_http_api import make_secret

FIRST, SECOND = (hashlib.sha256(key).hexdigest() for key in (b"first key", b"second key"))
OLD = replace(API, api=FIRST)
NEW = replace(OLD, tag=NEXT.tag, engine_version=NEXT.engine_version)  # the API's image is the same


def serving(fake_gcloud: FakeGcloud) -> tuple[str, dict[str, str]]:
    """The API's revision with the traffic, and revisions by tag: each has an address."""
    targets = fake_gcloud.cloud.find("services", "idle-api")["status"]["traffic"]
    (served,) = (one["revisionName"] for one in targets if one.get("percent") == 100)
    return served, {one["tag"]: one["revisionName"] for one in targets if "tag" in one}


def callable_keys(fake_gcloud: FakeGcloud) -> set[str]:
    """The keys, or the version of their secret, that some address of the API accepts."""
    served, tags = serving(fake_gcloud)
    revisions = (fake_gcloud.cloud.find("revisions", name) for name in {served, *tags.values()})
    variables = [one for each in revisions for one in each["spec"]["containers"][0]["env"]]
    keys = [one for one in variables if one["name"] == "AVATAR_WEB_KEYS"]
    return {one.get("value") or one["valueFrom"]["secretKeyRef"]["key"] for one in keys}


def test_the_api_goes_back_together_with_what_was_deployed_with_it(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release(operator, OLD)
    before, _ = serving(fake_gcloud)
    release(operator, NEW)
    after, tags = serving(fake_gcloud)
    assert after != before
    assert tags == {"current": after, "previous": before}
    assert back(operator, NEW) == {"changed": 4}
    assert serving(fake_gcloud) == (before, {"current": before, "previous": before})
    assert back(operator, NEW) == {"stands": 4}
    release(operator, NEW)
    assert serving(fake_gcloud) == (after, {"current": after, "previous": before})


def test_a_change_of_the_api_alone_goes_back_alone(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    wider = replace(OLD, api_max_instances=9)
    release(operator, OLD, wider)
    after, tags = serving(fake_gcloud)
    with pytest.raises(
        ForeignResource, match=r"of idle-renderer has .*--only idle-gate --only idle-api"
    ):
        back(operator, wider)
    assert serving(fake_gcloud)[0] == after, "it is told before anything goes back"
    assert back(operator, wider, "idle-api") == {"changed": 1}
    assert serving(fake_gcloud)[0] == tags["previous"]


def test_two_services_of_three_go_back(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    """Where the API came with the last deployment."""
    with_api = replace(NEXT, api=FIRST, api_tag=API.api_tag)
    release(operator, USUAL, with_api)
    with pytest.raises(ForeignResource, match="no earlier revision of idle-api"):
        back(operator, with_api)
    assert back(operator, with_api, "idle-renderer", "idle-gate") == {"changed": 3}


def test_a_key_that_was_taken_away_opens_no_earlier_revision(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    """The tag `previous` is an address that the internet can call."""
    fewer = replace(NEW, api=SECOND)
    release(operator, replace(OLD, api=f"{FIRST},{SECOND}"), fewer)
    assert callable_keys(fake_gcloud) == {SECOND}
    assert set(serving(fake_gcloud)[1]) == {"current"}
    with pytest.raises(
        ForeignResource, match=r"idle-api has the tag previous: .* keys were others"
    ):
        back(operator, fewer)
    before = len(fake_gcloud.changes)
    release(operator, fewer)
    assert verbs(fake_gcloud, before) == []


def test_new_keys_in_the_secret_come_by_the_next_deployment(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    make_secret(fake_gcloud)
    release(operator, API)
    assert callable_keys(fake_gcloud) == {"1"}
    fake_gcloud.cloud.find("secrets", "idle-api-keys")["#versions"].append("2")
    release(operator, API)
    assert callable_keys(fake_gcloud) == {"2"}
    assert any("AVATAR_WEB_KEYS.valueFrom.secretKeyRef.key is '1'" in it for it in operator.said)


def test_an_api_that_was_never_pinned_is(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    """Deployed by a version of this program that set no tags."""
    release(operator, OLD)
    service = fake_gcloud.cloud.find("services", "idle-api")
    service["#traffic"] = {"percent": {"LATEST": 100}, "tags": {}}
    service["status"]["traffic"] = [one for one in service["status"]["traffic"] if "tag" not in one]
    release(operator, NEW, replace(NEW, tag=OLD.tag))
    served, tags = serving(fake_gcloud)
    assert tags["current"] == served
    assert tags["previous"] != served


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_release_that_stops_at_every_command_on_the_api_comes_to_the_same_end(
    fake_gcloud: FakeGcloud, operator: Operator, kind: str
) -> None:
    release(operator, OLD)
    fewer = replace(NEW, api=SECOND)
    stopped: list[str] = []

    def fault(number: int, words: Arguments) -> str | None:
        if "idle-api" not in words.positional or str(words) in stopped:
            return None
        stopped.append(str(words))
        return kind

    fake_gcloud.fault = fault
    for count in range(1, 4):  # the revision, its traffic, the tag of the one before
        with pytest.raises(CommandFailed):
            release(operator, fewer)
        assert len(stopped) == count
    release(operator, fewer)
    served, tags = serving(fake_gcloud)
    assert tags == {"current": served}
    assert callable_keys(fake_gcloud) == {SECOND}
