"""Controls that several pages have, alike on each."""

from html import escape
from typing import Any

import gradio as gr

from liveportrait_core import LARGEST_MULTIPLIER, AnimationRegion, RenderOptions, Species

_HEIGHT_PX = 220


def portrait_upload(elem_id: str) -> Any:
    """Return where a portrait is brought; functions are given the path of that very file."""
    upload = gr.Image(
        label="Portrait",
        type="filepath",
        sources=["upload"],
        height=_HEIGHT_PX,
        elem_id=elem_id,
    )
    # Gradio's own opens the file before any function is called: what is no picture ends without a
    # word, and one with transparency is replaced by other pixels.
    upload.preprocess = lambda payload: None if payload is None else payload.path
    return upload


def clip_upload(
    label: str, elem_id: str, *, interactive: bool = True, height_px: int = _HEIGHT_PX
) -> Any:
    """Return where a clip is brought."""
    return gr.Video(
        label=label, sources=["upload"], height=height_px, interactive=interactive, elem_id=elem_id
    )


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


def multiplier_of(species: str) -> Any:
    """Return what the slider of the intensity becomes: animals are moved up to twice in full."""
    return gr.Slider(maximum=LARGEST_MULTIPLIER[Species(species)])


def crop_scale(elem_id: str, *, interactive: bool = True) -> Any:
    """Return the slider of how much around the face is seen by the engine."""
    return gr.Slider(
        1.8, 3.2, RenderOptions.source_crop_scale, step=0.05, label="Crop scale",
        interactive=interactive, elem_id=elem_id,
    )  # fmt: skip


def error_slot(elem_id: str) -> Any:
    """Return where an error of the control above is said."""
    return gr.HTML(visible=False, elem_id=elem_id, elem_classes="wrong", padding=False)


def shown_error(words: str) -> Any:
    """Return what an error slot becomes; without words it is not seen."""
    return gr.HTML(f"<div role=alert>{escape(words)}</div>", visible=bool(words))
