"""Editing a portrait by sliders; the face that results is what an animation begins with."""

import hashlib
import json
import shlex
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from liveportrait_core import Engine, Frame, RenderError, RenderOptions
from liveportrait_core.edit import SLIDERS, PortraitEdit
from liveportrait_core.engines.base import PreparedPortrait
from liveportrait_core.engines.mesh.editing import NOT_DRAWN
from liveportrait_core.renderer import Renderer

_KEPT_PORTRAITS = 4
_WIDEST_PX = 1024  # of the picture on the page


class Editor:
    """Draws edits; prepared portraits are cached by content and crop scale."""

    def __init__(self, open_renderer: Callable[[], Renderer]) -> None:
        self._open_renderer = open_renderer
        self._lock = threading.Lock()  # one job at a time
        self._renderer: Renderer | None = None
        self._prepared: OrderedDict[tuple[str, float], PreparedPortrait] = OrderedDict()

    def engine(self) -> tuple[Engine, str]:
        """Return which engine draws, and why."""
        with self._lock:
            renderer = self._opened()
            return renderer.engine, renderer.reason

    def _opened(self) -> Renderer:
        self._renderer = self._renderer or self._open_renderer()
        return self._renderer

    def draw(self, portrait: Path, edit: PortraitEdit, scale: float) -> Frame:
        """Return the edited portrait.

        Raises:
            RenderError: the picture or the edit is at fault.
        """
        options = RenderOptions(
            edit=edit, source_crop_scale=scale, source_max_dim_px=_WIDEST_PX, normalize_lip=False
        )
        key = (hashlib.sha256(portrait.read_bytes()).hexdigest(), scale)
        with self._lock:
            renderer = self._opened()
            if key not in self._prepared:
                self._prepared[key] = renderer.prepare(portrait, options)
                while len(self._prepared) > _KEPT_PORTRAITS:
                    self._prepared.popitem(last=False)
            self._prepared.move_to_end(key)
            return renderer.still(self._prepared[key], options)


def edit_page(editor: Editor, use_face: Any) -> None:
    """Add the page to the blocks that are being built.

    Args:
        editor: draws.
        use_face: the Animate page's text box, which receives an edit.
    """
    is_mesh = editor.engine()[0] is Engine.MESH
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            portrait = gr.Image(
                label="Portrait",
                type="filepath",
                sources=["upload"],
                height=220,
                elem_id="e-portrait",
            )
            gr.Markdown(
                "Every slider rests at its picture; *Reset* brings all back."
                + (" Grey sliders: the mesh engine cannot draw them." if is_mesh else "")
            )
            sliders = [_slider(name, greyed=is_mesh and name in NOT_DRAWN) for name in SLIDERS]
            usual = RenderOptions.source_crop_scale
            crop = gr.Slider(1.8, 3.2, usual, step=0.05, label="Crop scale")
            with gr.Row():
                reset = gr.Button("Reset", elem_id="e-reset")
                use = gr.Button("Use this face in Animate", elem_id="e-use")
        with gr.Column(scale=2, min_width=300, elem_classes="stays"):
            state = gr.HTML(elem_id="e-state")
            picture = gr.Image(
                label="Edited",
                interactive=False,
                format="webp",
                elem_id="e-picture",
                buttons=["download", "fullscreen"],
            )
            command = gr.Code(label="As a command line", language="shell", elem_id="e-command")
            as_json = gr.Code(label="As JSON", language="json", elem_id="e-json")

    def draw(path: str | None, scale: float, *values: float) -> tuple[Any, ...]:
        if path is None:
            return "<div role=status>Bring a portrait.</div>", None, "", ""
        edit = edit_of(values)
        line = f"avatar-idle edit portrait.jpg -o edited.png --edit {shlex.quote(str(edit))}"
        line += "" if scale == RenderOptions.source_crop_scale else f" --scale {scale:g}"
        told = json.dumps(edit.as_fields())
        try:
            return "<div role=status>&nbsp;</div>", editor.draw(Path(path), edit, scale), line, told
        except RenderError as error:
            return f"<div role=status><b>{error.code}</b>: {error}</div>", None, line, told

    shown: list[Any] = [state, picture, command, as_json]
    inputs: list[Any] = [portrait, crop, *sliders]
    portrait.change(draw, inputs, shown, show_progress="minimal", trigger_mode="always_last")
    for each in (*sliders, crop):
        each.release(draw, inputs, shown, show_progress="hidden", trigger_mode="always_last")
    reset.click(lambda: [_rest(name) for name in SLIDERS], None, sliders).then(draw, inputs, shown)
    use.click(
        lambda *values: ",".join(
            f"{name}={value:g}" for name, value in edit_of(values).as_fields().items()
        ),
        sliders,
        use_face,
    )


def edit_of(values: tuple[float, ...]) -> PortraitEdit:
    """Return the edit of a row of slider values, in the order of `SLIDERS`."""
    return PortraitEdit(
        **{
            name: value
            for (name, slider), value in zip(SLIDERS.items(), values, strict=True)
            if not (slider.of_picture and value < 0)
        }
    )


def _rest(name: str) -> float:
    slider = SLIDERS[name]
    return -slider.step if slider.of_picture else getattr(PortraitEdit(), name)


def _slider(name: str, *, greyed: bool) -> Any:
    slider = SLIDERS[name]
    low = -slider.step if slider.of_picture else slider.low
    unit = f" ({slider.unit})" if slider.unit else ""
    rest = ", left end: as in the picture" if slider.of_picture else ""
    return gr.Slider(
        low,
        slider.high,
        _rest(name),
        step=slider.step,
        label=slider.label + unit + rest,
        interactive=not greyed,
        elem_id=f"e-{name}",
    )
