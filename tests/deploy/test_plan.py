"""The plan as a pure function of the settings: three whole ones, and what each setting changes."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import names
from deploy.command import Command
from deploy.errors import InvalidSetting
from deploy.execution.script import apply_script, remove_script
from deploy.plan import make
from deploy.repository_files import read
from deploy.settings import Part, Settings
from deploy.step import Step
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import ALL, MESH, ROOT, RTX, SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.processes import FakeGcloud
from tests.deploy.golden_scripts import FOLDER, scripts


@pytest.mark.parametrize("name", sorted(scripts()))
def test_the_plans_are_the_golden_ones(name: str) -> None:
    """Where a change is meant: `python -m tests.deploy.golden_scripts`, and read the difference."""
    assert scripts()[name] == (FOLDER / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(scripts()))
def test_a_shell_can_read_the_plans(name: str) -> None:
    subprocess.run(["bash", "-n", FOLDER / name], check=True)


def step(settings: Settings, title: str) -> Step:
    (found,) = (step for step in plan(settings).steps if step.title == title)
    return found


def flags(command: Command) -> set[str]:
    return {word for word in command.argv if word.startswith("--")}


def environment(settings: Settings, title: str) -> dict[str, str]:
    (command,) = step(settings, title).create
    (word,) = (word for word in command.argv if word.startswith("--set-env-vars=^|^"))
    pairs = word.removeprefix("--set-env-vars=^|^").split("|")
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_renderer_has_the_facts_flags() -> None:
    (command,) = step(USUAL, "Service idle-renderer").create
    assert flags(command) >= {
        "--gpu=1",
        "--gpu-type=nvidia-l4",
        "--no-gpu-zonal-redundancy",
        "--cpu=4",
        "--memory=16Gi",
        "--no-cpu-throttling",
        "--no-allow-unauthenticated",
        "--ingress=internal",
        "--invoker-iam-check",
        "--min-instances=0",
        "--max-instances=3",
        "--timeout=600",
    }
    (command,) = step(RTX, "Service idle-renderer").create
    assert flags(command) >= {"--gpu-type=nvidia-rtx-pro-6000", "--cpu=20", "--memory=80Gi"}


def test_a_renderer_that_does_not_get_ready_fails_the_deployment(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    """Its service is made without an instance, and gcloud would keep that."""
    operator.deployment(USUAL, plan(USUAL)).apply()
    template = fake_gcloud.cloud.things["services"]["idle-renderer"]["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert annotations["run.googleapis.com/health-check-disabled"] == "False"


def test_the_gate_and_the_smallest_deployment_have_no_gpu() -> None:
    for settings, title in ((USUAL, "Service idle-gate"), (SMALLEST, "Service idle-renderer")):
        (command,) = step(settings, title).create
        assert not any("gpu" in flag for flag in flags(command))


def test_gate_and_renderer_have_the_same_engine() -> None:
    gate, renderer = (
        environment(USUAL, f"Service {name}") for name in ("idle-gate", "idle-renderer")
    )
    assert (gate["LIVEPORTRAIT_ROLE"], renderer["LIVEPORTRAIT_ROLE"]) == ("gate", "renderer")
    for name in ("ENGINE", "ENGINE_VERSION", "BUCKET", "COLLECTION", "RENDERER_URL"):
        assert gate[f"LIVEPORTRAIT_{name}"] == renderer[f"LIVEPORTRAIT_{name}"]
    assert gate["LIVEPORTRAIT_TASKS_QUEUE"].endswith("/queues/idle-renders")
    reconcile = environment(USUAL, "Job idle-reconcile")
    other = {name for name in reconcile if reconcile[name] != gate[name]}
    assert other == {"LIVEPORTRAIT_TASKS_QUEUE"}, "it hands over too, by a queue of its own"


@pytest.mark.parametrize(("instances", "rates"), [(1, (5, 1)), (8, (40, 2)), (100, (500, 25))])
def test_the_queues_follow_the_number_of_renderers(instances: int, rates: tuple[int, int]) -> None:
    settings = replace(USUAL, max_instances=instances)
    (usual,) = step(settings, "Queue idle-renders").create
    (repairs,) = step(settings, "Queue idle-repairs").create
    assert f"--max-concurrent-dispatches={instances}" in usual.argv
    assert f"--max-dispatches-per-second={rates[0]}" in usual.argv
    assert f"--max-concurrent-dispatches={rates[1]}" in repairs.argv


def test_a_renderer_with_a_gpu_never_falls_back_to_the_cpu() -> None:
    assert environment(USUAL, "Service idle-renderer")["LIVEPORTRAIT_DEVICE"] == "cuda"
    assert "LIVEPORTRAIT_DEVICE" not in environment(USUAL, "Service idle-gate")
    assert "LIVEPORTRAIT_DEVICE" not in environment(SMALLEST, "Service idle-renderer")


def test_every_thread_that_a_service_may_need_is_there() -> None:
    for title in ("Service idle-gate", "Service idle-renderer"):
        (command,) = step(USUAL, title).create
        (concurrency,) = (
            word.partition("=")[2] for word in command.argv if word.startswith("--concurrency=")
        )
        assert int(environment(USUAL, title)["THREADS"]) >= int(concurrency)


def test_the_queue_never_hands_over_more_than_there_are_renderers() -> None:
    (command,) = step(replace(USUAL, max_instances=7), "Queue idle-renders").create
    assert "--max-concurrent-dispatches=7" in command.argv


def test_the_smallest_deployment_has_neither_queue_nor_gate() -> None:
    text = apply_script(SMALLEST, plan(SMALLEST))
    assert "tasks queues" not in text
    assert "idle-gate" not in text
    assert "idle-tasks" not in text
    assert environment(SMALLEST, "Service idle-renderer")["LIVEPORTRAIT_ROLE"] == "all"


def test_more_variables_reach_every_process() -> None:
    for title in ("Service idle-gate", "Service idle-renderer", "Job idle-reconcile"):
        assert environment(RTX, title)["LIVEPORTRAIT_DEBOUNCE_S"] == "2"


def test_without_a_gate_nothing_tells_of_events_and_its_account_stays() -> None:
    """A Firebase function answers them, under that account."""
    settings = replace(USUAL, omits=frozenset({Part.GATE}))
    titles = {step.title for step in plan(settings).steps}
    assert "Service account idle-gate" in titles
    assert "idle-gate may leave tasks in idle-renders" in titles
    gone = {step.title for step in plan(USUAL).steps} - titles
    assert {"Service idle-gate", "Trigger idle-avatar-written", "Trigger idle-talk-written"} < gone
    text = apply_script(settings, plan(settings))
    assert "eventarc triggers" not in text
    assert "run deploy idle-gate" not in text
    with pytest.raises(InvalidSetting, match="gate is omitted, and --single has none"):
        replace(SMALLEST, omits=frozenset({Part.GATE}))


def test_what_is_omitted_is_not_in_the_plan() -> None:
    titles = {step.title for step in plan(replace(USUAL, omits=frozenset(Part))).steps}
    assert not any(
        word in title
        for title in titles
        for word in (
            "Rules",
            "CORS",
            "Lifecycle",
            "Budget",
            "Alert",
            "Metric",
            "Dashboard",
            "Notification",
        )
    )


@pytest.mark.parametrize("name", ALL)
def test_no_account_has_a_role_of_owners_and_editors(name: str) -> None:
    for command in (command for step in plan(ALL[name]).steps for command in step.create):
        for word in command.argv:
            if word.startswith("--role="):
                assert not word.endswith(("/owner", "/editor", "/viewer", "admin", "Admin"))


def test_only_the_queue_may_call_the_renderer() -> None:
    callers = [
        command.argv
        for step in plan(USUAL).steps
        for command in step.create
        if command.argv[:5]
        == ("gcloud", "run", "services", "add-iam-policy-binding", "idle-renderer")
        and "--role=roles/run.invoker" in command.argv
    ]
    (argv,) = callers
    assert "--member=serviceAccount:idle-tasks@my-app-1234.iam.gserviceaccount.com" in argv


EGRESS = {"--network=idle", "--subnet=idle", "--vpc-egress=all-traffic"}


def test_only_what_renders_is_behind_the_private_network_and_only_where_that_is_wanted() -> None:
    private = replace(USUAL, private_egress=True)
    (command,) = step(private, "Service idle-renderer").create
    assert flags(command) >= EGRESS
    for title in ("Service idle-gate", "Job idle-reconcile"):
        (command,) = step(private, title).create
        assert EGRESS.isdisjoint(flags(command))
    alone = replace(SMALLEST, private_egress=True)
    for title in ("Service idle-renderer", "Job idle-reconcile"):  # the job renders by itself
        (command,) = step(alone, title).create
        assert flags(command) >= EGRESS
    text = apply_script(USUAL, plan(USUAL))
    assert "gcloud compute" not in text
    assert "gcloud dns" not in text
    assert "vpc-egress" not in text


def test_the_private_network_lets_through_google_alone() -> None:
    private = replace(USUAL, private_egress=True)
    rules = [
        flags(step(private, f"Firewall rule idle-{name}").create[0])
        for name in ("refuses", "allows-google")
    ]
    refused, allowed = ({word.partition("=")[0]: word for word in rule} for rule in rules)
    assert refused["--action"] == "--action=DENY"
    assert refused["--destination-ranges"] == "--destination-ranges=0.0.0.0/0"
    assert allowed["--rules"] == "--rules=tcp:443"
    assert allowed["--destination-ranges"] == "--destination-ranges=199.36.153.8/30"
    priorities = [int(rule["--priority"].partition("=")[2]) for rule in (allowed, refused)]
    assert priorities == sorted(priorities)


STORAGE = {
    ("roles/storage.objectUser", "gs://my-app.appspot.com/avatars/"),
    ("roles/storage.objectUser", "gs://my-app.appspot.com/livePortraitCache/"),
    ("roles/storage.objectUser", "gs://my-app.appspot.com/livePortraitGenerations/"),
}


@pytest.mark.parametrize("account", ["idle-gate", "idle-renderer", "idle-reconcile"])
def test_objects_are_open_to_the_function_in_its_folders_alone(account: str) -> None:
    assert rights_on_objects(USUAL, account) == STORAGE
    uploads = replace(USUAL, environment=(("LIVEPORTRAIT_UPLOADS_PREFIX", "on"),))
    read = ("roles/storage.objectViewer", "gs://my-app.appspot.com/users/")
    assert rights_on_objects(uploads, account) == {*STORAGE, read}


def rights_on_objects(settings: Settings, account: str) -> set[tuple[str, str]]:
    """Role and resource of each right on objects that an account gets."""
    member = f"--member={names.member(settings, account)}"
    commands = (command for step in plan(settings).steps for command in step.create)
    return {
        (word.removeprefix("--role="), command.argv[4])
        for command in commands
        for word in command.argv
        if member in command.argv and word.startswith("--role=roles/storage.")
    }


def run_script(text: str, fake_gcloud: FakeGcloud, folder: Path) -> None:
    environment = {**os.environ, "PATH": fake_gcloud.path}
    subprocess.run(["bash", "-euc", text], check=True, cwd=folder, env=environment)


def test_the_printed_scripts_do_what_a_run_does(
    fake_gcloud: FakeGcloud, operator: Operator, tmp_path: Path
) -> None:
    """Copied into a shell, line for line."""
    made = plan(USUAL)
    for one in (*made.first, *made.steps):
        for file in one.files:
            path = tmp_path / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, "utf-8")
    run_script(apply_script(USUAL, made), fake_gcloud, tmp_path)
    counts = operator.deployment(USUAL, made).apply()
    assert counts == {"stands": counts.total()}

    run_script(remove_script(USUAL, made, with_images=True), fake_gcloud, tmp_path)
    counts, _ = operator.deployment(USUAL, made).remove(with_images=True)
    assert counts == {"absent": counts.total()}


def image_step(settings: Settings, name: str) -> Step:
    (build,) = (each for each in plan(settings).steps if f"/idle/{name}:" in each.title)
    return build


def test_gate_and_reconcile_have_an_image_of_their_own() -> None:
    small, large = image_step(USUAL, "gate"), image_step(USUAL, "idle")
    args = json.loads(small.files[0].content)["steps"][0]["args"]
    assert "--target=gate" in args
    assert not any("WEIGHTS" in word or "DRIVER" in word for word in args)
    assert "--target" not in " ".join(json.loads(large.files[0].content)["steps"][0]["args"])
    for title, image in (
        ("Service idle-gate", small),
        ("Job idle-reconcile", small),
        ("Service idle-renderer", large),
    ):
        (command,) = step(USUAL, title).create
        assert f"--image={image.title.removeprefix('Image ')}" in command.argv
    titles = [each.title for each in plan(SMALLEST).steps if each.title.startswith("Image ")]
    assert len(titles) == 1, "what answers events renders too"


def build_arguments(settings: Settings) -> list[str]:
    build = image_step(settings, "idle")
    recipe = json.loads(build.files[0].content)
    return [word for word in recipe["steps"][0]["args"] if word.startswith("--build-arg=WEIGHTS")]


@pytest.mark.parametrize(
    ("weights", "built"),
    [("fetched", "fetched"), ("given", "given"), ("gs://models/liveportrait", "none")],
)
def test_weights_are_fetched_given_or_mounted(weights: str, built: str) -> None:
    settings = replace(USUAL, weights=weights)
    assert build_arguments(settings) == [f"--build-arg=WEIGHTS={built}"]
    for name in ("idle-renderer", "idle-gate"):
        (command,) = step(settings, f"Service {name}").create
        mounted = any("bucket=models,readonly=true" in word for word in command.argv)
        assert mounted is (weights.startswith("gs://") and name == "idle-renderer")
        found = environment(settings, f"Service {name}").get("LIVEPORTRAIT_WEIGHTS")
        assert found == ("/models" if mounted else None)
    may_read = [each.title for each in plan(settings).steps if "read the weights" in each.title]
    assert len(may_read) == (1 if weights.startswith("gs://") else 0)


def test_given_weights_are_sent_to_the_build() -> None:
    files = read(ROOT)
    build, _ = (
        each
        for each in make(replace(USUAL, weights="given"), files).steps
        if each.title.startswith("Image ")
    )
    ignore = next(file for file in build.files if file.path.endswith("gcloudignore"))
    assert f"--ignore-file={ignore.path}" in build.create[0].argv
    assert "/weights/liveportrait/" in files.ignore.splitlines()
    assert "/weights/liveportrait/" not in ignore.content.splitlines()


@pytest.mark.parametrize(
    ("settings", "weights"), [(USUAL, "gs://"), (USUAL, "here"), (MESH, "given")]
)
def test_other_weights_are_refused(settings: Settings, weights: str) -> None:
    with pytest.raises(InvalidSetting, match="weights is"):
        replace(settings, weights=weights)


def test_each_night_goes_over_what_is_recent_and_each_week_over_all() -> None:
    """By one job, whose tasks share the avatars; the schedule says by its arguments which it is."""
    settings = replace(USUAL, tasks=4)
    overrides = {}
    for name in ("idle-reconcile", "idle-reconcile-all"):
        (create,) = step(settings, f"Schedule {name}").create
        (update,) = step(settings, f"Schedule {name}").update or ()
        body = next(word for word in create.argv if word.startswith("--message-body="))
        assert body in update.argv
        told = json.loads(body.partition("=")[2])["overrides"]["containerOverrides"]
        overrides[name] = told[0]["args"]
        assert all(
            word.endswith("/jobs/idle-reconcile:run") for word in create.argv if "uri" in word
        )
    assert overrides["idle-reconcile"] == ["-m", "functions.reconcile", "--recent"]
    assert overrides["idle-reconcile-all"] == ["-m", "functions.reconcile"]
    (job,) = step(settings, "Job idle-reconcile").create
    assert {"--tasks=4", "--parallelism=4"} <= set(job.argv)
    grant = step(settings, "The schedules may start idle-reconcile").create[0].argv
    assert "--role=roles/run.jobsExecutorWithOverrides" in grant  # less may not give arguments


def test_a_spent_budget_pauses_what_leads_to_the_renderer_only_where_that_is_wanted() -> None:
    wanted = replace(USUAL, budget_pauses=True)
    queues = environment(wanted, "Service idle-gate")["LIVEPORTRAIT_BUDGET_QUEUES"]
    assert [queue.rpartition("/")[2] for queue in queues.split(",")] == [
        "idle-renders",
        "idle-repairs",
    ]
    (made,) = step(wanted, "Role idleQueuePauser").create
    assert "--permissions=cloudtasks.queues.pause" in made.argv, "and nothing else"
    text = apply_script(USUAL, plan(USUAL))
    assert "idle-budget" not in text
    assert "BUDGET_QUEUES" not in text
    for wrong in ({"single": True}, {"omits": frozenset({Part.BUDGET})}):
        with pytest.raises(InvalidSetting, match="budget-pauses is on"):
            replace(wanted, **wrong)
