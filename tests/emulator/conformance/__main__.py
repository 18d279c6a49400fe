"""`python -m tests.emulator.conformance`: the table that docs/use/emulator.md shows."""

import sys

from tests.emulator.conformance.rendering import table

if __name__ == "__main__":
    sys.stdout.write(table())
