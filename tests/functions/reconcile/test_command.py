"""The command: a process beside the stand-in cloud, over many avatars, killed and resumed."""

import filecmp
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Bucket, Client

from emulator.suite import Suite
from functions.cloud.database.firestore import FirestoreLedger
from functions.reconcile.__main__ import main
from functions.reconcile.adapters import BucketLister, FirestoreOwner
from functions.reconcile.erase import Erasure
from functions.reconcile.findings import Finding
from tests.functions.reconcile.population import Planted, plant
from tests.functions.reconcile.reconciling import Watch

CALLER = "idle-tasks@demo-avatar.iam.gserviceaccount.com"
PAGES = 4_000 // 500
FAST = ("--quiet", "0", "--rate", "1e6", "--renders-per-minute", "1e6")


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a run ended."""

    code: int
    summary: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    peak_kb: int


class Reconcile:
    """Starts the command in the role of a gate: renders are left to the queue, which is paused."""

    def __init__(self, suite: Suite) -> None:
        self.environment = {
            **os.environ,
            **suite.environment,
            "LIVEPORTRAIT_ROLE": "gate",
            "LIVEPORTRAIT_ENGINE": "mesh",
            "LIVEPORTRAIT_BUCKET": suite.options.bucket,
            "LIVEPORTRAIT_TASKS_QUEUE": suite.options.queue_name,
            "LIVEPORTRAIT_RENDERER_URL": "http://127.0.0.1:9",
            "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": CALLER,
        }

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "functions.reconcile", *arguments],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> Run:
        return end(self.start(*arguments, **environment))


def end(process: "subprocess.Popen[str]") -> Run:
    """Wait for a run; what it used is told by the system."""
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        lines = [json.loads(line) for line in process.stderr if line.startswith("{")]
        told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        code=process.returncode,
        summary=json.loads(told) if told else {},
        lines=lines,
        peak_kb=usage.ru_maxrss,
    )


@pytest.fixture
def quiet_suite(suite: Suite) -> Iterator[Suite]:
    """The cloud, empty, its queue paused."""
    suite.reset()
    suite.control.pause_queue(suite.options.queue_name)
    yield suite
    suite.reset()
    suite.control.resume_queue(suite.options.queue_name)


@pytest.fixture
def reconcile(quiet_suite: Suite) -> Reconcile:
    return Reconcile(quiet_suite)


def counted(findings: Mapping[Finding, int]) -> dict[str, int]:
    return {finding.value: count for finding, count in findings.items()}


def check_mended(run: Run, planted: Planted, suite: Suite) -> None:
    assert run.code == 0
    assert run.summary["found"] == run.summary["mended"] == counted(planted.findings)
    assert (run.summary["ending"], run.summary["avatars"]) == ("complete", planted.documents)
    assert (run.summary["postponed"], run.summary["faults"]) == (0, 0)
    assert len(suite.control.tasks()) == planted.tasks


def test_four_thousand_avatars(quiet_suite: Suite, reconcile: Reconcile, tmp_path: Path) -> None:
    planted = plant(quiet_suite, tmp_path, avatars=4_000, opted_in=200, troubled=60)
    check_mended(reconcile.run(*FAST), planted, quiet_suite)
    quiet_suite.control.clear_calls()
    again = reconcile.run(*FAST)
    assert (again.code, again.summary["found"], again.summary["mended"]) == (0, {}, {})
    calls = quiet_suite.control.calls()
    assert calls["firestore.RunQuery"] <= PAGES + 6  # two for talks: there are none
    assert calls["firestore.BatchGetDocuments"] <= PAGES + 5
    assert calls["storage.objects.list"] <= 2 * PAGES + 4
    assert calls["firestore.Commit"] <= PAGES + 6  # the mark


@pytest.mark.soak
def test_ten_thousand_avatars_that_all_opted_in(
    quiet_suite: Suite, reconcile: Reconcile, tmp_path: Path
) -> None:
    planted = plant(quiet_suite, tmp_path, avatars=10_000, opted_in=10_000, troubled=120)
    quarter = reconcile.run(*FAST, "--dry-run", "--after", "07499-avatar")
    assert 2_400 < quarter.summary["avatars"] <= 2_500
    whole = reconcile.run(*FAST)
    check_mended(whole, planted, quiet_suite)
    assert whole.peak_kb < quarter.peak_kb + 40_000  # a page at a time, however many there are


def test_a_dry_run_changes_nothing(
    quiet_suite: Suite, reconcile: Reconcile, tmp_path: Path
) -> None:
    planted = plant(quiet_suite, tmp_path, avatars=60, opted_in=40, troubled=24)
    quiet_suite.control.export(tmp_path / "before")
    run = reconcile.run(*FAST, "--dry-run")
    quiet_suite.control.export(tmp_path / "after")
    names = ["firestore.jsonl", "storage.jsonl"]
    same, *different = filecmp.cmpfiles(tmp_path / "before", tmp_path / "after", names, False)
    assert (same, different) == (names, [[], []])
    assert (run.code, run.summary["found"]) == (0, counted(planted.findings))
    assert run.summary["mended"] == {}
    told = [line for line in run.lines if line["message"] == "found"]
    assert len(told) == planted.findings.total()
    assert all(line["dryRun"] and line["avatarId"] for line in told)
    assert quiet_suite.control.tasks() == ()


def test_killed_and_resumed_it_ends_alike(
    quiet_suite: Suite, reconcile: Reconcile, database: firestore.Client, tmp_path: Path
) -> None:
    plant(quiet_suite, tmp_path, avatars=60, opted_in=50, troubled=48)
    assert reconcile.run(*FAST).code == 0
    undisturbed = shape(quiet_suite, database)
    quiet_suite.reset()

    plant(quiet_suite, tmp_path, avatars=60, opted_in=50, troubled=48)
    for at, kind in ((8, signal.SIGKILL), (8, signal.SIGTERM)):
        process = reconcile.start(*FAST[:2], "--rate", "20", "--renders-per-minute", "1200")
        assert process.stderr is not None
        found = (line for line in process.stderr if '"message": "found"' in line)
        for _ in range(at):
            next(found)
        process.send_signal(kind)
        run = end(process)
        assert run.code == (-signal.SIGKILL if kind == signal.SIGKILL else 0)
    assert run.summary["ending"] == "stopped"
    mark = database.collection("livePortraitReconcile").document("0-of-1").get().to_dict()
    assert mark is not None
    last = reconcile.run(*FAST)
    assert last.lines[0]["message"] == "going on"
    assert (last.code, last.summary["ending"]) == (0, "complete")
    assert shape(quiet_suite, database) == undisturbed
    assert list(database.collection("livePortraitReconcile").stream()) == []


def test_two_tasks_of_a_job_do_what_one_does(
    quiet_suite: Suite, reconcile: Reconcile, database: firestore.Client, tmp_path: Path
) -> None:
    planted = plant(quiet_suite, tmp_path, avatars=60, opted_in=50, troubled=48)
    shares = [
        reconcile.start(*FAST, CLOUD_RUN_TASK_INDEX=str(index), CLOUD_RUN_TASK_COUNT="2")
        for index in range(2)
    ]
    runs = [end(process) for process in shares]
    assert [run.code for run in runs] == [0, 0]
    mended: Counter[str] = Counter()
    for run in runs:
        mended.update(run.summary["mended"])
    assert mended == counted(planted.findings)
    assert sum(run.summary["avatars"] for run in runs) == planted.documents
    assert len(quiet_suite.control.tasks()) == planted.tasks


def test_a_garbled_ledger_is_one_avatars_fault(
    quiet_suite: Suite, reconcile: Reconcile, database: firestore.Client, tmp_path: Path
) -> None:
    planted = plant(quiet_suite, tmp_path, avatars=30, opted_in=30, troubled=24)
    healthy = f"{29 * 7919 % 30:05}-avatar"
    garbled = database.collection("livePortraitJobs").document(healthy)
    garbled.set({"lease": {"owner": 5}})
    run = reconcile.run(*FAST)
    assert (run.code, run.summary["faults"], run.summary["severity"]) == (1, 1, "ERROR")
    assert run.summary["mended"] == counted(planted.findings)
    assert healthy in {line.get("avatarId") for line in run.lines if line["severity"] == "ERROR"}
    assert garbled.get().to_dict() == {"lease": {"owner": 5}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limit", "0"], "'0'; accepted: a whole number from 1"),
        (["--rate", "0"], "'0'; accepted: a number above 0"),
        (["--renders-per-minute", "inf"], "'inf'; accepted: a number above 0"),
        (["--quiet", "soon"], "'soon'; accepted: a number of seconds from 0"),
        (["--force"], "--force"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"LIVEPORTRAIT_ROLE": "renderer"}, "LIVEPORTRAIT_ROLE is 'renderer'"),
        ({"CLOUD_RUN_TASK_COUNT": "x"}, "CLOUD_RUN_TASK_COUNT is 'x'"),
        ({"LIVEPORTRAIT_KEEP": "none"}, "LIVEPORTRAIT_KEEP is 'none'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    reconcile: Reconcile,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    message: str,
) -> None:
    for name, value in {**reconcile.environment, **environment}.items():
        monkeypatch.setenv(name, value)
    assert main([]) == 2
    assert message in capsys.readouterr().err


def shape(suite: Suite, database: firestore.Client) -> tuple[Any, Any, list[str], list[str]]:
    """What stands, without moments."""
    avatars = {each.id: each.to_dict() for each in database.collection("avatars").stream()}
    jobs = {each.id: each.to_dict() for each in database.collection("livePortraitJobs").stream()}
    storage = Client(credentials=AnonymousCredentials())
    objects = [each.name for each in storage.list_blobs(suite.options.bucket)]
    storage.close()
    tasks = sorted(json.loads(each.request.body)["avatarId"] for each in suite.control.tasks())
    return timeless(avatars), timeless(jobs), objects, tasks


def timeless(value: Any) -> Any:
    moments = ("at", "requested", "requestedAt", "finished", "finishedAt")
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in moments}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def test_a_person_is_erased_by_the_command(
    quiet_suite: Suite,
    reconcile: Reconcile,
    database: firestore.Client,
    bucket: Bucket,
    tmp_path: Path,
) -> None:
    """Alice has two avatars, and an id that is no plain one: quotas have its digest."""
    plant(quiet_suite, tmp_path, avatars=4, opted_in=4, troubled=0)
    names = sorted(each.id for each in database.collection("avatars").stream())
    for name, owner in zip(names, ("ali/ce", "ali/ce", "bob", "bob"), strict=True):
        database.collection("avatars").document(name).update({"userId": owner})
    digest = hashlib.sha256(b"ali/ce").hexdigest()
    quotas = database.collection("livePortraitQuota")
    for name in (f"owner:{digest}", f"avatar:{names[0]}", f"avatar:{names[2]}", "owner:bob"):
        quotas.document(name).set({"day": "2026-11-29", "starts": 1})

    before = shape(quiet_suite, database)
    deps = Watch().scene.deps
    dry = Erasure(
        deps=replace(deps, ledger=FirestoreLedger(database, collection="avatars")),
        documents=FirestoreOwner(database, collection="avatars"),
        lister=BucketLister(bucket),
        owner="ali/ce",
        dry_run=True,
    ).run()
    assert shape(quiet_suite, database) == before
    run = reconcile.run("erase", "--owner", "ali/ce")
    assert (run.code, run.summary["ending"], run.summary["dryRun"]) == (0, "complete", False)
    assert run.summary["sizeBytes"] == dry.size_bytes > 0
    assert (dry.avatars, len(dry.quotas), dry.objects) == (names[:2], 2, 8)
    assert (run.summary["avatars"], run.summary["quotas"]) == (names[:2], 2)
    assert (run.summary["documents"], run.summary["ledgers"], run.summary["objects"]) == (2, 2, 8)
    assert "ali/ce" not in json.dumps(run.summary)
    avatars, jobs, objects, _ = shape(quiet_suite, database)
    assert set(avatars) == set(jobs) == set(names[2:])
    assert {path.split("/")[1] for path in objects} == set(names[2:])
    left = {f"avatar:{names[2]}", "owner:bob", *(f"deleted:{each}" for each in names[:2])}
    assert {each.id for each in quotas.stream()} == left
