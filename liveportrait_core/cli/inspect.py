"""`inspect`: a finished video measured against what contract.md, section 6, promises."""

import argparse
import json
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console
from liveportrait_core.cli.help_text import HelpFormatter
from liveportrait_core.cli.inputs import check_files
from liveportrait_core.cli.render_options import add_source_max_dim
from liveportrait_core.errors import InvalidOption
from liveportrait_core.inspection import contact_sheet, inspect, measure_following
from liveportrait_core.media.origin import stated_origin
from liveportrait_core.options import RenderOptions


def add_inspect(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "inspect",
        help="measure a finished video, as JSON",
        description="Measure a finished video on the file itself; exit status 1 where it falls "
        "short.",
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: inspect_video(parsed, console))
    command.add_argument("video", type=Path, metavar="VIDEO", help="the video to judge")
    command.add_argument(
        "--portrait", type=Path, required=True, metavar="FILE", help="what it was made from"
    )
    command.add_argument("--driving", type=Path, metavar="FILE", help="what moved it")
    command.add_argument(
        "--following", action="store_true",
        help="measure too how well the face follows the driving clip's: head, lids, outline",
    )  # fmt: skip
    command.add_argument("--audio", action="store_true", help="sound was asked for")
    command.add_argument(
        "--talk", action="store_true",
        help="the video is a talk: with sound, as long as that, and not a loop",
    )  # fmt: skip
    command.add_argument(
        "--idle", type=Path, metavar="FILE",
        help="of a talk: the idle that it is cut into at frame 0; its ends are compared",
    )  # fmt: skip
    command.add_argument("--contact", type=Path, metavar="OUT.png", help="write a contact sheet")
    command.add_argument(
        "--max-seconds", type=float, default=RenderOptions.max_seconds, metavar="S",
        help="longest duration that was asked for (default: %(default)s)",
    )  # fmt: skip
    add_source_max_dim(command)


def inspect_video(parsed: argparse.Namespace, console: Console) -> int:
    """Measure a finished video and show it."""
    if parsed.following and parsed.driving is None:
        raise InvalidOption("--following compares with a driving clip; accepted: with --driving")
    if parsed.idle is not None and not parsed.talk:
        raise InvalidOption("--idle is what a talk is cut into; accepted: with --talk")
    check_files(parsed)
    inspection = inspect(
        parsed.video,
        parsed.portrait,
        parsed.driving,
        max_dim_px=parsed.source_max_dim,
        max_seconds=parsed.max_seconds,
        with_sound=parsed.audio,
        is_talk=parsed.talk,
        idle=parsed.idle,
    )
    if parsed.contact is not None:
        contact_sheet(
            parsed.video, parsed.portrait, parsed.contact, inspection, driving=parsed.driving
        )
    measured = {**inspection.as_json(), "digitalSource": stated_origin(parsed.video)}
    if parsed.following:
        following = measure_following(parsed.video, parsed.driving, max_seconds=parsed.max_seconds)
        measured["following"] = following.as_json()
    console.say(json.dumps(measured, indent=2))
    return 0 if inspection.ok else 1
