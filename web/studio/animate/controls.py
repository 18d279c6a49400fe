"""The Animate page's controls beyond the app's three, by their names among the parameters.

Each group is an accordion, closed at first. What the engine cannot do is disabled.
"""

from typing import Any

import gradio as gr

from liveportrait_core import Engine, RenderOptions, SyntheticIdle
from liveportrait_core.engines.liveportrait.config import DEFAULT_CONFIG, USUAL_WINDOW, DrivingCrop
from liveportrait_core.engines.liveportrait.motion.settings import OBSERVATION_VARIANCES
from liveportrait_core.options import (
    CROP_SCALES,
    MOST_CROP_SHIFT,
    OUTPUT_SIDES_PX,
    PEAK_MBIT_S,
    SoundFrom,
    VideoFormat,
)
from web.studio.controls import clip_upload, crop_scale

Controls = dict[str, Any]
_ENGINE_HINT = "LivePortrait can: `make studio ENGINE=liveportrait`, with its weights."


def video_controls(engine: Engine) -> Controls:
    """Add how long the video is, and what file it becomes."""
    is_mesh = engine is Engine.MESH
    with gr.Accordion("Length and file", open=False):
        loop = gr.Checkbox(RenderOptions.loop, label="Loop without a jump", elem_id="a-loop")
        with gr.Group():
            most = gr.Slider(
                0.5, 60, RenderOptions.max_seconds, step=0.5, elem_id="a-max-seconds",
                label="Of a driving clip, at most (seconds)",
            )  # fmt: skip
            seconds = gr.Slider(
                0.5, 60, SyntheticIdle.seconds, step=0.5, interactive=is_mesh,
                label="Without a clip: length (seconds)", elem_id="a-seconds",
            )  # fmt: skip
            fps = gr.Dropdown(
                ["15", "24000/1001", "24", "25", "30000/1001", "30"], value=str(SyntheticIdle.fps),
                allow_custom_value=True, interactive=is_mesh, elem_id="a-fps",
                label="Without a clip: exact frame rate",
                info="A driving clip's own rate is kept, exactly.",
            )  # fmt: skip
            seed = gr.Number(
                SyntheticIdle.seed, precision=0, minimum=0, interactive=is_mesh, elem_id="a-seed",
                label="Without a clip: another number, another motion",
            )  # fmt: skip
        with gr.Group():
            form = gr.Dropdown(
                [each.value for each in VideoFormat], value=VideoFormat.MP4.value,
                label="Kind of file", elem_id="a-format",
            )  # fmt: skip
            size = gr.Slider(
                *OUTPUT_SIDES_PX, OUTPUT_SIDES_PX[1], step=2, elem_id="a-output-size",
                label="Longest side of the file, at most (pixels)",
            )  # fmt: skip
            work = gr.Slider(
                512, 2048, RenderOptions.source_max_dim_px, step=2, elem_id="a-max-dim",
                label="Longest side it is worked on at (pixels; never enlarged)",
            )  # fmt: skip
            peak = gr.Slider(
                *PEAK_MBIT_S, PEAK_MBIT_S[1], step=0.5, elem_id="a-peak-rate",
                label="Megabits in a second, at most (right end: as the quality takes)",
            )  # fmt: skip
            audio = gr.Dropdown(
                [("none", SoundFrom.NONE.value), ("the driving clip's", SoundFrom.DRIVING.value),
                 *([] if is_mesh else [("the portrait's, a clip", SoundFrom.SOURCE.value)])],
                value=SoundFrom.NONE.value, label="Sound carried over (MP4)", elem_id="a-audio",
            )  # fmt: skip
    return {
        "loop": loop, "maxSeconds": most, "seconds": seconds, "fps": fps, "seed": seed,
        "format": form, "outputSize": size, "sourceMaxDim": work, "peakRate": peak, "audio": audio,
    }  # fmt: skip


def expert_controls(engine: Engine) -> tuple[Controls, Any, Any]:
    """Add LivePortrait's own controls.

    Returns them, the switch of the portrait's crop, and a clip in place of the portrait.
    """
    can = engine is Engine.LIVEPORTRAIT
    with gr.Accordion("Expert: crops and motion", open=False, elem_id="a-expert"):
        if not can:
            gr.Markdown(f"The {engine} engine cannot do what is grey. {_ENGINE_HINT}")
        clip = clip_upload(
            "A clip in place of the portrait", "a-source-clip", interactive=can, height_px=140
        )
        gr.Markdown("**The portrait's crop**")
        with gr.Group():
            do_crop = gr.Checkbox(
                True, label="Crop to the face (off: an animal's picture that is its face)",
                interactive=False, elem_id="a-do-crop",
            )  # fmt: skip
            scale = crop_scale("a-crop", interactive=can)
            x, y = _shifts("a-crop", RenderOptions.source_crop_shift, can=can)
        gr.Markdown("**The driving clip's crop**")
        with gr.Group():
            crop = gr.Radio(
                [("unless it is square", DrivingCrop.AUTO.value), ("on", DrivingCrop.ALWAYS.value),
                 ("off", DrivingCrop.NEVER.value)],
                value=DEFAULT_CONFIG.driving_crop.value, label="Crop to the face", interactive=can,
                elem_id="a-driving-crop",
            )  # fmt: skip
            driving_scale = gr.Slider(
                *CROP_SCALES, USUAL_WINDOW.scale, step=0.05, label="Crop scale", interactive=can,
                elem_id="a-driving-scale",
            )  # fmt: skip
            driving_x, driving_y = _shifts("a-driving", USUAL_WINDOW.shift, can=can)
        gr.Markdown("**The motion**")
        with gr.Group():
            relative = gr.Checkbox(
                True, interactive=can, elem_id="a-relative",
                label="Relative (off: the portrait takes the clip's own pose and expression)",
            )  # fmt: skip
            pasteback = gr.Checkbox(
                True, label="Paste back into the picture (off: the moving part alone)",
                elem_id="a-pasteback",
            )  # fmt: skip
            stitching = gr.Checkbox(
                True, label="Stitch: shoulders and border meet the picture", interactive=can,
                elem_id="a-stitching",
            )  # fmt: skip
            smoothing = gr.Number(
                DEFAULT_CONFIG.animation.observation_variance, interactive=can,
                minimum=OBSERVATION_VARIANCES[0], maximum=OBSERVATION_VARIANCES[1],
                label="Smoothing, of a clip as the portrait (1e-11 to 1e-2)", elem_id="a-smoothing",
            )  # fmt: skip
    return {
        "scale": scale, "cropX": x, "cropY": y, "drivingCrop": crop,
        "drivingScale": driving_scale, "drivingX": driving_x, "drivingY": driving_y,
        "relative": relative, "pasteback": pasteback, "stitching": stitching,
        "smoothing": smoothing,
    }, do_crop, clip  # fmt: skip


def _shifts(prefix: str, usual: tuple[float, float], *, can: bool) -> list[Any]:
    most = MOST_CROP_SHIFT
    return [
        gr.Slider(
            -most, most, value, step=0.01, label=label, interactive=can, elem_id=f"{prefix}-{axis}"
        )
        for axis, value, label in zip(
            "xy", usual, ("Shift sideways (sides of the crop)", "Shift up or down"), strict=True
        )
    ]
