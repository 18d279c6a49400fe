"""Where the networks run: one choice, with its reason."""

import pytest
import torch

from liveportrait_core.engines.liveportrait.runtimes import device
from liveportrait_core.engines.liveportrait.runtimes.device import (
    Precision,
    RuntimeName,
    choose_device,
    settle_precision,
)
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
def test_without_a_card_the_cpu_computes_by_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_bf16", lambda: False)
    choice = choose_device()
    assert choice.device == torch.device("cpu")
    assert (choice.runtime, choice.precision) == (RuntimeName.OPENVINO, Precision.FP32)
    assert str(choice) == (
        "cpu fp32: neither CUDA nor MPS is here; OpenVINO computes; "
        "fp32, as this processor has no bf16 arithmetic"
    )


def test_the_cpu_by_torch_is_what_openvino_is_compared_with() -> None:
    choice = choose_device("cpu-torch")
    assert (choice.runtime, choice.precision) == (RuntimeName.TORCH, Precision.FP32)
    assert str(choice).startswith("cpu fp32: cpu-torch was asked for; fp32 is the exact mode")


def test_without_openvino_torch_computes_and_the_reason_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "find_spec", lambda _name: None)
    choice = choose_device("cpu")
    assert choice.runtime is RuntimeName.TORCH
    assert "OpenVINO is not installed, torch computes" in choice.reason


@pytest.mark.parametrize(
    ("bf16_db", "mixed_db", "precision", "reason"),
    [
        (
            *(50.0, 70.0, Precision.BF16),
            "bf16 is 50.0 dB from fp32 with these weights, and this processor has its arithmetic",
        ),
        (
            *(49.9, 50.0, Precision.MIXED),
            "mixed, which is 50.0 dB from fp32, as bf16 is 49.9 dB from fp32 with these weights "
            "(less than 50)",
        ),
        (
            *(41.5, 49.9, Precision.FP32),
            "fp32, as bf16 is 41.5 dB from fp32 with these weights and mixed 49.9 (less than 50)",
        ),
        (
            *(float("inf"), float("nan"), Precision.BF16),
            "bf16 is inf dB from fp32 with these weights, and this processor has its arithmetic",
        ),
        (
            *(float("nan"), float("nan"), Precision.FP32),
            "fp32, as bf16 is nan dB from fp32 with these weights and mixed nan (less than 50)",
        ),
    ],
)
def test_auto_takes_the_quickest_precision_that_is_near_enough(
    monkeypatch: pytest.MonkeyPatch,
    bf16_db: float,
    mixed_db: float,
    precision: Precision,
    reason: str,
) -> None:
    monkeypatch.setattr(device, "has_bf16", lambda: True)
    choice = choose_device("cpu")
    assert choice.awaits_quality
    distances = {Precision.BF16: bf16_db, Precision.MIXED: mixed_db}
    settled = settle_precision(choice, distances)
    assert settled.precision is precision
    assert settled.reason == f"cpu was asked for; OpenVINO computes; {reason}"
    assert not settled.awaits_quality


@pytest.mark.parametrize(("wanted", "native"), [("fp16", True), ("bf16", False), ("mixed", False)])
def test_openvino_refuses_what_it_would_compute_in_fp32_without_a_word(
    monkeypatch: pytest.MonkeyPatch, wanted: str, native: bool
) -> None:
    monkeypatch.setattr(device, "has_bf16", lambda: native)
    with pytest.raises(EngineUnavailable, match=f"{wanted} is not supported by OpenVINO .*fp32"):
        choose_device("cpu", wanted)


def test_mixed_is_openvinos_where_bf16_is_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_bf16", lambda: True)
    choice = choose_device("cpu", "mixed")
    assert (choice.runtime, choice.precision) == (RuntimeName.OPENVINO, Precision.MIXED)
    assert not choice.awaits_quality
    with pytest.raises(EngineUnavailable, match="accepted: fp32, mixed, bf16, or the device"):
        choose_device("cpu", "fp16")
    with pytest.raises(EngineUnavailable, match="mixed is not supported on cpu by torch"):
        choose_device("cpu-torch", "mixed")


def test_a_card_has_no_mixed(card: pytest.MonkeyPatch) -> None:
    describe(card, "NVIDIA L4", (8, 9))
    with pytest.raises(EngineUnavailable, match=r"mixed is not supported on cuda:0 by torch; acc"):
        choose_device("cuda", "mixed")


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


@pytest.mark.parametrize(
    ("wanted", "precision", "runtime"),
    [
        ("auto", "auto", RuntimeName.TORCH_FAST),
        ("cuda:1", "bf16", RuntimeName.TORCH_FAST),
        ("cuda", "fp32", RuntimeName.TORCH),  # the exact mode
        ("cuda-plain", "auto", RuntimeName.TORCH),
    ],
)
def test_a_card_computes_the_fast_forms_unless_the_plain_ones_are_wanted(
    card: pytest.MonkeyPatch, wanted: str, precision: str, runtime: RuntimeName
) -> None:
    describe(card, "NVIDIA L4", (8, 9))
    choice = choose_device(wanted, precision)
    assert choice.runtime is runtime
    assert choice.device.type == "cuda"
    assert choice.frame_batch == 8


def test_a_wish_is_followed_and_noted(card: pytest.MonkeyPatch) -> None:
    choice = choose_device("cuda:1", "bf16")
    assert str(choice) == "cuda:1 bf16: cuda:1 was asked for; bf16 was asked for"
    assert choose_device("cpu-torch", "bf16").precision is Precision.BF16


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


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "meta", "xla", "cpu; rm"])
def test_a_device_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidOption, match=r"device is '.*'; accepted: auto, cpu, mps, cuda"):
        choose_device(name)


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(
        InvalidOption, match="precision is 'int8'; accepted: auto, fp32, fp16, bf16, m"
    ):
        choose_device("cpu", "int8")
