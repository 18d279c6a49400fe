"""`methods`: which methods of talking are here, under which licence, and what each costs."""

import argparse
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console
from liveportrait_core.cli.engine_options import DEFAULT_WEIGHTS
from liveportrait_core.cli.help_text import EXIT_STATUS, HelpFormatter
from liveportrait_core.errors import InvalidOption
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.pipeline.talk_costs import MethodCost, OpenedMethods
from liveportrait_core.speech.methods import MethodLicence

_HEAD = f"{'method':10} {'licence':33} {'here':5} {'seconds':>8} {'opening':>8} {'peak MiB':>9}"


def add_methods(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "methods",
        help="list the methods of talking, and what refines them: licence, whether installed, "
        "what a talk costs here",
        description="Open each method that is installed and let it work a little. Seconds are "
        "those of one talk beyond the drawing of its frames; opening happens once a process.",
        epilog=EXIT_STATUS,
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: _methods(parsed, console))
    command.add_argument(
        "--seconds", type=float, default=10.0, metavar="S",
        help="of the talk (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR",
        help="the weights folder (default: %(default)s)",
    )  # fmt: skip


def _methods(parsed: argparse.Namespace, console: Console) -> int:
    from liveportrait_core.pipeline.talk_methods import BUILT_IN, REFINER, find_methods

    if not 0 < parsed.seconds <= MAX_SPEECH_SECONDS:
        raise InvalidOption(
            f"--seconds is {parsed.seconds}; accepted: above 0, up to {MAX_SPEECH_SECONDS:g}"
        )
    if parsed.weights != DEFAULT_WEIGHTS and not parsed.weights.is_dir():
        raise InvalidOption(f"--weights is {parsed.weights}; accepted: a folder that is there")
    accepted = frozenset({REFINER.name})  # to try it is to use it: on nothing but a grey picture
    installed = find_methods(None, parsed.weights, accepted)
    opened = OpenedMethods(installed)
    known = {method.name: method for method in (*installed.methods.values(), *BUILT_IN)}
    console.say(_HEAD)
    for name, method in known.items():
        here = name in installed.methods
        cost = opened.cost(method, seconds=parsed.seconds) if here else None
        console.say(_row(name, method.licence, cost, method.missing))
    here = REFINER.name in installed.refiners
    cost = opened.refining_cost(seconds=parsed.seconds) if here else None
    console.say(_row(REFINER.name, REFINER.licence, cost, REFINER.missing))
    return 0


def _row(name: str, licence: MethodLicence, cost: MethodCost | None, missing: str) -> str:
    head = f"{name:10} {licence.words:33}"
    if cost is None:
        return f"{head} no    {missing}"
    return f"{head} yes   {cost.seconds:8.1f} {cost.opening_seconds:8.1f} {cost.peak_mib:9.0f}"
