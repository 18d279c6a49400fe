"""The fast forms by torch, on a CPU: the plain frames, else the plain networks."""

import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from liveportrait_core.engines.liveportrait.fast.generator import as_layer_norm, in_any_layout
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.runtimes.device import (
    DeviceChoice,
    Precision,
    RuntimeName,
)
from liveportrait_core.engines.liveportrait.runtimes.fast_torch import FastTorchRuntime
from liveportrait_core.engines.liveportrait.runtimes.quality import psnr_db, question
from liveportrait_core.engines.liveportrait.runtimes.torch_opening import settle
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime
from tests.core.small_networks import small_networks

CPU = torch.device("cpu")
PICTURE_PX = 32  # of the small networks


@pytest.fixture(scope="module")
def networks() -> Networks:
    return small_networks()


@pytest.fixture(scope="module")
def plain(networks: Networks) -> TorchRuntime:
    return TorchRuntime(networks, CPU)


def fast(networks: Networks, precision: Precision) -> FastTorchRuntime:
    return FastTorchRuntime(networks, CPU, precision, picture_px=PICTURE_PX)


@pytest.mark.parametrize(
    ("precision", "least_db"),
    [(Precision.FP32, 100.0), (Precision.FP16, 55.0), (Precision.BF16, 35.0)],
)
def test_frames_are_the_plain_ones_in_every_precision(
    networks: Networks, plain: TorchRuntime, precision: Precision, least_db: float
) -> None:
    asked = question(plain, PICTURE_PX, CPU, frames=3)
    parts = asked.feature, asked.source, asked.driving
    exact = plain.warp_decode(*parts, Precision.FP32)
    frames = fast(networks, precision).warp_decode(*parts, precision)
    assert frames.shape == exact.shape
    assert psnr_db(exact, frames) > least_db
    assert float(exact.std()) > 0.01


def test_the_generators_convolutions_are_given_channels_last(
    networks: Networks, plain: TorchRuntime
) -> None:
    runtime, asked = fast(networks, Precision.BF16), question(plain, PICTURE_PX, CPU)
    given: list[Tensor] = []

    def remember(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            given.append(inputs[0])

    with register_module_forward_pre_hook(remember):
        runtime.warp_decode(asked.feature, asked.source, asked.driving, Precision.BF16)
    assert len(given) > 20
    for x in given:
        assert x.dtype is torch.bfloat16
        assert x.is_contiguous(memory_format=torch.channels_last)


def test_all_is_computed_where_the_networks_are() -> None:
    # A device without numbers refuses those of any other; so would a card.
    meta, networks = torch.device("meta"), small_networks()
    runtime = FastTorchRuntime(networks, meta, Precision.FP16, picture_px=PICTURE_PX)
    feature, points = torch.empty(1, 4, 2, 8, 8, device=meta), torch.empty(3, 21, 3, device=meta)
    frames = runtime.warp_decode(feature, points[:1], points, Precision.FP16)
    assert (frames.shape, frames.dtype) == ((3, 3, 64, 64), torch.float16)


def test_another_precision_than_the_forms_is_the_plain_networks(
    networks: Networks, plain: TorchRuntime
) -> None:
    asked = question(plain, PICTURE_PX, CPU)
    parts = asked.feature, asked.source, asked.driving
    repeated = fast(networks, Precision.BF16).warp_decode(*parts, Precision.FP32)
    assert torch.equal(repeated, plain.warp_decode(*parts, Precision.FP32))


def test_another_portrait_is_not_painted_with_the_first_ones_hints(
    networks: Networks, plain: TorchRuntime
) -> None:
    runtime, asked = fast(networks, Precision.FP32), question(plain, PICTURE_PX, CPU)
    for feature in (asked.feature, -asked.feature):
        frame = runtime.warp_decode(feature, asked.source, asked.driving, Precision.FP32)
        exact = plain.warp_decode(feature, asked.source, asked.driving, Precision.FP32)
        assert psnr_db(exact, frame) > 100


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 3e-5), (torch.float16, 2e-3)])
def test_the_norm_for_gpus_keeps_the_order_in_memory(dtype: torch.dtype, close: float) -> None:
    torch.manual_seed(0)
    means, spreads = 3 * torch.randn(2, 6, 1, 1), torch.rand(2, 6, 1, 1) + 0.5
    x = (means + spreads * torch.randn(2, 6, 16, 16)).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    normalised = in_any_layout(x)
    assert normalised.dtype is dtype
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    assert float((normalised.float() - as_layer_norm(x.float())).abs().max()) < close


# --- what is taken


def choice(precision: Precision = Precision.FP16) -> DeviceChoice:
    return DeviceChoice(
        device=CPU, precision=precision, reason="test", runtime=RuntimeName.TORCH_FAST
    )


def test_forms_that_draw_the_plain_frames_are_taken(
    networks: Networks, plain: TorchRuntime
) -> None:
    runtime, settled = settle(plain, lambda: fast(networks, Precision.FP16), choice(), PICTURE_PX)
    assert isinstance(runtime, FastTorchRuntime)
    assert settled.runtime is RuntimeName.TORCH_FAST
    assert "test; fast forms, which are " in settled.reason
    assert "dB from the plain ones" in settled.reason


def test_bf16_is_as_far_from_fp32_as_the_plain_networks_are(
    networks: Networks, plain: TorchRuntime
) -> None:
    _, settled = settle(
        plain,
        lambda: fast(networks, Precision.BF16),
        choice(Precision.BF16),
        PICTURE_PX,
    )
    assert settled.runtime is RuntimeName.TORCH_FAST


class Spoilt(FastTorchRuntime):
    """Draws the last frame of a batch a little wrong, and a single one right."""

    def warp_decode(
        self, feature: Tensor, source: Tensor, driving: Tensor, precision: Precision
    ) -> Tensor:
        frames = super().warp_decode(feature, source, driving, precision)
        return frames if len(frames) == 1 else torch.cat([frames[:-1], frames[-1:] + 0.02])


@pytest.mark.parametrize("fault", ["wrong", "not built"])
def test_forms_that_do_not_are_refused_aloud(
    networks: Networks,
    plain: TorchRuntime,
    fault: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DeviceChoice, "frame_batch", 2)

    def build() -> FastTorchRuntime:
        if fault == "not built":
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        return Spoilt(networks, CPU, Precision.FP16, picture_px=PICTURE_PX)

    with caplog.at_level(logging.ERROR):
        runtime, settled = settle(plain, build, choice(), PICTURE_PX)
    assert runtime is plain
    assert settled.runtime is RuntimeName.TORCH
    why = {"wrong": "are 3", "not built": "could not be built (RuntimeError: CUDA error"}[fault]
    assert f"test; NETWORKS AS WRITTEN, SLOWER: the fast forms {why}" in settled.reason
    assert why in caplog.text


def test_the_question_is_the_same_every_time(plain: TorchRuntime) -> None:
    one, other = (question(plain, PICTURE_PX, CPU, frames=2) for _ in range(2))
    assert np.array_equal(one.driving, other.driving)
    assert not np.array_equal(one.driving[0], one.driving[1])
