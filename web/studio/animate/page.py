"""Animating a portrait without a cloud: the API's own queue, with a page around it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from liveportrait_core import PASTED_BACK, Engine, Species
from liveportrait_core.errors import InvalidOption
from liveportrait_core.media.file_kind import TEMPLATE_SUFFIXES
from web.api.service import Service
from web.errors import ApiError, InvalidRequest
from web.studio.animate.controls import Controls, expert_controls, speech_controls, video_controls
from web.studio.animate.following import Shown, followed, said
from web.studio.animate.request import Asked
from web.studio.controls import (
    clip_upload,
    error_slot,
    multiplier_of,
    portrait_upload,
    settings_controls,
    shown_error,
)
from web.studio.taps import species_controls

_SLOTS: Final = {
    "input.portrait": "portrait",
    "input.driving": "driving",
    "input.motion": "motion",
    "input.sound": "sound",
    "params.edit": "edit",
    "params.facePoints": "points",
    "params.species": "points",
    "params.method": "method",
    "params.fps": "fps",
}
"""Beside which control an error is said, by how its field begins."""
_OF_MESH: Final = ("Key frames in place of a clip (edits.json)", [".json"])
_OF_LIVEPORTRAIT: Final = (
    "In place of a clip: key frames (edits.json), a motion template (.npz, .pkl), a picture",
    [".json", *TEMPLATE_SUFFIXES, "image"],
)


@dataclass(frozen=True, kw_only=True)
class AnimatePage:
    """What other pages may fill in."""

    portrait: Any
    edit: Any
    motion: Any


class _Outputs:
    """What the page says: state, video, quality, and the errors beside the controls."""

    def __init__(self) -> None:
        with gr.Column(elem_classes="seen"):
            self.state: Any = gr.HTML(said("Bring a portrait."), elem_id="a-state")
            self.video: Any = gr.HTML(elem_id="a-video")
        self.quality: Any = gr.HTML(elem_id="a-quality")
        with gr.Accordion("The same as a command line, and as JSON", open=False):
            self.command: Any = gr.Code(
                label="Command line", language="shell", lines=1, wrap_lines=True,
                interactive=False, elem_id="a-command",
            )  # fmt: skip
            self.body: Any = gr.Code(
                label="Request to POST /v1/generations", language="json", lines=1,
                interactive=False, elem_id="a-body",
            )  # fmt: skip
        with gr.Accordion("The generation, as the API tells it", open=False):
            self.told: Any = gr.JSON(show_label=False, elem_id="a-told")


def animate_page(service: Service, engine: Engine, weights: Path) -> AnimatePage:
    """Add the page to the blocks that are being built.

    Args:
        service: queues and describes generations.
        engine: that renders; what it cannot do is disabled.
        weights: the folder of the talking methods' files.
    """
    is_mesh = engine is Engine.MESH
    motion_file = _OF_MESH if is_mesh else _OF_LIVEPORTRAIT
    files: Controls = {}
    slots: Controls = {}

    def slot(name: str) -> None:
        slots[name] = error_slot(f"a-{name}-error")

    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            files["portrait"] = portrait_upload("a-portrait")
            slot("portrait")
            none = " (none: a synthetic idle)" if is_mesh else ""
            files["driving"] = clip_upload(f"Driving clip{none}", "a-driving")
            slot("driving")
            multiplier, neutral, region = settings_controls("a")
            params = {
                "drivingMultiplier": multiplier, "normalizeLip": neutral, "animationRegion": region,
            }  # fmt: skip
            with gr.Row():
                go = gr.Button("Animate", variant="primary", elem_id="a-go", min_width=110)
                stop = gr.Button("Cancel", elem_id="a-stop", min_width=110)
            with gr.Accordion("Let it speak", open=False):
                files["sound"] = gr.Audio(
                    label="What it says", type="filepath", sources=["upload"],
                    buttons=["download"], elem_id="a-sound",
                )  # fmt: skip
                slot("sound")
                text = gr.Textbox(label="The same in letters (helps the mouth)", elem_id="a-text")
                params |= speech_controls(engine, weights)
                slot("method")
            params |= video_controls(engine)
            slot("fps")
            with gr.Accordion("Another face, or key frames", open=False):
                edit = gr.Textbox(
                    label="The face it begins with (smile=0.6,yaw=-8)", elem_id="a-edit",
                    info="The Edit page writes it.",
                )  # fmt: skip
                slot("edit")
                files["motion"] = gr.File(
                    label=motion_file[0], file_types=motion_file[1], height=140,
                    elem_id="a-motion",
                )  # fmt: skip
                slot("motion")
            animal = species_controls("a", files["portrait"])
            params |= {"species": animal.species, "facePoints": animal.points}
            slot("points")
            expert, do_crop, clip = expert_controls(engine)
            params |= expert
        with gr.Column(scale=2, min_width=300, elem_classes="stays"):
            shown = _Outputs()
    current = gr.State("")
    everything = [shown.state, shown.video, shown.quality, shown.command, shown.body, shown.told]

    def animate(values: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
        yield {each: shown_error("") for each in slots.values()}
        held = {name: values[each] for name, each in params.items()}
        try:
            asked = Asked.of(
                {name: values[each] for name, each in files.items()}
                | ({"portrait": values[clip]} if values[clip] else {}),
                text=values[text] or "",
                edit=values[edit] or "",
                params=_of_species(held, crops=values[do_crop]),
            )
            if not is_mesh and asked.moves_by_itself:
                raise InvalidRequest("Bring a driving clip first.", field="input.driving")
            generation = asked.queue(service)
        except InvalidOption as error:
            yield {shown.state: said(str(error)), slots["edit"]: shown_error(str(error))}
            return
        except ApiError as error:
            yield {shown.state: said(str(error)), **_beside(error.field, str(error), slots)}
            return
        yield {
            shown.command: asked.command(engine),
            shown.body: asked.as_json(),
            current: generation.id,
        }
        for each in followed(service, generation):
            yield {
                component: value
                for component, value in _outputs(shown, each).items()
                if value is not None
            }
            if each.error is not None:
                yield _beside(each.error["field"], each.error["message"], slots)

    inputs = {*files.values(), *params.values(), text, edit, do_crop, clip}
    go.click(animate, inputs, [*everything, *slots.values(), current], show_progress="hidden")
    files["portrait"].change(
        lambda path: said("Animate makes it move." if path else "Bring a portrait."),
        [files["portrait"]],
        [shown.state],
        show_progress="hidden",
    )
    stop.click(lambda name: cancel(service, name), [current], None)
    params["species"].change(
        lambda species: (
            multiplier_of(species),
            gr.Checkbox(value=PASTED_BACK[Species(species)]),
            gr.Checkbox(value=True, interactive=species == Species.ANIMAL and not is_mesh),
        ),
        [params["species"]],
        [multiplier, params["pasteback"], do_crop],
        show_progress="hidden",
    )
    return AnimatePage(portrait=files["portrait"], edit=edit, motion=files["motion"])


def cancel(service: Service, generation_id: str) -> None:
    """Cancel what the page follows."""
    generation = service.jobs.store.get(generation_id)
    if generation is not None:
        service.cancel(generation)


def _of_species(params: dict[str, Any], *, crops: bool) -> dict[str, Any]:
    """Return the parameters without an animal's where it is none."""
    if params["species"] == Species.HUMAN:
        return {name: value for name, value in params.items() if name != "facePoints"}
    return params if crops else {**params, "facePoints": "cropped"}


def _outputs(shown: _Outputs, each: Shown) -> dict[Any, Any]:
    return {
        shown.state: each.state,
        shown.video: each.video,
        shown.quality: each.quality,
        shown.told: each.told,
    }


def _beside(field: str | None, words: str, slots: Controls) -> dict[Any, Any]:
    """Return an error beside the control of its field, where it has one."""
    return {
        slots[name]: shown_error(words)
        for beginning, name in _SLOTS.items()
        if field is not None and field.startswith(beginning)
    }
