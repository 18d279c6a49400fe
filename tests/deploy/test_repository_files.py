"""The repository's files in a deployment, and the digest that names an image."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import InvalidSetting
from deploy.plan import make
from deploy.repository_files import api_tag, image_tag, read
from tests.deploy.example_plans import ALL, ROOT, USUAL

REQUIREMENTS = (
    "requirements.txt",
    "locks/api.txt",
    "locks/gate.txt",
    "locks/packages.txt",
    "locks/torch.txt",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A small tree with the files that the image and the deployment are made of."""
    (tmp_path / "locks").mkdir()
    for name in ("Dockerfile", ".dockerignore", ".gcloudignore", *REQUIREMENTS):
        shutil.copy(ROOT / name, tmp_path / name)
    package = ("web/__init__.py", "web/errors.py", "web/generation.py")
    for name in ("weights/README.md", "weights/manifest.json", "functions/main.py", *package):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "liveportrait_core").mkdir()
    (tmp_path / "liveportrait_core/a.py").write_text("a", "utf-8")
    (tmp_path / "functions/rules").mkdir()
    return tmp_path


def test_what_has_a_time_to_live_is_read_from_the_indexes() -> None:
    expiries = dict(read(ROOT).data.expiries)
    assert expiries == dict.fromkeys(
        ("livePortraitQuota", "livePortraitGenerations", "livePortraitGenerationKeys"), "expireAt"
    )
    assert set(expiries.items()) <= set(read(ROOT).data.exemptions)


def test_the_tag_is_a_digest_of_what_goes_into_the_image(copy: Path) -> None:
    tag = image_tag(copy, "liveportrait", "compat")
    assert re.fullmatch("[0-9a-f]{16}", tag)
    assert image_tag(copy, "liveportrait", "compat") == tag

    (copy / "functions/rules/firestore.rules").write_text("not in the image", "utf-8")
    (copy / "liveportrait_core/__pycache__").mkdir()
    (copy / "liveportrait_core/__pycache__/a.pyc").write_text("nor this", "utf-8")
    (copy / "weights/liveportrait").mkdir()
    assert image_tag(copy, "liveportrait", "compat") == tag

    assert image_tag(copy, "liveportrait", "host") != tag
    (copy / "liveportrait_core/a.py").write_text("b", "utf-8")
    other = image_tag(copy, "liveportrait", "compat")
    assert other != tag
    (copy / "liveportrait_core/a.py").rename(copy / "liveportrait_core/b.py")
    assert image_tag(copy, "liveportrait", "compat") not in (tag, other)


def test_everything_that_the_dockerfile_copies_is_in_the_digest(copy: Path) -> None:
    """A file that reaches the image but not the digest would be deployed under an old name."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    copied = {
        word
        for line in lines
        if line.startswith("COPY ") and "--from=" not in line
        for word in line.split()[1:-1]
    }
    for word in copied:
        source = word.rstrip("/")
        if source == "weights":  # WEIGHTS=given, which this program does not build
            continue
        before = (image_tag(copy, "x"), api_tag(copy))
        path = copy / source
        if (ROOT / source).is_dir():
            path.mkdir(exist_ok=True, parents=True)
            path = path / "new.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"changed {word}", "utf-8")
        after = (image_tag(copy, "x"), api_tag(copy))
        assert after != before, word
        if not word.startswith(("web", "locks/api", "liveportrait_core/")):
            assert after[0] != before[0], word


def test_the_job_gives_arguments_to_the_program_that_the_image_starts() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    assert 'ENTRYPOINT ["python", "-m", "functions.runtime.entry_point"]' in lines
    (job,) = (step for step in make(USUAL, read(ROOT)).steps if step.title == "Job idle-reconcile")
    assert "--args=-m,functions.reconcile" in job.create[0].argv
    assert (ROOT / "functions/reconcile/__main__.py").exists()


def test_the_build_names_arguments_that_the_dockerfile_has() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    for settings in ALL.values():
        builds = [s for s in make(settings, read(ROOT)).steps if s.title.startswith("Image ")]
        words = [
            word
            for build in builds
            for word in json.loads(build.files[0].content)["steps"][0]["args"]
        ]
        for word in (word for word in words if word.startswith("--target=")):
            assert f" AS {word.removeprefix('--target=')}\n" in dockerfile
        for word in (word for word in words if word.startswith("--build-arg=")):
            name, _, value = word.removeprefix("--build-arg=").partition("=")
            stage = {"WEIGHTS": "weights", "DRIVER_LIBRARIES": "driver"}[name]
            assert f"ARG {name}=" in dockerfile
            assert f" AS {stage}-{value}\n" in dockerfile


def test_the_shipped_files_make_a_plan() -> None:
    material = read(ROOT)
    titles = {step.title for step in make(USUAL, material).steps}
    assert {f"Metric {sheet.name}" for sheet in material.monitoring.metrics} <= titles
    assert {
        f"Alert “{sheet.body['displayName']}”" for sheet in material.monitoring.policies
    } <= titles
    assert "No index on livePortraitJobs.results" in titles
    assert "No index on avatars.livePortrait.startedAt" in titles
    elsewhere = {step.title for step in make(replace(USUAL, collection="faces"), material).steps}
    assert "No index on faces.livePortrait.startedAt" in elsewhere
    assert material.data.firestore_rules.startswith("rules_version = '2';")
    names = [sheet.body["displayName"] for sheet in material.monitoring.policies]
    assert len(set(names)) == len(names), "alerts are found by their names"


def test_a_monitoring_file_that_its_api_would_not_take_is_refused(copy: Path) -> None:
    for name in ("firestore.rules", "storage.rules"):
        (copy / "functions/rules" / name).write_text("x", "utf-8")
    (copy / "firestore.indexes.json").write_text('{"fieldOverrides": []}', "utf-8")
    folder = copy / "deploy/monitoring/policies"
    folder.mkdir(parents=True)
    (copy / "deploy/cors.json").write_text("[]", "utf-8")
    (copy / "deploy/lifecycle.json").write_text('{"rule": []}', "utf-8")
    (folder / "bad.json").write_text(json.dumps({"displayName": "x"}), "utf-8")
    with pytest.raises(InvalidSetting, match=r"bad\.json has no 'conditions'"):
        read(copy)
