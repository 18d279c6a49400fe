"""`ladder`: one motion at several multipliers, as clips and as one picture, from one analysis."""

import argparse
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console, print_report, progress_bar, write_quality
from liveportrait_core.cli.engine_options import (
    SYNTHETIC,
    add_animation_options,
    add_network_options,
    add_refinement_options,
)
from liveportrait_core.cli.help_text import EXIT_STATUS, SWEEP_EXAMPLES, HelpFormatter
from liveportrait_core.cli.idle import add_synthetic_motion, open_synthetic, require_mesh
from liveportrait_core.cli.inputs import DrivingFile, Kind, add_engine, driving_kind, open_engine
from liveportrait_core.cli.render_options import (
    add_loop,
    add_render_options,
    add_size_and_quality,
    made_folder,
    options_of,
)
from liveportrait_core.cli.template import add_max_seconds
from liveportrait_core.errors import InvalidOption
from liveportrait_core.inspection import SweepItem, sweep_sheet
from liveportrait_core.media.output import require_distinct
from liveportrait_core.options import Delivery, RenderOptions
from liveportrait_core.report import RenderedVideo
from liveportrait_core.request import RenderRequest

_USUAL = "0.08,0.2,0.4,0.7,1"
_FEWEST, _MOST = 2, 12
_SHEET = "ladder.png"

_Make = Callable[[Path, RenderOptions], RenderedVideo]


def add_multiplier_sweep(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "ladder",
        help="one motion at several multipliers, as clips and as one picture",
        usage="%(prog)s [OPTION ...] PORTRAIT DRIVING -o FOLDER",
        description="Make a portrait move like the face in a driving file at several strengths.\n"
        f"The driving file is analysed once. FOLDER gets idle-0.08.mp4 and so on, and {_SHEET}.",
        epilog="\n".join((SWEEP_EXAMPLES, EXIT_STATUS)),
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: ladder(parsed, console))
    command.add_argument(
        "portrait", type=Path, metavar="PORTRAIT", help="a picture or a clip of a face"
    )
    command.add_argument(
        "driving", type=Path, nargs="?", metavar="DRIVING",
        help="a clip or a motion template; none with --motion synthetic",
    )  # fmt: skip
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER",
        help="where the files go; it is made where it is not there",
    )  # fmt: skip
    command.add_argument(
        "--multipliers", default=_USUAL, metavar="X,X,...",
        help=f"{_FEWEST} to {_MOST} strengths of the motion, 0 to 1 (default: %(default)s)",
    )  # fmt: skip
    add_engine(command)
    add_synthetic_motion(command.add_argument_group("the synthetic motion"))
    add_size_and_quality(command.add_argument_group("the files"))
    look = command.add_argument_group("the look")
    add_render_options(look)
    add_loop(look)
    add_max_seconds(look)
    add_animation_options(command.add_argument_group("LivePortrait's ways"))
    add_refinement_options(command.add_argument_group("LivePortrait's refinements"))
    add_network_options(command.add_argument_group("LivePortrait's networks"))


def ladder(parsed: argparse.Namespace, console: Console) -> int:
    """Animate a portrait by the same motion at several multipliers."""
    multipliers = parse_multipliers(parsed.multipliers)
    require_distinct(parsed.output / _SHEET, filter(None, (parsed.portrait, parsed.driving)))
    options = options_of(parsed, max_seconds=parsed.max_seconds, loop=parsed.loop)
    delivery = Delivery(longest_side_px=parsed.output_size)
    choose = _by_synthetic_motion if parsed.motion == SYNTHETIC else _by_driving_file
    mover, make = choose(parsed, console, delivery)
    folder = made_folder(parsed.output)
    rungs = []
    for multiplier in multipliers:
        video = folder / f"idle-{multiplier:g}.mp4"
        report = make(video, replace(options, driving_multiplier=multiplier))
        print_report(console, video, report)
        if parsed.quality:
            write_quality(console, video, report)
        rungs.append(SweepItem(multiplier=multiplier, video=video, report=report))
    title = f"{parsed.portrait.name}, moved by {mover}, by {rungs[-1].report.engine_version}"
    moments = sweep_sheet(rungs, folder / _SHEET, title=title)
    console.say(f"{folder / _SHEET}: {len(rungs)} multipliers at {len(moments)} moments")
    return 0


def parse_multipliers(text: str) -> tuple[float, ...]:
    """Parse numbers separated by commas into rising order.

    Raises:
        InvalidOption: one is no number from 0 to 1 or comes twice, or they are too few or too many.
    """
    accepted = f"accepted: {_FEWEST} to {_MOST} different numbers from 0 to 1, such as {_USUAL}"
    named: dict[str, float] = {}
    for word in text.split(","):
        multiplier = _number(word)
        if not 0 <= multiplier <= 1:
            raise InvalidOption(f"multipliers {text!r}: {word.strip()!r} is none; {accepted}")
        if f"{multiplier:g}" in named:
            raise InvalidOption(f"multipliers {text!r}: {multiplier:g} comes twice; {accepted}")
        named[f"{multiplier:g}"] = multiplier
    if not _FEWEST <= len(named) <= _MOST:
        raise InvalidOption(f"multipliers {text!r}: there are {len(named)}; {accepted}")
    return tuple(sorted(named.values()))


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _by_driving_file(
    parsed: argparse.Namespace, console: Console, delivery: Delivery
) -> tuple[str, _Make]:
    if parsed.driving is None:
        raise InvalidOption(
            f"{parsed.portrait} is the only file; accepted: PORTRAIT DRIVING, or --motion synthetic"
        )
    kind = driving_kind(parsed.driving)
    if kind is Kind.PICTURE:
        raise InvalidOption(
            f"{parsed.driving.name} is a picture, which gives no clips; "
            "accepted: a clip or a motion template"
        )
    driving = DrivingFile(open_engine(parsed, console), parsed, kind)
    driving.template()  # what is wrong with it is said before a folder is made

    def make(video: Path, options: RenderOptions) -> RenderedVideo:
        return driving.render(parsed.portrait, video, options, delivery)

    return parsed.driving.name, make


def _by_synthetic_motion(
    parsed: argparse.Namespace, console: Console, delivery: Delivery
) -> tuple[str, _Make]:
    if parsed.driving is not None:
        raise InvalidOption(
            f"{parsed.driving} would be ignored by --motion synthetic; "
            "accepted: PORTRAIT alone, or another motion"
        )
    require_mesh(parsed)
    renderer, motion = open_synthetic(parsed)
    console.warn(f"Engine {renderer.engine}: {renderer.reason}.")

    def make(video: Path, options: RenderOptions) -> RenderedVideo:
        request = RenderRequest(
            portrait=parsed.portrait,
            motion=motion,
            output=video,
            options=options,
            delivery=delivery,
        )
        with progress_bar() as on_progress:
            return renderer.render(request, on_progress=on_progress)

    return f"a synthetic idle of seed {parsed.seed}", make
