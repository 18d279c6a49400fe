"""`python -m tests.mutants`: plants the faults of the list, and tells which tests catch them."""

import argparse
import os
import queue
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.tree import Outcome, Tree, Trial

_ROOT = Path(__file__).resolve().parents[2]
_BASELINE_LIMIT_S = 1800.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants out; 0: all are caught."""
    options = _options(arguments)
    chosen = _chosen(options.names)
    if chosen is None:
        return 2
    if options.list:
        for mutant in chosen:
            print(f"{mutant.name}\n    {mutant.file}: {mutant.why}")
        return 0
    began = time.monotonic()
    with ExitStack() as stack:
        trees = []
        for _ in range(min(options.jobs, len(chosen))):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-"))
            trees.append(Tree(_ROOT, Path(folder)))
        if not options.skip_baseline and not _is_sound(trees[0], chosen):
            return 2
        outcomes = Counter(_told(_tried(trees, chosen)))
    caught = outcomes[Outcome.CAUGHT]
    others = ", ".join(f"{outcomes[each]} {each.value}" for each in list(Outcome)[1:])
    seconds = time.monotonic() - began
    print(f"{len(chosen)} mutants: {caught} caught, {others}; {seconds:.0f} s")
    return 0 if caught == len(chosen) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; * stands for any")
    parser.add_argument("--list", action="store_true", help="name them, and why they matter")
    parser.add_argument(
        "--jobs",
        type=int,
        default=min(4, os.cpu_count() or 1),
        help="at once (default: %(default)s)",
    )
    parser.add_argument(
        "--skip-baseline",
        action="store_true",
        help="do not run the tests without any fault first: one that fails anyway catches nothing",
    )
    return parser.parse_args(arguments)


def _chosen(patterns: Sequence[str]) -> tuple[Mutant, ...] | None:
    for pattern in patterns:
        if not any(fnmatchcase(mutant.name, pattern) for mutant in MUTANTS):
            print(f"{pattern} is no mutant's name; see --list", file=sys.stderr)
            return None
    return tuple(
        mutant
        for mutant in MUTANTS
        if not patterns or any(fnmatchcase(mutant.name, pattern) for pattern in patterns)
    )


def _is_sound(tree: Tree, mutants: Sequence[Mutant]) -> bool:
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    run = tree.run(tests, limit_s=_BASELINE_LIMIT_S)
    if run.status == 0:
        return True
    print(run.output, file=sys.stderr)
    print("these tests fail without any fault: they would catch nothing", file=sys.stderr)
    return False


def _tried(trees: Sequence[Tree], mutants: Sequence[Mutant]) -> Iterator[Trial]:
    """Try the mutants out in their order, as many at once as there are trees."""
    idle: queue.Queue[Tree] = queue.Queue()
    for tree in trees:
        idle.put(tree)

    def try_out(mutant: Mutant) -> Trial:
        tree = idle.get()
        try:
            return tree.try_out(mutant)
        finally:
            idle.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        yield from pool.map(try_out, mutants)


def _told(trials: Iterable[Trial]) -> Iterator[Outcome]:
    for trial in trials:
        print(trial, flush=True)
        yield trial.outcome


if __name__ == "__main__":
    sys.exit(main())
