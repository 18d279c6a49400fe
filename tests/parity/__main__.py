"""`python -m tests.parity`: one line per check; fails if one fails or an array was left out."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.parity.golden_set import GoldenFile
from tests.parity.run import CHECKS, run_checks

OUR_SET = Path(__file__).parents[1] / "golden"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--golden", type=Path, default=OUR_SET, help="folder of the set")
    parser.add_argument("--prefix", default="", help="seed prefix of the set")
    parser.add_argument("--file", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    parsed = parser.parse_args(arguments)
    holds = True
    for file in run_checks(parsed.golden, parsed.prefix, parsed.file):
        report(file)
        holds = holds and all(check.ok for check in file.checks) and not file.unchecked()
    print("parity holds" if holds else "parity does NOT hold")
    return 0 if holds else 1


def report(file: GoldenFile) -> None:
    for check in file.checks:
        print(check)
    for array in file.unchecked():
        print(f"{file.name}/{array} was not checked FAIL")
    print(
        f"# {file.name}: {len(file.arrays)} arrays: {len(file.compared)} compared in"
        f" {len(file.checks)} checks; not compared, as they are inputs of the checks:"
        f" {', '.join(sorted(file.inputs))}"
    )


if __name__ == "__main__":
    sys.exit(main())
