"""Animating a portrait without a cloud: the API's own queue, with a page around it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from liveportrait_core import Engine
from liveportrait_core.errors import InvalidOption
from web.api.service import Service
from web.errors import ApiError
from web.studio.animate.following import Shown, followed, said
from web.studio.animate.inputs import Inputs


@dataclass(frozen=True, kw_only=True)
class AnimatePage:
    """What other pages may fill in."""

    portrait: Any
    edit: Any
    motion: Any


class Outputs:
    """The right side: state, video, quality, and the request in other forms."""

    def __init__(self) -> None:
        """Add them to the blocks that are being built."""
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
        self.current: Any = gr.State("")  # the id of the generation that is followed

    @property
    def components(self) -> list[Any]:
        """All that is written to."""
        return list(vars(self).values())

    def of(self, shown: Shown) -> dict[Any, Any]:
        """Return what changes."""
        values = {
            self.state: shown.state,
            self.video: shown.video,
            self.quality: shown.quality,
            self.told: shown.told,
        }
        return {component: value for component, value in values.items() if value is not None}


def animate_page(service: Service, engine: Engine, weights: Path) -> AnimatePage:
    """Add the page to the blocks that are being built.

    Args:
        service: queues and describes generations.
        engine: that renders; what it cannot do is disabled.
        weights: the folder of the talking methods' files.
    """
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            inputs = Inputs(engine, weights)
        with gr.Column(scale=2, min_width=300, elem_classes="stays"):
            outputs = Outputs()

    def animate(values: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
        yield inputs.without_errors()
        try:
            asked = inputs.asked(values)
            generation = asked.queue(service)
        except (InvalidOption, ApiError) as error:
            field = error.field if isinstance(error, ApiError) else "params.edit"
            yield {outputs.state: said(str(error)), **inputs.error_at(field, str(error))}
            return
        yield {
            outputs.command: asked.command(engine),
            outputs.body: asked.as_json(),
            outputs.current: generation.id,
        }
        for shown in followed(service, generation):
            told = shown.error
            wrong = inputs.error_at(told["field"], told["message"]) if told else {}
            yield {**outputs.of(shown), **wrong}

    written = [*outputs.components, *inputs.slots.values()]
    inputs.go.click(animate, inputs.components, written, show_progress="hidden")
    inputs.stop.click(lambda name: cancel(service, name), [outputs.current], None)
    portrait = inputs.files["portrait"]
    portrait.change(
        lambda path: said("Animate makes it move." if path else "Bring a portrait."),
        [portrait],
        [outputs.state],
        show_progress="hidden",
    )
    return AnimatePage(portrait=portrait, edit=inputs.edit, motion=inputs.files["motion"])


def cancel(service: Service, generation_id: str) -> None:
    """Cancel what the page follows."""
    generation = service.jobs.store.get(generation_id)
    if generation is not None:
        service.cancel(generation)
