"""The details screen, against Firestore and Storage."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from web.studio.avatar import AvatarDocument, Look
from web.studio.controls import clip_upload, portrait_upload, settings_controls
from web.studio.words import ERROR_WORDS

_TICK_S = 0.5
_STATES = {
    "": "Bring a portrait and a clip of a moving face.",
    "queued": "Queued: waiting a moment for the next move of the slider.",
    "rendering": "Rendering",
    "ready": "Ready.",
    "failed": "Failed.",
    "blocked": "Waiting: a file is missing.",
    "disabled": "Switched off.",
}
Values = tuple[Any, ...]


def details_page(avatar: AvatarDocument) -> None:
    """Add the page to the blocks that are being built."""
    gr.Markdown(
        "As in the app: what you save is written to `avatars/studio`, the function renders it, and "
        "this page shows the result. Other tabs follow."
    )
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            portrait = portrait_upload("d-portrait")
            driving = clip_upload("Hero video", "d-driving")
            multiplier, neutral, region = settings_controls("d")
        with gr.Column(scale=2, min_width=300):
            state = gr.HTML(elem_id="d-state")
            video = gr.HTML(elem_id="d-video")
            results = gr.HTML(label="The last three", elem_id="d-results")
            with gr.Accordion("The document", open=False):
                document = gr.JSON(elem_id="d-document")
    seen = gr.State({})
    controls: list[Any] = [multiplier, neutral, region]

    def save(multiplier: float, neutral: bool, region: str) -> None:
        avatar.save_settings(multiplier=multiplier, normalize_lip=neutral, region=region)

    multiplier.release(save, controls, None)
    neutral.input(save, controls, None)
    region.input(save, controls, None)

    def bring(field: str) -> Any:
        def brought(path: str | None, *settings: Any) -> None:
            if path is not None:
                avatar.save_file(field, Path(path))
                if not avatar.look().settings:
                    save(*settings)

        return brought

    portrait.upload(bring("avatarImageUrl"), [portrait, *controls], None)
    driving.upload(bring("training.heroVideoUrl"), [driving, *controls], None)
    gr.Timer(_TICK_S).tick(
        lambda before: _refreshed(avatar.look(), before),
        [seen],
        [state, video, results, document, *controls, seen],
        show_progress="hidden",
        queue=False,
    )


def _refreshed(look: Look, before: Mapping[str, Any]) -> Values:
    """Return what changed since the last look of this tab; the rest stays as it is."""
    now = {
        "state": state_html(look.live_portrait),
        "video": look.results[:2],
        "document": repr(sorted(look.document.items(), key=str)),
        "settings": dict(look.settings),
    }
    old = before.get("settings", {})

    def changed(name: str, value: Any) -> Any:
        return value if now[name] != before.get(name) else gr.skip()

    def set_elsewhere(key: str) -> Any:
        value = look.settings.get(key)
        return value if value is not None and value != old.get(key) else gr.skip()

    return (
        changed("state", now["state"]),
        changed("video", video_html(look.results)),
        changed("video", results_html(look.results)),
        changed("document", _plain(look.document)),
        set_elsewhere("drivingMultiplier"),
        set_elsewhere("normalizeLip"),
        set_elsewhere("animationRegion"),
        now,
    )


def state_html(live: Mapping[str, Any]) -> str:
    """Say the state in words, with a bar while it renders."""
    state = str(live.get("state", ""))
    words = _STATES.get(state, state)
    bar = ""
    if state == "rendering":
        progress = live.get("progress")
        eta = live.get("etaSeconds")
        words += f" ({live.get('stage') or 'starting'}"
        words += f", about {eta} s to go)" if eta else ")"
        share = float(progress) if isinstance(progress, int | float) else 0.0  # percent
        bar = f"<progress max=100 value={share:.0f} aria-label=Progress></progress>"
    error = live.get("error")
    if isinstance(error, Mapping):
        code = str(error.get("code"))
        words += f" {ERROR_WORDS.get(code, 'Something went wrong; another value tries again.')}"
        bar = f"<small>{escape(code)}{_field(error)}</small>"
    return f"<div role=status data-state='{escape(state)}'><b>{escape(words)}</b> {bar}</div>"


def _field(error: Mapping[str, Any]) -> str:
    return f", {escape(str(error['field']))}" if error.get("field") else ""


def video_html(urls: tuple[str, ...]) -> str:
    """Play the newest above the one before, which is seen until the newest has a frame to show."""
    if not urls:
        return ""
    layers = "".join(
        f"<video src='{escape(url)}' autoplay loop muted playsinline "
        "style='grid-area:1/1;width:100%;max-height:70vh;object-fit:contain'></video>"
        for url in reversed(urls[:2])
    )
    return f"<div style='display:grid'>{layers}</div>"


def results_html(urls: tuple[str, ...]) -> str:
    """Show the last results side by side; the newest alone plays above already."""
    if len(urls) < 2:
        return ""
    videos = "".join(
        f"<video src='{escape(url)}' controls loop muted playsinline preload=auto "
        "style='width:32%;min-width:90px'></video> "
        for url in urls
    )
    return f"<small>The last {len(urls)}, the newest first</small><div>{videos}</div>"


def _plain(value: Any) -> Any:
    """Return a document as JSON: what JSON has not, as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
