"""The renderer: a portrait and a driving clip become an idle video.

Knows tensors and files, knows no cloud. This module is the vocabulary, free of torch and numpy:
`from liveportrait_core import RenderOptions`. The front door is `liveportrait_core.renderer`.
"""

from typing import TYPE_CHECKING, Any

from liveportrait_core.edit import SLIDERS, InvalidSlider, PortraitEdit
from liveportrait_core.errors import InvalidOption, MotionUnusable, RenderError
from liveportrait_core.limits import (
    MAX_AUDIO_BYTES,
    MAX_IMAGE_BYTES,
    MAX_MOTION_BYTES,
    MAX_VIDEO_BYTES,
)
from liveportrait_core.options import (
    LARGEST_MULTIPLIER,
    MOST_SPEECH_STRENGTH,
    PASTED_BACK,
    AnimationRegion,
    Delivery,
    Engine,
    MouthInside,
    RenderOptions,
    SpeechHead,
    SpeechMethod,
    SyntheticIdle,
)
from liveportrait_core.report import (
    Box,
    Progress,
    QualityReport,
    RenderedVideo,
    RenderWarning,
    Stage,
    TalkCut,
)
from liveportrait_core.request import (
    CachedMotion,
    Clip,
    MotionTemplate,
    RenderRequest,
    SpeechInput,
)
from liveportrait_core.species import (
    ANIMAL_REVISION,
    NINE_POINTS,
    THREE_TAPS,
    FaceLocation,
    FacePlace,
    FacePoints,
    Species,
    parse_face_location,
)
from liveportrait_core.speech.viseme_formats import TimedViseme, timed_visemes

if TYPE_CHECKING:
    from liveportrait_core.report import Frame
else:

    def __getattr__(name: str) -> Any:
        """Import `Frame`, which is numpy's, for who asks for it."""
        if name != "Frame":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from liveportrait_core.report import Frame

        return Frame


__version__ = "0.6.0"  # of the whole project: pyproject.toml reads it here, CHANGELOG.md dates it

__all__ = [
    "ANIMAL_REVISION",
    "LARGEST_MULTIPLIER",
    "MAX_AUDIO_BYTES",
    "MAX_IMAGE_BYTES",
    "MAX_MOTION_BYTES",
    "MAX_VIDEO_BYTES",
    "MOST_SPEECH_STRENGTH",
    "NINE_POINTS",
    "PASTED_BACK",
    "SLIDERS",
    "THREE_TAPS",
    "AnimationRegion",
    "Box",
    "CachedMotion",
    "Clip",
    "Delivery",
    "Engine",
    "FaceLocation",
    "FacePlace",
    "FacePoints",
    "Frame",
    "InvalidOption",
    "InvalidSlider",
    "MotionTemplate",
    "MotionUnusable",
    "MouthInside",
    "PortraitEdit",
    "Progress",
    "QualityReport",
    "RenderError",
    "RenderOptions",
    "RenderRequest",
    "RenderWarning",
    "RenderedVideo",
    "Species",
    "SpeechHead",
    "SpeechInput",
    "SpeechMethod",
    "Stage",
    "SyntheticIdle",
    "TalkCut",
    "TimedViseme",
    "parse_face_location",
    "timed_visemes",
]
