"""What a build sees: all that the roles import, and nothing that the Dockerfile does not copy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.dockerfile import read_dockerfile
from tests.image.ignore import PatternNotUnderstood, docker_context, gcloud_context

DOCKER, GCLOUD = Path(".dockerignore").read_text(), Path(".gcloudignore").read_text()
REPOSITORY = Path.cwd()
IMPORTS = """
import importlib, json, pkgutil, sys
for name in ("functions", "liveportrait_core"):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(json.dumps(sorted(m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None))))
"""


def tracked() -> list[str]:
    """The files of the working tree that belong to the repository, new ones too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if Path(name).is_file()]


def copied(files: frozenset[str]) -> set[str]:
    """What any stage's COPY takes of these files."""
    sources = {
        source.strip("/")
        for stage in read_dockerfile(Path("Dockerfile").read_text()).stages
        for copy in stage.of("COPY")
        if not copy.text.startswith("--from=")
        for source in copy.text.split()[:-1]
    }
    return {file for file in files if any(file == s or file.startswith(f"{s}/") for s in sources)}


def test_the_context_is_what_is_copied_and_nothing_else() -> None:
    context = docker_context(tracked(), DOCKER)
    assert copied(context) == context
    assert gcloud_context(tracked(), GCLOUD) == context | {"Dockerfile", ".dockerignore"}


def test_it_holds_neither_tests_nor_emulator_nor_rules() -> None:
    places = {
        file.rpartition("/")[0].partition("/")[0] for file in docker_context(tracked(), DOCKER)
    }
    assert places == {"", "functions", "liveportrait_core", "locks", "weights", "web"}
    assert not [file for file in docker_context(tracked(), DOCKER) if "rules/" in file]


def test_it_holds_everything_that_is_imported() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", IMPORTS], capture_output=True,
                          text=True, check=True)  # fmt: skip
    ours = {
        path.relative_to(REPOSITORY).as_posix()
        for path in map(Path, json.loads(done.stdout))
        if path.is_relative_to(REPOSITORY) and ".venv" not in path.parts
    }
    assert len(ours) > 100
    assert ours <= docker_context(tracked(), DOCKER)


SECRETS = [
    ".git/config", ".env", ".venv/bin/python", "out/demo/idle.mp4", "tests/conftest.py", "key.json",
    "emulator/suite.py", "deploy/plan.py", "contract.md", "web/studio/edit.py",
    "functions/__pycache__/main.pyc",
    "liveportrait_core/engines/__pycache__/loop.cpython-311.pyc", "functions/rules/firestore.rules",
    "weights/.incoming/abc.part", "weights/.digests.json", "weights/insightface/det_10g.onnx",
]  # fmt: skip


@pytest.mark.parametrize("file", SECRETS)
def test_what_must_not_leave_this_machine_does_not(file: str) -> None:
    assert docker_context([file], DOCKER) == frozenset()
    assert gcloud_context([file], GCLOUD) == frozenset()


def test_fetched_weights_are_seen_by_docker_and_not_uploaded() -> None:
    file = "weights/liveportrait/base_models/spade_generator.pth"
    assert docker_context([file], DOCKER) == {file}
    assert gcloud_context([file], GCLOUD) == frozenset()


@pytest.mark.parametrize(
    ("ignore", "kept"),
    [
        ("*\n!a", {"a/b.py", "a/c/d.pyc"}),
        ("*\n!a/b.py", {"a/b.py"}),
        ("a\n!a/b.py", {"a/b.py", "e.py"}),
        ("**/*.pyc", {"a/b.py", "e.py"}),
        ("*.py", {"a/b.py", "a/c/d.pyc"}),
        ("a/*\n# said", {"e.py"}),
        ("", {"a/b.py", "a/c/d.pyc", "e.py"}),
    ],
)
def test_dockers_rules(ignore: str, kept: set[str]) -> None:
    assert docker_context(["a/b.py", "a/c/d.pyc", "e.py"], ignore) == kept


@pytest.mark.parametrize(
    ("ignore", "kept"),
    [
        ("/*\n!/a/", {"a/b.py", "a/c/d.pyc"}),
        ("a\n!a/b.py", {"e.py"}),  # nothing comes back out of an excluded folder
        ("*.py", {"a/c/d.pyc"}),
        ("/*.py", {"a/b.py", "a/c/d.pyc"}),
        ("c/", {"a/b.py", "e.py"}),
        ("e.py/", {"a/b.py", "a/c/d.pyc", "e.py"}),  # of folders only
        ("a/c", {"a/b.py", "e.py"}),
    ],
)
def test_gits_rules(ignore: str, kept: set[str]) -> None:
    assert gcloud_context(["a/b.py", "a/c/d.pyc", "e.py"], ignore) == kept


@pytest.mark.parametrize("pattern", ["a?", "[ab]", "a\\ b"])
def test_a_pattern_that_is_not_understood_is_refused(pattern: str) -> None:
    for context in (docker_context, gcloud_context):
        with pytest.raises(PatternNotUnderstood, match="known here"):
            context(["a"], pattern)


NAMES = st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,3}", fullmatch=True)


@given(st.lists(NAMES, max_size=8), st.lists(NAMES, max_size=4))
def test_an_allow_list_lets_through_what_it_names_and_no_more(
    files: list[str], named: list[str]
) -> None:
    ignore = "\n".join(["*", *(f"!{name}" for name in named)])
    expected = {f for f in files if any(f == n or f.startswith(f"{n}/") for n in named)}
    assert docker_context(files, ignore) == expected
