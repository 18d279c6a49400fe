"""What the whole suite shares: the line that names what a run left out."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings

LEFT_OUT = pytest.StashKey[Counter[str]]()
TARGETS = {
    "gpu": "make test-gpu",
    "weights": "make test-weights",
    "soak": "make test-soak",
    "scenarios": "make scenarios",
    "browser": "make test-browser",
    "official": "make conformance-official",
    "gcloud": "make deploy-check",
    "clients": "make test-clients",
    "firebase": "make test-firebase",
    "studio": "make test-studio",
}

# A loaded machine is no failure: hypothesis' deadline of 200 ms would make it one. A test that
# passed passes again; `--hypothesis-profile wild` looks further.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("wild", deadline=None)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the scenarios run on another Firestore, and with another dispatch."""
    parser.addoption(
        "--backend",
        default="embedded",
        choices=("embedded", "jar"),
        help="who is Firestore in tests/end_to_end: our own, or Google's emulator jar",
    )

    parser.addoption(
        "--dispatch",
        default="usual",
        choices=("usual", "inline", "tasks", "both"),
        help="who renders in tests/end_to_end: who answers the event (inline) or a renderer behind "
        "a queue (tasks); usual: inline, and tasks too for what is marked `queue`",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[LEFT_OUT] = Counter()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> object:
    """Count, by marker, what the selection removes."""
    before = list(items)
    outcome = yield
    kept = set(items)
    for item in before:
        if item not in kept:
            config.stash[LEFT_OUT].update(mark for mark in TARGETS if item.get_closest_marker(mark))
    return outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's count to the process that started it."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        left_out: Counter[str] = session.config.stash[LEFT_OUT]
        output["left_out"] = dict(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's count; all have the same, for each collects everything."""
    left_out = getattr(node, "workeroutput", {}).get("left_out")
    if left_out is not None:
        counted: Counter[str] = Counter(left_out)
        node.config.stash[LEFT_OUT] = counted


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out, just before the closing line."""
    left_out: Counter[str] = terminalreporter.config.stash[LEFT_OUT]
    named: Sequence[str] = [
        f"{count} marked {mark} ({TARGETS[mark]})" for mark, count in sorted(left_out.items())
    ]
    if named:
        terminalreporter.write_line(f"left out: {', '.join(named)}")
