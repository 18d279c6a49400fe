"""`lipsync`: a clip whose mouth is made to fit a sound."""

import argparse
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console, progress_bar, warning_line
from liveportrait_core.cli.engine_options import (
    DEFAULT_WEIGHTS,
    accepted_methods,
    add_licence_options,
)
from liveportrait_core.cli.help_text import ENVIRONMENT, EXIT_STATUS, HelpFormatter
from liveportrait_core.cli.inputs import check_files
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import SpeechMethod
from liveportrait_core.speech.methods import GFPGAN

_MOST_OFFSET = 25


def add_lipsync(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "lipsync",
        help="make the mouth of a clip fit a sound (Wav2Lip; research only)",
        description="Repaint the lower face of a clip so that it says what a sound says. Frames "
        "without a face, and those without a voice, stay as they are.",
        epilog="\n".join((EXIT_STATUS, ENVIRONMENT)),
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: _lipsync(parsed, console))
    command.add_argument("clip", type=Path, metavar="CLIP", help="a video of a face")
    command.add_argument("sound", type=Path, metavar="SOUND", help="a sound, or a clip with one")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.mp4", help="the file to write"
    )
    add_licence_options(command)
    command.add_argument(
        "--refine", choices=(GFPGAN,), default=None, help="sharpen the painted mouth",
    )  # fmt: skip
    command.add_argument(
        "--repeat", action="store_true", help="begin the clip again where the sound lasts longer"
    )
    command.add_argument(
        "--offset-frames", type=int, default=0, metavar="N",
        help="hear the sound N frames later; -1 pairs as the weights were trained "
        "(default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR",
        help="the weights folder (default: %(default)s)",
    )  # fmt: skip


def _lipsync(parsed: argparse.Namespace, console: Console) -> int:
    from liveportrait_core.lipsync.wav2lip.method import Wav2LipMethod
    from liveportrait_core.pipeline.lipsync import ClipSync, LipSyncRequest
    from liveportrait_core.pipeline.talk_costs import OpenedMethods
    from liveportrait_core.pipeline.talk_methods import find_methods

    if parsed.output.suffix.lower() != ".mp4":
        raise InvalidOption(f"{parsed.output.name} is no .mp4; accepted: a file that ends in .mp4")
    if abs(parsed.offset_frames) > _MOST_OFFSET:
        raise InvalidOption(
            f"--offset-frames is {parsed.offset_frames}; "
            f"accepted: −{_MOST_OFFSET} to {_MOST_OFFSET}"
        )
    check_files(parsed)
    methods = find_methods(None, parsed.weights, accepted_methods(parsed))
    methods.choose(SpeechMethod.WAV2LIP)
    method = Wav2LipMethod.opened(parsed.weights, offset_frames=parsed.offset_frames)
    refiner = OpenedMethods(methods).refiner() if parsed.refine else None
    request = LipSyncRequest(
        clip=parsed.clip, sound=parsed.sound, output=parsed.output, repeat=parsed.repeat
    )
    with progress_bar() as on_progress:
        made = ClipSync(method, refiner).sync(request, on_progress=on_progress)
    console.say(
        f"{parsed.output}: {made.width_px}x{made.height_px}, {made.frame_count} frames at "
        f"{float(made.fps):.5g} fps, {made.size_bytes / 1e6:.2f} MB, by {made.method} "
        f"({made.licence})"
    )
    if made.flicker is not None:
        console.say(
            f"refined by {made.refiner}: {made.flicker:.2f} times the change between frames"
        )
    if made.frames_without_face:
        console.warn(f"{made.frames_without_face} frames show no face and stay as they are")
    for warning in made.warnings:
        console.warn(warning_line(warning))
    return 0
