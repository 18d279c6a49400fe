"""`render`: portraits, pictures or clips, animated by a clip, a template or a picture."""

import argparse
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from liveportrait_core.analysis import Analysis, require_sound
from liveportrait_core.command.idle import add_synthetic_motion, render_synthetic
from liveportrait_core.command.inputs import Kind, driving_kind, portrait_kind
from liveportrait_core.command.look import add_delivery, add_look, delivery_of, options_of
from liveportrait_core.command.manual import (
    ENVIRONMENT,
    EXIT_STATUS,
    RENDER_EXAMPLES,
    ManualPage,
)
from liveportrait_core.command.voice import (
    Voice,
    progress_bar,
    tell_what_was_made,
    write_quality,
)
from liveportrait_core.engine import MotionTemplate
from liveportrait_core.errors import BadInput, EncodeFailed, InvalidOption, RenderError
from liveportrait_core.motion_command import (
    add_max_seconds,
    open_chosen,
    read_driving_template,
)
from liveportrait_core.options import Delivery, Engine, RenderOptions, RenderReport, SoundFrom
from liveportrait_core.renderer import Renderer
from liveportrait_core.setup_options import (
    SYNTHETIC,
    add_animation_options,
    add_network_options,
    add_refinement_options,
)
from liveportrait_core.video import probe

_ONLY_FOR_VIDEOS = {"--format": "format", "--poster": "poster"}
_WITHOUT_NETWORKS = {"device": ("auto", "cpu"), "precision": ("auto", "fp32")}


def add_render(commands: Any, voice: Voice) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "render",
        help="animate portraits by a clip, a motion template or a picture",
        usage="%(prog)s [OPTION ...] PORTRAIT [PORTRAIT ...] DRIVING -o OUT",
        description="Make a portrait move like the face in a driving file.",
        epilog="\n".join((RENDER_EXAMPLES, EXIT_STATUS, ENVIRONMENT)),
        formatter_class=ManualPage,
    )
    command.set_defaults(command=lambda parsed: render(parsed, voice))
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
    command.add_argument(
        "--engine",
        choices=(Engine.LIVEPORTRAIT.value, Engine.MESH.value, "auto"),
        default="auto",
        help="auto: LivePortrait when it can run here, else mesh (default)",
    )
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
    add_look(group, multiplier=RenderOptions.driving_multiplier)
    group.add_argument(
        "--loop", action=argparse.BooleanOptionalAction, default=True,
        help="ease the motion back to that of frame 0 (default: on)",
    )  # fmt: skip
    add_max_seconds(group)


def render(parsed: argparse.Namespace, voice: Voice) -> int:
    """Animate every portrait by the driving file."""
    options = options_of(parsed, max_seconds=parsed.max_seconds, loop=parsed.loop)
    if parsed.motion == SYNTHETIC:
        return _render_without_driving(parsed, voice, options)
    *parsed.portraits, parsed.driving = parsed.portraits
    if not parsed.portraits:
        raise InvalidOption(
            f"{parsed.driving} is the only file; accepted: PORTRAIT [PORTRAIT ...] DRIVING, "
            "or --motion synthetic"
        )
    kind = driving_kind(parsed.driving)
    if kind is Kind.PICTURE and not _has_clips(parsed):
        return _render_pictures(parsed, voice, options)
    outputs = _outputs(parsed)
    delivery = delivery_of(parsed, None if len(outputs) > 1 else parsed.output)
    renderer = _open(parsed, voice)
    _require_sound(parsed, kind, delivery)
    driving = _Driving(renderer, parsed, kind)
    if len(outputs) > 1:
        driving.motion()  # what is wrong with it is said once, and not of every portrait

    def make(portrait: Path, output: Path) -> None:
        report = _render_one(renderer, driving, portrait, output, options, delivery, parsed.poster)
        tell_what_was_made(voice, output, report)
        if parsed.quality:
            write_quality(voice, output, report)

    return _each(outputs, make, voice)


def _render_without_driving(
    parsed: argparse.Namespace, voice: Voice, options: RenderOptions
) -> int:
    if parsed.engine == Engine.LIVEPORTRAIT:
        raise InvalidOption(
            "--engine is liveportrait, and --motion synthetic is the mesh engine's; "
            "accepted: mesh, auto"
        )
    outputs = _outputs(parsed)
    delivery = delivery_of(parsed, None if len(outputs) > 1 else parsed.output)
    return render_synthetic(parsed, voice, outputs, options, delivery, parsed.poster)


def _each(outputs: dict[Path, Path], make: Callable[[Path, Path], None], voice: Voice) -> int:
    """Make every result; of several, one that fails does not stop the others."""
    status = 0
    for portrait, output in outputs.items():
        try:
            make(portrait, output)
        except RenderError as error:
            if len(outputs) == 1:
                raise
            voice.warn(f"{error.code}: {portrait.name}: {error}")
            status = max(status, 2 if isinstance(error, BadInput) else 1)
    return status


class _Driving:
    """The driving file, analysed at most once."""

    def __init__(self, renderer: Renderer, parsed: argparse.Namespace, kind: Kind) -> None:
        self.path: Path = parsed.driving
        self.is_read_with_portrait = kind is Kind.CLIP and len(parsed.portraits) == 1
        self._renderer = renderer
        self._max_seconds: float = parsed.max_seconds
        self._template: MotionTemplate | None = None
        self._analysis: Analysis | None = None
        if kind is Kind.TEMPLATE:
            self._template = read_driving_template(self.path, renderer, self._max_seconds)
        elif kind is Kind.PICTURE:
            size = parsed.source_max_dim
            self._template = renderer.analyse_picture(self.path, max_dim_px=size)

    def motion(self) -> tuple[MotionTemplate, Analysis | None]:
        """Its motion, and the analysis that gave it; None: a template's."""
        if self._template is None:
            with progress_bar() as watch:
                self._analysis = self._renderer.analyse(
                    self.path, max_seconds=self._max_seconds, watch=watch
                )
            self._template = self._analysis.template
        return self._template, self._analysis


def _render_one(
    renderer: Renderer,
    driving: _Driving,
    portrait: Path,
    output: Path,
    options: RenderOptions,
    delivery: Delivery,
    poster: Path | None,
) -> RenderReport:
    is_clip = portrait_kind(portrait) is Kind.CLIP
    if driving.is_read_with_portrait and not is_clip:
        make = partial(renderer.render, portrait, driving.path)
    else:
        if is_clip:
            renderer.require_clips()
        template, analysis = driving.motion()
        verb = renderer.render_clip if is_clip else renderer.render_template
        make = partial(verb, portrait, template, driving=analysis)
    with progress_bar() as watch:
        return make(output, poster=poster, options=options, delivery=delivery, watch=watch)


def _render_pictures(parsed: argparse.Namespace, voice: Voice, options: RenderOptions) -> int:
    """A driving picture gives pictures."""
    asked = [name for name, field in _ONLY_FOR_VIDEOS.items() if vars(parsed)[field] is not None]
    asked += ["--quality"] if parsed.quality else []
    asked += ["--audio"] if parsed.audio != SoundFrom.NONE else []
    if asked:
        raise InvalidOption(
            f"{parsed.driving.name} is a picture, and gives a picture: {', '.join(asked)} "
            "would be ignored; accepted: without, or a driving clip"
        )
    delivery = Delivery(longest_side_px=parsed.output_size)
    renderer = _open(parsed, voice)
    template = renderer.analyse_picture(parsed.driving, max_dim_px=options.source_max_dim_px)

    def make(portrait: Path, output: Path) -> None:
        renderer.render_picture(portrait, template, output, options=options, delivery=delivery)
        voice.say(f"{output}: {portrait.name} with the face of {parsed.driving.name}")

    return _each(_outputs(parsed, suffix=".jpg"), make, voice)


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
    """Whether the portraits are clips.

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


def _open(parsed: argparse.Namespace, voice: Voice) -> Renderer:
    renderer = open_chosen(parsed, parsed.engine)
    voice.warn(f"Engine {renderer.engine}: {renderer.reason}.")
    if renderer.engine is Engine.MESH:
        for name, accepted in _WITHOUT_NETWORKS.items():
            if vars(parsed)[name] not in accepted:
                raise InvalidOption(
                    f"--{name} is {vars(parsed)[name]}, and the engine mesh runs on the CPU alone; "
                    f"accepted: {', '.join(accepted)}, or --engine liveportrait"
                )
    return renderer


def _outputs(parsed: argparse.Namespace, suffix: str | None = None) -> dict[Path, Path]:
    """Portrait → file to write.

    Raises:
        InvalidOption: two portraits would have one file.
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
    try:
        parsed.output.mkdir(exist_ok=True)
    except OSError as error:
        raise EncodeFailed(f"{parsed.output} is no folder for several results: {error}") from error
    ending = suffix or f".{parsed.format or 'mp4'}"
    return {portrait: parsed.output / f"{portrait.stem}{ending}" for portrait in portraits}
