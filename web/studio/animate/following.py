"""Following one generation until it has ended: what the page shows meanwhile."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Any

from liveportrait_core import RenderWarning
from web.api.service import Service
from web.generation import Generation, Kind, State
from web.studio.details import video_html
from web.studio.quality import quality_html
from web.studio.words import HINTS

_POLL_EVERY_S = 0.3


class Phase(StrEnum):
    """How far the page's last request is."""

    IDLE = "idle"  # none was made
    REFUSED = "refused"  # it was not queued
    WORKING = "working"
    FINISHED = "finished"
    FAILED = "failed"  # or canceled

    @property
    def takes_hints(self) -> bool:
        """Whether the status line is free to say what to do next."""
        return self in (Phase.IDLE, Phase.REFUSED)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is to be seen of a generation; None: what is there stays."""

    phase: Phase
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
        yield Shown(phase=Phase.WORKING, state=_waiting(described))
        time.sleep(_POLL_EVERY_S)


def _ended(generation: Generation, described: dict[str, Any]) -> Shown:
    told = json.dumps(described)
    if generation.state is not State.READY:
        error = described["error"]
        words = f"Failed: {error_words(error)}" if error else "Canceled."
        state = said(words, phase=Phase.FAILED)
        return Shown(phase=Phase.FAILED, state=state, told=told, error=error)
    params, output = generation.params, described["output"]
    words = "Ready." + _by(output) + _warned(described["warnings"])
    return Shown(
        phase=Phase.FINISHED,
        state=said(words, phase=Phase.FINISHED),
        video=_result(generation.kind, output, params.get("format", "mp4")),
        quality=quality_html(
            described["quality"],
            loops=params["loop"] and not generation.kind.speaks,
            closes=params["normalizeLip"] and not params["edit"],
        ),
        told=told,
    )


def error_words(error: Mapping[str, Any]) -> str:
    """Return what an error says, and what to do about it on this page."""
    hint = HINTS.get(error["code"])
    words: str = error["message"]
    return words if hint is None else f"{words.partition(';')[0]}. {hint}"


def _by(output: Mapping[str, Any]) -> str:
    """Name what moved the mouth, with the licence that the result is under thereby."""
    if output["method"] is None:
        return ""
    words = f" Mouth by {output['method']} ({output['licence']})"
    if output["refiner"] is not None:
        words += f", sharpened by {output['refiner']} ({output['refinerLicence']})"
    return words + "."


def _result(kind: Kind, output: Mapping[str, Any], form: str) -> str:
    if kind.speaks:
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
        words = f"Queued, {before} before it." if before else "Queued."
        return said(words, phase=Phase.WORKING)
    eta = described["etaSeconds"]
    words = f"Rendering ({described['stage'] or 'starting'}"
    words += f", about {eta:.0f} s to go)" if eta else ")"
    share = 100 * described["progress"]
    bar = f"<progress max=100 value={share:.0f} aria-label=Progress></progress>"
    return said(words, bar, phase=Phase.WORKING)


def _warned(warnings: list[str]) -> str:
    return "".join(f" {RenderWarning(each).words}" for each in warnings)


def said(words: str, more: str = "", *, phase: Phase) -> str:
    """Return a status line."""
    return f"<div role=status data-phase={phase}><b>{escape(words)}</b> {more}</div>"
