"""The renderer on the command line, without any cloud: `python -m liveportrait_core --help`.

One function per subcommand; what a person did wrong ends in one line and status 2, a render that
failed in status 1. Knows how to speak to people and nothing of how pictures are made.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from liveportrait_core.errors import BadInput, EngineUnavailable, InvalidOption, RenderError
from liveportrait_core.inspection import contact_sheet, inspect
from liveportrait_core.mesh.idle import synthetic_idle
from liveportrait_core.motion_command import (
    add_max_seconds,
    add_motion_commands,
    open_chosen,
    read_driving_template,
)
from liveportrait_core.options import AnimationRegion, Engine, Progress, RenderOptions, RenderReport
from liveportrait_core.renderer import open_renderer
from liveportrait_core.setup_options import (
    DEFAULT_WEIGHTS,
    add_animation_options,
    add_network_options,
    add_refinement_options,
)
from liveportrait_core.video import HIGHEST_RATE
from liveportrait_core.weights.command import add_weights_command

_LONGEST_IDLE_S = 60
_STAGE_WORDS = {
    "prepare": "looking at the portrait",
    "motion": "reading the motion",
    "render": "animating",
    "encode": "finishing the file",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and give the exit status."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except (BadInput, EngineUnavailable) as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 2
    except RenderError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Abandoned; nothing was written.", file=sys.stderr)
        return 130


def render(parsed: argparse.Namespace) -> int:
    """Animate a portrait by a driving clip."""
    options = _options(parsed, max_seconds=parsed.max_seconds, loop=parsed.loop)
    renderer = open_chosen(parsed, parsed.engine)
    print(f"Engine {renderer.engine}: {renderer.reason}.", file=sys.stderr)
    template = read_driving_template(parsed.driving, renderer, parsed.max_seconds)
    make = partial(renderer.render, parsed.portrait, parsed.driving)
    if template is not None:
        make = partial(renderer.render_template, parsed.portrait, template)
    with _progress_bar() as watch:
        report = make(parsed.output, poster=parsed.poster, options=options, watch=watch)
    _say_what_was_made(parsed.output, report)
    return 0


def idle(parsed: argparse.Namespace) -> int:
    """Animate a portrait by a synthetic idle, which only the mesh engine knows."""
    if not 0.5 <= parsed.seconds <= _LONGEST_IDLE_S:
        raise InvalidOption(f"seconds is {parsed.seconds:g}; accepted: 0.5 to {_LONGEST_IDLE_S}")
    options = _options(parsed)
    renderer = open_renderer(Engine.MESH, DEFAULT_WEIGHTS)
    motion = synthetic_idle(seed=parsed.seed, seconds=parsed.seconds, fps=parsed.fps)
    with _progress_bar() as watch:
        report = renderer.render_template(
            parsed.portrait, motion, parsed.output, options=options, watch=watch
        )
    _say_what_was_made(parsed.output, report)
    return 0


def inspect_video(parsed: argparse.Namespace) -> int:
    """Measure a finished video and show it."""
    inspection = inspect(
        parsed.video,
        parsed.portrait,
        parsed.driving,
        max_dim_px=parsed.source_max_dim,
        max_seconds=parsed.max_seconds,
    )
    if parsed.contact is not None:
        contact_sheet(
            parsed.video, parsed.portrait, parsed.contact, inspection, driving=parsed.driving
        )
    print(json.dumps(inspection.as_json(), indent=2))
    return 0 if inspection.ok else 1


@contextmanager
def _progress_bar() -> Iterator[Callable[[Progress], None]]:
    """A bar on stderr while it is a terminal; nothing elsewhere."""
    form = "{desc:<24} {percentage:3.0f}% |{bar}| {elapsed}{postfix}"
    with tqdm(total=1.0, bar_format=form, file=sys.stderr, disable=None, leave=False) as bar:

        def show(progress: Progress) -> None:
            bar.set_description_str(_STAGE_WORDS[progress.stage], refresh=False)
            bar.postfix = None if progress.eta_s is None else f"about {progress.eta_s:.0f} s left"
            bar.n = progress.fraction
            bar.refresh()

        yield show


def _say_what_was_made(output: Path, report: RenderReport) -> None:
    stages = ", ".join(f"{part.stage} {part.seconds:.1f} s" for part in report.seconds)
    print(
        f"{output}: {report.width_px}x{report.height_px}, {report.frame_count} frames at "
        f"{float(report.fps):.5g} fps ({report.duration_ms / 1000:.2f} s), "
        f"{report.size_bytes / 1e6:.2f} MB, by {report.engine_version} ({stages})"
    )
    for warning in report.warnings:
        print(f"Warning {warning}", file=sys.stderr)


def _options(parsed: argparse.Namespace, **more: Any) -> RenderOptions:
    return RenderOptions(
        driving_multiplier=parsed.driving_multiplier,
        normalize_lip=parsed.normalize_lip,
        animation_region=AnimationRegion(parsed.animation_region),
        source_crop_scale=parsed.scale,
        source_max_dim_px=parsed.source_max_dim,
        **more,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m liveportrait_core",
        description="Make a portrait move. Exit status: 0 done, 1 failed or fallen short, "
        "2 wrong input.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_render(commands)
    _add_idle(commands)
    _add_inspect(commands)
    add_motion_commands(commands, say=print)
    add_weights_command(commands, say=print)
    return parser


def _add_render(commands: Any) -> None:
    command = commands.add_parser("render", help="animate a portrait by a driving clip")
    command.set_defaults(command=render)
    command.add_argument("portrait", type=Path, metavar="PORTRAIT", help="a picture of a face")
    command.add_argument(
        "driving", type=Path, metavar="DRIVING", help="a clip of a face, or a motion template"
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.mp4", help="the video to write"
    )
    command.add_argument("--poster", type=Path, metavar="FILE.jpg", help="write frame 0 as well")
    command.add_argument(
        "--engine",
        choices=(Engine.LIVEPORTRAIT.value, Engine.MESH.value, "auto"),
        default="auto",
        help="auto: LivePortrait when it can run here, else mesh (default)",
    )
    add_network_options(command)
    add_animation_options(command)
    add_refinement_options(command)
    command.add_argument(
        "--loop", action=argparse.BooleanOptionalAction, default=True,
        help="ease the motion back to that of frame 0 (default: on)",
    )  # fmt: skip
    add_max_seconds(command)
    _add_look(command, multiplier=RenderOptions.driving_multiplier)


def _add_idle(commands: Any) -> None:
    command = commands.add_parser("idle", help="animate a portrait by a synthetic idle")
    command.set_defaults(command=idle)
    command.add_argument("portrait", type=Path, metavar="PORTRAIT", help="a picture of a face")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="CLIP.mp4", help="the clip to write"
    )
    command.add_argument("--seed", type=int, default=0, help="another seed, another motion")
    command.add_argument(
        "--seconds", type=float, default=6.0, metavar="S", help="length (default: %(default)s)"
    )
    command.add_argument(
        "--fps", type=_rate, default=Fraction(30), metavar="RATE",
        help="frame rate, such as 25 or 30000/1001 (default: %(default)s)",
    )  # fmt: skip
    _add_look(command, multiplier=1.0)


def _add_inspect(commands: Any) -> None:
    command = commands.add_parser("inspect", help="measure a finished video, as JSON")
    command.set_defaults(command=inspect_video)
    command.add_argument("video", type=Path, metavar="VIDEO", help="the video to judge")
    command.add_argument(
        "--portrait", type=Path, required=True, metavar="FILE", help="what it was made from"
    )
    command.add_argument("--driving", type=Path, metavar="FILE", help="what moved it")
    command.add_argument("--contact", type=Path, metavar="OUT.png", help="write a contact sheet")
    command.add_argument(
        "--max-seconds", type=float, default=RenderOptions.max_seconds, metavar="S",
        help="longest duration that was asked for (default: %(default)s)",
    )  # fmt: skip
    _add_source_max_dim(command)


def _add_look(command: argparse.ArgumentParser, *, multiplier: float) -> None:
    command.add_argument(
        "--driving-multiplier", type=float, default=multiplier, metavar="X",
        help="strength of the motion, 0 to 1 (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--normalize-lip", action=argparse.BooleanOptionalAction, default=True,
        help="close the portrait's lips first (default: on)",
    )  # fmt: skip
    command.add_argument(
        "--animation-region", choices=[region.value for region in AnimationRegion], default="all",
        help="what may move (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--scale", type=float, default=RenderOptions.source_crop_scale, metavar="X",
        help="side of the crop, relative to the face, 1 to 3.2 (default: %(default)s)",
    )  # fmt: skip
    _add_source_max_dim(command)


def _add_source_max_dim(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--source-max-dim", type=int, default=RenderOptions.source_max_dim_px, metavar="PX",
        help="longest side of the result, 512 to 2048; never enlarged (default: %(default)s)",
    )  # fmt: skip


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f"{text!r}; accepted: 1 to 30, such as 25 or 30000/1001")
    return rate


if __name__ == "__main__":
    sys.exit(main())
