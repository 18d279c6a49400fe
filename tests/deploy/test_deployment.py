"""A run over a project: everything made once, nothing made twice, and what stopped goes on."""

import json
from dataclasses import replace

import pytest

from deploy.errors import CommandFailed
from deploy.plan import make
from deploy.resources.monitoring import MonitoringConfig, MonitoringFile
from deploy.settings import Settings
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import ALL, FILES, SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.arguments import Words
from tests.deploy.fake_cloud.processes import Wire


def undisturbed(wire: Wire, operator: Operator, settings: Settings) -> int:
    """Deploy without faults, forget the project again; the number of changing commands."""
    operator.deployment(settings, plan(settings)).apply()
    return len(wire.changes)


@pytest.mark.parametrize("name", ALL)
def test_a_second_run_changes_nothing(wire: Wire, operator: Operator, name: str) -> None:
    settings = ALL[name]
    counts = operator.deployment(settings, plan(settings)).apply()
    closed = 1 if settings.single else 2  # new services, to strangers
    rest = counts.total() - closed - 1
    assert counts == {"made": rest, "stands": closed, "changed": 1}, "Eventarc's own subscription"
    made, state = len(wire.changes), wire.cloud.state()
    counts = operator.deployment(settings, plan(settings)).apply()
    assert counts == {"stands": counts.total()}
    assert wire.changes[made:] == []
    assert wire.cloud.state() == state


def test_the_trigger_is_made_where_the_database_is(wire: Wire, operator: Operator) -> None:
    wire.cloud.location = "europe-west3"
    wire.cloud.locations = ("europe-west3",)
    operator.deployment(USUAL, plan(USUAL)).apply()
    (trigger,) = wire.cloud.things["triggers"].values()
    assert "/locations/europe-west3/" in trigger["name"]
    assert trigger["destination"]["cloudRun"] == {"service": "idle-gate", "region": USUAL.region}
    subscription = wire.cloud.things["subscriptions"]["eventarc-idle-avatar-written"]
    assert subscription["ackDeadlineSeconds"] == 600
    assert subscription["deadLetterPolicy"]["deadLetterTopic"].endswith("/idle-dead-letters")
    assert any("crosses regions" in line for line in operator.said)


def stop_at_every(
    wire: Wire, operator: Operator, settings: Settings, *, pace: int, kind: str
) -> int:
    """Run again and again, each run stopped after `pace` new commands, until one goes through."""
    stops = 0
    while True:
        stop = len(wire.changes) + pace

        def fault(number: int, words: Words, stop: int = stop) -> str | None:
            return kind if number == stop else None

        wire.fault = fault
        try:
            operator.deployment(settings, plan(settings)).apply()
        except CommandFailed:
            stops += 1
        else:
            return stops


@pytest.mark.parametrize("kind", ["before", "after"])
def test_a_run_after_a_failure_goes_on_to_the_same_end(
    wire: Wire, operator: Operator, kind: str
) -> None:
    """Stopped at every ninth command, refused or with the answer lost."""
    commands = undisturbed(wire, operator, USUAL)
    wanted = wire.cloud.state()
    wire.cloud.reset()
    wire.changes.clear()
    stops = stop_at_every(wire, operator, USUAL, pace=9, kind=kind)
    assert stops >= commands // 9 - 1
    assert wire.cloud.state() == wanted
    assert any(line.startswith("The last run stopped at") for line in operator.said)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["smallest", "usual"])
def test_a_run_goes_on_after_a_failure_at_every_command(
    wire: Wire, operator: Operator, name: str
) -> None:
    """Each command in turn is the one that fails, once before and once after its effect."""
    settings = ALL[name]
    commands = undisturbed(wire, operator, settings)
    wanted = wire.cloud.state()
    for number in range(1, commands + 1):
        for kind in ("before", "after"):
            wire.cloud.reset()
            wire.changes.clear()
            wire.fault = lambda count, words, n=number, k=kind: k if count == n else None  # type: ignore[misc]
            with pytest.raises(CommandFailed):
                operator.deployment(settings, plan(settings)).apply()
            operator.deployment(settings, plan(settings)).apply()
            assert wire.cloud.state() == wanted, f"command {number}, {kind}: {wire.changes}"


def test_what_differs_is_changed_and_nothing_else(wire: Wire, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    before = len(wire.changes)
    more = replace(USUAL, max_instances=5, budget=80, schedule="5 4 * * *")
    counts = operator.deployment(more, plan(more)).apply()
    changed = [" ".join(words.places[:3]) for words in wire.changes[before:]]
    assert changed == [
        "run deploy idle-renderer",
        "tasks queues update",
        "scheduler jobs update",
        "billing budgets update",
    ]
    assert counts["changed"] == 4
    assert counts["made"] == 0
    queue = wire.cloud.things["queues"]["idle-renders"]
    assert queue["rateLimits"]["maxConcurrentDispatches"] == 5
    assert any("maxConcurrentDispatches is 3, wanted '5'" in line for line in operator.said)


def test_a_service_that_never_became_ready_is_deployed_again(
    wire: Wire, operator: Operator
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    service = wire.cloud.things["services"]["idle-renderer"]
    service["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    before = len(wire.changes)
    operator.deployment(USUAL, plan(USUAL)).apply()
    assert [words.places[:3] for words in wire.changes[before:]] == [
        ("run", "deploy", "idle-renderer")
    ]


def test_a_variable_that_was_changed_by_hand_is_put_right(wire: Wire, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    service = wire.cloud.things["services"]["idle-gate"]
    variables = service["spec"]["template"]["spec"]["containers"][0]["env"]
    (precision,) = (entry for entry in variables if entry["name"] == "LIVEPORTRAIT_PRECISION")
    precision["value"] = "fp32"
    counts = operator.deployment(USUAL, plan(USUAL)).apply()
    assert counts["changed"] == 1
    assert any(
        line.strip().endswith("env.LIVEPORTRAIT_PRECISION.value is 'fp32', wanted 'fp16'")
        for line in operator.said
    )


def test_monitoring_files_that_changed_are_brought_up_to_date(
    wire: Wire, operator: Operator
) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    before = len(wire.changes)
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
    assert [" ".join(words.places[:4]) for words in wire.changes[before:]] == [
        "logging metrics update idle-errors",
        "alpha monitoring policies update",
        f"monitoring dashboards delete {dashboard(wire)}",
        "monitoring dashboards create",
    ]
    (alert,) = wire.cloud.things["alerts"].values()
    assert alert["enabled"] is True
    assert alert["notificationChannels"] == [f"projects/{USUAL.project}/notificationChannels/1"]
    assert wire.cloud.things["metrics"]["idle-errors"]["filter"] == "y"
    assert operator.deployment(USUAL, made).apply()["stands"] == counts.total()


def dashboard(wire: Wire) -> str:
    (name,) = wire.cloud.things["dashboards"]
    return str(name)


def test_a_moved_trigger_is_made_anew(wire: Wire, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    other = replace(USUAL, collection="people")
    operator.deployment(other, plan(other)).apply()
    (trigger,) = wire.cloud.things["triggers"].values()
    assert trigger["eventFilters"][-1]["value"] == "people/{avatarId}"
    subscription = wire.cloud.things["subscriptions"]["eventarc-idle-avatar-written"]
    assert subscription["ackDeadlineSeconds"] == 600, "its subscription is a new one"


def test_what_was_just_made_may_be_unknown_for_a_while(wire: Wire, operator: Operator) -> None:
    unknown = 2

    def fault(number: int, words: Words) -> str | None:
        nonlocal unknown
        if words.starts("eventarc triggers create") and unknown:
            unknown -= 1
            return "ERROR: the Eventarc Service Agent may not be known yet; try again"
        return None

    wire.fault = fault
    operator.deployment(USUAL, plan(USUAL)).apply()
    assert unknown == 0
    assert sum("not known everywhere yet" in line for line in operator.said) == 2


def test_an_api_that_was_just_enabled_may_not_answer_for_a_while(
    wire: Wire, operator: Operator
) -> None:
    wire.blind = 3
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert sum("not known everywhere yet" in line for line in operator.said) == 3


def test_a_failure_says_where_what_and_what_helps(wire: Wire, operator: Operator) -> None:
    def fault(number: int, words: Words) -> str | None:
        if words.starts("run deploy"):
            return "ERROR: You do not have quota for using GPUs with zonal redundancy."
        return None

    wire.fault = fault
    with pytest.raises(CommandFailed) as stopped:
        operator.deployment(USUAL, plan(USUAL)).apply()
    said = str(stopped.value)
    assert said.startswith("Service idle-renderer: gcloud run deploy idle-renderer ")
    assert "You do not have quota" in said
    assert "What helps: ask for the quota" in said
    last = json.loads(operator.journal.path.read_text("utf-8").splitlines()[-1])
    assert (last["step"], last["outcome"]) == ("Service idle-renderer", "failed")


def test_no_token_reaches_a_command_line_or_the_journal(wire: Wire, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    assert "the-token" not in operator.journal.path.read_text("utf-8")
    for words in wire.changes:
        given = words.argv[: words.argv.index("#stdin")] if "#stdin" in words.argv else words.argv
        assert "the-token" not in " ".join(given)


@pytest.mark.parametrize("with_images", [False, True])
def test_removing_leaves_what_it_says(wire: Wire, operator: Operator, with_images: bool) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    counts, left = operator.deployment(USUAL, plan(USUAL)).remove(with_images=with_images)
    assert counts == {"removed": counts.total()}
    kept = {kind for kind, things in wire.cloud.things.items() if things} - {"images"}
    assert kept == {"ttls", "exemptions"} | (set() if with_images else {"repositories"})
    bound = {role for held in wire.cloud.policies.values() for role, _, _ in held}
    agents = {f"roles/{name}.serviceAgent" for name in ("cloudscheduler", "cloudtasks", "eventarc")}
    assert bound == agents | {"roles/firebaserules.firestoreServiceAgent"}
    assert wire.cloud.releases, "the rules stay in force"
    assert any("the rules stay in force" in sentence for sentence in left)
    assert any("Artifact Registry" in sentence for sentence in left) is not with_images

    counts, _ = operator.deployment(USUAL, plan(USUAL)).remove(with_images=with_images)
    assert counts == {"absent": counts.total()}


def test_a_removal_goes_on_after_a_failure(wire: Wire, operator: Operator) -> None:
    operator.deployment(USUAL, plan(USUAL)).apply()
    stop = len(wire.changes) + 12
    wire.fault = lambda number, words: "after" if number == stop else None
    with pytest.raises(CommandFailed):
        operator.deployment(USUAL, plan(USUAL)).remove(with_images=True)
    counts, _ = operator.deployment(USUAL, plan(USUAL)).remove(with_images=True)
    assert counts["absent"] == 12
    assert not wire.cloud.things["services"]


def test_a_deployment_can_be_made_again_after_a_removal(wire: Wire, operator: Operator) -> None:
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    state = wire.cloud.state()
    operator.deployment(SMALLEST, plan(SMALLEST)).remove(with_images=True)
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert wire.cloud.state()["things"].keys() == state["things"].keys()
    assert wire.cloud.state()["policies"] == state["policies"]
