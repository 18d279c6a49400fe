"""`python -m functions.reconcile erase --owner UID`: erase all that the pipeline knows of a person.

Ends with one JSON line on standard output. Exit codes: 0, nothing is left; 1, something could not
be erased, run it again; 2, it was not begun.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence

from functions.app import start
from functions.errors import InvalidSetting, RetryLater
from functions.reconcile.adapters import BucketLister, FirestoreOwner
from functions.reconcile.erase import Erasure, ErasureReport
from liveportrait_core import RenderError

_NOT_BEGUN = 2


def main(arguments: Sequence[str]) -> int:
    """Erase, or list what would be erased.

    Args:
        arguments: those after `erase`.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        app = start()
        erasure = Erasure(
            deps=app.deps,
            documents=FirestoreOwner(app.clients.database, collection=app.settings.collection),
            lister=BucketLister(app.clients.bucket),
            owner=options.owner,
            dry_run=options.dry_run,
        )
    except (InvalidSetting, RenderError, RetryLater) as fault:
        sys.stderr.write(f"Erasure cannot start: {fault}\n")
        return _NOT_BEGUN
    report = erasure.run()
    _tell(report, dry_run=options.dry_run, seconds=time.monotonic() - began)
    return int(report.faults > 0)


def _tell(report: ErasureReport, *, dry_run: bool, seconds: float) -> None:
    """Write the report; it does not name the owner, because a log may keep it for a month."""
    line = {
        "severity": "ERROR" if report.faults else "INFO",
        "message": "erased",
        "dryRun": dry_run,
        "ending": "failed" if report.faults else "complete",
        "avatars": report.avatars,
        "documents": report.documents,
        "ledgers": report.ledgers,
        "objects": report.objects,
        "sizeBytes": report.size_bytes,
        "quotas": len(report.quotas),
        "faults": report.faults,
        "seconds": round(seconds, 1),
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m functions.reconcile erase", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "--owner",
        type=_uid,
        required=True,
        metavar="UID",
        help="the person, as the documents' userId names them",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="delete nothing; list what would be erased"
    )
    return parser


def _uid(text: str) -> str:
    if not text or text != text.strip():
        raise argparse.ArgumentTypeError(
            f"{text!r}; accepted: a user's id, without spaces around it"
        )
    return text
