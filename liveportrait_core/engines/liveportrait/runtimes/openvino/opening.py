"""From weights to a runtime by OpenVINO, by way of the cache, and the precision it computes in."""

from collections.abc import Callable, Iterable
from pathlib import Path

from liveportrait_core.engines.liveportrait.networks import NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.runtimes.device import (
    LESS_THAN_FP32,
    DeviceChoice,
    Precision,
    settle_precision,
)
from liveportrait_core.engines.liveportrait.runtimes.openvino.conversion import convert
from liveportrait_core.engines.liveportrait.runtimes.openvino.graphs import graphs_of
from liveportrait_core.engines.liveportrait.runtimes.openvino.model_cache import (
    ModelCache,
    cache_key,
)
from liveportrait_core.engines.liveportrait.runtimes.openvino.runtime import OpenVinoRuntime
from liveportrait_core.engines.liveportrait.runtimes.quality import measure_distances


def open_openvino(
    weights: Path,
    choice: DeviceChoice,
    digests: Iterable[str],
    load: Callable[[], Networks],
    picture_px: int = NETWORK_PX,
) -> tuple[OpenVinoRuntime, DeviceChoice]:
    """Open the cached graphs, or convert the networks first.

    Args:
        weights: the folder beside whose files the cache lies.
        choice: the device; its precision may still await how near frames are to fp32.
        digests: of the networks' files.
        load: the networks; called only where nothing usable is cached.
        picture_px: side of the pictures of F and M.

    Returns:
        The runtime, and the choice with its precision settled.
    """

    def write(folder: Path) -> None:
        for graph in graphs_of(load(), picture_px):
            convert(graph, folder)

    cache = ModelCache(weights, cache_key(digests), write)
    runtime = OpenVinoRuntime(cache)
    if not choice.awaits_quality:
        return runtime, choice
    return runtime, settle_precision(choice, _distances(cache, runtime, picture_px))


def _distances(
    cache: ModelCache, runtime: OpenVinoRuntime, picture_px: int
) -> dict[Precision, float]:
    """Return how near frames are to fp32's, in decibels: as noted, or measured once."""
    noted = {precision: cache.note(_note(precision)) for precision in LESS_THAN_FP32}
    known = {precision: db for precision, db in noted.items() if db is not None}
    if len(known) == len(noted):
        return known
    measured = measure_distances(runtime, picture_px, LESS_THAN_FP32)
    for precision, db in measured.items():
        cache.keep_note(_note(precision), db)
    runtime.release_all()
    return measured


def _note(precision: Precision) -> str:
    return f"{precision}_db"
