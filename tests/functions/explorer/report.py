"""What is told of an episode: the first breach, and on demand a trace that reads as a story.

Keeps nothing random: what the product draws at random is told by numbers, in order.
"""

import io
import json
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.functions.explorer.timeline import Timeline
from tests.functions.explorer.world import START_S, Commit

CHECKS = frozenset(
    {
        "acknowledged",  # every event and task comes to its end
        "attempts",  # at most three for a wish; for two versions their rule
        "check",  # the checks themselves can be made
        "dispatch left",  # no task is noted that nobody will deliver
        "error",  # nothing goes wrong in the product but what was planted
        "failed",  # `failed` has its reason, and ends nothing that lives or stands
        "fields",  # the app's fields are as it wrote them
        "lease",  # nobody takes a living lease for the same, or that of a clean-up
        "lease left",
        "ledger left",  # of a deleted avatar
        "listed",  # what the ledger lists is in place
        "mirror",
        "model",  # the last wish is answered, with what it asked for
        "newer",  # what only a newer version knows is kept
        "objects left",  # nothing unlisted stays
        "plays",  # the URL shown plays, and the ledger lists it
        "reconcile",  # it ends without faults, and finds nothing any more
        "starts",  # the quotas count what was claimed
        "stuck",  # nothing is queued or rendering once all is quiet
        "turns",  # of an owner's renders: no more at once than may be
        "writes",  # at most four a render, and none that changes nothing
    }
)
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_PLANTED = re.compile("fails|is lost|is away|a defect|no room|an illegal|LeaseLost")
_LABELS = "logging.googleapis.com/labels"
_DULL = ("severity", "message", "avatarId", "renderId", "stack_trace", "@type", _LABELS)


@dataclass(kw_only=True)
class Report:
    """The account of one episode."""

    timeline: Timeline
    off: frozenset[str]  # checks that are not made
    telling: bool
    trace: list[str] = field(default_factory=list)
    check: str | None = None  # the one that found something
    breach: str = ""
    _names: dict[str, str] = field(default_factory=dict)

    def wrong(self, check: str, what: str) -> None:
        """Something is not as it must be: the episode ends."""
        assert check in CHECKS, check
        if self.check is None and check not in self.off:
            self.tell("", f"*** {what}")
            self.check, self.breach = check, self._plain(what)
            self.timeline.stopped = True

    def made(self, check: Callable[[], object]) -> None:
        """Make a check; one that fails by itself must not pass for a fault of a port."""
        try:
            check()
        except Exception:
            self.wrong("check", f"a check cannot be made: {traceback.format_exc()}")

    def tell(self, who: str, what: str) -> None:
        """One line of the trace."""
        if self.telling and self.check is None:
            at_s = self.timeline.now - START_S
            party = self.timeline.current
            who = who or (party.name if party is not None else "")
            self.trace.append(f"{at_s:10.3f}  {who:<14} {self._plain(what)}".rstrip())

    def committed(self, commit: Commit) -> None:
        """Tell of a transaction."""
        if self.telling:
            self.tell("", _told(commit))

    def logged(self, line: str) -> None:
        """A line of the product's own log; what went wrong there must have been planted."""
        if self.telling:
            told = json.loads(line)
            plain = {key: value for key, value in told.items() if key not in _DULL}
            self.tell("", f"log: {told['message']} {plain or ''}")
        if '"severity": "ERROR"' in line and not _PLANTED.search(line):
            self.wrong("error", f"an error that was not planted: {json.loads(line)['stack_trace']}")

    @property
    def log(self) -> Any:
        """Where the product's log goes, in place of standard error."""
        return _Log(self)

    def _plain(self, text: str) -> str:
        return _RANDOM.sub(
            lambda found: self._names.setdefault(found[0], f"<{len(self._names) + 1}>"), text
        )


class _Log(io.TextIOBase):
    def __init__(self, report: Report) -> None:
        self._report = report

    def write(self, text: str) -> int:
        self._report.logged(text)
        return len(text)


def _told(commit: Commit) -> str:
    record = commit.after
    lease, task, shown = record.lease, record.dispatch, record.shown
    parts = [
        f"ledger: {record.fingerprint or '-'} {'-' if shown is None else shown.state.value}",
        f"attempts {record.attempts}",
    ]
    if lease is not None:
        parts.append(f"lease {lease.owner} {lease.purpose.value} {lease.fingerprint}")
    if record.results:
        parts.append(f"results {' '.join(each.fingerprint for each in record.results)}")
    if task is not None:
        parts.append(f"task for {task.fingerprint}")
    if record.deletions:
        parts.append(f"to delete {' '.join(each.path for each in record.deletions)}")
    live = commit.fields.get("livePortrait")
    if isinstance(live, dict):
        parts.append(f"document: {live['state']} {live['error'] or ''}")
    if any("idleVideoUrl" in name for name in commit.fields):
        parts.append("mirror written")
    return ", ".join(parts)
