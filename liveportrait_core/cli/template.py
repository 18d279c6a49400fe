"""The subcommands that look without rendering: `template` and `pose`.

Knows argparse, files and JSON; the motion is the engine's.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from liveportrait_core.cli.console import warning_line
from liveportrait_core.cli.engine_options import (
    accepted_methods,
    add_network_options,
    config_of,
    non_default_options,
    people_only_options,
)
from liveportrait_core.edit_sequence import read_edit_sequence
from liveportrait_core.engines.liveportrait.motion.pose import Motion, pose_degrees
from liveportrait_core.engines.liveportrait.template import (
    LivePortraitMotion,
    load_template,
    save_template,
)
from liveportrait_core.errors import ImageUnsupported, InvalidOption
from liveportrait_core.media.file_kind import TEMPLATE_SUFFIXES
from liveportrait_core.media.output import require_distinct
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.request import MotionTemplate
from liveportrait_core.species import Species
from liveportrait_core.weights.digests import sha256_of

if TYPE_CHECKING:  # torch takes a second to import, and --help has no use for it
    from liveportrait_core.engines.liveportrait.source.prepared import PreparedSource

Say = Callable[[str], None]


def add_motion_commands(commands: Any, say: Say) -> None:
    """Add `template` and `pose` to the subcommands of a parser; `say` takes lines for people."""
    template = commands.add_parser(
        "template",
        help="keep the motion of a driving clip, or of edits, as a file (LivePortrait only)",
    )
    template.set_defaults(command=lambda parsed: write_template(parsed, say))
    template.add_argument(
        "driving", type=Path, metavar="DRIVING", help="a clip, a .pkl, or key-framed edits (.json)"
    )
    template.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MOTION.npz", help="the file to write"
    )
    template.add_argument(
        "--portrait", type=Path, metavar="PICTURE",
        help="of key-framed edits: the face that goes through them; the template moves any other "
        "as they move it",
    )  # fmt: skip
    pose = commands.add_parser(
        "pose", help="pitch, yaw and roll of a face in degrees, as JSON (LivePortrait only)"
    )
    pose.set_defaults(command=lambda parsed: say_pose(parsed, say))
    pose.add_argument("file", type=Path, metavar="FILE", help="a picture, a clip or a template")
    for command in (template, pose):
        add_network_options(command)
        add_max_seconds(command)


def add_max_seconds(command: argparse.ArgumentParser) -> None:
    """Add how much of a clip is used."""
    command.add_argument(
        "--max-seconds", type=float, default=RenderOptions.max_seconds, metavar="S",
        help="use this much of the clip (default: %(default)s)",
    )  # fmt: skip


def open_configured(parsed: argparse.Namespace, engine: str) -> Renderer:
    """Open the renderer that the options of `engine_options` describe.

    Raises:
        InvalidOption: an option would be ignored.
    """
    config = config_of(parsed)
    species = Species(vars(parsed).get("species", Species.HUMAN))
    accepted = accepted_methods(parsed)
    renderer = open_renderer(engine, parsed.weights, config, species, accepted=accepted)
    ignored = [] if renderer.engine is Engine.LIVEPORTRAIT else non_default_options(parsed)
    if ignored:
        raise InvalidOption(
            f"{', '.join(ignored)}: only LivePortrait can do that; the engine {renderer.engine} "
            f"would ignore it ({renderer.reason}); accepted: without, or --engine liveportrait"
        )
    ignored = people_only_options(parsed) if species is Species.ANIMAL else []
    if ignored and renderer.engine is Engine.LIVEPORTRAIT:
        raise InvalidOption(
            f"{', '.join(ignored)}: the species is animal, which is animated in one way only; "
            "accepted: without"
        )
    return renderer


def read_template(driving: Path, renderer: Renderer, max_seconds: float) -> MotionTemplate | None:
    """Read a driving file that is a template by its name; None: it is a clip.

    Raises:
        InvalidOption: it is one, and the engine cannot use it.
        VideoUnsupported: it is damaged.
    """
    if driving.suffix not in TEMPLATE_SUFFIXES:
        return None
    if renderer.engine is not Engine.LIVEPORTRAIT:
        raise InvalidOption(
            f"{driving.name} is a motion template, which the engine {renderer.engine} cannot use; "
            "accepted: a clip, or --engine liveportrait"
        )
    return MotionTemplate(motion=load_template(driving).trimmed(max_seconds))


def write_template(parsed: argparse.Namespace, say: Say) -> int:
    """Analyse a clip, read a template of the original, or go through edits, and write ours."""
    require_distinct(parsed.output, filter(None, (parsed.driving, parsed.portrait)))
    is_edits = parsed.driving.suffix == ".json"
    if is_edits != (parsed.portrait is not None):
        raise InvalidOption(
            f"{parsed.driving.name} was given {'without' if is_edits else 'with'} --portrait; "
            "accepted: key-framed edits (.json) with it, everything else without"
        )
    if is_edits:
        edits = read_edit_sequence(parsed.driving)
        renderer = open_configured(parsed, Engine.LIVEPORTRAIT)
        motion = renderer.edit_motion(parsed.portrait, edits, RenderOptions()).motion
        template = cast(LivePortraitMotion, motion)
    elif parsed.driving.suffix in TEMPLATE_SUFFIXES:
        template = load_template(parsed.driving)
    else:
        options = RenderOptions(max_seconds=parsed.max_seconds)
        template = _analyse(open_configured(parsed, Engine.LIVEPORTRAIT), parsed.driving, options)
    template = replace(template, source_sha256=sha256_of(parsed.driving))
    save_template(template, parsed.output)
    say(
        f"{parsed.output}: {template.frame_count} frames at {float(template.fps):.5g} fps, "
        f"{parsed.output.stat().st_size / 1000:.0f} kB"
    )
    for warning in template.warnings:
        say(warning_line(warning))
    return 0


def say_pose(parsed: argparse.Namespace, say: Say) -> int:
    """Print the head's angles in every frame."""
    motion, fps = _motion_of(parsed)
    frames = [
        {"pitch": round(pitch, 3), "yaw": round(yaw, 3), "roll": round(roll, 3)}
        for pitch, yaw, roll in pose_degrees(motion.rotation).tolist()
    ]
    rate = None if fps is None else {"fps": float(fps), "fpsExact": str(fps)}
    say(json.dumps({**(rate or {}), "unit": "degrees", "frames": frames}, indent=2))
    return 0


def _motion_of(parsed: argparse.Namespace) -> tuple[Motion, Fraction | None]:
    """Return the motion in a file of any kind, and its rate if it has one."""
    options = RenderOptions(max_seconds=parsed.max_seconds)
    if parsed.file.suffix in TEMPLATE_SUFFIXES:
        template = load_template(parsed.file).trimmed(options.max_seconds)
        return template.measured.motion, template.fps
    renderer = open_configured(parsed, Engine.LIVEPORTRAIT)
    try:
        prepared = renderer.prepare(parsed.file, options)
    except ImageUnsupported:  # then it is a clip, or the complaint about that tells more
        template = _analyse(renderer, parsed.file, options)
        return template.measured.motion, template.fps
    return cast("PreparedSource", prepared).source.motion, None


def _analyse(renderer: Renderer, driving: Path, options: RenderOptions) -> LivePortraitMotion:
    template = renderer.analyse(driving, max_seconds=options.max_seconds)
    motion = cast(LivePortraitMotion, template.motion)
    return replace(motion, warnings=(*template.warnings, *motion.warnings))
