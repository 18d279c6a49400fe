"""Commands that give a picture: `crop`, the square that the networks see, and `edit`."""

import argparse
import json
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console, warning_line
from liveportrait_core.cli.engine_options import add_network_options
from liveportrait_core.cli.help_text import HelpFormatter
from liveportrait_core.cli.inputs import add_engine, check_files, open_engine
from liveportrait_core.cli.render_options import (
    add_crop_scale,
    add_edit_option,
    add_size,
    add_source_max_dim,
)
from liveportrait_core.edit import SLIDERS
from liveportrait_core.engines.liveportrait.source.crop import crop_source, portrait_points
from liveportrait_core.errors import ImageNoFace
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.face.tracking import locate_face
from liveportrait_core.media.origin import origin_of
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.media.portrait_process import decode_portrait
from liveportrait_core.options import Delivery, RenderOptions


def add_crop(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "crop",
        help="cut the aligned square around a face out of a picture",
        description="Cut the 512x512 square around the largest central face, by the points of "
        "MediaPipe's face mesh; needs no weights. Prints, as JSON, the affine map from pixels of "
        "the square to pixels of the picture.",
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: crop(parsed, console))
    command.add_argument("picture", type=Path, metavar="PICTURE", help="a picture of a face")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT",
        help="the picture to write: .png, .jpg or .webp",
    )  # fmt: skip
    command.add_argument(
        "--scale", type=float, default=RenderOptions.source_crop_scale, metavar="X",
        help="side of the square, relative to the face, 1 to 3.2 (default: %(default)s)",
    )  # fmt: skip


def add_edit(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "edit",
        help="change a portrait's expression or pose by sliders",
        description="Change the expression or the pose of a portrait, and write it as a picture. "
        "`render --edit` animates the same face.",
        epilog=f"sliders of --edit:\n{_slider_lines()}",
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: edit(parsed, console))
    command.add_argument("portrait", type=Path, metavar="PORTRAIT", help="a picture of a face")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT",
        help="the picture to write: .png, .jpg or .webp",
    )  # fmt: skip
    add_engine(command)
    add_edit_option(command)
    add_crop_scale(command)
    add_source_max_dim(command)
    add_size(command)
    add_network_options(command.add_argument_group("LivePortrait's networks"))


def _slider_lines() -> str:
    lines = []
    for name, slider in SLIDERS.items():
        unit = f" ({slider.unit})" if slider.unit else ""
        limits = f"{slider.low:g} to {slider.high:g}"
        lines.append(f"  {name:<12}{limits:<14}{slider.label}{unit}")
    return "\n".join(lines)


def edit(parsed: argparse.Namespace, console: Console) -> int:
    """Draw the edited portrait."""
    options = RenderOptions(
        edit=parsed.edit,
        source_crop_scale=parsed.scale,
        source_max_dim_px=parsed.source_max_dim,
    )
    Delivery(longest_side_px=parsed.output_size)  # refuses a size out of range
    renderer = open_engine(parsed, console)
    prepared = renderer.prepare(parsed.portrait, options)
    picture = renderer.still(prepared, options)
    write_picture(
        picture,
        parsed.output,
        origin=origin_of(renderer.engine),
        longest_side_px=parsed.output_size,
    )
    for warning in prepared.warnings:
        console.warn(warning_line(warning))
    console.say(f"{parsed.output}: {parsed.portrait.name} with {parsed.edit or 'no edit'}")
    return 0


def crop(parsed: argparse.Namespace, console: Console) -> int:
    """Cut the square and tell where it lies."""
    check_files(parsed)
    options = RenderOptions(source_crop_scale=parsed.scale)
    picture = decode_portrait(parsed.picture, max_dim_px=options.source_max_dim_px)
    with MeshFinder().portrait() as find:
        face = locate_face(picture.pixels, find, None)
    if face is None:
        raise ImageNoFace(
            f"no face was found in {parsed.picture.name}; accepted: one clearly visible face"
        )
    square = crop_source(picture.pixels, portrait_points(face), options)
    write_picture(square.picture, parsed.output)
    height, width = picture.pixels.shape[:2]
    told = {
        "picture": {"width": width, "height": height},
        "cropToPicture": square.crop_to_original.tolist(),
    }
    console.say(json.dumps(told, indent=2))
    return 0
