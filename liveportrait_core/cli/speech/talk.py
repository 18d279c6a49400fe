"""`talk`: a portrait says a sound, over the motion of a clip or a synthetic idle."""

import argparse
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console, print_report, progress_bar, write_quality
from liveportrait_core.cli.engine_options import (
    add_licence_options,
    add_network_options,
    changed_options,
)
from liveportrait_core.cli.help_text import HelpFormatter
from liveportrait_core.cli.idle import add_synthetic_motion, open_synthetic
from liveportrait_core.cli.inputs import Kind, add_engine, driving_kind, open_engine
from liveportrait_core.cli.render_options import (
    add_delivery,
    add_loop,
    add_render_options,
    delivery_of,
    options_of,
)
from liveportrait_core.cli.template import add_max_seconds, read_template
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import (
    Engine,
    MouthInside,
    RenderOptions,
    SpeechHead,
    SpeechMethod,
    SyntheticIdle,
)
from liveportrait_core.renderer import Renderer
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest, SpeechInput
from liveportrait_core.species import Species
from liveportrait_core.speech.methods import GFPGAN
from liveportrait_core.speech.viseme_formats import TimedViseme, parse_visemes

MULTIPLIER_OF_A_SYNTHETIC_IDLE = 1.0  # its motion is small already
_MOST_VISEME_BYTES = 5_000_000
EXAMPLES = """\
examples:
  A portrait says a sentence, with the synthetic idle's sway and blinks:
    python -m liveportrait_core talk portrait.jpg hello.m4a -o talk.mp4
  Over the idle that the app loops, so that neither cut is seen:
    python -m liveportrait_core talk portrait.jpg hello.m4a -o talk.mp4 --driving driving.mp4
  With the mouth shapes that a speech synthesiser gave beside its sound:
    python -m liveportrait_core talk portrait.jpg hello.mp3 -o talk.mp4 --visemes hello.json
"""


def add_talk(commands: Any, console: Console) -> None:
    """Add the subcommand to a parser."""
    command = commands.add_parser(
        "talk",
        help="let a portrait say a sound",
        description="The mouth follows the sound, everything else the motion; between words a "
        "frame is the idle's own.",
        epilog=EXAMPLES,
        formatter_class=HelpFormatter,
    )
    command.set_defaults(command=lambda parsed: talk(parsed, console))
    command.add_argument("portrait", type=Path, metavar="PORTRAIT", help="a picture of a face")
    command.add_argument(
        "sound", type=Path, metavar="SOUND", help="what is said: a sound file, or a clip with one"
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="the .mp4 to write"
    )
    command.add_argument(
        "--driving", type=Path, default=None, metavar="FILE",
        help="a clip or a motion template that moves the head (default: a synthetic idle)",
    )  # fmt: skip
    add_engine(command)
    _add_speech(command.add_argument_group("the speech"))
    add_synthetic_motion(command.add_argument_group("the synthetic idle"))
    _add_look(command.add_argument_group("the look"))
    add_delivery(command.add_argument_group("the file"))
    add_network_options(command.add_argument_group("LivePortrait's networks"))


def _add_speech(group: Any) -> None:
    group.add_argument(
        "--visemes", type=Path, default=None, metavar="FILE",
        help="mouth shapes with times, as Azure, Polly or ElevenLabs give them; JSON",
    )  # fmt: skip
    group.add_argument(
        "--text", default=None, metavar="WORDS",
        help="what is said: mouth shapes by its spelling, spread over the sound",
    )  # fmt: skip
    group.add_argument(
        "--strength", type=float, default=SpeechInput.strength, metavar="X",
        help="of the mouth's movement, 0 to 1.5; --driving-multiplier has no part in it "
        "(default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--method", default=SpeechMethod.AUTO.value, metavar="NAME",
        help="what moves the mouth: visemes, joyvasa, wav2lip, or another that a package brings; "
        "auto: the best that is installed and allowed (default)",
    )  # fmt: skip
    add_licence_options(group)
    group.add_argument(
        "--head", choices=[head.value for head in SpeechHead], default=SpeechHead.IDLE.value,
        help="what moves the head; speech: the voice, by joyvasa alone (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--refine", choices=(GFPGAN,), default=None, help="sharpen a mouth that wav2lip painted",
    )  # fmt: skip
    group.add_argument(
        "--within", type=float, default=None, metavar="S",
        help="refuse a method that would take longer here, beyond the drawing (`methods` lists "
        "what each takes)",
    )  # fmt: skip
    group.add_argument(
        "--inside", choices=[inside.value for inside in MouthInside],
        default=MouthInside.PAINTED.value,
        help="what the mesh engine shows between lips that the portrait shows closed; nothing: "
        "they hardly part (default: %(default)s)",
    )  # fmt: skip


def _add_look(group: Any) -> None:
    group.add_argument(
        "--driving-multiplier", type=float, default=None, metavar="X",
        help="strength of the head's motion, 0 to 1 (default: "
        f"{RenderOptions.driving_multiplier}, of a synthetic idle "
        f"{MULTIPLIER_OF_A_SYNTHETIC_IDLE:g})",
    )  # fmt: skip
    add_render_options(group)
    add_loop(group)
    add_max_seconds(group)


def talk(parsed: argparse.Namespace, console: Console) -> int:
    """Let a portrait say a sound."""
    delivery = delivery_of(parsed, parsed.output)
    speech = SpeechInput(
        sound=parsed.sound,
        visemes=() if parsed.visemes is None else read_visemes(parsed.visemes),
        text=parsed.text,
        strength=parsed.strength,
        method=parsed.method,
        inside=MouthInside(parsed.inside),
        head=SpeechHead(parsed.head),
        refine=parsed.refine is not None,
        within_s=parsed.within,
    )
    if parsed.driving_multiplier is None:
        is_driven = parsed.driving is not None
        usual = RenderOptions.driving_multiplier if is_driven else MULTIPLIER_OF_A_SYNTHETIC_IDLE
        parsed.driving_multiplier = usual
    options = options_of(parsed, max_seconds=parsed.max_seconds, loop=parsed.loop)
    renderer, motion = _open_motion(parsed, console)
    if options.species is Species.ANIMAL and renderer.engine is Engine.MESH:
        console.warn("The species is animal: the engine mesh moves its mouth as a person's.")
    request = RenderRequest(
        portrait=parsed.portrait,
        motion=motion,
        output=parsed.output,
        options=options,
        delivery=delivery,
        speech=speech,
    )
    with progress_bar() as on_progress:
        report = renderer.render(request, on_progress=on_progress)
    print_report(console, parsed.output, report)
    if report.talk is not None:
        cut = report.talk
        refined = "" if cut.refiner is None else f", refined by {cut.refiner}"
        refined += "" if cut.refiner_licence is None else f" ({cut.refiner_licence})"
        console.say(
            f"spoken by {cut.method} ({cut.licence}){refined}; begins in the place of the idle's "
            f"frame {cut.start_frame}; its frame {cut.resume_frame} follows"
        )
    if parsed.quality:
        write_quality(console, parsed.output, report)
    return 0


def _open_motion(
    parsed: argparse.Namespace, console: Console
) -> tuple[Renderer, Clip | MotionTemplate | SyntheticIdle]:
    """Open the engine and what moves the head.

    Raises:
        InvalidOption: an option would be ignored, or LivePortrait has nothing that moves the head.
    """
    if parsed.driving is None:
        if parsed.engine == Engine.LIVEPORTRAIT:
            raise InvalidOption(
                "--engine is liveportrait, and a synthetic idle is the mesh engine's; accepted: "
                "--driving with a clip or a motion template, or another engine"
            )
        opened = open_synthetic(parsed)
        console.warn("Engine mesh: without --driving it moves the head by itself.")
        return opened
    _refuse_synthetic_options(parsed)
    kind = driving_kind(parsed.driving)
    if kind not in (Kind.CLIP, Kind.TEMPLATE):
        raise InvalidOption(
            f"{parsed.driving.name} cannot move a portrait that speaks; accepted: a clip or a "
            "motion template"
        )
    renderer = open_engine(parsed, console)
    template = read_template(parsed.driving, renderer, parsed.max_seconds)
    return renderer, template or Clip(path=parsed.driving)


def _refuse_synthetic_options(parsed: argparse.Namespace) -> None:
    parser = argparse.ArgumentParser()
    add_synthetic_motion(parser)
    if ignored := changed_options(parsed, parser):
        raise InvalidOption(
            f"{', '.join(ignored)}: only a synthetic idle has it, and {parsed.driving.name} would "
            "drive without; accepted: one of the two"
        )


def read_visemes(path: Path) -> tuple[TimedViseme, ...]:
    """Read a file of timed visemes.

    Raises:
        InvalidOption: it is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_VISEME_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOption(f"--visemes {path}: {error}; accepted: a JSON file") from error
    if len(data) > _MOST_VISEME_BYTES:
        raise InvalidOption(f"--visemes {path} is larger than 5 MB; accepted: a smaller file")
    visemes = parse_visemes(text)
    if not visemes:
        raise InvalidOption(f"--visemes {path} holds no viseme; accepted: a file with at least one")
    return visemes
