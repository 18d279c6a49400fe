"""`python -m liveportrait_core.weights fetch --to DIR`: the weights' commands without the renderer.

The image is built with it: of the whole package it needs this folder, errors and options alone, so
that a change elsewhere does not fetch everything again.
"""

import argparse
import sys
from collections.abc import Callable

from liveportrait_core.errors import RenderError
from liveportrait_core.weights.command import add_actions


def main() -> int:
    """Run one action and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m liveportrait_core.weights")
    add_actions(parser, say=print)
    parsed = parser.parse_args()
    action: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return action(parsed)
    except RenderError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
