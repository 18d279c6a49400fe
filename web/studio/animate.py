"""Animating a portrait without a cloud: the API's own queue, with a page around it."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
from starlette.datastructures import FormData, UploadFile

from liveportrait_core import RenderOptions, Species, SpeechInput
from liveportrait_core.edit import PortraitEdit
from liveportrait_core.errors import InvalidOption
from web.api.schemas import read_request
from web.api.service import Service
from web.errors import ApiError, InvalidRequest
from web.generation import Generation, Kind, State
from web.studio.controls import clip_upload, crop_scale, portrait_upload, settings_controls
from web.studio.details import video_html
from web.studio.taps import species_controls
from web.studio.words import WARNING_WORDS

_POLL_EVERY_S = 0.3
_PARAMS = (
    "drivingMultiplier", "normalizeLip", "animationRegion", "scale", "sourceMaxDim", "loop",
    "seconds", "strength", "species", "facePoints",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AnimatePage:
    """What other pages may fill in."""

    portrait: Any
    edit: Any
    motion: Any


def animate_page(service: Service) -> AnimatePage:
    """Add the page to the blocks that are being built."""
    defaults = RenderOptions()
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            portrait = portrait_upload("a-portrait")
            driving = clip_upload("Driving clip (none: a synthetic idle)", "a-driving")
            sound = gr.Audio(
                label="What it says (none: it is silent)", type="filepath", sources=["upload"],
                buttons=["download"], elem_id="a-sound",
            )  # fmt: skip
            multiplier, neutral, region = settings_controls("a")
            with gr.Accordion("More", open=False):
                motion = gr.File(
                    label="Key frames instead of a clip (edits.json)", file_types=[".json"],
                    height=120, elem_id="a-motion",
                )  # fmt: skip
                edit = gr.Textbox(
                    label="The face it begins with (smile=0.6,yaw=-8)", elem_id="a-edit"
                )
                scale = crop_scale("a-crop")
                size = gr.Slider(
                    512, 2048, defaults.source_max_dim_px, step=2, label="Longest side, pixels"
                )
                strength = gr.Slider(
                    0, 1.5, SpeechInput.strength, step=0.01, label="Mouth, of what it says"
                )
                text = gr.Textbox(label="What it says, in letters (helps the mouth)")
                loop = gr.Checkbox(defaults.loop, label="Loop without a jump")
                seconds = gr.Slider(0.5, 60, 6, step=0.5, label="Seconds of a synthetic idle")
            species, points = species_controls("a", portrait)
            with gr.Row():
                go = gr.Button("Animate", variant="primary", elem_id="a-go")
                stop = gr.Button("Cancel", elem_id="a-stop")
        with gr.Column(scale=2, min_width=300):
            state = gr.HTML(said("Bring a portrait."), elem_id="a-state")
            video = gr.HTML(elem_id="a-video")
            with gr.Accordion("The generation, as the API tells it", open=False):
                told = gr.JSON(show_label=False, elem_id="a-told")
    current = gr.State("")

    def animate(
        portrait: str | None,
        driving: str | None,
        motion: str | None,
        sound: str | None,
        text: str | None,
        edit: str | None,
        *values: Any,
    ) -> Iterator[tuple[Any, ...]]:
        files = {"portrait": portrait, "driving": driving, "motion": motion, "sound": sound}
        params = dict(zip(_PARAMS, values, strict=True))
        try:
            generation = ask(service, files, text=text or "", edit=edit or "", params=params)
        except (ApiError, InvalidOption) as error:
            yield said(str(error)), gr.skip(), gr.skip(), ""
            return
        yield from followed(service, generation)

    params = [multiplier, neutral, region, scale, size, loop, seconds, strength, species, points]
    inputs = [portrait, driving, motion, sound, text, edit, *params]
    go.click(animate, inputs, [state, video, told, current], show_progress="hidden")
    stop.click(lambda name: cancel(service, name), [current], None)
    return AnimatePage(portrait=portrait, edit=edit, motion=motion)


def cancel(service: Service, generation_id: str) -> None:
    """Cancel what the page follows."""
    generation = service.jobs.store.get(generation_id)
    if generation is not None:
        service.cancel(generation)


def ask(
    service: Service,
    files: Mapping[str, str | None],
    *,
    text: str,
    edit: str,
    params: dict[str, Any],
) -> Generation:
    """Queue a generation as a request over HTTP does.

    Raises:
        ApiError: it is refused.
        InvalidOption: the edit is none.
    """
    given = {name: path for name, path in files.items() if path is not None}
    if "portrait" not in given:
        raise InvalidRequest("Bring a portrait first.", field="input.portrait")
    if {"driving", "motion"} <= set(given):
        raise InvalidRequest("There are a clip and key frames; take one of them away.")
    if text.strip() and "sound" not in given:
        raise InvalidRequest("There are words, and no sound of them; bring one.")
    words = {"text": text.strip()} if text.strip() else {}
    if params["species"] == Species.HUMAN or not (params["facePoints"] or "").strip():
        params = {name: value for name, value in params.items() if name != "facePoints"}
    wanted = read_request(
        {
            "kind": "talk" if "sound" in given else "animate",
            "input": {**{name: {"upload": name} for name in given}, **words},
            "params": {**params, "edit": PortraitEdit.parse(edit).as_fields()},
        }
    )
    with ExitStack() as stack:
        parts = {
            name: UploadFile(stack.enter_context(Path(path).open("rb")), filename=path)
            for name, path in given.items()
        }
        return service.add("", str(uuid4()), wanted, FormData(parts), None)


def followed(service: Service, generation: Generation) -> Iterator[tuple[Any, ...]]:
    """Yield the page's outputs until the generation has ended."""
    while True:
        generation = service.jobs.store.get(generation.id) or generation
        described = service.describe(generation)
        if generation.state is State.READY:
            url = described["output"]["videoUrl"]
            words = "Ready." + _warned(described["warnings"])
            is_heard = generation.kind is Kind.TALK
            shown = heard_html(url) if is_heard else video_html((url,))
            yield said(words), shown, json.dumps(described), generation.id
            return
        if generation.state.is_final:
            error = described["error"] or {"message": "Canceled."}
            yield said(error["message"]), gr.skip(), json.dumps(described), generation.id
            return
        yield _waiting(described), gr.skip(), gr.skip(), generation.id
        time.sleep(_POLL_EVERY_S)


def heard_html(url: str) -> str:
    """Show a video with sound; browsers play none by themselves."""
    return (
        f"<video src='{escape(url)}' controls playsinline preload=auto "
        "style='width:100%;max-height:70vh;object-fit:contain'></video>"
    )


def _waiting(described: dict[str, Any]) -> str:
    if described["status"] == "queued":
        return said(f"Queued, {described['queuePosition']} before it.")
    eta = described["etaSeconds"]
    words = f"Rendering ({described['stage'] or 'starting'}"
    words += f", about {eta:.0f} s to go)" if eta else ")"
    share = 100 * described["progress"]
    return said(words, f"<progress max=100 value={share:.0f} aria-label=Progress></progress>")


def _warned(warnings: list[str]) -> str:
    return "".join(f" {WARNING_WORDS.get(each, each)}" for each in warnings)


def said(words: str, more: str = "") -> str:
    """Return a status line."""
    return f"<div role=status><b>{escape(words)}</b> {more}</div>"
