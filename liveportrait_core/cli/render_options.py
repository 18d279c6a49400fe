"""The options that commands share: how strongly, how large, into what kind of file."""

import argparse
from pathlib import Path
from typing import Any

from liveportrait_core.edit import REST, PortraitEdit
from liveportrait_core.errors import EncodeFailed, InvalidOption
from liveportrait_core.options import (
    PASTED_BACK,
    AnimationRegion,
    Delivery,
    RenderOptions,
    SoundFrom,
    VideoFormat,
)
from liveportrait_core.species import FaceLocation, Species, parse_face_location

FORMAT_NAMES = [form.value for form in VideoFormat]


def add_multiplier(command: argparse.ArgumentParser, *, multiplier: float) -> None:
    """Add how strongly the portrait is animated."""
    command.add_argument(
        "--driving-multiplier", type=float, default=multiplier, metavar="X",
        help="strength of the motion, 0 to 1 (default: %(default)s)",
    )  # fmt: skip


def add_render_options(command: argparse.ArgumentParser) -> None:
    """Add how the portrait is animated, but for how strongly."""
    command.add_argument(
        "--normalize-lip", action=argparse.BooleanOptionalAction, default=True,
        help="close the portrait's lips first (default: on)",
    )  # fmt: skip
    command.add_argument(
        "--animation-region", choices=[region.value for region in AnimationRegion], default="all",
        help="what may move (default: %(default)s)",
    )  # fmt: skip
    add_crop_scale(command)
    add_source_max_dim(command)
    add_edit_option(command)
    _add_species(command)


def _add_species(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--species", type=Species, choices=list(Species), default=Species.HUMAN,
        help="animal: by LivePortrait's networks for animals (weights fetch --animals), moved in "
        "full by a multiplier up to 2; the engine mesh moves an animal whose face it finds, as it "
        "does people (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--face-points", type=_face_location, default=None, metavar="POINTS",
        help='where an animal\'s face is: "x,y x,y x,y" of both eyes and the mouth in shares of '
        "the picture's width and height, for example 0.41,0.38 0.6,0.37 0.5,0.62; or nine points "
        "(docs/understand/liveportrait.md, P10); or cropped: the picture is the face",
    )  # fmt: skip
    command.add_argument(
        "--paste-back", action=argparse.BooleanOptionalAction, default=None,
        help="put the animated crop back into the picture (default: on; off for animals)",
    )  # fmt: skip


def add_crop_scale(command: argparse.ArgumentParser) -> None:
    """Add how much of the picture the networks see."""
    command.add_argument(
        "--scale", type=float, default=RenderOptions.source_crop_scale, metavar="X",
        help="side of the crop, relative to the face, 1 to 3.2 (default: %(default)s)",
    )  # fmt: skip


def add_edit_option(command: argparse.ArgumentParser) -> None:
    """Add how the face is changed before it moves."""
    command.add_argument(
        "--edit", type=_edit, default=REST, metavar="NAME=X,...",
        help="change the face first, for example smile=0.6,yaw=-8; `edit --help` lists the names",
    )  # fmt: skip


def add_source_max_dim(command: argparse.ArgumentParser) -> None:
    """Add at which size the portrait is processed."""
    command.add_argument(
        "--source-max-dim", type=int, default=RenderOptions.source_max_dim_px, metavar="PX",
        help="longest side the portrait is worked on at, 512 to 2048; never enlarged "
        "(default: %(default)s)",
    )  # fmt: skip


def add_loop(command: argparse.ArgumentParser) -> None:
    """Add whether the video loops."""
    command.add_argument(
        "--loop", action=argparse.BooleanOptionalAction, default=True,
        help="ease the motion back to that of frame 0 (default: on)",
    )  # fmt: skip


def add_delivery(command: argparse.ArgumentParser) -> None:
    """Add the kind of file, its size, and whether its quality is written."""
    command.add_argument(
        "--format", choices=FORMAT_NAMES, default=None,
        help="kind of file (default: as OUT's name says; mp4 in a folder)",
    )  # fmt: skip
    command.add_argument(
        "--peak-rate", type=float, default=None, metavar="MBIT",
        help="most megabits that any second of an MP4 has, 0.5 to 100; grain is what meets it "
        "(default: as many as the quality takes)",
    )  # fmt: skip
    add_size_and_quality(command)


def add_size_and_quality(command: argparse.ArgumentParser) -> None:
    """Add how large the file is, and whether its measured quality is written."""
    add_size(command)
    command.add_argument(
        "--quality", action="store_true",
        help="write what was measured beside the file: idle.mp4 gets idle.quality.json",
    )  # fmt: skip


def add_size(command: argparse.ArgumentParser) -> None:
    """Add how large the file is."""
    command.add_argument(
        "--output-size", type=int, default=None, metavar="PX",
        help="reduce the finished frames to this longest side, 64 to 2048; never enlarged "
        "(default: as they are)",
    )  # fmt: skip


def options_of(parsed: argparse.Namespace, **more: Any) -> RenderOptions:
    """Read what `add_render_options` added, and `add_multiplier` where a command has it.

    Raises:
        InvalidOption: a value is out of its range.
    """
    return RenderOptions(
        driving_multiplier=vars(parsed).get("driving_multiplier", RenderOptions.driving_multiplier),
        normalize_lip=parsed.normalize_lip,
        animation_region=AnimationRegion(parsed.animation_region),
        edit=parsed.edit,
        source_crop_scale=parsed.scale,
        source_crop_shift=_crop_shift(parsed),
        source_max_dim_px=parsed.source_max_dim,
        species=parsed.species,
        face_points=parsed.face_points,
        paste_back=_paste_back(parsed),
        **more,
    )


def _crop_shift(parsed: argparse.Namespace) -> tuple[float, float]:
    usual_x, usual_y = RenderOptions.source_crop_shift
    given = vars(parsed)  # a command without LivePortrait's ways has none
    return given.get("crop_x", usual_x), given.get("crop_y", usual_y)


def _paste_back(parsed: argparse.Namespace) -> bool:
    if parsed.paste_back is None:
        return PASTED_BACK[parsed.species]
    return bool(parsed.paste_back)


def _face_location(text: str) -> FaceLocation:
    try:
        return parse_face_location(text)
    except InvalidOption as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _edit(text: str) -> PortraitEdit:
    try:
        return PortraitEdit.parse(text)
    except InvalidOption as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def delivery_of(parsed: argparse.Namespace, output: Path | None) -> Delivery:
    """Read what `add_delivery` added.

    Args:
        parsed: the command line.
        output: the file; None: files in a folder, named by the format.

    Raises:
        InvalidOption: the name fits no format, or another than the one asked for.
    """
    asked: str | None = parsed.format
    if output is None:
        form = asked or VideoFormat.MP4.value
    else:
        named = output.suffix.lower().removeprefix(".")
        form = asked or named
        if named != form or form not in FORMAT_NAMES:
            wanted = f".{asked}" if asked else ", ".join(f".{name}" for name in FORMAT_NAMES)
            raise InvalidOption(f"{output.name} is no name for such a video; accepted: {wanted}")
    return Delivery(
        format=VideoFormat(form),
        longest_side_px=parsed.output_size,
        peak_mbit_s=parsed.peak_rate,
        sound=SoundFrom(vars(parsed).get("audio", SoundFrom.NONE)),
    )


def made_folder(path: Path) -> Path:
    """Return a folder for several results; make it if it is missing.

    Raises:
        EncodeFailed: it cannot be made.
    """
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise EncodeFailed(f"{path} is no folder for several results: {error}") from error
    return path
