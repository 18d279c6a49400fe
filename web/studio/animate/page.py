"""Animating a portrait without a cloud: the API's own queue, with a page around it."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from liveportrait_core import Engine
from liveportrait_core.errors import InvalidOption
from web.api.service import Service
from web.errors import ApiError, InvalidRequest
from web.generation import Generation
from web.studio.animate.following import Phase, Shown, error_words, followed, said
from web.studio.animate.inputs import Inputs

_LOG = logging.getLogger("web")
_REMEMBER: Final = "name => { if (name) sessionStorage.setItem('generation', name) }"
_REMEMBERED: Final = "() => [sessionStorage.getItem('generation') ?? '']"
Changes = dict[Any, Any]  # by component


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
            self.state: Any = gr.HTML(
                said("Bring a portrait.", phase=Phase.IDLE), elem_id="a-state"
            )
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
        self.phase: Any = gr.State(Phase.IDLE)
        # The id of the generation that is followed; the tab remembers it over a reload.
        self.current: Any = gr.Textbox(visible="hidden", elem_id="a-current")
        self.current.change(None, [self.current], None, js=_REMEMBER)

    @property
    def components(self) -> list[Any]:
        """All that is written to."""
        return list(vars(self).values())

    @property
    def sending(self) -> Changes:
        """What changes when the button is pressed; the video of before stays in sight."""
        return {
            self.phase: Phase.WORKING,
            self.state: said("Sending the files …", phase=Phase.WORKING),
            self.command: "",
            self.body: "",
            self.told: None,
        }

    def refused(self, words: str) -> Changes:
        """Return what changes when nothing was queued."""
        return {self.phase: Phase.REFUSED, self.state: said(words, phase=Phase.REFUSED)}

    def of(self, shown: Shown) -> Changes:
        """Return what changes."""
        values = {
            self.phase: shown.phase,
            self.state: shown.state,
            self.video: shown.video,
            self.quality: shown.quality,
            self.told: shown.told,
        }
        return {component: value for component, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What the buttons do. Each gives the components that change, until nothing more does."""

    service: Service
    engine: Engine
    inputs: Inputs
    outputs: Outputs

    def animate(self, values: dict[Any, Any]) -> Iterator[Changes]:
        """Queue what the controls hold, and follow it."""
        inputs, outputs = self.inputs, self.outputs
        yield {**inputs.without_errors(), **outputs.sending}
        try:
            asked = inputs.asked(values)
            yield {outputs.command: asked.command(self.engine), outputs.body: asked.as_json()}
            yield from self._followed(asked.queue(self.service))
        except (InvalidOption, ApiError) as error:
            if not isinstance(error, ApiError):
                error = InvalidRequest(str(error), field="params.edit")
            told = {"code": error.code, "message": str(error), "field": error.field}
            yield {**outputs.refused(error_words(told)), **self._wrong(told)}
        except Exception as error:  # the line must not say for ever that it is working
            _LOG.exception("the Animate page failed")
            words = f"The studio failed ({type(error).__name__}); its log says more."
            yield {**outputs.refused(words), inputs.stop: gr.Button(interactive=False)}

    def take_up(self, name: str) -> Iterator[Changes]:
        """Follow the generation again that this tab followed before it was loaded anew."""
        generation = self.service.jobs.store.get(name) if name else None
        if generation is None:
            yield {self.outputs.phase: Phase.IDLE}
        else:
            yield from self._followed(generation)

    def _followed(self, generation: Generation) -> Iterator[Changes]:
        yield {self.outputs.current: generation.id}
        for shown in followed(self.service, generation):
            cancel = gr.Button(interactive=shown.phase is Phase.WORKING)
            changes = {**self.outputs.of(shown), self.inputs.stop: cancel}
            yield {**changes, **(self._wrong(shown.error) if shown.error else {})}

    def _wrong(self, error: Mapping[str, Any]) -> Changes:
        """Say an error beside its control."""
        return self.inputs.error_at(error["field"], error_words(error))

    def cancel(self, name: str) -> None:
        """Cancel the generation that is followed."""
        generation = self.service.jobs.store.get(name)
        if generation is not None:
            self.service.cancel(generation)

    def hint(self, phase: Phase, *values: Any) -> Any:
        """Say what to do next, where the line says nothing of a generation."""
        if not phase.takes_hints:
            return gr.skip()
        return said(self.inputs.hint(*values), phase=phase)


def animate_page(service: Service, engine: Engine, weights: Path, blocks: gr.Blocks) -> AnimatePage:
    """Add the page to the blocks that are being built.

    Args:
        service: queues and describes generations.
        engine: that renders; what it cannot do is disabled.
        weights: the folder of the talking methods' files.
        blocks: all pages, whose loading takes up what this tab was following.
    """
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            inputs = Inputs(engine, weights)
        with gr.Column(scale=2, min_width=300, elem_classes="stays"):
            outputs = Outputs()
    actions = Actions(service=service, engine=engine, inputs=inputs, outputs=outputs)
    written = [*outputs.components, inputs.stop, *inputs.slots.values()]
    # Every tab follows its own generation, at the same time as the others.
    endless: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None}
    inputs.go.click(actions.animate, inputs.components, written, **endless)
    blocks.load(actions.take_up, [outputs.current], written, js=_REMEMBERED, **endless)
    inputs.stop.click(actions.cancel, [outputs.current], None)
    inputs.take_errors_away()
    gr.on(
        [each.change for each in inputs.hinting],
        actions.hint,
        [outputs.phase, *inputs.hinting],
        [outputs.state],
        show_progress="hidden",
    )
    return AnimatePage(
        portrait=inputs.files["portrait"], edit=inputs.edit, motion=inputs.files["motion"]
    )
