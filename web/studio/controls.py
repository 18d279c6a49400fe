"""Controls that several pages have, alike on each."""

from typing import Any

import gradio as gr

from liveportrait_core import AnimationRegion, RenderOptions

_HEIGHT_PX = 220


def portrait_upload(elem_id: str) -> Any:
    """Return where a portrait is brought."""
    return gr.Image(
        label="Portrait",
        type="filepath",
        sources=["upload"],
        height=_HEIGHT_PX,
        elem_id=elem_id,
    )


def clip_upload(label: str, elem_id: str) -> Any:
    """Return where a clip is brought."""
    return gr.Video(label=label, sources=["upload"], height=_HEIGHT_PX, elem_id=elem_id)


def settings_controls(prefix: str) -> tuple[Any, Any, Any]:
    """Return the app's three: intensity, neutral mouth, region."""
    defaults = RenderOptions()
    multiplier = gr.Slider(
        0, 1, defaults.driving_multiplier, step=0.01, label="Intensity",
        elem_id=f"{prefix}-multiplier",
    )  # fmt: skip
    neutral = gr.Checkbox(
        defaults.normalize_lip, label="Neutral mouth", elem_id=f"{prefix}-neutral"
    )
    region = gr.Dropdown(
        [each.value for each in AnimationRegion],
        value=defaults.animation_region.value,
        label="Region",
        elem_id=f"{prefix}-region",
    )
    return multiplier, neutral, region


def crop_scale(elem_id: str) -> Any:
    """Return the slider of how much around the face is seen by the engine."""
    return gr.Slider(
        1.8, 3.2, RenderOptions.source_crop_scale, step=0.05, label="Crop scale", elem_id=elem_id
    )
