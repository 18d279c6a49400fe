"""From what an engine animates to a shot: which frames, at what pace, before which still picture.

Knows engines and what they animate; films nothing.
"""

from collections.abc import Iterator
from typing import Any

from liveportrait_core.engines.base import (
    AnimationEngine,
    ClipEngine,
    MotionTemplate,
    PreparedPortrait,
    SourceVideo,
)
from liveportrait_core.media.image import Portrait
from liveportrait_core.media.probe import DrivingClip
from liveportrait_core.options import Delivery, RenderOptions
from liveportrait_core.pipeline.writer import Shot
from liveportrait_core.report import Frame


def picture_shot(
    engine: AnimationEngine[Any, Any],
    picture: Portrait,
    prepared: PreparedPortrait,
    template: MotionTemplate,
    options: RenderOptions,
    delivery: Delivery,
) -> Shot:
    """A picture that moves."""
    return Shot(
        engine=engine.engine,
        engine_version=engine.version,
        frames=engine.animate(prepared, template, options),
        frame_count=template.frame_count,
        fps=template.fps,
        portrait=picture.pixels if options.paste_back else None,
        box=prepared.box,
        mask=prepared.mask,
        warnings=(*picture.warnings, *prepared.warnings, *template.warnings),
        delivery=delivery,
    )


def clip_shot(
    engine: ClipEngine[Any, Any, Any],
    frames: Iterator[Frame],
    clip: DrivingClip,
    source: SourceVideo,
    template: MotionTemplate,
    delivery: Delivery,
) -> Shot:
    """A clip that moves otherwise, for as long as both last; under one pose, to its own end."""
    shorter = min(source.frame_count, template.frame_count)
    return Shot(
        engine=engine.engine,
        engine_version=engine.version,
        frames=frames,
        frame_count=source.frame_count if template.frame_count == 1 else shorter,
        fps=clip.rate_fps,
        portrait=None,
        box=None,
        mask=None,
        warnings=(*clip.warnings, *source.warnings, *template.warnings),
        delivery=delivery,
    )
