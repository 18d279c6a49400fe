"""Every gcloud command of every plan is one that the installed gcloud takes.

It is read as far as without an account: names of commands and flags, the forms of their values, and
the files they cite. What Google's services make of it, only a project can tell.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.command import Command, fill
from deploy.plan import Plan, make, way_back
from deploy.repository_files import read
from tests.deploy.example_plans import ALL, API, MESH, ROOT, SMALLEST, USUAL
from tests.deploy.gcloud.messages import Body, unknown_fields

VARIABLES = {
    "PROJECT_NUMBER": "123456789",
    "DATABASE_TYPE": "FIRESTORE_NATIVE",
    "FIRESTORE_LOCATION": "nam5",
    "BUCKET_LOCATION": "EU",
    "BILLING_ACCOUNT": "billingAccounts/0X0X0X-0X0X0X-0X0X0X",
    "TRIGGER_SUBSCRIPTION": "projects/my-app-1234/subscriptions/eventarc-x",
    "TALK_SUBSCRIPTION": "projects/my-app-1234/subscriptions/eventarc-y",
    "CHANNEL": "projects/my-app-1234/notificationChannels/1",
    "REVISION": "idle-renderer-00003-abc",
    "SERVING": "idle-renderer-00002-abc",
    "PREVIOUS": "idle-renderer-00002-abc",
    "SURPLUS": "idle-renderer-00001-abc",
    "CHECK": "1234567890",
    "ENGINE_VERSION": "liveportrait-3-0a1b2c3d",
    "API_KEYS_VERSION": "3",
    "IMAGE": "europe-west4-docker.pkg.dev/my-app-1234/idle/idle:0123456789abcdef",
}
ITEMS = {
    "budgets": "billingAccounts/0X0X0X-0X0X0X-0X0X0X/budgets/1",
    "policies": "projects/my-app-1234/alertPolicies/1",
    "dashboards": "projects/123456789/dashboards/1",
}
SETTINGS = (
    *ALL.values(),
    replace(USUAL, single=True),
    MESH,
    API,
)


def commands(made: Plan) -> Iterator[Command]:
    """Every gcloud command that a run may come to."""
    every = [lookup.command for lookup in made.lookups]
    for step in (*made.first, *made.steps):
        every += (*step.captures, *(check.command for check in step.checks))
        every += (*step.create, *(step.update or ()), *step.remove)
    return (command for command in every if command.argv[0] == "gcloud")


def words(command: Command) -> tuple[str, ...]:
    (item,) = [name for kind, name in ITEMS.items() if kind in command.argv] or [""]
    return tuple(fill(word, VARIABLES | {"ITEM": item}) for word in command.argv[1:])


@pytest.mark.gcloud
def test_gcloud_takes_every_command(
    parser: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    """Of every shape of deployment, with the monitoring files as they are shipped."""
    plans = [make(settings, read(ROOT)) for settings in SETTINGS]
    plans += [way_back(settings) for settings in (USUAL, SMALLEST, API)]
    lines: dict[tuple[str, ...], None] = {}
    for made in plans:
        write_files(made, tmp_path)
        lines |= {words(command): None for command in commands(made)}
    assert len(lines) > 200
    refused = refusals(parser, lines, environment, tmp_path)
    assert not refused, "\n".join(refused)


@pytest.mark.gcloud
def test_a_wrong_flag_would_be_noticed(parser: list[str], environment: dict[str, str]) -> None:
    wrong = [["run", "deploy", "x", "--gpus=1"], ["tasks", "queues", "create", "x", "--burst=1"]]
    answer = subprocess.run(
        parser, input=json.dumps(wrong), env=environment, capture_output=True, text=True, check=True
    )
    assert not any(accepted(said) for said in json.loads(answer.stdout))


def refusals(
    parser: list[str], lines: Iterable[Sequence[str]], environment: dict[str, str], folder: Path
) -> list[str]:
    """The lines that gcloud, started in a folder, does not take, each with what it says."""
    asked = list(lines)
    heard = subprocess.run(
        parser,
        input=json.dumps(asked),
        env=environment,
        cwd=folder,
        capture_output=True,
        check=True,
        text=True,
    )
    return [
        f"gcloud {' '.join(line)}\n  {said[:400]}"
        for line, said in zip(asked, json.loads(heard.stdout), strict=True)
        if not accepted(said)
    ]


def accepted(said: str) -> bool:
    """Read to the end, and ended for want of an account."""
    return said.startswith("1 ") and (
        "not currently have an active account" in said or "NoActiveAccountException" in said
    )


def write_files(made: Plan, root: Path) -> None:
    (root / "deploy").mkdir(exist_ok=True)
    (root / "deploy/cors.json").write_text("[]", "utf-8")
    (root / "deploy/lifecycle.json").write_text('{"rule": []}', "utf-8")
    for step in made.steps:
        for file in step.files:
            path = root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content, "utf-8")


@pytest.mark.gcloud
def test_googles_apis_know_every_field_of_the_monitoring_files(
    parser: list[str], environment: dict[str, str]
) -> None:
    """Gcloud itself passes fields and values on that it does not know, without a word."""
    alert = ("monitoring", "v3", "AlertPolicy")
    bodies: list[Body] = [(*alert, {"combiner": "XOR", "conditions": [{"what": 1}]})]
    monitoring = read(ROOT).monitoring
    bodies += [(*alert, sheet.body) for sheet in monitoring.policies]
    bodies += [("monitoring", "v1", "Dashboard", sheet.body) for sheet in monitoring.dashboards]
    bodies += [("logging", "v2", "LogMetric", sheet.body) for sheet in monitoring.metrics]
    wrong, *rest = unknown_fields(parser, environment, bodies)
    assert wrong == ["AlertPolicy.combiner", "AlertPolicy.conditions.what"], "it would be noticed"
    assert [unknown for unknown in rest if unknown] == []
