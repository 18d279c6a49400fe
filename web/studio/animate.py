"""Animating a portrait without a cloud: the API's own queue, with a page around it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
from starlette.datastructures import FormData, UploadFile

from liveportrait_core import AnimationRegion, RenderOptions
from web.api.schemas import read_request
from web.api.service import Service
from web.errors import ApiError
from web.generation import Generation, State
from web.studio.details import video_html

_POLL_EVERY_S = 0.3


def animate_page(service: Service) -> Any:
    """Add the page to the blocks that are being built; return its text box for an edit."""
    defaults = RenderOptions()
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            portrait = gr.Image(
                label="Portrait",
                type="filepath",
                sources=["upload"],
                height=220,
                elem_id="a-portrait",
            )
            driving = gr.Video(
                label="Driving clip (none: a synthetic idle)", sources=["upload"], height=220,
                elem_id="a-driving",
            )  # fmt: skip
            multiplier = gr.Slider(
                0, 1, defaults.driving_multiplier, step=0.01, label="Driving multiplier",
                elem_id="a-multiplier",
            )  # fmt: skip
            neutral = gr.Checkbox(defaults.normalize_lip, label="Normalize lip")
            region = gr.Dropdown(
                [each.value for each in AnimationRegion], value="all", label="Animation region"
            )
            with gr.Accordion("More", open=False):
                scale = gr.Slider(1, 3.2, defaults.source_crop_scale, step=0.05, label="Crop scale")
                loop = gr.Checkbox(defaults.loop, label="Loop without a jump")
                seconds = gr.Slider(0.5, 60, 6, step=0.5, label="Seconds of a synthetic idle")
                edit = gr.Textbox(label="Edit first (smile=0.6,yaw=-8)", elem_id="a-edit")
            with gr.Row():
                go = gr.Button("Animate", variant="primary", elem_id="a-go")
                stop = gr.Button("Cancel", elem_id="a-stop")
        with gr.Column(scale=2, min_width=300):
            state = gr.HTML(elem_id="a-state")
            video = gr.HTML(elem_id="a-video")
            told = gr.JSON(label="The generation", elem_id="a-told", open=False)
    current = gr.State("")

    def animate(
        portrait: str | None,
        driving: str | None,
        multiplier: float,
        neutral: bool,
        region: str,
        scale: float,
        loop: bool,
        seconds: float,
        edit: str,
    ) -> Iterator[tuple[Any, ...]]:
        if portrait is None:
            yield _said("Bring a portrait first."), gr.skip(), gr.skip(), ""
            return
        params = {
            "drivingMultiplier": multiplier, "normalizeLip": neutral, "animationRegion": region,
            "scale": scale, "loop": loop, "seconds": seconds,
        }  # fmt: skip
        try:
            generation = ask(service, "animate", portrait, driving, params, edit)
        except ApiError as error:
            yield _said(str(error)), gr.skip(), gr.skip(), ""
            return
        yield from followed(service, generation)

    inputs = [portrait, driving, multiplier, neutral, region, scale, loop, seconds, edit]
    go.click(animate, inputs, [state, video, told, current], show_progress="hidden")
    stop.click(lambda name: cancel(service, name), [current], None)
    return edit


def cancel(service: Service, generation_id: str) -> None:
    """Cancel what the page follows."""
    generation = service.jobs.store.get(generation_id)
    if generation is not None:
        service.cancel(generation)


def ask(
    service: Service,
    kind: str,
    portrait: str,
    driving: str | None,
    params: dict[str, Any],
    edit: str,
) -> Generation:
    """Queue a generation as a request over HTTP does.

    Raises:
        ApiError: it is refused.
    """
    sliders = dict(part.split("=", 1) for part in edit.replace(" ", "").split(",") if "=" in part)
    inputs = {"portrait": {"upload": "portrait"}}
    opened = [("portrait", portrait)]
    if driving is not None:
        inputs["driving"] = {"upload": "driving"}
        opened.append(("driving", driving))
    wanted = read_request(
        {
            "kind": kind,
            "input": inputs,
            "params": {**params, "edit": {name: _number(text) for name, text in sliders.items()}},
        }
    )
    with ExitStack() as stack:
        files = {
            name: UploadFile(stack.enter_context(Path(path).open("rb")), filename=path)
            for name, path in opened
        }
        return service.add("", str(uuid4()), wanted, FormData(files), None)


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text  # refused by name


def followed(service: Service, generation: Generation) -> Iterator[tuple[Any, ...]]:
    """Yield the page's outputs until the generation has ended."""
    while True:
        generation = service.jobs.store.get(generation.id) or generation
        described = service.describe(generation)
        if generation.state is State.READY:
            url = described["output"]["videoUrl"]
            words = "Ready." + _warned(described["warnings"])
            yield _said(words), video_html((url,)), json.dumps(described), generation.id
            return
        if generation.state.is_final:
            error = described["error"] or {"message": "Canceled."}
            yield _said(error["message"]), gr.skip(), json.dumps(described), generation.id
            return
        yield _waiting(described), gr.skip(), gr.skip(), generation.id
        time.sleep(_POLL_EVERY_S)


def _waiting(described: dict[str, Any]) -> str:
    if described["status"] == "queued":
        return _said(f"Queued, {described['queuePosition']} before it.")
    eta = described["etaSeconds"]
    words = f"Rendering ({described['stage'] or 'starting'}"
    words += f", about {eta:.0f} s to go)" if eta else ")"
    share = 100 * described["progress"]
    return _said(words, f"<progress max=100 value={share:.0f} aria-label=Progress></progress>")


def _warned(warnings: list[str]) -> str:
    return f" ({', '.join(warnings)})" if warnings else ""


def _said(words: str, more: str = "") -> str:
    return f"<div role=status><b>{escape(words)}</b> {more}</div>"
