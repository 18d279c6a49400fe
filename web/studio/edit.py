"""Editing a portrait by sliders; the face that results is what an animation begins with."""

import hashlib
import json
import shlex
import threading
from collections import OrderedDict
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from liveportrait_core import Engine, Frame, RenderError, RenderOptions
from liveportrait_core.edit import REST, SLIDERS, PortraitEdit
from liveportrait_core.engines.base import PreparedPortrait
from liveportrait_core.engines.mesh.editing import NOT_DRAWN
from liveportrait_core.errors import InvalidOption
from liveportrait_core.renderer import Renderer
from web.studio.animate.page import AnimatePage
from web.studio.controls import crop_scale, portrait_upload
from web.studio.timeline import (
    Keys,
    Timeline,
    edit_at,
    opened,
    saved,
    told,
    with_key,
    without_key,
)

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


def edit_page(editor: Editor, animate: AnimatePage, tabs: Any) -> None:
    """Add the page to the blocks that are being built.

    Args:
        editor: draws.
        animate: the Animate page, which receives a portrait, an edit or key frames.
        tabs: of all pages, to turn to that one.
    """
    is_mesh = editor.engine()[0] is Engine.MESH
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            portrait = portrait_upload("e-portrait")
            gr.Markdown(
                "At rest a slider changes nothing; *Reset* brings all back."
                + (" Grey sliders: the mesh engine cannot draw them." if is_mesh else "")
            )
            sliders = [_slider(name, greyed=is_mesh and name in NOT_DRAWN) for name in SLIDERS]
            crop = crop_scale("e-crop", interactive=not is_mesh)
        with gr.Column(scale=2, min_width=300, elem_classes="stays"):
            with gr.Column(elem_classes="seen"):
                state = gr.HTML(_status("Bring a portrait."), elem_id="e-state")
                picture = gr.Image(
                    label="Edited",
                    interactive=False,
                    visible=False,
                    format="webp",
                    elem_id="e-picture",
                    buttons=["download", "fullscreen"],
                )
            with gr.Row():
                reset = gr.Button("Reset", elem_id="e-reset", min_width=110)
                use = gr.Button("Use this face in Animate", elem_id="e-use", min_width=110)
            command = gr.Code(
                _command("portrait.jpg", REST, RenderOptions.source_crop_scale, editor.engine()[0]),
                label="As a command line", language="shell", lines=1, wrap_lines=True,
                interactive=False, elem_id="e-command",
            )  # fmt: skip
            as_json = gr.Code(
                "{}", label="As JSON", language="json", lines=1, wrap_lines=True,
                interactive=False, elem_id="e-json",
            )  # fmt: skip
            with gr.Accordion("Key frames", open=False, elem_id="e-keys"):
                timeline = Timeline()

    def draw(path: str | None, scale: float, *values: float) -> tuple[Any, ...]:
        return drawn(editor, path, scale, edit_of(values))

    shown: list[Any] = [state, picture, command, as_json]
    inputs: list[Any] = [portrait, crop, *sliders]
    portrait.change(draw, inputs, shown, show_progress="minimal", trigger_mode="always_last")
    for each in (*sliders, crop):
        each.release(draw, inputs, shown, show_progress="hidden", trigger_mode="always_last")
    reset.click(lambda: values_of(REST), None, sliders).then(draw, inputs, shown)
    use.click(
        lambda path, *values: (
            path or gr.skip(),
            str(edit_of(values)),
            gr.Tabs(selected="animate"),
        ),
        [portrait, *sliders],
        [animate.portrait, animate.edit, tabs],
    )
    _wire(timeline, editor, portrait, crop, sliders, shown)
    timeline.use.click(
        lambda path, keys, fps: _taken(path, keys, fps),
        [portrait, timeline.keys, timeline.fps],
        [timeline.state, animate.portrait, animate.edit, animate.motion, tabs],
    )


def drawn(editor: Editor, path: str | None, scale: float, edit: PortraitEdit) -> tuple[Any, ...]:
    """Return the page's status, picture, command line and JSON for an edit."""
    name = "portrait.jpg" if path is None else Path(path).name
    line = _command(name, edit, scale, editor.engine()[0])
    fields = json.dumps(edit.as_fields())
    if path is None:
        return _status("Bring a portrait."), gr.Image(None, visible=False), line, fields
    try:
        frame = editor.draw(Path(path), edit, scale)
        return _status(""), gr.Image(frame, visible=True), line, fields
    except RenderError as error:
        return _status(f"{error.code}: {error}"), gr.Image(None, visible=False), line, fields


def _command(portrait: str, edit: PortraitEdit, scale: float, engine: Engine) -> str:
    words = ["avatar-idle", "edit", portrait, "-o", "edited.png"]
    words += [] if edit.is_rest else [f"--edit={edit}"]
    words += [] if scale == RenderOptions.source_crop_scale else [f"--scale={scale}"]
    return shlex.join([*words, f"--engine={engine}"])


def _status(words: str) -> str:
    return f"<div role=status><b>{escape(words)}</b>&nbsp;</div>"


def _taken(path: str | None, keys: Keys, fps: float) -> tuple[Any, ...]:
    try:
        file = saved(keys, fps)
    except InvalidOption:
        return told(keys, fps), gr.skip(), gr.skip(), gr.skip(), gr.skip()
    return told(keys, fps), path or gr.skip(), "", file, gr.Tabs(selected="animate")


def _wire(
    timeline: Timeline, editor: Editor, portrait: Any, crop: Any, sliders: list[Any], shown: Any
) -> None:
    """Connect the key frames with the sliders and the picture."""

    def set_key(keys: Keys, fps: float, frame: float, *values: float) -> tuple[Any, ...]:
        return timeline.view(with_key(keys, frame, edit_of(values)), fps)

    def bring_back(keys: Keys, event: gr.SelectData) -> list[Any]:
        frame = sorted(keys)[event.index[0]]
        return [frame, *values_of(keys[frame])]

    def look(path: str | None, scale: float, keys: Keys, fps: float, frame: float) -> Any:
        try:
            _, *rest = drawn(editor, path, scale, edit_at(keys, fps, round(frame)))
            return _status(f"Frame {round(frame)} of the key frames."), *rest
        except InvalidOption as error:
            return _status(str(error)), gr.skip(), gr.skip(), gr.skip()

    def open_file(path: str) -> tuple[Any, ...]:
        try:
            keys, fps = opened(Path(path))
        except InvalidOption as error:
            return gr.skip(), gr.skip(), gr.skip(), _status(str(error)), gr.skip(), gr.skip()
        return (fps, *timeline.view(keys, fps))

    known = [timeline.keys, timeline.fps]
    timeline.set_key.click(set_key, [*known, timeline.frame, *sliders], timeline.shown)
    timeline.drop_key.click(
        lambda keys, fps, frame: timeline.view(without_key(keys, frame), fps),
        [*known, timeline.frame],
        timeline.shown,
    )
    timeline.fps.change(timeline.view, known, timeline.shown)
    timeline.open.upload(open_file, [timeline.open], [timeline.fps, *timeline.shown])
    timeline.table.select(bring_back, [timeline.keys], [timeline.frame, *sliders]).then(
        lambda path, scale, *values: drawn(editor, path, scale, edit_of(values)),
        [portrait, crop, *sliders],
        shown,
    )
    timeline.look.release(
        look,
        [portrait, crop, *known, timeline.look],
        shown,
        show_progress="hidden",
        trigger_mode="always_last",
    )


def values_of(edit: PortraitEdit) -> list[float]:
    """Return the sliders' values for an edit, in the order of `SLIDERS`."""
    given = {name: getattr(edit, name) for name in SLIDERS}
    return [-SLIDERS[name].step if value is None else value for name, value in given.items()]


def edit_of(values: tuple[float, ...]) -> PortraitEdit:
    """Return the edit of a row of slider values, in the order of `SLIDERS`."""
    return PortraitEdit(
        **{
            name: value
            for (name, slider), value in zip(SLIDERS.items(), values, strict=True)
            if not (slider.of_picture and value < 0)
        }
    )


def _slider(name: str, *, greyed: bool) -> Any:
    slider = SLIDERS[name]
    low = -slider.step if slider.of_picture else slider.low
    unit = f" ({slider.unit})" if slider.unit and not slider.of_picture else ""
    rest = " (left end: as in the picture)" if slider.of_picture else ""
    return gr.Slider(
        low,
        slider.high,
        low if slider.of_picture else getattr(REST, name),
        step=slider.step,
        label=slider.label + unit + rest,
        interactive=not greyed,
        elem_id=f"e-{name}",
    )
