"""Where the networks run: one choice, with its reason."""

import pytest
import torch

from liveportrait_core.engines.liveportrait.device import Precision, choose_device
from liveportrait_core.errors import EngineUnavailable, InvalidOption

NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Pretend that a CUDA card is here."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    return monkeypatch


def describe(patch: pytest.MonkeyPatch, name: str, capability: tuple[int, int]) -> None:
    patch.setattr(torch.cuda, "get_device_name", lambda _device: name)
    patch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)


@NO_CUDA
def test_without_a_card_the_cpu_computes_in_fp32() -> None:
    choice = choose_device()
    assert choice.device == torch.device("cpu")
    assert choice.precision is Precision.FP32
    assert str(choice).startswith("cpu fp32: neither CUDA nor MPS is here; fp32 is the exact mode")


@pytest.mark.parametrize(
    ("name", "capability", "precision", "reason"),
    [
        ("NVIDIA L4", (8, 9), Precision.FP16, "three more bits of mantissa than bf16"),
        ("NVIDIA GeForce GTX 1660", (7, 5), Precision.FP32, "black boxes in fp16"),
        ("NVIDIA GeForce GTX 1080", (6, 1), Precision.FP32, "no tensor cores"),
    ],
)
def test_the_precision_suits_the_card(
    card: pytest.MonkeyPatch,
    name: str,
    capability: tuple[int, int],
    precision: Precision,
    reason: str,
) -> None:
    describe(card, name, capability)
    choice = choose_device()
    assert choice.device == torch.device("cuda", 0)
    assert choice.precision is precision
    assert name in choice.reason
    assert reason in choice.reason


def test_a_wish_is_followed_and_noted(card: pytest.MonkeyPatch) -> None:
    choice = choose_device("cuda:1", "bf16")
    assert str(choice) == "cuda:1 bf16: cuda:1 was asked for; bf16 was asked for"
    assert choose_device("cpu", "bf16").precision is Precision.BF16


@NO_CUDA
def test_a_card_that_is_not_there_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match=r"cuda:0 was asked for, but torch .* sees 0 CUDA"):
        choose_device("cuda")


def test_a_card_too_many_is_refused(card: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineUnavailable, match=r"cuda:2 was asked for, but torch .* sees 2 CUDA"):
        choose_device("cuda:2")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an MPS device here")
def test_mps_that_is_not_there_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="mps was asked for, but there is none"):
        choose_device("mps")


def test_mps_computes_in_fp32_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps").precision is Precision.FP32
    with pytest.raises(EngineUnavailable, match="fp16 is not supported on mps; accepted: fp32"):
        choose_device("mps", "fp16")


@pytest.mark.parametrize("device", ["gpu", "", "cuda:x", "meta", "xla", "cpu; rm"])
def test_a_device_that_is_none_is_refused(device: str) -> None:
    with pytest.raises(InvalidOption, match=r"device is '.*'; accepted: auto, cpu, mps, cuda"):
        choose_device(device)


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidOption, match="precision is 'int8'; accepted: auto, fp32, fp16, bf1"):
        choose_device("cpu", "int8")
