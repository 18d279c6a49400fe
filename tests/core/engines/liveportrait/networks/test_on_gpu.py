"""What only a CUDA device can show: the choice, half precision against the CPU, the repeat."""

import numpy as np
import pytest
import torch

from liveportrait_core.engines.liveportrait.model import Model, load_networks
from liveportrait_core.engines.liveportrait.runtimes.cuda_graphs import RecordedGraph
from liveportrait_core.engines.liveportrait.runtimes.device import (
    Precision,
    RuntimeName,
    choose_device,
)
from liveportrait_core.engines.liveportrait.runtimes.quality import psnr_db, question
from liveportrait_core.engines.liveportrait.runtimes.torch_opening import open_torch
from liveportrait_core.engines.liveportrait.runtimes.torch_runtime import TorchRuntime
from liveportrait_core.engines.liveportrait.runtimes.transfers import download, upload
from liveportrait_core.engines.liveportrait.source.paste_back import PasteBack
from tests.core.small_networks import overflow_in_fp16, small_model
from tests.golden.recipe import Seeds
from tests.golden.synthetic_weights import synthetic_tree

pytestmark = pytest.mark.gpu

SOURCE = np.linspace(-0.5, 0.5, 63, dtype=np.float32).reshape(1, 21, 3)
DRIVING = np.concatenate([SOURCE, SOURCE + np.float32(0.03)])


def animate(device: str, precision: str) -> tuple[Model, np.ndarray]:
    model = Model(load_networks(synthetic_tree()), choose_device(device, precision))
    feature = model.extract_appearance(Seeds().lattice("F/image", 256, 256, 16)[None])
    return model, model.animate(feature, SOURCE, DRIVING).astype(np.float64)


def test_the_card_is_chosen_with_its_name() -> None:
    choice = choose_device()
    assert choice.device.type == "cuda"
    assert torch.cuda.get_device_name(0) in choice.reason


@pytest.mark.parametrize(
    ("precision", "decibels"), [("fp32", 60.0), ("fp16", 40.0), ("bf16", 30.0)]
)
def test_frames_agree_with_the_cpu(precision: str, decibels: float) -> None:
    _, exact = animate("cpu-torch", "fp32")
    model, frames = animate("cuda", precision)
    error = np.mean((frames - exact) ** 2)
    assert 10 * np.log10(255**2 / max(error, 1e-12)) > decibels
    assert model.fp32_repeats == 0


@pytest.mark.parametrize(("precision", "decibels"), [("fp16", 55.0), ("bf16", 30.0)])
def test_the_fast_forms_are_taken_and_draw_the_plain_frames(
    precision: str, decibels: float
) -> None:
    networks = load_networks(synthetic_tree())
    runtime, choice = open_torch(networks, choose_device("cuda", precision))
    assert choice.runtime is RuntimeName.TORCH_FAST, choice.reason
    plain = TorchRuntime(networks, choice.device)
    asked = question(plain, 256, choice.device, frames=11)  # a batch of 8, and one filled up
    parts = asked.feature, asked.source
    for driving in (asked.driving[:1], asked.driving[:8], asked.driving[8:]):
        exact = plain.warp_decode(*parts, driving, Precision.FP32)
        frames = runtime.warp_decode(*parts, driving, choice.precision)
        assert psnr_db(exact, frames) > decibels
        assert torch.equal(frames, runtime.warp_decode(*parts, driving, choice.precision))


def test_the_plain_networks_stay_at_hand() -> None:
    _, choice = open_torch(load_networks(synthetic_tree()), choose_device("cuda-plain"))
    assert (choice.runtime, choice.precision) == (RuntimeName.TORCH, Precision.FP16)


def test_a_recorded_graph_computes_with_the_numbers_it_is_given() -> None:
    weight = torch.randn(8, 8, device="cuda")
    graph = RecordedGraph(lambda x, y: torch.relu(x @ weight) + y, *torch.zeros(2, 8, 8).cuda())
    first, second = torch.randn(2, 2, 8, 8, device="cuda")
    held = graph(*first)
    graph(*second)
    assert torch.equal(held, torch.relu(first[0] @ weight) + first[1])


def test_crops_are_pasted_on_the_card_to_the_same_bits() -> None:
    random = np.random.default_rng(0)
    portrait, crop = (random.integers(0, 256, (512, 512, 3), dtype=np.uint8) for _ in range(2))
    to_original = np.array([[0.8, -0.1, 40], [0.1, 0.8, 30], [0, 0, 1]], np.float32)
    paste_back = PasteBack.prepare(portrait, to_original)
    card = torch.device("cuda", 0)
    (box,) = download(paste_back.on(card)(upload(crop[None], card)))
    assert np.array_equal(paste_back.with_box(box), paste_back.blend(crop))


def test_motion_agrees_with_the_cpu() -> None:
    frames = np.stack([Seeds().lattice(f"M/image{i}", 256, 256, 16) for i in range(2)])
    networks = load_networks(synthetic_tree())
    exact = Model(networks, choose_device("cpu-torch", "fp32")).extract_motion(frames)
    motion = Model(networks, choose_device("cuda", "fp16")).extract_motion(frames)
    np.testing.assert_allclose(motion.expression, exact.expression, atol=2e-3)
    np.testing.assert_allclose(motion.rotation, exact.rotation, atol=2e-2)


def test_a_batch_that_leaves_fp16_is_computed_again() -> None:
    model = small_model(Precision.FP16, "cuda")
    overflow_in_fp16(model.networks.spade_generator)
    portrait = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    frames = model.animate(model.extract_appearance(portrait), SOURCE, DRIVING)
    assert frames.shape == (2, 64, 64, 3)
    assert model.fp32_repeats == 1
