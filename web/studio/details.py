"""The details screen, against Firestore and Storage."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from liveportrait_core import FacePoints, InvalidOption, Species, parse_face_location
from web.studio.avatar import AvatarDocument, Look
from web.studio.controls import (
    clip_upload,
    error_slot,
    multiplier_of,
    portrait_upload,
    settings_controls,
    shown_error,
)
from web.studio.taps import species_controls
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
            kept_portrait = gr.HTML(visible=False, elem_id="d-portrait-kept", padding=False)
            wrong_portrait = error_slot("d-portrait-error")
            driving = clip_upload("Hero video", "d-driving")
            kept_driving = gr.HTML(visible=False, elem_id="d-driving-kept", padding=False)
            wrong_driving = error_slot("d-driving-error")
            multiplier, neutral, region = settings_controls("d")
            animal = species_controls("d", portrait)
            wrong_points = error_slot("d-points-error")
        with gr.Column(scale=2, min_width=300, elem_classes="stays"):
            with gr.Column(elem_classes="seen"):
                state = gr.HTML(elem_id="d-state")
                video = gr.HTML(elem_id="d-video")
            results = gr.HTML(label="The last three", elem_id="d-results")
            with gr.Accordion("The document", open=False):
                document = gr.JSON(elem_id="d-document")
    seen = gr.State({})
    controls: list[Any] = [multiplier, neutral, region, animal.species, animal.points]

    def save(*values: Any) -> Any:
        try:
            avatar.save_settings(settings_of(*values))
        except InvalidOption as error:
            return shown_error(str(error))
        return shown_error("")

    multiplier.release(save, controls, wrong_points)
    neutral.input(save, controls, wrong_points)
    region.input(save, controls, wrong_points)
    animal.on_input(save, controls, wrong_points)
    animal.species.change(multiplier_of, [animal.species], [multiplier], show_progress="hidden")

    def bring(field: str) -> Any:
        def brought(path: str | None, *settings: Any) -> None:
            if path is None:
                return
            avatar.save_file(field, Path(path))
            known = avatar.look().settings
            is_other_face = field == "avatarImageUrl" and "facePoints" in known
            if not known or is_other_face:
                avatar.save_settings(settings_of(*settings[:-1]))

        return brought

    portrait.upload(bring("avatarImageUrl"), [portrait, *controls], None)
    driving.upload(bring("training.heroVideoUrl"), [driving, *controls], None)
    gr.Timer(_TICK_S).tick(
        lambda before: _refreshed(avatar.look(), before),
        [seen],
        [
            state, video, results, document, *controls,
            wrong_portrait, wrong_driving, wrong_points, kept_portrait, kept_driving, seen,
        ],
        show_progress="hidden",
        queue=False,
    )  # fmt: skip


def settings_of(
    multiplier: float, neutral: bool, region: str, species: str, points: str | None = None
) -> dict[str, Any]:
    """Return `training.livePortrait` as the app writes it; what an animal has beside, if it is one.

    Raises:
        InvalidOption: the points are none.
    """
    settings: dict[str, Any] = {
        "drivingMultiplier": multiplier,
        "normalizeLip": neutral,
        "animationRegion": region,
    }
    if species == Species.HUMAN:
        return settings
    settings["species"] = species
    if points and points.strip():
        place = parse_face_location(points)
        settings["facePoints"] = (
            [{"x": x, "y": y} for x, y in place.points]
            if isinstance(place, FacePoints)
            else place.value
        )
    return settings


def points_text(value: Any) -> str:
    """Return `facePoints` of a document as the control shows them; "": there are none."""
    if not isinstance(value, list):
        return value if isinstance(value, str) else ""
    try:
        return str(FacePoints(points=tuple((point["x"], point["y"]) for point in value)))
    except (InvalidOption, KeyError, TypeError):
        return ""  # another client's mistake, which the function says


def _refreshed(look: Look, before: Mapping[str, Any]) -> Values:
    """Return what changed since the last look of this tab; the rest stays as it is."""
    now = {
        "state": state_html(look.live_portrait),
        "video": look.results[:2],
        "document": repr(sorted(look.document.items(), key=str)),
        "settings": dict(look.settings),
        "files": (look.has_portrait, look.has_clip),
    }
    old = before.get("settings", {})

    def changed(name: str, value: Any) -> Any:
        return value if now[name] != before.get(name) else gr.skip()

    def set_elsewhere(key: str, usual: Any = None) -> Any:
        value = look.settings.get(key, usual)
        return value if value is not None and value != old.get(key, usual) else gr.skip()

    points = set_elsewhere("facePoints", "")
    error = look.live_portrait.get("error")
    field = error.get("field") if isinstance(error, Mapping) else None

    def beside(*fields: str) -> Any:
        is_here = str(field).startswith(fields)
        words = error_words(error) if is_here and isinstance(error, Mapping) else ""
        return changed("state", shown_error(words))

    return (
        changed("state", now["state"]),
        changed("video", video_html(look.results)),
        changed("video", results_html(look.results)),
        changed("document", _plain(look.document)),
        set_elsewhere("drivingMultiplier"),
        set_elsewhere("normalizeLip"),
        set_elsewhere("animationRegion"),
        set_elsewhere("species", Species.HUMAN.value),
        points if isinstance(points, dict) else points_text(points),
        beside("avatarImageUrl"),
        beside("training.heroVideoUrl"),
        beside("training.livePortrait.facePoints", "training.livePortrait.species"),
        changed("files", kept_html("portrait", is_kept=look.has_portrait)),
        changed("files", kept_html("hero video", is_kept=look.has_clip)),
        now,
    )


def kept_html(name: str, *, is_kept: bool) -> Any:
    """Say that the avatar has such a file, whatever this tab was brought."""
    words = f"The avatar has a {name}; another one replaces it."
    return gr.HTML(f"<small>{words}</small>", visible=is_kept)


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
        words += f" {error_words(error)}"
        bar = f"<small>{escape(str(error.get('code')))}{_field(error)}</small>"
    return f"<div role=status data-state='{escape(state)}'><b>{escape(words)}</b> {bar}</div>"


def error_words(error: Mapping[str, Any]) -> str:
    """Say what went wrong."""
    usual = "Something went wrong; another value tries again."
    return ERROR_WORDS.get(str(error.get("code")), usual)


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
        "style='width:0;flex:1;max-width:32%'></video>"
        for url in urls
    )
    row = f"<div style='display:flex;gap:2%'>{videos}</div>"
    return f"<small>The last {len(urls)}, the newest first</small>{row}"


def _plain(value: Any) -> Any:
    """Return a document as JSON: what JSON has not, as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
