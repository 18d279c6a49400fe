"""Releases on the fake project: candidates, what serves, what served before, and the way back."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import CommandFailed, ForeignResource, InvalidSetting
from deploy.execution.script import apply_script
from deploy.plan import way_back
from deploy.settings import Part, Settings
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.processes import FakeGcloud
from tests.deploy.fake_cloud.release_commands import add_revision

NEXT = replace(USUAL, tag="fedcba9876543210", engine_version="liveportrait-3-d3c2b1a0")


def release(operator: Operator, *versions: Settings) -> None:
    for settings in versions:
        operator.deployment(settings, plan(settings)).apply()


def traffic(fake_gcloud: FakeGcloud, service: str) -> tuple[dict[str, int], dict[str, str]]:
    """Percent by image, and image by tag."""
    cloud = fake_gcloud.cloud
    targets = cloud.things["services"][service]["status"]["traffic"]
    images = {
        name: revision["spec"]["containers"][0]["image"].rpartition(":")[2]
        for name, revision in cloud.things["revisions"].items()
        if revision["spec"]["containers"]
    }
    shares = {images[one["revisionName"]]: one["percent"] for one in targets if "percent" in one}
    return shares, {one["tag"]: images[one["revisionName"]] for one in targets if "tag" in one}


def verbs(fake_gcloud: FakeGcloud, since: int = 0) -> list[str]:
    return [" ".join(words.positional[:3]) for words in fake_gcloud.changes[since:]]


def test_a_candidate_gets_no_traffic_before_it_has_rendered(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release(operator, USUAL)
    before = len(fake_gcloud.changes)
    release(operator, NEXT)
    done = verbs(fake_gcloud, before)
    assert done.index("beta run deploy") < done.index("tasks create-http-task")
    assert done[done.index("tasks create-http-task") + 1] == "run services update-traffic"
    served, tags = traffic(fake_gcloud, "idle-renderer")
    assert served == {NEXT.tag: 100}
    assert tags == {"candidate": NEXT.tag, "current": NEXT.tag, "previous": USUAL.tag}
    assert traffic(fake_gcloud, "idle-gate")[0] == {NEXT.tag: 100}


def test_traffic_stays_where_it_is_when_a_candidate_fails(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release(operator, USUAL)
    fake_gcloud.cloud.problems = ["its seam is 3.1; accepted: at most 1"]
    with pytest.raises(CommandFailed, match="did not render the golden avatar"):
        release(operator, NEXT)
    served, tags = traffic(fake_gcloud, "idle-renderer")
    assert (served, tags["current"], tags["candidate"]) == ({USUAL.tag: 100}, USUAL.tag, NEXT.tag)
    assert traffic(fake_gcloud, "idle-gate")[0] == {USUAL.tag: 100}, "the gate waits for it"
    before = len(fake_gcloud.changes)
    with pytest.raises(CommandFailed, match=r"checks/9003\.json says why"):
        release(operator, NEXT)  # it is tried anew, and not deployed again
    assert verbs(fake_gcloud, before) == ["tasks create-http-task"]
    fake_gcloud.cloud.problems = []
    release(operator, NEXT)
    assert traffic(fake_gcloud, "idle-renderer")[0] == {NEXT.tag: 100}


def test_a_first_candidate_that_fails_leaves_nobody_served(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    fake_gcloud.cloud.problems = ["nothing moves in it"]
    with pytest.raises(CommandFailed, match="did not render"):
        release(operator, USUAL)
    assert "idle-gate" not in fake_gcloud.cloud.things["services"]


def test_the_printed_script_stops_at_a_candidate_that_fails(
    fake_gcloud: FakeGcloud, tmp_path: Path
) -> None:
    fake_gcloud.cloud.problems = ["nothing moves in it"]
    made = plan(USUAL)
    for file in (file for step in made.steps for file in step.files):
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content, "utf-8")
    script = apply_script(USUAL, made)
    words = ["bash", "-euc", script]
    environment = {**os.environ, "PATH": fake_gcloud.path}
    ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 1
    told = ran.stderr.splitlines()[-1]
    assert "checks/9001.json says why. The traffic of idle-renderer stays where it is" in told
    assert verbs(fake_gcloud)[-1] == "tasks create-http-task"


def test_a_report_that_never_comes_stops_the_run(
    fake_gcloud: FakeGcloud, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_gcloud.cloud, "reports", _Deaf())
    with pytest.raises(CommandFailed, match="matched no objects"):
        release(operator, USUAL)
    assert sum("not known everywhere yet" in line for line in operator.said) == 3


class _Deaf(list[Any]):
    """Reports that get lost."""

    def append(self, report: Any) -> None:
        pass


def test_a_revision_that_a_person_made_renders_before_it_gets_traffic(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    """As by `gcloud run services update`, which gives it no tag."""
    release(operator, USUAL)
    by_hand = Arguments(["run", "services", "update", "idle-renderer", "--region=europe-west4"])
    service = fake_gcloud.cloud.find("services", "idle-renderer")
    add_revision(fake_gcloud.cloud, by_hand, service, is_new=False)
    newest = service["status"]["latestCreatedRevisionName"]
    release(operator, USUAL)
    assert fake_gcloud.cloud.reports[-1]["revision"] == newest
    assert {"percent": 100, "revisionName": newest} in service["status"]["traffic"]


def test_split_traffic_is_told_and_left_alone(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    release(operator, USUAL)
    service = fake_gcloud.cloud.things["services"]["idle-gate"]
    service["status"]["traffic"] = [
        {**one, "percent": 50} if one.get("percent") else one
        for one in service["status"]["traffic"]
    ]
    with pytest.raises(CommandFailed, match="the traffic of idle-gate is split"):
        release(operator, USUAL)


def revisions(fake_gcloud: FakeGcloud, service: str) -> list[str]:
    made = fake_gcloud.cloud.things["revisions"].values()
    return [one["metadata"]["name"] for one in made if one["#service"] == service]


def test_revisions_that_nobody_serves_are_deleted(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    """But for the newest of them: of five there are what serves, what served, and one more."""
    release(operator, *(replace(USUAL, tag=f"{number}" * 16) for number in range(5)))
    assert len(revisions(fake_gcloud, "idle-gate")) == 3
    assert len(revisions(fake_gcloud, "idle-renderer")) == 3
    service = fake_gcloud.cloud.things["services"]["idle-gate"]
    tags = {one["tag"]: one["revisionName"] for one in service["status"]["traffic"] if "tag" in one}
    assert {tags["current"], tags["previous"]} < set(revisions(fake_gcloud, "idle-gate"))


def test_more_than_one_old_revision_is_deleted_in_one_run(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    """As after deployments by a version that deleted none."""
    release(operator, USUAL)
    cloud = fake_gcloud.cloud
    for number in range(4):
        name = f"idle-gate-old{number}"
        stamp = f"2025-01-0{number + 1}T00:00:00Z"
        metadata = {"name": name, "creationTimestamp": stamp}
        cloud.things["revisions"][name] = {"metadata": metadata, "#service": "idle-gate"}
    release(operator, USUAL)
    assert [name for name in revisions(fake_gcloud, "idle-gate") if "old" in name] == [
        "idle-gate-old3"
    ]


def back(operator: Operator, settings: Settings, *only: str) -> dict[str, int]:
    return dict(operator.deployment(settings, way_back(settings, *only)).roll_back())


def run_by_the_job(fake_gcloud: FakeGcloud) -> tuple[str, str]:
    """The image's tag, and the engine version that it is told."""
    job = fake_gcloud.cloud.things["jobs"]["idle-reconcile"]
    container = job["spec"]["template"]["spec"]["template"]["spec"]["containers"][0]
    told = {one["name"]: one["value"] for one in container["env"]}
    return container["image"].rpartition(":")[2], told["LIVEPORTRAIT_ENGINE_VERSION"]


def test_a_rollback_gives_the_traffic_back_and_a_second_one_changes_nothing(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release(operator, USUAL, NEXT)
    assert back(operator, NEXT) == {"changed": 3}
    for service in ("idle-renderer", "idle-gate"):
        served, tags = traffic(fake_gcloud, service)
        assert (served, tags["current"]) == ({USUAL.tag: 100}, USUAL.tag)
    assert run_by_the_job(fake_gcloud) == (USUAL.tag, USUAL.engine_version)
    before = len(fake_gcloud.changes)
    assert back(operator, NEXT) == {"stands": 3}
    assert verbs(fake_gcloud, before) == []
    release(operator, NEXT)  # forwards again, by a candidate that renders again
    assert verbs(fake_gcloud, before).count("tasks create-http-task") == 1
    assert traffic(fake_gcloud, "idle-renderer")[1]["previous"] == USUAL.tag
    assert run_by_the_job(fake_gcloud) == (NEXT.tag, NEXT.engine_version)


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_rollback_that_stopped_goes_on(
    fake_gcloud: FakeGcloud, operator: Operator, kind: str
) -> None:
    release(operator, USUAL, NEXT)
    stop = len(fake_gcloud.changes) + 2
    fake_gcloud.fault = lambda number, words: kind if number == stop else None
    with pytest.raises(CommandFailed):
        back(operator, NEXT)
    assert back(operator, NEXT)["changed"] == (2 if kind == "before" else 1)
    assert traffic(fake_gcloud, "idle-gate")[0] == {USUAL.tag: 100}


def test_nothing_goes_back_where_nothing_served_before(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    release(operator, USUAL)
    before = len(fake_gcloud.changes)
    with pytest.raises(ForeignResource, match="no earlier revision of idle-renderer"):
        back(operator, USUAL)
    assert verbs(fake_gcloud, before) == []


def test_one_service_alone_goes_back(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    """After a deployment that changed the gate alone the renderer has nothing to go back to."""
    wider = replace(USUAL, gate_max_instances=20)
    release(operator, USUAL, wider)
    assert back(operator, wider, "idle-gate") == {"changed": 1, "stands": 1}
    with pytest.raises(InvalidSetting, match="only is 'idle-gate'; accepted: idle-renderer, of a"):
        way_back(SMALLEST, "idle-gate")


def test_without_a_gate_the_job_goes_back_with_the_renderer(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    """Who has the gate as a Firebase function deploys its older one with Firebase's CLI."""
    alone, newer = (replace(one, omits=frozenset({Part.GATE})) for one in (USUAL, NEXT))
    release(operator, alone, newer)
    assert back(operator, newer) == {"changed": 2}
    assert run_by_the_job(fake_gcloud) == (USUAL.tag, USUAL.engine_version)


def test_the_smallest_deployment_goes_back_too(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    release(operator, SMALLEST, replace(SMALLEST, tag=NEXT.tag))
    assert back(operator, SMALLEST) == {"changed": 2}
    assert traffic(fake_gcloud, "idle-renderer")[0] == {SMALLEST.tag: 100}
