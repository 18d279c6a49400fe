"""What a generation's stored parameters and files mean to the renderer: values, no rendering."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

from liveportrait_core.edit import PortraitEdit
from liveportrait_core.edit_sequence import EditSequence, read_edit_sequence
from liveportrait_core.engines.liveportrait.config import (
    DEFAULT_CONFIG,
    DrivingCrop,
    DrivingWindow,
    EngineConfig,
)
from liveportrait_core.engines.liveportrait.motion.settings import AnimationSettings, MotionMode
from liveportrait_core.errors import InvalidOption
from liveportrait_core.media.file_kind import TEMPLATE_SUFFIXES, Role, kind_of
from liveportrait_core.media.pictures.opening import is_picture
from liveportrait_core.options import (
    AnimationRegion,
    Delivery,
    Engine,
    MouthInside,
    RenderOptions,
    SoundFrom,
    SpeechHead,
    SyntheticIdle,
    VideoFormat,
)
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest, SpeechInput
from liveportrait_core.species import FaceLocation, FacePlace, FacePoints, Species
from liveportrait_core.speech.viseme_formats import TimedViseme
from liveportrait_core.weights.digests import sha256_of
from web.generation import Generation, Kind
from web.jobs.methods import within_s

OF_PEOPLE: Final[Mapping[str, Any]] = {
    "relative": DEFAULT_CONFIG.animation.mode is MotionMode.RELATIVE,
    "cropX": RenderOptions.source_crop_shift[0],
    "cropY": RenderOptions.source_crop_shift[1],
    "smoothing": DEFAULT_CONFIG.animation.observation_variance,
}
OF_LIVEPORTRAIT: Final[Mapping[str, Any]] = {
    **OF_PEOPLE,
    "stitching": DEFAULT_CONFIG.animation.stitch,
    "drivingCrop": DEFAULT_CONFIG.driving_crop.value,
    "drivingScale": DEFAULT_CONFIG.driving_window.scale,
    "drivingX": DEFAULT_CONFIG.driving_window.shift[0],
    "drivingY": DEFAULT_CONFIG.driving_window.shift[1],
}
"""Parameters that LivePortrait alone has, by their defaults; `OF_PEOPLE` its animals lack."""


def require_engine(generation: Generation, engine: Engine) -> None:
    """Refuse what the engine cannot do, and parameters that it would ignore.

    Raises:
        InvalidOption: names them.
    """
    if engine is Engine.LIVEPORTRAIT:
        return
    if generation.kind is Kind.MOTION or is_template(generation.inputs.get("motion", "")):
        raise InvalidOption(
            f"a motion template is LivePortrait's, and the engine is {engine}; accepted: a clip, "
            "or key-framed edits, to animate a portrait"
        )
    if asked := changed(generation.params, OF_LIVEPORTRAIT):
        raise InvalidOption(
            f"{', '.join(asked)}: only LivePortrait can do that, and the engine {engine} would "
            "ignore it; accepted: without"
        )


def changed(params: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    """Return the names of the parameters that have another value than usual."""
    return [name for name, value in usual.items() if params.get(name, value) != value]


def request_of(generation: Generation, folder: Path, *, method_limit_s: float) -> RenderRequest:
    """Return what the renderer is asked for a video whose inputs are in a folder.

    A driving file is taken for a clip; `rendering` reads one that is none.

    Raises:
        InvalidOption: the key-framed edits are none.
    """
    portrait = folder / generation.inputs["portrait"]
    return RenderRequest(
        portrait=Clip(path=portrait) if is_clip(portrait) else portrait,
        motion=_motion(generation, folder),
        output=folder / generation.result_name,
        poster=folder / generation.poster_name,
        options=options_of(generation.params),
        delivery=Delivery(
            format=VideoFormat(generation.params.get("format", VideoFormat.MP4)),
            longest_side_px=generation.params.get("outputSize"),
            sound=SoundFrom(generation.params.get("audio", SoundFrom.NONE)),
            peak_mbit_s=generation.params.get("peakRate"),
        ),
        speech=_speech(generation, folder, method_limit_s)
        if generation.kind is Kind.TALK
        else None,
    )


def template_of(
    renderer: Renderer,
    generation: Generation,
    folder: Path,
    on_progress: Callable[[Progress], None],
) -> tuple[MotionTemplate, str]:
    """Return the motion that is to be kept as a template, and the SHA-256 of what it is made of.

    Raises:
        RenderError: clip, edits, portrait or template are at fault.
    """
    inputs, max_seconds = generation.inputs, generation.params["maxSeconds"]
    path = folder / inputs.get("driving", inputs.get("motion", ""))
    sha256 = sha256_of(path)
    if "driving" in inputs:
        return renderer.analyse(path, max_seconds=max_seconds, on_progress=on_progress), sha256
    motion = _motion(generation, folder)
    if isinstance(motion, EditSequence):
        portrait, options = folder / inputs["portrait"], options_of(generation.params)
        return renderer.edit_motion(portrait, motion, options), sha256
    return cast(MotionTemplate, motion), sha256


def options_of(params: Mapping[str, Any]) -> RenderOptions:
    """Return the renderer's options."""
    given = {**OF_LIVEPORTRAIT, **params}
    return RenderOptions(
        driving_multiplier=params["drivingMultiplier"],
        normalize_lip=params["normalizeLip"],
        animation_region=AnimationRegion(params["animationRegion"]),
        edit=PortraitEdit(**params["edit"]),
        source_crop_scale=params["scale"],
        source_crop_shift=(given["cropX"], given["cropY"]),
        source_max_dim_px=params["sourceMaxDim"],
        loop=params["loop"],
        max_seconds=params["maxSeconds"],
        species=Species(params.get("species", Species.HUMAN)),
        face_points=_face_location(params.get("facePoints")),
        paste_back=params.get("pasteback", True),
    )


def config_of(params: Mapping[str, Any], *, keep_openings: bool = False) -> EngineConfig:
    """Return how LivePortrait applies the motion; the default where nothing of it is given.

    `keep_openings`: the motion is kept, for whoever may choose to follow eyes and lips.
    """
    given = {**OF_LIVEPORTRAIT, **params}
    return EngineConfig(
        driving_crop=DrivingCrop(given["drivingCrop"]),
        keep_openings=keep_openings,
        driving_window=DrivingWindow(
            scale=given["drivingScale"], shift=(given["drivingX"], given["drivingY"])
        ),
        animation=AnimationSettings(
            mode=MotionMode.RELATIVE if given["relative"] else MotionMode.ABSOLUTE,
            stitch=given["stitching"],
            observation_variance=given["smoothing"],
        ),
    )


def is_template(name: str) -> bool:
    """Tell a motion template from key-framed edits by its name, as `motion_suffix` made it."""
    return Path(name).suffix in TEMPLATE_SUFFIXES


def motion_suffix(path: Path) -> str:
    """Return the ending of a motion's file by its bytes: key-framed edits, or a template."""
    with path.open("rb") as file:
        head = file.read(1024).lstrip()
    if head.startswith((b"{", b"[")) or not head:
        return ".json"
    return ".npz" if head.startswith(b"PK") else ".pkl"


def is_clip(path: Path) -> bool:
    """Tell a clip from a picture, and from what is neither, by its bytes."""
    kind = kind_of(path)
    return kind is not None and kind.role is Role.CLIP and kind.is_read


def is_still(path: Path) -> bool:
    """Tell a picture from a clip, and from what is neither."""
    return not is_clip(path) and is_picture(path)


def _face_location(shown: Any) -> FaceLocation | None:
    """Return the place that a request's points, as they are kept, stand for."""
    if isinstance(shown, list):
        return FacePoints(points=tuple((point["x"], point["y"]) for point in shown))
    return None if shown is None else FacePlace(shown)


def _motion(
    generation: Generation, folder: Path
) -> Clip | EditSequence | MotionTemplate | SyntheticIdle:
    inputs = generation.inputs
    if "driving" in inputs:
        return Clip(path=folder / inputs["driving"])
    if "motion" in inputs:
        path = folder / inputs["motion"]
        if not is_template(path.name):
            return read_edit_sequence(path)
        from liveportrait_core.engines.liveportrait.template import load_template  # imports torch

        return MotionTemplate(motion=load_template(path).trimmed(generation.params["maxSeconds"]))
    return SyntheticIdle(
        seed=generation.params["seed"],
        seconds=generation.params["seconds"],
        fps=Fraction(generation.params.get("fps", SyntheticIdle.fps)),
    )


def _speech(generation: Generation, folder: Path, method_limit_s: float) -> SpeechInput:
    params = generation.params
    return SpeechInput(
        sound=folder / generation.inputs["sound"],
        visemes=tuple(TimedViseme(at_ms=ms, viseme=name) for ms, name in generation.visemes),
        text=generation.text,
        strength=params["strength"],
        method=params["method"],
        inside=MouthInside(params["inside"]),
        start_frame=params["startFrame"],
        head=SpeechHead(params.get("head", SpeechInput.head)),
        refine=params.get("refine") is not None,
        within_s=within_s(generation, method_limit_s),
    )
