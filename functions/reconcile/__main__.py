"""`python -m functions.reconcile`: find and repair the avatars that events missed.

Rules: contract.md, section 10. Ends with one JSON line on standard output. Exit codes: 0, the pass
or its share of it is done; 1, something could not be repaired or read, and the next run goes on; 2,
it was not begun. `erase --owner UID` erases all that is known of a person (`erase_command`).
"""

import argparse
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from functions.app import App, start
from functions.domain.subject import IDLE_LEDGERS, TALK_LEDGERS
from functions.errors import InvalidSetting, RetryLater
from functions.observability import log
from functions.reconcile import erase_command
from functions.reconcile.adapters import (
    BucketLister,
    FirestoreAvatars,
    FirestoreCheckpoints,
    FirestoreRequests,
    FirestoreTalks,
)
from functions.reconcile.findings import Checker
from functions.reconcile.loading.page_loader import PageLoader
from functions.reconcile.loading.shard import Shard
from functions.reconcile.loading.talk_loader import TalkLoader
from functions.reconcile.paging import PageScan, Scan
from functions.reconcile.recent import RecentScan
from functions.reconcile.repair import Repairer
from functions.reconcile.runner import EverythingGone, ReconcileRun, RunOptions, RunReport
from functions.roles import Role
from liveportrait_core import RenderError

_NOT_BEGUN = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once.

    Args:
        arguments: of the command line; None: `sys.argv`.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["erase"]:
        return erase_command.main(words[1:])
    options = _options(words)
    began = time.monotonic()
    try:
        shard = Shard.of(os.environ)
        instance = _begin()
        run = _reconcile_run(instance, shard, options)
    except (InvalidSetting, RenderError, RetryLater) as fault:
        sys.stderr.write(f"Reconcile cannot start: {fault}\n")
        return _NOT_BEGUN
    failed = False
    try:
        run.run()
    except EverythingGone as refusal:
        sys.stderr.write(f"Reconcile does not begin: {refusal}\n")
        return _NOT_BEGUN
    except Exception as fault:  # the checkpoint is at the end of the last page
        failed = True
        log.fault("pass not finished", fault)
    failed = failed or run.report.faults > 0
    _tell(
        run.report,
        shard,
        failed=failed,
        recent=options.recent,
        dry_run=options.dry_run,
        seconds=time.monotonic() - began,
    )
    return int(failed)


def _begin() -> App:
    instance = start()
    role = instance.settings.role
    if role is Role.RENDERER:
        raise InvalidSetting(
            "LIVEPORTRAIT_ROLE is 'renderer'; accepted for reconcile: gate, which leaves renders "
            "to the queue, or all, which renders here"
        )
    if role is Role.ALL:
        log.warning("renders happen in this very process, one after the other", role=role.value)
    instance.exporters.start()
    return instance


def _reconcile_run(instance: App, shard: Shard, options: argparse.Namespace) -> ReconcileRun:
    deps, database = instance.deps, instance.clients.database
    collection = instance.settings.collection
    lister = BucketLister(instance.clients.bucket)
    loader = PageLoader(
        repository=FirestoreAvatars(database, collection=collection),
        lister=lister,
        media=deps.media,
        reader=deps.transitions.reader,
        shard=shard,
        keeps_inputs=instance.settings.keep_inputs,
    )
    talks = TalkLoader(
        repository=FirestoreTalks(database, collection=collection),
        lister=lister,
        media=deps.media,
        reader=deps.transitions.reader,
        shard=shard,
        after=options.after or "",
    )
    checker = Checker(
        transitions=deps.transitions,
        engine=deps.engine,
        engine_version=deps.engine_version,
        quiet_s=options.quiet,
    )
    kind: type[Scan] = RecentScan if options.recent else PageScan
    scan = kind(
        loader=loader,
        talks=talks,
        checker=checker,
        requests=FirestoreRequests(database, IDLE_LEDGERS),
        talk_requests=FirestoreRequests(database, TALK_LEDGERS),
        upgrading=options.upgrade,
    )
    return ReconcileRun(
        scan,
        Repairer(deps=deps, lister=lister, handler=lambda: instance.handler),
        FirestoreCheckpoints(database),
        RunOptions(
            dry_run=options.dry_run,
            limit=options.limit,
            after=options.after,
            mends_per_s=options.rate,
            renders_per_min=options.renders_per_minute,
        ),
        clock=deps.clock,
        stopping=_stop_signal().is_set,
    )


def _stop_signal() -> threading.Event:
    """Return an event that a signal to end sets: the current avatar is still finished."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _tell(
    report: RunReport, shard: Shard, *, failed: bool, recent: bool, dry_run: bool, seconds: float
) -> None:
    line = {
        "severity": "ERROR" if failed else "INFO",
        "message": "reconciled",
        "recent": recent,
        "dryRun": dry_run,
        "ending": "failed" if failed and not report.faults else report.ending.value,
        "task": shard.index,
        "tasks": shard.count,
        "avatars": report.avatars,
        "found": {finding.value: count for finding, count in sorted(report.found.items())},
        "mended": {finding.value: count for finding, count in sorted(report.mended.items())},
        "postponed": report.postponed,
        "faults": report.faults,
        "seconds": round(seconds, 1),
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(words)
    if options.recent and (options.upgrade or options.after):
        parser.error("--recent with --upgrade or --after; accepted: these for a pass over all")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m functions.reconcile", description=__doc__)
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing anywhere; list what would be mended"
    )
    parser.add_argument(
        "--limit", type=_count, metavar="N", help="end after N avatars that needed mending"
    )
    parser.add_argument(
        "--recent",
        action="store_true",
        help="look only at what was written or asked for since the last such pass, or is pending",
    )
    parser.add_argument(
        "--upgrade",
        action="store_true",
        help="then render anew what another engine version answered, newest request first",
    )
    parser.add_argument(
        "--after", metavar="ID", help="begin after this avatar, not where the last run ended"
    )
    parser.add_argument(
        "--rate",
        type=_positive,
        default=5.0,
        metavar="R",
        help="avatars mended a second (%(default)g)",
    )
    parser.add_argument(
        "--renders-per-minute",
        type=_positive,
        default=30.0,
        metavar="R",
        help="of these, avatars that may need a render (%(default)g)",
    )
    parser.add_argument(
        "--quiet",
        type=_seconds,
        default=900.0,
        metavar="SECONDS",
        help="leave alone what was asked for less long ago: its event still comes (%(default)g)",
    )
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}; accepted: a whole number from 1")
    return int(text)


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}; accepted: a number above 0")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}; accepted: a number of seconds from 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


if __name__ == "__main__":
    sys.exit(main())
