"""Following one generation until it has ended: what the page shows meanwhile."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from liveportrait_core import RenderWarning
from web.api.service import Service
from web.generation import Generation, Kind, State
from web.studio.details import video_html
from web.studio.quality import quality_html

_POLL_EVERY_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is to be seen of a generation; None: what is there stays."""

    state: str  # HTML
    video: str | None = None  # HTML
    quality: str | None = None  # HTML
    told: str | None = None  # the object, JSON
    error: Mapping[str, Any] | None = None


def followed(service: Service, generation: Generation) -> Iterator[Shown]:
    """Yield what is to be shown until the generation has ended."""
    while True:
        generation = service.jobs.store.get(generation.id) or generation
        described = service.describe(generation)
        if generation.state.is_final:
            yield _ended(generation, described)
            return
        yield Shown(state=_waiting(described))
        time.sleep(_POLL_EVERY_S)


def _ended(generation: Generation, described: dict[str, Any]) -> Shown:
    told = json.dumps(described)
    if generation.state is not State.READY:
        error = described["error"]
        words = error["message"] if error else "Canceled."
        return Shown(state=said(words), told=told, error=error)
    is_heard = generation.kind is Kind.TALK
    params = generation.params
    return Shown(
        state=said("Ready." + _warned(described["warnings"])),
        video=_result(generation.kind, described["output"], params.get("format", "mp4")),
        quality=quality_html(
            described["quality"],
            loops=params["loop"] and not is_heard,
            closes=params["normalizeLip"] and not params["edit"],
        ),
        told=told,
    )


def _result(kind: Kind, output: Mapping[str, Any], form: str) -> str:
    if kind is Kind.TALK:
        return _heard(output["videoUrl"])
    if kind is Kind.ANIMATE and form == "mp4":
        return video_html((output["videoUrl"],))
    return _picture(output["videoUrl"] if kind is Kind.ANIMATE else output["pictureUrl"])


def _heard(url: str) -> str:
    """Show a video with sound; browsers play none by themselves."""
    return (
        f"<video src='{escape(url)}' controls playsinline preload=auto "
        "style='width:100%;max-height:70vh;object-fit:contain'></video>"
    )


def _picture(url: str) -> str:
    return (
        f"<img src='{escape(url)}' alt='The animated portrait' "
        "style='width:100%;max-height:70vh;object-fit:contain'>"
    )


def _waiting(described: dict[str, Any]) -> str:
    if described["status"] == "queued":
        before = described["queuePosition"]
        return said(f"Queued, {before} before it." if before else "Queued.")
    eta = described["etaSeconds"]
    words = f"Rendering ({described['stage'] or 'starting'}"
    words += f", about {eta:.0f} s to go)" if eta else ")"
    share = 100 * described["progress"]
    return said(words, f"<progress max=100 value={share:.0f} aria-label=Progress></progress>")


def _warned(warnings: list[str]) -> str:
    return "".join(f" {RenderWarning(each).words}" for each in warnings)


def said(words: str, more: str = "") -> str:
    """Return a status line."""
    return f"<div role=status><b>{escape(words)}</b> {more}</div>"
