"""The subcommands that look without rendering, `template` and `pose`; and how networks are chosen.

Knows argparse, files and JSON; what motion is it leaves to the engine.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from liveportrait_core.composition import MotionMode
from liveportrait_core.driving import DrivingCrop
from liveportrait_core.engine_setup import USUAL_SETUP, EngineSetup
from liveportrait_core.errors import ImageUnsupported, InvalidOption
from liveportrait_core.face.finders import Detector
from liveportrait_core.face.scrfd import FaceOrder
from liveportrait_core.keypoints import AnimationSettings
from liveportrait_core.motion import Motion, pose_degrees
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.template import MotionTemplate, load_template, save_template
from liveportrait_core.weights.digests import sha256_of

if TYPE_CHECKING:  # torch takes a second to import, and --help has no use for it
    from liveportrait_core.animator import PreparedSource

DEFAULT_WEIGHTS = Path("weights")
_TEMPLATE_SUFFIXES = (".npz", ".pkl")

Say = Callable[[str], None]


def add_motion_commands(commands: Any, say: Say) -> None:
    """Add `template` and `pose` to the subcommands of a parser; `say` takes lines for people."""
    template = commands.add_parser(
        "template", help="keep the motion of a driving clip as a file (LivePortrait only)"
    )
    template.set_defaults(command=lambda parsed: write_template(parsed, say))
    template.add_argument("driving", type=Path, metavar="DRIVING", help="a clip, or a .pkl")
    template.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MOTION.npz", help="the file to write"
    )
    pose = commands.add_parser(
        "pose", help="pitch, yaw and roll of a face in degrees, as JSON (LivePortrait only)"
    )
    pose.set_defaults(command=lambda parsed: say_pose(parsed, say))
    pose.add_argument("file", type=Path, metavar="FILE", help="a picture, a clip or a template")
    for command in (template, pose):
        add_network_options(command)
        add_max_seconds(command)


def add_network_options(command: argparse.ArgumentParser) -> None:
    """Where LivePortrait's weights are, and where and how precisely it computes."""
    command.add_argument(
        "--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR",
        help="folder of LivePortrait's weights (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--device", default="auto", metavar="NAME",
        help="where LivePortrait runs: auto, cpu, mps, cuda or cuda:<index> (default: auto)",
    )  # fmt: skip
    command.add_argument(
        "--precision", default="auto", metavar="NAME",
        help="of LivePortrait: auto, fp32, fp16 or bf16 (default: auto)",
    )  # fmt: skip
    command.add_argument(
        "--detector", choices=_names(Detector), default=USUAL_SETUP.detector.value,
        help="who finds the face for LivePortrait; insightface needs files that are for "
        "non-commercial research only (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--face", choices=_names(FaceOrder), default=USUAL_SETUP.face_order.value,
        help="which of several faces insightface takes (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--crop-driving", choices=_names(DrivingCrop), default=USUAL_SETUP.driving_crop.value,
        help="crop the driving frames to the face; auto: unless they are square "
        "(default: %(default)s)",
    )  # fmt: skip


def add_animation_options(command: argparse.ArgumentParser) -> None:
    """How LivePortrait applies motion, beyond what every engine knows."""
    command.add_argument(
        "--motion", choices=_names(MotionMode), default=USUAL_SETUP.animation.mode.value,
        help="relative: changes since the first driving frame are added to the portrait; "
        "absolute: it takes the driving values themselves (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--stitch", action=argparse.BooleanOptionalAction, default=True,
        help="let shoulders and border meet the photograph; without it the result is the crop "
        "alone (default: on)",
    )  # fmt: skip
    for part, name in (("eye", "eyes"), ("lip", "lips")):
        command.add_argument(
            f"--{part}-retargeting", dest=f"retarget_{name}", type=float, default=0.0,
            metavar="RATIO",
            help=f"bring the {name} towards the driving face's opening: 0 = as the portrait's, "
            "1 = as the driving face's (default: 0)",
        )  # fmt: skip


def add_max_seconds(command: argparse.ArgumentParser) -> None:
    """How much of a clip is used."""
    command.add_argument(
        "--max-seconds", type=float, default=RenderOptions.max_seconds, metavar="S",
        help="use this much of the clip (default: %(default)s)",
    )  # fmt: skip


def open_chosen(parsed: argparse.Namespace, engine: str) -> Renderer:
    """The renderer that the options of the functions above ask for.

    Raises:
        InvalidOption: an option would be ignored.
    """
    animation = USUAL_SETUP.animation
    if "motion" in parsed:
        animation = AnimationSettings(
            mode=MotionMode(parsed.motion),
            stitch=parsed.stitch,
            retarget_eyes=parsed.retarget_eyes,
            retarget_lips=parsed.retarget_lips,
        )
    setup = EngineSetup(
        device=parsed.device,
        precision=parsed.precision,
        detector=Detector(parsed.detector),
        face_order=FaceOrder(parsed.face),
        driving_crop=DrivingCrop(parsed.crop_driving),
        animation=animation,
        accept_no_landmarks=True,
    )
    renderer = open_renderer(engine, parsed.weights, setup)
    if renderer.engine is not Engine.LIVEPORTRAIT and _asks_for_more(setup):
        raise InvalidOption(
            f"--detector, --face, --crop-driving, --motion, --no-stitch and --…-retargeting are "
            f"LivePortrait's: the engine {renderer.engine} would ignore them ({renderer.reason}); "
            "accepted: without them, or --engine liveportrait"
        )
    return renderer


def _asks_for_more(setup: EngineSetup) -> bool:
    """Whether something was chosen that only LivePortrait can do."""
    usual = replace(USUAL_SETUP, device=setup.device, precision=setup.precision)
    return replace(setup, accept_no_landmarks=usual.accept_no_landmarks) != usual


def read_driving_template(
    driving: Path, renderer: Renderer, max_seconds: float
) -> MotionTemplate | None:
    """The template that a driving file is by its name; None: it is a clip.

    Raises:
        InvalidOption: it is one, and the engine cannot use it.
        VideoUnsupported: it is damaged.
    """
    if driving.suffix not in _TEMPLATE_SUFFIXES:
        return None
    if renderer.engine is not Engine.LIVEPORTRAIT:
        raise InvalidOption(
            f"{driving.name} is a motion template, which the engine {renderer.engine} cannot use; "
            "accepted: a clip, or --engine liveportrait"
        )
    return load_template(driving).trimmed(max_seconds)


def write_template(parsed: argparse.Namespace, say: Say) -> int:
    """Analyse a clip, or read a template of the original, and write ours."""
    if parsed.driving.suffix in _TEMPLATE_SUFFIXES:
        template = load_template(parsed.driving)
    else:
        options = RenderOptions(max_seconds=parsed.max_seconds)
        template = _analyse(open_chosen(parsed, Engine.LIVEPORTRAIT), parsed.driving, options)
    template = replace(template, source_sha256=sha256_of(parsed.driving))
    save_template(template, parsed.output)
    say(
        f"{parsed.output}: {template.frame_count} frames at {float(template.fps):.5g} fps, "
        f"{parsed.output.stat().st_size / 1000:.0f} kB"
    )
    for warning in template.warnings:
        say(f"Warning {warning}")
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


def _names(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


def _motion_of(parsed: argparse.Namespace) -> tuple[Motion, Fraction | None]:
    """The motion in a file of any kind, and its rate if it has one."""
    options = RenderOptions(max_seconds=parsed.max_seconds)
    if parsed.file.suffix in _TEMPLATE_SUFFIXES:
        template = load_template(parsed.file).trimmed(options.max_seconds)
        return template.measured.motion, template.fps
    renderer = open_chosen(parsed, Engine.LIVEPORTRAIT)
    try:
        prepared = renderer.prepare(parsed.file, options)
    except ImageUnsupported:  # then it is a clip, or the complaint about that tells more
        template = _analyse(renderer, parsed.file, options)
        return template.measured.motion, template.fps
    return cast("PreparedSource", prepared).source.motion, None


def _analyse(renderer: Renderer, driving: Path, options: RenderOptions) -> MotionTemplate:
    analysis = renderer.analyse(driving, max_seconds=options.max_seconds)
    return cast(MotionTemplate, analysis.template)
