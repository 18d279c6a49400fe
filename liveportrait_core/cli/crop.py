"""`crop`: the aligned square that the networks see of a portrait, and the way back from it."""

import argparse
import json
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console
from liveportrait_core.cli.help_text import HelpFormatter
from liveportrait_core.engines.liveportrait.source import crop_source, portrait_points
from liveportrait_core.errors import ImageNoFace
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.face.tracking import locate_face
from liveportrait_core.media.pictures.image import read_portrait, write_picture
from liveportrait_core.options import RenderOptions


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


def crop(parsed: argparse.Namespace, console: Console) -> int:
    """Cut the square and tell where it lies."""
    options = RenderOptions(source_crop_scale=parsed.scale)
    picture = read_portrait(parsed.picture, max_dim_px=options.source_max_dim_px)
    with MeshFinder().portrait() as find:
        face = locate_face(picture.pixels, find, None)
    if face is None:
        raise ImageNoFace(
            f"no face was found in {parsed.picture.name}; accepted: one clearly visible face"
        )
    square = crop_source(picture.pixels, portrait_points(face), scale=options.source_crop_scale)
    write_picture(square.picture, parsed.output)
    height, width = picture.pixels.shape[:2]
    told = {
        "picture": {"width": width, "height": height},
        "cropToPicture": square.crop_to_original.tolist(),
    }
    console.say(json.dumps(told, indent=2))
    return 0
