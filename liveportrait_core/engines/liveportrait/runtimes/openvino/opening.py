"""From weights to a runtime by OpenVINO, by way of the cache, and the precision it computes in."""

from collections.abc import Callable, Iterable
from pathlib import Path

from liveportrait_core.engines.liveportrait.networks import NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, settle_precision
from liveportrait_core.engines.liveportrait.runtimes.openvino.conversion import convert
from liveportrait_core.engines.liveportrait.runtimes.openvino.graphs import graphs_of
from liveportrait_core.engines.liveportrait.runtimes.openvino.model_cache import (
    ModelCache,
    cache_key,
)
from liveportrait_core.engines.liveportrait.runtimes.openvino.runtime import OpenVinoRuntime
from liveportrait_core.engines.liveportrait.runtimes.quality import measure_bf16

_BF16_DB = "bf16_db"


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
        choice: the device; its precision may still await the quality of bf16.
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
    bf16_db = cache.note(_BF16_DB)
    if bf16_db is None:
        bf16_db = measure_bf16(runtime, picture_px)
        cache.keep_note(_BF16_DB, bf16_db)
        runtime.release_all()
    return runtime, settle_precision(choice, bf16_db)
