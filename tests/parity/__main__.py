"""`python -m tests.parity`: one line per check; fails if one fails or an array was left out."""

import argparse
import sys
from pathlib import Path

from tests.parity.golden_set import GoldenFile
from tests.parity.run import run_checks

OUR_SET = Path(__file__).parents[1] / "golden"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--golden", type=Path, default=OUR_SET, help="folder of the set")
    parser.add_argument("--prefix", default="", help="seed prefix of the set")
    arguments = parser.parse_args()
    files = run_checks(arguments.golden, arguments.prefix)
    for file in files:
        report(file)
    sound = all(check.ok for file in files for check in file.checks)
    complete = not any(file.unchecked() for file in files)
    print("parity holds" if sound and complete else "parity does NOT hold")
    return 0 if sound and complete else 1


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
