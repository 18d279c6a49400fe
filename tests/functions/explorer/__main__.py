"""Repeat an episode and tell it: `python -m tests.functions.explorer SEED`."""

import argparse
import time
from collections import Counter

from tests.functions.explorer.episode import play, shrink


def main() -> int:
    """Play one seed, or all of a range; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.functions.explorer", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--to", type=int, help="play all seeds from SEED on, up to this one")
    parser.add_argument(
        "--without", default="", help="acts and disturbances to leave out: a1,b#2:3"
    )
    parser.add_argument("--off", default="", help="checks that are not made")
    parser.add_argument("--whole", action="store_true", help="do not look for a shorter one")
    given = parser.parse_args()
    without, off = (frozenset(filter(None, each.split(","))) for each in (given.without, given.off))
    if given.to is not None:
        return _range(given.seed, given.to, off)
    found = play(given.seed, without, off=off)
    if found.check is not None and not given.whole:
        without = shrink(found, without, off)
    told = play(given.seed, without, off=off, telling=True)
    print("\n".join(told.trace))
    if without:
        print(f"\nthis is it with --whole --without {','.join(sorted(without))}")
    print(f"\nseed {given.seed}: {told.check or 'nothing is wrong'} {told.breach}")
    return told.check is not None


def _range(first: int, last: int, off: frozenset[str]) -> int:
    began, found = time.monotonic(), Counter[str]()
    for seed in range(first, last + 1):
        status = play(seed, off=off)
        if status.check is not None:
            found[status.check] += 1
            print(f"{seed}: {status.check}: {status.breach}", flush=True)
    took_s = time.monotonic() - began
    print(f"{last - first + 1} episodes in {took_s:.1f} s, {sum(found.values())} with a breach")
    for what, count in found.most_common():
        print(f"{count:6} {what}")
    return bool(found)


raise SystemExit(main())
