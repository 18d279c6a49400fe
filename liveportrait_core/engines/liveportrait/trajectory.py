"""From a template to the key points of every frame: refined, driven, looped, spoken.

The order of these steps; their mathematics is in `motion`. Knows no picture.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from liveportrait_core.engines.liveportrait.config import EASE_S, EngineConfig
from liveportrait_core.engines.liveportrait.motion.keypoints import (
    DrivenKeypoints,
    KeypointNetworks,
    MeasuredMotion,
    drive_clip_keypoints,
    drive_portrait_keypoints,
    lips_left_open,
)
from liveportrait_core.engines.liveportrait.motion.refinement import refine
from liveportrait_core.engines.liveportrait.motion.speaking import (
    speaking_keypoints,
    with_still_mouth,
)
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.engines.loop import close_loop, ease_frames
from liveportrait_core.options import RenderOptions


def portrait_trajectory(
    source: MeasuredMotion,
    template: LivePortraitMotion,
    networks: KeypointNetworks,
    config: EngineConfig,
    options: RenderOptions,
) -> DrivenKeypoints:
    """Drive a portrait: as many frames as the template has; the final ones loop if wanted."""
    settings = config.settings(options)
    refined = refine(template.measured, template.fps, config.refinement)

    def drive(driving: MeasuredMotion) -> DrivenKeypoints:
        driven = drive_portrait_keypoints(
            source, driving, networks, settings, edit=options.edit, anchor=refined.anchor
        )
        return looped(driven, template.fps) if options.loop else driven

    driven = drive(refined.driving)
    if template.spoken is None:
        return driven
    still = drive(with_still_mouth(refined.driving, refined.anchor))
    final = speaking_keypoints(
        driven.final,
        still.final,
        template.spoken,
        scale=float(source.motion.scale[0, 0]),
        closed=lips_left_open(source, networks, settings, options.edit),
    )
    return replace(driven, final=final)


def clip_trajectory(
    source: MeasuredMotion,
    template: LivePortraitMotion,
    networks: KeypointNetworks,
    config: EngineConfig,
    options: RenderOptions,
) -> DrivenKeypoints:
    """Drive a clip: as many frames as the shorter of the two, all for a driving picture."""
    refined = refine(template.measured, template.fps, config.refinement)
    return drive_clip_keypoints(
        source,
        refined.driving,
        networks,
        config.settings(options),
        edit=options.edit,
        anchor=refined.anchor,
    )


def looped(driven: DrivenKeypoints, fps: Fraction) -> DrivenKeypoints:
    """Lead the final key points back to those of frame 0; a single frame stays as it is."""
    count = len(driven.final)
    if count == 1:
        return driven
    ease = ease_frames(count, float(fps), seconds=EASE_S)
    closed = close_loop(driven.final.astype(np.float64), ease)
    return replace(driven, final=closed.astype(np.float32))
