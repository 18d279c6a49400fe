"""A run over a project: everything made once, nothing made twice, and what stopped goes on."""

import json
from dataclasses import replace

import pytest

from deploy.errors import CommandFailed
from deploy.plan import make, of_region
from deploy.resources.monitoring import MonitoringConfig, MonitoringFile
from deploy.settings import Settings
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import ALL, FILES, SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.processes import FakeGcloud


def undisturbed(fake_gcloud: FakeGcloud, operator: Operator, settings: Settings) -> int:
    """Deploy without faults, forget the project again; the number of changing commands."""
    operator.deployment(settings, plan(settings)).apply()
    return len(fake_gcloud.changes)


@pytest.mark.parametrize("name", ALL)
def test_a_second_run_changes_nothing(
    fake_gcloud: FakeGcloud, operator: Operator, name: str
) -> None:
    settings = ALL[name]
    counts = operator.deployment(settings, plan(settings)).apply()
    # Eventarc's own subscriptions; the renderer's service, which was made without an instance; and
    # the repository, which says of itself that nothing is cleaned up.
    changed = 3 if settings.single else 4
    # New services are closed to strangers and have no old revisions; the candidate has its tag; the
    # bucket's access is uniform, and it is Firebase's.
    stands = (2 if settings.single else 5) + 2
    rest = counts.total() - stands - changed
    assert counts == {"made": rest, "stands": stands, "changed": changed}
    made, state = len(fake_gcloud.changes), fake_gcloud.cloud.state()
    counts = operator.deployment(settings, plan(settings)).apply()
    assert counts == {"stands": counts.total()}
    assert fake_gcloud.changes[made:] == []
    assert fake_gcloud.cloud.state() == state


def test_the_trigger_is_made_where_the_database_is(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    fake_gcloud.cloud.location = "europe-west3"
    fake_gcloud.cloud.locations = ("europe-west3",)
    operator.deployment(USUAL, plan(USUAL)).apply()
    trigger, talks = fake_gcloud.cloud.things["triggers"].values()
    assert talks["eventFilters"][-1]["value"] == "avatars/{avatarId}/talks/{talkId}"
    assert talks["destination"] == trigger["destination"]
    second = fake_gcloud.cloud.things["subscriptions"]["eventarc-idle-talk-written"]
    assert second["deadLetterPolicy"]["deadLetterTopic"].endswith("/idle-dead-letters")
    assert "/locations/europe-west3/" in trigger["name"]
    assert trigger["destination"]["cloudRun"] == {"service": "idle-gate", "region": USUAL.region}
    subscription = fake_gcloud.cloud.things["subscriptions"]["eventarc-idle-avatar-written"]
    assert subscription["ackDeadlineSeconds"] == 600
    assert subscription["deadLetterPolicy"]["deadLetterTopic"].endswith("/idle-dead-letters")
    assert any("crosses regions" in line for line in operator.said)


def stop_at_every(
    fake_gcloud: FakeGcloud, operator: Operator, settings: Settings, *, pace: int, kind: str
) -> int:
    """Run again and again, each run stopped after `pace` new commands, until one goes through."""
    stops = 0
    while True:
        stop = len(fake_gcloud.changes) + pace

        def fault(number: int, words: Arguments, stop: int = stop) -> str | None:
            return kind if number == stop else None

        fake_gcloud.fault = fault
        try:
            operator.deployment(settings, plan(settings)).apply()
        except CommandFailed:
            stops += 1
        else:
            return stops


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_run_after_a_failure_goes_on_to_the_same_end(
    fake_gcloud: FakeGcloud, operator: Operator, kind: str
) -> None:
    """Stopped at every ninth command, refused or with the answer lost."""
    commands = undisturbed(fake_gcloud, operator, USUAL)
    wanted = fake_gcloud.cloud.state()
    fake_gcloud.cloud.reset()
    fake_gcloud.changes.clear()
    stops = stop_at_every(fake_gcloud, operator, USUAL, pace=9, kind=kind)
    assert stops >= commands // 9 - 1
    assert fake_gcloud.cloud.state() == wanted
    assert any(line.startswith("The last run stopped at") for line in operator.said)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["smallest", "usual"])
def test_a_run_goes_on_after_a_failure_at_every_command(
    fake_gcloud: FakeGcloud, operator: Operator, name: str
) -> None:
    """Each command in turn is the one that fails, once before and once after its effect."""
    settings = ALL[name]
    commands = undisturbed(fake_gcloud, operator, settings)
    wanted = fake_gcloud.cloud.state()
    for number in range(1, commands + 1):
        for kind in ("before", "after"):
            fake_gcloud.cloud.reset()
            fake_gcloud.changes.clear()
            fake_gcloud.fault = lambda count, words, n=number, k=kind: k if count == n else None  # type: ignore[misc]
            with pytest.raises(CommandFailed):
                operator.deployment(settings, plan(settings)).apply()
            operator.deployment(settings, plan(settings)).apply()
            assert fake_gcloud.cloud.state() == wanted, (
                f"command {number}, {kind}: {fake_gcloud.changes}"
            )


def test_what_differs_is_changed_and_nothing_else(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    before = len(fake_gcloud.changes)
    more = replace(USUAL, max_instances=5, budget=80, schedule="5 4 * * *")
    counts = operator.deployment(more, plan(more)).apply()
    changed = [" ".join(words.positional[:3]) for words in fake_gcloud.changes[before:]]
    assert changed == [
        "beta run deploy",
        "tasks queues update",
        "tasks create-http-task",
        "run services update-traffic",
        "scheduler jobs update",
        "billing budgets update",
    ]
    assert counts["changed"] == 5
    assert counts["made"] == 0
    queue = fake_gcloud.cloud.things["queues"]["idle-renders"]
    assert queue["rateLimits"]["maxConcurrentDispatches"] == 5
    assert any("maxConcurrentDispatches is 3, wanted '5'" in line for line in operator.said)


def test_a_service_that_never_became_ready_is_deployed_again(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    service = fake_gcloud.cloud.things["services"]["idle-renderer"]
    service["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    before = len(fake_gcloud.changes)
    operator.deployment(USUAL, plan(USUAL)).apply()
    assert [" ".join(words.positional[:3]) for words in fake_gcloud.changes[before:]] == [
        "beta run deploy",
        "tasks create-http-task",
        "run services update-traffic",
    ]


def test_a_variable_that_was_changed_by_hand_is_put_right(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    service = fake_gcloud.cloud.things["services"]["idle-gate"]
    variables = service["spec"]["template"]["spec"]["containers"][0]["env"]
    (told,) = (entry for entry in variables if entry["name"] == "LIVEPORTRAIT_ENGINE_VERSION")
    told["value"] = "liveportrait-2-00000000"
    counts = operator.deployment(USUAL, plan(USUAL)).apply()
    assert counts["changed"] == 2  # the service, and its traffic
    assert any(
        "env.LIVEPORTRAIT_ENGINE_VERSION.value is 'liveportrait-2-00000000', wanted" in line
        for line in operator.said
    )


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"usesAncestorConfig": True}, "has indexes: those of its database, wanted none"),
        (
            {"indexes": [{"fields": [{"fieldPath": "results", "order": "ASCENDING"}]}]},
            "has indexes: ASCENDING, wanted none",
        ),
    ],
)
def test_an_exemption_is_compared_by_what_it_says(
    fake_gcloud: FakeGcloud, operator: Operator, config: dict[str, object], told: str
) -> None:
    """Whoever made it, this program or `firebase deploy`."""
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    (field,) = fake_gcloud.cloud.things["exemptions"].values()
    field["indexConfig"] = config
    assert operator.deployment(SMALLEST, plan(SMALLEST)).apply()["changed"] == 1
    assert any(told in line for line in operator.said)
    counts = operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert counts == {"stands": counts.total()}


def test_monitoring_files_that_changed_are_brought_up_to_date(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    before = len(fake_gcloud.changes)
    monitoring = MonitoringConfig(
        metrics=(
            MonitoringFile(name="idle-errors", body={"description": "Errors.", "filter": "y"}),
        ),
        policies=(
            MonitoringFile(
                name="renders-fail", body={"displayName": "Idle: renders fail", "enabled": True}
            ),
        ),
        dashboards=(
            MonitoringFile(name="idle", body={"displayName": "Idle videos", "gridLayout": {}}),
        ),
    )
    made = make(USUAL, replace(FILES, monitoring=monitoring))
    counts = operator.deployment(USUAL, made).apply()
    assert counts["changed"] == 3
    assert [" ".join(words.positional[:4]) for words in fake_gcloud.changes[before:]] == [
        "logging metrics update idle-errors",
        "alpha monitoring policies update",
        f"monitoring dashboards delete {dashboard(fake_gcloud)}",
        "monitoring dashboards create",
    ]
    (alert,) = fake_gcloud.cloud.things["alerts"].values()
    assert alert["enabled"] is True
    assert alert["notificationChannels"] == [f"projects/{USUAL.project}/notificationChannels/1"]
    assert fake_gcloud.cloud.things["metrics"]["idle-errors"]["filter"] == "y"
    assert operator.deployment(USUAL, made).apply()["stands"] == counts.total()


def dashboard(fake_gcloud: FakeGcloud) -> str:
    (name,) = fake_gcloud.cloud.things["dashboards"]
    return str(name)


def test_a_moved_trigger_is_made_anew(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    other = replace(USUAL, collection="people")
    operator.deployment(other, plan(other)).apply()
    triggers = fake_gcloud.cloud.things["triggers"].values()
    assert [each["eventFilters"][-1]["value"] for each in triggers] == [
        "people/{avatarId}",
        "people/{avatarId}/talks/{talkId}",
    ]
    subscription = fake_gcloud.cloud.things["subscriptions"]["eventarc-idle-avatar-written"]
    assert subscription["ackDeadlineSeconds"] == 600, "its subscription is a new one"


def test_what_was_just_made_may_be_unknown_for_a_while(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    unknown = 2

    def fault(number: int, words: Arguments) -> str | None:
        nonlocal unknown
        if words.starts("eventarc triggers create") and unknown:
            unknown -= 1
            return "ERROR: the Eventarc Service Agent may not be known yet; try again"
        return None

    fake_gcloud.fault = fault
    operator.deployment(USUAL, plan(USUAL)).apply()
    assert unknown == 0
    assert sum("not known everywhere yet" in line for line in operator.said) == 2


def test_an_api_that_was_just_enabled_may_not_answer_for_a_while(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    fake_gcloud.failing_reads = 3
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert sum("not known everywhere yet" in line for line in operator.said) == 3


def test_a_failure_says_where_what_and_what_helps(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    def fault(number: int, words: Arguments) -> str | None:
        if words.starts("beta run deploy") and words.has("gpu"):
            return "ERROR: You do not have quota for using GPUs with zonal redundancy."
        return None

    fake_gcloud.fault = fault
    with pytest.raises(CommandFailed) as stopped:
        operator.deployment(USUAL, plan(USUAL)).apply()
    said = str(stopped.value)
    assert said.startswith("Service idle-renderer: gcloud beta run deploy idle-renderer ")
    assert "You do not have quota" in said
    assert "What helps: ask for the quota" in said
    last = json.loads(operator.journal.path.read_text("utf-8").splitlines()[-1])
    assert (last["step"], last["outcome"]) == ("Service idle-renderer", "failed")


def test_no_token_reaches_a_command_line_or_the_journal(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    assert "the-token" not in operator.journal.path.read_text("utf-8")
    for words in fake_gcloud.changes:
        given = words.argv[: words.argv.index("#stdin")] if "#stdin" in words.argv else words.argv
        assert "the-token" not in " ".join(given)


@pytest.mark.parametrize("with_images", [False, True])
def test_removing_leaves_what_it_says(
    fake_gcloud: FakeGcloud, operator: Operator, with_images: bool
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    counts, left = operator.deployment(USUAL, plan(USUAL)).remove(with_images=with_images)
    assert counts == {"removed": counts.total()}
    kept = {kind for kind, things in fake_gcloud.cloud.things.items() if things} - {"images"}
    assert kept == {"ttls", "exemptions", "folders"} | (set() if with_images else {"repositories"})
    bound = {role for held in fake_gcloud.cloud.policies.values() for role, _, _ in held}
    agents = {f"roles/{name}.serviceAgent" for name in ("cloudscheduler", "cloudtasks", "eventarc")}
    assert bound == agents | {"roles/firebaserules.firestoreServiceAgent"}
    assert fake_gcloud.cloud.releases, "the rules stay in force"
    assert any("the rules stay in force" in sentence for sentence in left)
    assert any("Artifact Registry" in sentence for sentence in left) is not with_images

    counts, _ = operator.deployment(USUAL, plan(USUAL)).remove(with_images=with_images)
    assert counts == {"absent": counts.total()}


@pytest.mark.parametrize("with_images", [False, True])
def test_one_region_goes_and_another_keeps_what_it_needs(
    fake_gcloud: FakeGcloud, operator: Operator, with_images: bool
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    things = fake_gcloud.cloud.things
    before = {kind: dict(of_kind) for kind, of_kind in things.items()}
    leaving = of_region(USUAL, plan(USUAL))
    counts, left = operator.deployment(USUAL, leaving).remove(with_images=with_images)
    assert counts == {"removed": counts.total()}
    changed = {kind for kind in before if things[kind] != before[kind]}
    repository = {"repositories"} if with_images else set()
    assert changed == {"services", "revisions", "jobs", "queues", "schedules"} | repository
    assert not any(things[kind] for kind in changed)
    assert all("queue" in told or "Artifact Registry" in told for told in left)


def test_a_removal_goes_on_after_a_failure(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    stop = len(fake_gcloud.changes) + 12
    fake_gcloud.fault = lambda number, words: "after" if number == stop else None
    with pytest.raises(CommandFailed):
        operator.deployment(USUAL, plan(USUAL)).remove(with_images=True)
    counts, _ = operator.deployment(USUAL, plan(USUAL)).remove(with_images=True)
    assert counts["absent"] == 12
    assert not fake_gcloud.cloud.things["services"]


def test_a_deployment_can_be_made_again_after_a_removal(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    state = fake_gcloud.cloud.state()
    operator.deployment(SMALLEST, plan(SMALLEST)).remove(with_images=True)
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert fake_gcloud.cloud.state()["things"].keys() == state["things"].keys()
    assert fake_gcloud.cloud.state()["policies"] == state["policies"]
