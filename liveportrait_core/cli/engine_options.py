"""The options of the command line that choose how LivePortrait is put together.

Knows argparse and `EngineConfig`; opens nothing.
"""

import argparse
from collections.abc import Container
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from liveportrait_core.engines.liveportrait.config import (
    DEFAULT_CONFIG,
    USUAL_WINDOW,
    DrivingCrop,
    DrivingWindow,
    EngineConfig,
)
from liveportrait_core.engines.liveportrait.motion.settings import (
    LARGEST_MULTIPLIER,
    LONGEST_SMOOTHING_S,
    Anchor,
    AnimationSettings,
    LipClosure,
    MotionMode,
    MotionRefinement,
)
from liveportrait_core.face.choice import Detector, FaceOrder
from liveportrait_core.options import RenderOptions, SpeechMethod
from liveportrait_core.speech.methods import GFPGAN

DEFAULT_WEIGHTS = Path("weights")
_MAY_BE_IGNORED = ("weights", "device", "precision")
_OF_ANIMALS_TOO = ("crop_driving", "driving_scale", "driving_x", "driving_y", "stitch")
_SMOOTHED = ("pose", "expression", "scale", "translation")
_MULTIPLIED = {
    "pose": "the head's turning, place and size",
    "expression": "the face but for eyes and lips",
    "eye": "the eyes",
    "lip": "the lips",
}

SYNTHETIC = "synthetic"
"""The third motion, which no driving file gives."""


_ACCEPTED = {
    SpeechMethod.WAV2LIP.value: (
        "--accept-research-only-licence",
        "Wav2Lip's weights are for research and personal use only: say that this is one",
    ),
    GFPGAN: (
        "--accept-gfpgan-non-commercial-licence",
        "parts of GFPGAN are for non-commercial use only: say that this is one",
    ),
}
"""The consent that each of them needs, by what is accepted."""


def add_licence_options(group: Any) -> None:
    """Add a consent for each method, or refiner, whose licence is not free."""
    for name, (flag, words) in _ACCEPTED.items():
        group.add_argument(flag, dest="accepted", action="append_const", const=name, help=words)


def accepted_methods(parsed: argparse.Namespace) -> frozenset[str]:
    """Return the methods of talking, and refiners, whose licence was accepted."""
    return frozenset(vars(parsed).get("accepted") or ())


def add_network_options(command: argparse.ArgumentParser) -> None:
    """Add where LivePortrait's weights are, where it computes, how it finds a face."""
    command.add_argument(
        "--weights", type=Path, default=DEFAULT_WEIGHTS, metavar="DIR",
        help="folder of LivePortrait's weights (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--device", default="auto", metavar="NAME",
        help="where LivePortrait runs: auto, cpu (by OpenVINO where it is installed), cpu-torch, "
        "mps, cuda, cuda:<index> or cuda-plain (default: auto)",
    )  # fmt: skip
    command.add_argument(
        "--precision", default="auto", metavar="NAME",
        help="of LivePortrait: auto, fp32, fp16, bf16 or mixed (default: auto)",
    )  # fmt: skip
    command.add_argument(
        "--detector", choices=_names(Detector), default=DEFAULT_CONFIG.detector.value,
        help="who finds the face for LivePortrait; insightface needs files that are for "
        "non-commercial research only (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--face", choices=_names(FaceOrder), default=DEFAULT_CONFIG.face_order.value,
        help="which of several faces insightface takes (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--crop-driving", choices=_names(DrivingCrop), default=DEFAULT_CONFIG.driving_crop.value,
        help="crop the driving frames to the face; auto: unless they are square "
        "(default: %(default)s)",
    )  # fmt: skip
    _add_driving_window(command)


def _add_driving_window(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--driving-scale", type=float, default=USUAL_WINDOW.scale, metavar="X",
        help="side of that crop, relative to the face, 1 to 3.2 (default: %(default)s)",
    )  # fmt: skip
    for axis, usual in zip("xy", USUAL_WINDOW.shift, strict=True):
        command.add_argument(
            f"--driving-{axis}", type=float, default=usual, metavar="X",
            help=f"shift of that crop in {axis}, in its sides, -0.5 to 0.5 (default: %(default)s)",
        )  # fmt: skip


def add_animation_options(command: argparse.ArgumentParser) -> None:
    """Add how LivePortrait applies motion, beyond what every engine does."""
    command.add_argument(
        "--motion", choices=(*_names(MotionMode), SYNTHETIC),
        default=DEFAULT_CONFIG.animation.mode.value,
        help="relative: changes since the first driving frame are added to the portrait; "
        "absolute: it takes the driving values themselves; synthetic: the mesh engine's sway, "
        "breath and blinks, without a driving file (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--stitch", action=argparse.BooleanOptionalAction, default=True,
        help="let shoulders and border meet the photograph; without it the result is the crop "
        "alone (default: on)",
    )  # fmt: skip
    for part, name in (("eye", "eyes"), ("lip", "lips")):
        command.add_argument(
            f"--{part}-retargeting", type=float, default=0.0, metavar="RATIO",
            help=f"bring the {name} towards the driving face's opening: 0 = as the portrait's, "
            "1 = as the driving face's (default: 0)",
        )  # fmt: skip
    command.add_argument(
        "--lip-closure", choices=_names(LipClosure), default=LipClosure.UPSTREAM.value,
        help="close the lips as far as the multiplier goes, or in full (default: %(default)s)",
    )  # fmt: skip
    for axis, usual in zip("xy", RenderOptions.source_crop_shift, strict=True):
        command.add_argument(
            f"--crop-{axis}", type=float, default=usual, metavar="X",
            help=f"shift of the portrait's crop in {axis}, in its sides, -0.5 to 0.5; negative y "
            "is towards the forehead (default: %(default)s)",
        )  # fmt: skip
    command.add_argument(
        "--smooth-source", type=float, default=AnimationSettings.observation_variance,
        metavar="R", help="smooth the motion of a portrait that is a clip: the observation "
        "variance of the original's Kalman smoother, 1e-11 to 1e-2 (default: %(default)s)",
    )  # fmt: skip


def add_refinement_options(command: argparse.ArgumentParser) -> None:
    """Add what may be done to the driving motion first; by default nothing."""
    for part in _SMOOTHED:
        command.add_argument(
            f"--smooth-{part}", type=float, default=0.0, metavar="S",
            help=f"smooth the {part} over so many seconds, without delay, 0 to "
            f"{LONGEST_SMOOTHING_S:g} (default: 0)",
        )  # fmt: skip
    command.add_argument(
        "--lock-scale", action="store_true", help="let the head neither grow nor shrink"
    )
    command.add_argument(
        "--anchor", choices=_names(Anchor), default=Anchor.FIRST.value,
        help="the driving frame that counts as rest: the first, or the one nearest to a neutral "
        "face (default: %(default)s)",
    )  # fmt: skip
    for part, words in _MULTIPLIED.items():
        command.add_argument(
            f"--{part}-multiplier", type=float, default=1.0, metavar="X",
            help=f"strength of {words}, on top of --driving-multiplier, 0 to "
            f"{LARGEST_MULTIPLIER:g} (default: 1)",
        )  # fmt: skip


def config_of(parsed: argparse.Namespace) -> EngineConfig:
    """Read the config from the options; those that a command lacks keep their defaults.

    Raises:
        InvalidOption: a value is out of its range.
    """
    network = EngineConfig(
        device=parsed.device,
        precision=parsed.precision,
        detector=Detector(parsed.detector),
        face_order=FaceOrder(parsed.face),
        driving_crop=DrivingCrop(parsed.crop_driving),
        driving_window=DrivingWindow(
            scale=parsed.driving_scale, shift=(parsed.driving_x, parsed.driving_y)
        ),
        accept_no_landmarks=True,
        keep_openings="motion" not in parsed,  # who applies it chooses later
    )
    if "motion" not in parsed:
        return network
    animation = AnimationSettings(
        mode=MotionMode(parsed.motion),
        stitch=parsed.stitch,
        retarget_eyes=parsed.eye_retargeting,
        retarget_lips=parsed.lip_retargeting,
        lip_closure=LipClosure(parsed.lip_closure),
        observation_variance=parsed.smooth_source,
    )
    refinement = MotionRefinement(
        smooth_pose_s=parsed.smooth_pose,
        smooth_expression_s=parsed.smooth_expression,
        smooth_scale_s=parsed.smooth_scale,
        smooth_translation_s=parsed.smooth_translation,
        lock_scale=parsed.lock_scale,
        anchor=Anchor(parsed.anchor),
        pose_multiplier=parsed.pose_multiplier,
        expression_multiplier=parsed.expression_multiplier,
        eye_multiplier=parsed.eye_multiplier,
        lip_multiplier=parsed.lip_multiplier,
    )
    return replace(network, animation=animation, refinement=refinement)


def non_default_options(parsed: argparse.Namespace) -> list[str]:
    """Return the names of given options that only LivePortrait can follow."""
    parser = argparse.ArgumentParser()
    add_network_options(parser)
    if "motion" in parsed:
        add_animation_options(parser)
        add_refinement_options(parser)
    return changed_options(parsed, parser, besides=_MAY_BE_IGNORED)


def people_only_options(parsed: argparse.Namespace) -> list[str]:
    """Return the names of given options that animals have not."""
    parser = argparse.ArgumentParser()
    add_network_options(parser)
    add_animation_options(parser)
    return changed_options(parsed, parser, besides=(*_MAY_BE_IGNORED, *_OF_ANIMALS_TOO))


def changed_options(
    parsed: argparse.Namespace, parser: argparse.ArgumentParser, *, besides: Container[str] = ()
) -> list[str]:
    """Return the names of a parser's options that differ from their defaults."""
    return [
        f"--{'no-' if value is True else ''}{name.replace('_', '-')}"
        for name, value in vars(parser.parse_args([])).items()
        if name not in besides and vars(parsed)[name] != value
    ]


def _names(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]
