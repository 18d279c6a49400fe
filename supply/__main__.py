"""`python -m supply lock | bill`: write the lock files; write the images' bills of materials."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from supply.bill import IMAGES, RENDERER, bill_of_materials, licence_table
from supply.licences import LicenceUnknown
from supply.locking import write_locks
from supply.locks import LockUnreadable

_ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run a command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m supply", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    lock = commands.add_parser("lock", help="write locks/ anew, by uv")
    lock.add_argument("--uv", default="uv", help="the program (default: the one on the PATH)")
    lock.add_argument("--renew", action="store_true", help="take newer versions of what may float")
    bill = commands.add_parser("bill", help="write CycloneDX and a table of licences")
    bill.add_argument("--to", type=Path, default=Path("out/supply"), help="folder")
    parsed = parser.parse_args()
    try:
        if parsed.command == "lock":
            write_locks(_ROOT, parsed.uv, renew=parsed.renew)
        else:
            _write_bill(parsed.to)
    except (LicenceUnknown, LockUnreadable, FileNotFoundError) as fault:
        print(fault, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        return 1  # uv has said what does not fit
    return 0


def _write_bill(to: Path) -> None:
    bills = {image: bill_of_materials(_ROOT, image) for image in IMAGES}
    to.mkdir(parents=True, exist_ok=True)
    for image, bill in bills.items():
        path = to / f"{image}.cdx.json"
        path.write_text(json.dumps(bill, indent=1) + "\n", "utf-8")
        print(f"{path}: {len(bill['components'])} components")
    (to / "licences.txt").write_text(licence_table(bills[RENDERER]), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
