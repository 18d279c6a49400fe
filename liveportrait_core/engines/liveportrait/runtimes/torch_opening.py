"""From networks to a runtime by torch: as they are written, or in their fast forms on a GPU.

No GPU was at hand when the fast forms were made for one. So they show, every time they are opened,
that their frames are those of the networks as they are written; if not, these are taken.
"""

import logging
from collections.abc import Callable

from liveportrait_core.engines.liveportrait.networks import NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.runtimes.base import NetworkRuntime
from liveportrait_core.engines.liveportrait.runtimes.device import (
    DeviceChoice,
    Precision,
    RuntimeName,
    settle_form,
)
from liveportrait_core.engines.liveportrait.runtimes.fast_torch import FastTorchRuntime
from liveportrait_core.engines.liveportrait.runtimes.quality import Question, psnr_db, question
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime

LEAST_DB = 55.0
"""The fast forms are taken where a frame is at least so close to the plain one in fp32, or is
hardly farther from it than the plain one in the same precision."""
_HARDLY_DB = 1.0

_log = logging.getLogger(__name__)

Build = Callable[[], NetworkRuntime]


def open_torch(networks: Networks, choice: DeviceChoice) -> tuple[NetworkRuntime, DeviceChoice]:
    """Move the networks to the device, and make the fast forms where they are chosen.

    Returns:
        The runtime, and the choice as it was settled.
    """
    plain = TorchRuntime(networks, choice.device)
    if choice.runtime is not RuntimeName.TORCH_FAST:
        return plain, choice

    def build() -> FastTorchRuntime:
        batches = (1, choice.frame_batch)
        return FastTorchRuntime(networks, choice.device, choice.precision, batches=batches)

    return settle(plain, build, choice)


def settle(
    plain: TorchRuntime, build: Build, choice: DeviceChoice, picture_px: int = NETWORK_PX
) -> tuple[NetworkRuntime, DeviceChoice]:
    """Take what is built if its frames are the plain ones; else these, with the reason.

    Args:
        plain: the networks as they are written.
        build: makes the runtime in question.
        choice: device and precision.
        picture_px: side of the pictures of F; another than the usual one only in tests.
    """
    try:
        fast = build()
        asked = question(plain, picture_px, choice.device, frames=choice.frame_batch)
        needed_db = min(LEAST_DB, _distance_db(plain, plain, asked, choice.precision) - _HARDLY_DB)
        found_db = _distance_db(fast, plain, asked, choice.precision)
    except Exception as error:  # whatever a driver, a kernel or the memory has against it
        found = f"could not be built ({type(error).__name__}: {error})"
    else:
        found = f"are {found_db:.1f} dB from the plain ones (accepted: at least {needed_db:.1f})"
        if found_db >= needed_db:
            return fast, settle_form(choice, RuntimeName.TORCH_FAST, f"fast forms, which {found}")
    _log.error("the fast forms %s: the networks run as they are written, slower", found)
    return plain, settle_form(
        choice, RuntimeName.TORCH, f"NETWORKS AS WRITTEN, SLOWER: the fast forms {found}"
    )


def _distance_db(
    runtime: NetworkRuntime, plain: TorchRuntime, asked: Question, precision: Precision
) -> float:
    """Return the least distance of a frame from the plain one in fp32: drawn alone, in a batch."""
    exact = plain.warp_decode(asked.feature, asked.source, asked.driving, Precision.FP32)
    alone = runtime.warp_decode(asked.feature, asked.source, asked.driving[:1], precision)
    batch = runtime.warp_decode(asked.feature, asked.source, asked.driving, precision)
    return min(
        psnr_db(truth, frame)
        for truth, frame in zip([exact[0], *exact], [alone[0], *batch], strict=True)
    )
