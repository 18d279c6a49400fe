"""Run reconcile: check every suspect again, repair at a limited rate, keep a checkpoint.

A fault with one avatar ends only that avatar's step. Knows ports only: `findings` tells what is
wrong, `paging` which avatar comes next, `repair` repairs.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol

from functions.domain.snapshot import TransactionStatus
from functions.domain.subject import Subject
from functions.errors import FunctionError, RetryLater
from functions.jobs.ports import Clock
from functions.observability import log
from functions.reconcile.entry import Entry
from functions.reconcile.findings import Finding
from functions.reconcile.paging import UPGRADES, Checkpoint, Phase, Scan, ScanStep
from functions.reconcile.repair import MAY_RENDER, Repairer

_NAP_S = 0.5  # longest single sleep, so that a signal to stop takes effect in time
_PLAUSIBLY_GONE = 20  # avatars without a document, of the first 41


class Checkpoints(Protocol):
    """Checkpoints of passes, by the name of their shard."""

    def read(self, name: str) -> Mapping[str, Any] | None:
        """Return the checkpoint; None: no pass is under way."""

    def keep(self, name: str, checkpoint: Mapping[str, Any]) -> None:
        """Set the checkpoint."""

    def drop(self, name: str) -> None:
        """Remove the checkpoint."""


class EverythingGone(FunctionError):
    """Too many avatars have no document: collection or project is likely the wrong one."""


class Ending(StrEnum):
    """Why a run ended."""

    COMPLETE = "complete"
    LIMIT = "limit"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run."""

    dry_run: bool = False
    limit: int | None = None  # avatars to repair
    after: str | None = None  # begin after this id instead of at the checkpoint
    mends_per_s: float = 5.0
    renders_per_min: float = 30.0


@dataclass(kw_only=True)
class RunReport:
    """What a run has found and done."""

    avatars: int = 0
    found: Counter[Finding] = field(default_factory=Counter)
    mended: Counter[Finding] = field(default_factory=Counter)
    attended: int = 0  # avatars with findings
    postponed: int = 0  # findings left to a later pass
    faults: int = 0
    ending: Ending = Ending.COMPLETE


class ReconcileRun:
    """One run."""

    def __init__(
        self,
        scan: Scan,
        repairer: Repairer,
        checkpoints: Checkpoints,
        options: RunOptions,
        *,
        clock: Clock,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._scan = scan
        self._loader = scan.loader
        self._repairer = repairer
        self._checkpoints = checkpoints
        self._options = options
        self._clock = clock
        self._stopping = stopping
        self.report = RunReport()
        self._due = clock.monotonic()  # when the next avatar may be repaired
        self._listed: set[Subject] = set()  # by a dry run: the next phase finds them again

    def run(self) -> RunReport:
        """Continue the pass, or begin one.

        Raises:
            EverythingGone: most avatars that have left something have no document.
        """
        self._refuse_an_emptied_collection()
        place, report = self._beginning(), self.report
        for step in self._scan.steps(place):
            if (ending := self._serve(step)) is not None:
                self._keep(place)
                report.ending = ending
                return report
            place = step.place
            if step.suspect is None:
                self._keep(place)
        self._end(place)
        return report

    # --- where a run begins and ends

    def _beginning(self) -> Checkpoint:
        scan, options, now = self._scan, self._options, round(self._clock.now() * 1000)
        if options.after is not None:
            return Checkpoint(phase=scan.phases[0], after=options.after)
        stored = None if options.dry_run else self._checkpoints.read(scan.name)
        last = None if stored is None else Checkpoint(**{**stored, "phase": Phase(stored["phase"])})
        place = scan.beginning(last, now)
        if place == last:
            log.info("going on", phase=place.phase.value, after=place.after)
        return place

    def _keep(self, place: Checkpoint) -> None:
        if not self._options.dry_run:
            self._checkpoints.keep(self._scan.name, {**asdict(place), "phase": place.phase.value})

    def _end(self, place: Checkpoint) -> None:
        if self._options.dry_run:
            return
        all_done = not (self.report.faults or self.report.postponed)
        last = self._scan.last_checkpoint(place, all_done=all_done)
        if last is None:
            self._checkpoints.drop(self._scan.name)
        else:
            self._keep(last)

    def _refuse_an_emptied_collection(self) -> None:
        """Raise where the collection seems the wrong one: that must not cost everybody's files."""
        loader, limit = self._loader, self._options.limit
        if limit is not None and limit <= _PLAUSIBLY_GONE:
            return
        sample = 2 * _PLAUSIBLY_GONE + 1
        for ids in (
            loader.repository.ledgers(loader.shard.ids, "", sample),
            islice(loader.folders(), sample),
        ):
            missing = loader.repository.without_document(list(ids))
            if len(missing) > _PLAUSIBLY_GONE and self._deleted(missing) > _PLAUSIBLY_GONE:
                raise EverythingGone(
                    f"more than {_PLAUSIBLY_GONE} of the first {sample} avatars have no document: "
                    "is LIVEPORTRAIT_COLLECTION the right one? If they are really gone, --limit "
                    f"{_PLAUSIBLY_GONE} clears so many at a time"
                )

    def _deleted(self, avatar_ids: Sequence[str]) -> int:
        """Count those of which this pass would delete everything."""
        entries = (self._loader.entry(each) for each in avatar_ids)
        return sum(Finding.NO_DOCUMENT in self._scan.checker.findings(each) for each in entries)

    # --- a step

    def _serve(self, step: ScanStep) -> Ending | None:
        """Serve one step, or return why the run ends before it."""
        report = self.report
        if self._stopping():
            return Ending.STOPPED
        if step.suspect is None:
            report.avatars += step.avatars
            if step.outdated and not self._scan.upgrading:
                report.found[Finding.OUTDATED] += step.outdated
            return None
        if report.attended == self._options.limit:
            return Ending.LIMIT
        if not self._wait():
            return Ending.STOPPED
        with log.bound(**step.suspect.log_ids):
            self._check_again(step.suspect, upgrading=step.place.phase in UPGRADES)
        return None

    def _wait(self) -> bool:
        """Wait until the next avatar may be repaired; False: the run is to end."""
        while (left_s := self._due - self._clock.monotonic()) > 0:
            if self._stopping():
                return False
            self._clock.sleep(min(left_s, _NAP_S))
        return True

    def _check_again(self, subject: Subject, *, upgrading: bool) -> None:
        """Load a subject again, and repair what is still wrong."""
        try:
            entry = self._scan.entry(subject)
            findings = [
                finding
                for finding in self._scan.checker.findings(entry)
                if (finding is Finding.OUTDATED) is upgrading and subject not in self._listed
            ]
            if Finding.ORPHANED_INPUT in findings:  # alone, and left alone
                return self._tell_orphans(entry)
            if findings:
                self.report.attended += 1
                self._set_due(findings)
            for finding in findings:
                self._mend(entry, finding)
        except Exception as fault:
            self.report.faults += 1
            log.fault("avatar not mended", fault)

    def _tell_orphans(self, entry: Entry) -> None:
        self.report.found[Finding.ORPHANED_INPUT] += 1
        for path in entry.objects:
            log.info("found", finding=Finding.ORPHANED_INPUT.value, path=path)

    def _set_due(self, findings: list[Finding]) -> None:
        """Set when the next avatar may be repaired, by the rates of the options."""
        options = self._options
        if options.dry_run:
            return
        pause_s = 1 / options.mends_per_s
        if not MAY_RENDER.isdisjoint(findings):
            pause_s = max(pause_s, 60 / options.renders_per_min)
        self._due = self._clock.monotonic() + pause_s

    def _mend(self, entry: Entry, finding: Finding) -> None:
        report, dry_run = self.report, self._options.dry_run
        report.found[finding] += 1
        log.info("found", finding=finding.value, dry_run=dry_run)
        if dry_run:
            if finding is Finding.NO_DOCUMENT:
                self._listed.add(entry.avatar.subject)
            return
        try:
            status = self._repairer.mend(entry, finding)
        except RetryLater as later:
            if later.__cause__ is not None:  # the handler reports faults that way
                raise
            status = TransactionStatus.AGAIN
        if status is TransactionStatus.DONE:
            report.mended[finding] += 1
        else:
            report.postponed += 1
            log.info("left to a later pass", finding=finding.value, verdict=status.value)
