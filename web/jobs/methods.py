"""Methods of talking: which one a generation takes, by which licence, and what it costs here."""

from pathlib import Path

from liveportrait_core.pipeline.lipsync import LipSyncRequest
from liveportrait_core.renderer import Renderer
from liveportrait_core.speech.methods import GFPGAN, LICENCES
from web.generation import Generation, Kind
from web.jobs.ports import MethodEstimate


def accepting(renderer: Renderer, generation: Generation) -> Renderer:
    """Return the renderer by the licences that both its operator and the client have accepted."""
    return renderer.accepting(frozenset(generation.params.get("acceptLicences", ())))


def method_of(renderer: Renderer, generation: Generation) -> str:
    """Return the name of the method that the generation takes.

    Raises:
        InvalidOption, MethodNotInstalled, MethodNotLicensed: it cannot be had.
    """
    return accepting(renderer, generation).talk_method(
        generation.params["method"],
        is_told=bool(generation.visemes) or generation.text is not None,
        paints_clip=generation.kind is Kind.LIPSYNC,
    )


def estimate(renderer: Renderer, generation: Generation, seconds: float) -> MethodEstimate:
    """Open the method, try it, and tell what it takes for so many seconds of sound.

    Raises:
        InvalidOption, MethodNotInstalled, MethodNotLicensed: it cannot be had.
        EngineUnavailable: its weight file holds something else.
    """
    name, able = method_of(renderer, generation), accepting(renderer, generation)
    names = [name, GFPGAN] if generation.params.get("refine") else [name]
    costs = able.talk_costs(names, seconds=seconds).values()
    licences = [able.talk_methods[name], *(LICENCES[each].words for each in names[1:])]
    return MethodEstimate(
        name=name,
        licence="; ".join(licences),
        seconds=sum(each.seconds for each in costs),
        opening_seconds=sum(each.opening_seconds for each in costs),
        peak_mib=max(each.peak_mib for each in costs),
    )


def within_s(generation: Generation, limit_s: float) -> float:
    """Return how long its method may take: the client's limit, and no longer than the server's."""
    asked: float | None = generation.params.get("within")
    return limit_s if asked is None else min(asked, limit_s)


def lipsync_of(generation: Generation, folder: Path, *, limit_s: float) -> LipSyncRequest:
    """Return what is asked for of a clip whose files are in a folder."""
    return LipSyncRequest(
        clip=folder / generation.inputs["driving"],
        sound=folder / generation.inputs["sound"],
        output=folder / generation.result_name,
        poster=folder / generation.poster_name,
        repeat=generation.params["repeat"],
        method=generation.params["method"],
        refine=generation.params["refine"] is not None,
        within_s=within_s(generation, limit_s),
    )
