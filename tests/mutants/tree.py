"""A copy of the repository in which a fault is planted, tested and taken out again.

Knows pytest's exit codes and summary lines. The repository itself is never written to.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.mutants.mutant import AnchorGone, Mutant, NoFault

LIMIT_S = 300.0  # for all tests of one mutant
TEST_LIMIT_S = 120  # for one test: a fault may make a loop endless
# Fetched weights are large and never needed here; `weights` is therefore linked.
_LINKED = "weights"
_LEFT_OUT = ("out", "build")
_NO_SOURCE = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
_UNUSUAL = (
    "gpu", "weights", "soak", "scenarios", "browser", "official", "gcloud", "clients", "studio",
    "refiner",
)  # fmt: skip
_SUMMARY = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - (.*))?$", re.MULTILINE)
_PASSED, _FAILED = 0, 1


class Outcome(StrEnum):
    """What became of a fault."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    GONE = "NO LONGER APPLIES"  # the text to be replaced is gone
    UNTESTED = "NOT TESTED"  # the tests could not be run, or did not end


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One mutant, tried."""

    mutant: Mutant
    outcome: Outcome
    told: str  # the test that failed, or why there is none
    seconds: float

    def __str__(self) -> str:
        preposition = "by " if self.outcome is Outcome.CAUGHT else ""
        return (
            f"{self.outcome.value:18} {self.mutant.name}: {preposition}{self.told} "
            f"({self.seconds:.0f} s)"
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """One call of pytest."""

    status: int | None  # None: killed, for it did not end
    output: str

    @property
    def failure(self) -> tuple[str, str]:
        """The first test that failed, and its message."""
        found = _SUMMARY.search(self.output)
        return (found[1], found[2] or "") if found else ("", "")


class Tree:
    """The copy. Use it from one thread at a time."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Copy the repository.

        Args:
            root: its root.
            folder: an empty folder for the copy; the caller deletes it in the end.
        """
        self._folder = folder
        for entry in sorted(root.iterdir()):
            hidden_folder = entry.name.startswith(".") and entry.is_dir()  # caches, environments
            if hidden_folder or entry.name in _LEFT_OUT:
                continue
            if entry.name == _LINKED:
                (folder / entry.name).symlink_to(entry.resolve())
            elif entry.is_dir():
                shutil.copytree(entry, folder / entry.name, ignore=_NO_SOURCE)
            else:
                shutil.copy2(entry, folder / entry.name)

    def try_out(self, mutant: Mutant, *, limit_s: float = LIMIT_S) -> Trial:
        """Plant a fault, run its tests, take it out again."""
        began = time.monotonic()
        file = self._folder / mutant.file
        try:
            sound = file.read_text(encoding="utf-8")
            planted = mutant.planted(sound)
        except (OSError, AnchorGone) as gone:
            return Trial(mutant=mutant, outcome=Outcome.GONE, told=str(gone), seconds=0.0)
        except NoFault as fault:
            return Trial(mutant=mutant, outcome=Outcome.UNTESTED, told=str(fault), seconds=0.0)
        file.write_text(planted, encoding="utf-8")
        try:
            outcome, told = _judged(self.run(mutant.tests, limit_s=limit_s), mutant)
        finally:
            file.write_text(sound, encoding="utf-8")
        seconds = time.monotonic() - began
        return Trial(mutant=mutant, outcome=outcome, told=told, seconds=seconds)

    def run(self, tests: Sequence[str], *, limit_s: float = LIMIT_S) -> Run:
        """Run tests until the first failure."""
        command = [
            sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider",
            "-m", " and ".join(f"not {mark}" for mark in _UNUSUAL),
            "--hypothesis-seed=0",  # what is caught today is caught tomorrow
            "-o", f"timeout={TEST_LIMIT_S}", *tests,
        ]  # fmt: skip
        # Without byte code: a text of the same length in the same second would not be recompiled.
        surroundings = {
            **os.environ,
            "PYTHONPATH": str(self._folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "400",  # else pytest cuts the messages
        }
        surroundings.pop("PYTEST_ADDOPTS", None)
        with subprocess.Popen(
            command,
            cwd=self._folder,
            env=surroundings,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child:
            return _ended(child, limit_s)


def _ended(child: "subprocess.Popen[str]", limit_s: float) -> Run:
    try:
        output, _ = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # its servers too
        output, _ = child.communicate()
        return Run(status=None, output=_text(output))
    return Run(status=child.returncode, output=_text(output))


def _text(output: Any) -> str:
    return output or ""


def _judged(run: Run, mutant: Mutant) -> tuple[Outcome, str]:
    test, message = run.failure
    if run.status == _PASSED:
        return Outcome.SURVIVED, f"{mutant.why} Passed: {', '.join(mutant.tests)}"
    if run.status == _FAILED and test and "Timeout (>" not in message:
        return Outcome.CAUGHT, test
    if run.status is None or "Timeout (>" in message:
        return Outcome.UNTESTED, f"{test or 'pytest'} did not end; a test must fail by itself"
    lines = run.output.strip().splitlines()[-5:]
    return Outcome.UNTESTED, f"pytest ended with status {run.status}: {' / '.join(lines)}"
