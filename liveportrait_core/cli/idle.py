"""`idle`: a portrait moved by a synthetic idle, without any driving clip. The mesh engine's."""

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console, print_report, progress_bar, write_quality
from liveportrait_core.cli.engine_options import (
    DEFAULT_WEIGHTS,
    accepted_methods,
    changed_options,
    non_default_options,
)
from liveportrait_core.cli.help_text import HelpFormatter
from liveportrait_core.cli.inputs import check_files
from liveportrait_core.cli.render_options import (
    add_delivery,
    add_multiplier,
    add_render_options,
    delivery_of,
    options_of,
)
from liveportrait_core.errors import InvalidOption
from liveportrait_core.limits import written_rate
from liveportrait_core.media.clips.rate import HIGHEST_RATE
from liveportrait_core.options import Delivery, Engine, RenderOptions, SyntheticIdle
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.request import RenderRequest


def add_idle(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "idle",
        help="animate a portrait by a synthetic idle",
        description="Sway, breath and blinks as of a person at rest; loops exactly.",
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: idle(parsed, console))
    command.add_argument("portrait", type=Path, metavar="PORTRAIT", help="a picture of a face")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT",
        help="the file to write: .mp4, .gif or .webp",
    )  # fmt: skip
    add_synthetic_motion(command)
    add_multiplier(command, multiplier=1.0)
    add_render_options(command)
    add_delivery(command)


def add_synthetic_motion(command: Any) -> None:
    """Add which synthetic idle, and how long."""
    command.add_argument(
        "--seed", type=int, default=SyntheticIdle.seed, help="another seed, another motion"
    )
    command.add_argument(
        "--seconds", type=float, default=SyntheticIdle.seconds, metavar="S",
        help="length (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--fps", type=_rate, default=SyntheticIdle.fps, metavar="RATE",
        help="frame rate, such as 25 or 30000/1001 (default: %(default)s)",
    )  # fmt: skip


def idle(parsed: argparse.Namespace, console: Console) -> int:
    """Animate a portrait by a synthetic idle."""
    options, delivery = options_of(parsed), delivery_of(parsed, parsed.output)
    return render_synthetic(parsed, console, {parsed.portrait: parsed.output}, options, delivery)


def render_synthetic(
    parsed: argparse.Namespace,
    console: Console,
    outputs: dict[Path, Path],
    options: RenderOptions,
    delivery: Delivery,
    poster: Path | None = None,
) -> int:
    """Animate every portrait by the same synthetic idle."""
    renderer, motion = open_synthetic(parsed)
    for portrait, output in outputs.items():
        request = RenderRequest(
            portrait=portrait,
            motion=motion,
            output=output,
            poster=poster,
            options=options,
            delivery=delivery,
        )
        with progress_bar() as on_progress:
            report = renderer.render(request, on_progress=on_progress)
        print_report(console, output, report)
        if parsed.quality:
            write_quality(console, output, report)
    return 0


def open_synthetic(parsed: argparse.Namespace) -> tuple[Renderer, SyntheticIdle]:
    """Open the mesh engine, and read what `add_synthetic_motion` added.

    Raises:
        BadInput: as `check_files` does.
        InvalidOption: too short or too long.
    """
    check_files(parsed)
    idle = SyntheticIdle(seed=parsed.seed, seconds=parsed.seconds, fps=parsed.fps)
    weights = vars(parsed).get("weights", DEFAULT_WEIGHTS)
    renderer = open_renderer(Engine.MESH, weights, accepted=accepted_methods(parsed))
    return renderer, idle


def require_mesh(parsed: argparse.Namespace) -> None:
    """Refuse a synthetic motion by another engine, and what only that one can do.

    Raises:
        InvalidOption: LivePortrait was asked for, or an option would be ignored.
    """
    if parsed.engine == Engine.LIVEPORTRAIT:
        raise InvalidOption(
            "--engine is liveportrait, and --motion synthetic is the mesh engine's; "
            "accepted: mesh, auto"
        )
    ignored = [name for name in non_default_options(parsed) if name != "--motion"]
    if ignored:
        raise InvalidOption(
            f"{', '.join(ignored)}: only LivePortrait can do that; the mesh engine, whose "
            "--motion synthetic is, would ignore it; accepted: without, or a driving file"
        )


def refuse_synthetic_options(parsed: argparse.Namespace) -> None:
    """Refuse what `add_synthetic_motion` offers where a file drives.

    Raises:
        InvalidOption: one of them would be ignored.
    """
    parser = argparse.ArgumentParser()
    add_synthetic_motion(parser)
    if ignored := changed_options(parsed, parser):
        raise InvalidOption(
            f"{', '.join(ignored)}: only a synthetic motion has it, and {parsed.driving.name} "
            "would drive without; accepted: without (--max-seconds shortens a clip), or "
            "--motion synthetic and no driving file"
        )


def _rate(text: str) -> Fraction:
    try:
        rate = written_rate(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f"{text!r}; accepted: 1 to 30, such as 25 or 30000/1001")
    return rate
