"""`render`: portraits, pictures or clips, animated by a clip, a template or a picture."""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console, print_report, progress_bar, write_quality
from liveportrait_core.cli.engine_options import (
    SYNTHETIC,
    add_animation_options,
    add_network_options,
    add_refinement_options,
)
from liveportrait_core.cli.help_text import ENVIRONMENT, EXIT_STATUS, RENDER_EXAMPLES, HelpFormatter
from liveportrait_core.cli.idle import (
    add_synthetic_motion,
    refuse_synthetic_options,
    render_synthetic,
    require_mesh,
)
from liveportrait_core.cli.inputs import (
    DrivingFile,
    Kind,
    add_engine,
    driving_kind,
    open_engine,
    portrait_kind,
)
from liveportrait_core.cli.render_options import (
    add_delivery,
    add_loop,
    add_multiplier,
    add_render_options,
    delivery_of,
    made_folder,
    options_of,
)
from liveportrait_core.cli.template import add_max_seconds
from liveportrait_core.errors import BadInput, InvalidOption, RenderError
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.origin import origin_of
from liveportrait_core.media.output import require_distinct
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.options import Delivery, RenderOptions, SoundFrom
from liveportrait_core.pipeline.plan import require_sound
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import RenderedVideo
from liveportrait_core.request import Clip, RenderRequest

_ONLY_FOR_VIDEOS = {"--format": "format", "--poster": "poster", "--peak-rate": "peak_rate"}


def add_render(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "render",
        help="animate portraits by a clip, a motion template or a picture",
        usage="%(prog)s [OPTION ...] PORTRAIT [PORTRAIT ...] DRIVING -o OUT",
        description="Make a portrait move like the face in a driving file.",
        epilog="\n".join((RENDER_EXAMPLES, EXIT_STATUS, ENVIRONMENT)),
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: render(parsed, console))
    command.add_argument(
        "portraits", type=Path, nargs="+", metavar="PORTRAIT", help="a picture or a clip of a face"
    )
    command.add_argument(
        "driving", type=Path, nargs="?", metavar="DRIVING",
        help="a clip, a motion template or a picture; none with --motion synthetic",
    )  # fmt: skip
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT",
        help="the file to write: .mp4, .gif or .webp; of several portraits the folder, which is "
        "made where it is not there",
    )  # fmt: skip
    command.add_argument(
        "--poster", type=Path, metavar="FILE.jpg", help="write frame 0 as well; one portrait only"
    )
    add_engine(command)
    add_synthetic_motion(command.add_argument_group("the synthetic motion"))
    _add_file(command.add_argument_group("the file"))
    _add_look(command.add_argument_group("the look"))
    add_animation_options(command.add_argument_group("LivePortrait's ways"))
    add_refinement_options(command.add_argument_group("LivePortrait's refinements"))
    add_network_options(command.add_argument_group("LivePortrait's networks"))


def _add_file(group: Any) -> None:
    add_delivery(group)
    group.add_argument(
        "--audio", choices=[sound.value for sound in SoundFrom], default=SoundFrom.NONE.value,
        help="carry over the sound of the driving clip, or of a source clip; MP4 only "
        "(default: %(default)s)",
    )  # fmt: skip


def _add_look(group: Any) -> None:
    add_multiplier(group, multiplier=RenderOptions.driving_multiplier)
    add_render_options(group)
    add_loop(group)
    add_max_seconds(group)


def render(parsed: argparse.Namespace, console: Console) -> int:
    """Animate every portrait by the driving file."""
    options = options_of(parsed, max_seconds=parsed.max_seconds, loop=parsed.loop)
    if parsed.motion == SYNTHETIC:
        return _render_without_driving(parsed, console, options)
    *parsed.portraits, parsed.driving = parsed.portraits
    if not parsed.portraits:
        raise InvalidOption(
            f"{parsed.driving} is the only file; accepted: PORTRAIT [PORTRAIT ...] DRIVING, "
            "or --motion synthetic"
        )
    refuse_synthetic_options(parsed)
    kind = driving_kind(parsed.driving)
    if kind is Kind.PICTURE and not _has_clips(parsed):
        return _render_pictures(parsed, console, options)
    outputs = _outputs(parsed)
    delivery = delivery_of(parsed, None if len(outputs) > 1 else parsed.output)
    renderer = open_engine(parsed, console)
    _require_sound(parsed, kind, delivery)
    driving = DrivingFile(renderer, parsed, kind)
    if len(outputs) > 1 and not driving.is_analysed:
        driving.template()  # what is wrong with it is said once, and not of every portrait

    def make(portrait: Path, output: Path) -> None:
        report = _render_one(renderer, driving, portrait, output, options, delivery, parsed.poster)
        print_report(console, output, report)
        if parsed.quality:
            write_quality(console, output, report)

    return _each(outputs, make, console)


def _render_without_driving(
    parsed: argparse.Namespace, console: Console, options: RenderOptions
) -> int:
    require_mesh(parsed)
    outputs = _outputs(parsed)
    delivery = delivery_of(parsed, None if len(outputs) > 1 else parsed.output)
    return render_synthetic(parsed, console, outputs, options, delivery, parsed.poster)


def _each(outputs: dict[Path, Path], make: Callable[[Path, Path], None], console: Console) -> int:
    """Make every result; of several, one that fails does not stop the others."""
    status = 0
    for portrait, output in outputs.items():
        try:
            make(portrait, output)
        except RenderError as error:
            if len(outputs) == 1:
                raise
            console.warn(f"{error.code}: {portrait.name}: {error}")
            status = max(status, 2 if isinstance(error, BadInput) else 1)
    return status


def _render_one(
    renderer: Renderer,
    driving: DrivingFile,
    portrait: Path,
    output: Path,
    options: RenderOptions,
    delivery: Delivery,
    poster: Path | None,
) -> RenderedVideo:
    """Read a lone portrait and its clip in one render: what is wrong with one ends it early."""
    if portrait_kind(portrait) is Kind.CLIP or driving.is_analysed:
        return driving.render(portrait, output, options, delivery, poster)
    request = RenderRequest(
        portrait=portrait,
        motion=Clip(path=driving.path),
        output=output,
        poster=poster,
        options=options,
        delivery=delivery,
    )
    with progress_bar() as on_progress:
        return renderer.render(request, on_progress=on_progress)


def _render_pictures(parsed: argparse.Namespace, console: Console, options: RenderOptions) -> int:
    """Make a picture of every portrait, by a driving picture."""
    asked = [name for name, field in _ONLY_FOR_VIDEOS.items() if vars(parsed)[field] is not None]
    asked += ["--quality"] if parsed.quality else []
    asked += ["--audio"] if parsed.audio != SoundFrom.NONE else []
    if asked:
        raise InvalidOption(
            f"{parsed.driving.name} is a picture, and gives a picture: {', '.join(asked)} "
            "would be ignored; accepted: without, or a driving clip"
        )
    Delivery(longest_side_px=parsed.output_size)  # refuses a size out of range
    renderer = open_engine(parsed, console)
    template = renderer.analyse_picture(parsed.driving, max_dim_px=options.source_max_dim_px)

    def make(portrait: Path, output: Path) -> None:
        frame = next(renderer.animate(renderer.prepare(portrait, options), template, options))
        write_picture(
            frame,
            output,
            origin=origin_of(renderer.engine),
            longest_side_px=parsed.output_size,
        )
        console.say(f"{output}: {portrait.name} with the face of {parsed.driving.name}")

    return _each(_outputs(parsed, suffix=".jpg"), make, console)


def _require_sound(parsed: argparse.Namespace, kind: Kind, delivery: Delivery) -> None:
    """Refuse sound that is not there before the driving file is analysed."""
    if delivery.sound is SoundFrom.NONE:
        return
    driving = probe(parsed.driving, parsed.max_seconds) if kind is Kind.CLIP else None
    for portrait in parsed.portraits:
        is_clip = portrait_kind(portrait) is Kind.CLIP
        source = probe(portrait, parsed.max_seconds) if is_clip else None
        require_sound(delivery, driving=driving, source=source)


def _has_clips(parsed: argparse.Namespace) -> bool:
    """Tell whether the portraits are clips.

    Raises:
        InvalidOption: some are, and some are not, while the driving is a picture.
    """
    clips = [path for path in parsed.portraits if portrait_kind(path) is Kind.CLIP]
    if clips and len(clips) < len(parsed.portraits):
        raise InvalidOption(
            f"{clips[0].name} is a clip, and not all portraits are; accepted by a driving picture: "
            "clips only, or pictures only"
        )
    return bool(clips)


def _outputs(parsed: argparse.Namespace, suffix: str | None = None) -> dict[Path, Path]:
    """Map every portrait to the file to write.

    Raises:
        InvalidOption: two portraits would have one file, or it is one of those that are read.
        EncodeFailed: the folder cannot be made.
    """
    portraits: list[Path] = parsed.portraits
    if len(portraits) == 1:
        return {portraits[0]: parsed.output}
    if parsed.poster is not None:
        raise InvalidOption(f"--poster is for one portrait; {len(portraits)} were given")
    counts = Counter(portrait.stem for portrait in portraits)
    twice = [stem for stem, count in counts.items() if count > 1]
    if twice:
        raise InvalidOption(
            f"several portraits are named {', '.join(twice)}: their results would have one file"
        )
    folder = made_folder(parsed.output)
    ending = suffix or f".{parsed.format or 'mp4'}"
    outputs = {portrait: folder / f"{portrait.stem}{ending}" for portrait in portraits}
    for output in outputs.values():
        require_distinct(output, [*portraits, *filter(None, [parsed.driving])])
    return outputs
