"""OpenVINO against torch on the small networks."""

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch

from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.runtimes.device import (
    LESS_THAN_FP32,
    DeviceChoice,
    Precision,
    RuntimeName,
)
from liveportrait_core.engines.liveportrait.runtimes.openvino.graphs import (
    COMPRESS,
    FRAME_GRAPHS,
    graph_precision,
)
from liveportrait_core.engines.liveportrait.runtimes.openvino.model_cache import cache_key
from liveportrait_core.engines.liveportrait.runtimes.openvino.opening import open_openvino
from liveportrait_core.engines.liveportrait.runtimes.processor import has_bf16
from liveportrait_core.engines.liveportrait.runtimes.quality import measure_distances
from tests.core.small_networks import small_model, small_networks

RNG = np.random.default_rng(0)
PORTRAIT = RNG.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
SOURCE = np.linspace(-1, 1, 63, dtype=np.float32).reshape(1, 21, 3)
DRIVING = np.concatenate([SOURCE, SOURCE * 0.9, SOURCE * 1.1])
DIGESTS = ("a", "b")


def choice(*, awaits_quality: bool = False) -> DeviceChoice:
    return DeviceChoice(
        device=torch.device("cpu"),
        precision=Precision.BF16 if awaits_quality else Precision.FP32,
        reason="test; OpenVINO computes; fp32",
        runtime=RuntimeName.OPENVINO,
        awaits_quality=awaits_quality,
    )


def opened(
    weights: Path,
    load: Callable[[], Networks] = small_networks,
    *,
    awaits_quality: bool = False,
) -> Model:
    runtime, settled = open_openvino(
        weights, choice(awaits_quality=awaits_quality), DIGESTS, load, picture_px=32
    )
    return Model(small_networks(), settled, runtime)


def unloadable() -> Networks:
    raise AssertionError("the cache serves")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with an entry, made without a network to telephone over."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _refused)
        opened(folder).extract_motion(PORTRAIT)
    return folder


def _refused(*_: object) -> None:
    raise AssertionError("this was not to be called")


def test_frames_are_torchs_to_a_level(weights: Path) -> None:
    ours, plain = opened(weights, unloadable), small_model()
    frames, expected = (
        model.animate(model.extract_appearance(PORTRAIT), SOURCE, DRIVING)
        for model in (ours, plain)
    )
    assert frames.shape == expected.shape == (3, 64, 64, 3)
    assert np.abs(frames.astype(int) - expected).max() <= 1
    assert np.mean(frames != expected) < 0.001
    assert frames.std() > 0


def test_another_portrait_is_not_painted_with_the_first_ones_hints(weights: Path) -> None:
    model, other = opened(weights, unloadable), 255 - PORTRAIT
    first = model.animate(model.extract_appearance(PORTRAIT), SOURCE, DRIVING[1:2])
    second = model.animate(model.extract_appearance(other), SOURCE, DRIVING[1:2])
    again = model.animate(model.extract_appearance(PORTRAIT), SOURCE, DRIVING[1:2])
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_frames_are_ready_before_one_is_drawn(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(weights, unloadable)
    feature = model.extract_appearance(PORTRAIT)
    assert model.compile_frames()
    monkeypatch.setattr(openvino.Core, "compile_model", _refused)
    assert model.animate(feature, SOURCE, DRIVING[:1]).std() > 0
    assert not small_model().compile_frames()  # torch's kernels are chosen by a frame


def test_motion_is_torchs(weights: Path) -> None:
    pictures = np.concatenate([PORTRAIT, 255 - PORTRAIT])
    ours = opened(weights, unloadable).extract_motion(pictures)
    plain = small_model().extract_motion(pictures)
    for name, values in vars(plain).items():
        assert np.abs(getattr(ours, name) - values).max() < 1e-4, name


@pytest.mark.skipif(not has_bf16(), reason="this processor has no bf16 arithmetic")
def test_mixed_lies_between_bf16_and_fp32(weights: Path) -> None:
    """Small networks round less than large ones: 65 and 57 dB, where those have 52 and 42."""
    runtime, _ = open_openvino(weights, choice(), DIGESTS, unloadable, picture_px=32)
    distances = measure_distances(runtime, 32, LESS_THAN_FP32)
    assert distances[Precision.BF16] + 4 < distances[Precision.MIXED] < 80
    assert distances[Precision.MIXED] > 60


def test_every_precision_computes_each_graph_in_its_own() -> None:
    """`decode-start` and `context` hold what rounding costs most; `compress` is once a portrait."""
    computed = {
        precision: [str(graph_precision(name, precision)) for name in (COMPRESS, *FRAME_GRAPHS)]
        for precision in (Precision.FP32, Precision.MIXED, Precision.BF16)
    }
    assert computed == {
        "fp32": ["fp32"] * 5,
        "mixed": ["fp32", "fp32", "bf16", "fp32", "bf16"],
        "bf16": ["fp32", "bf16", "bf16", "bf16", "bf16"],
    }


def test_another_mixture_is_another_cache_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its distance is another; the table of mixtures is code of the graphs, which the key has."""
    read = Path.read_bytes

    def changed(path: Path) -> bytes:
        source = read(path)
        if path.name == "graphs.py":
            assert b"Precision.MIXED: (DEFORMATION, DECODE_END)" in source
            source = source.replace(b"(DEFORMATION, DECODE_END)", b"(DECODE_END,)")
        return source

    usual = cache_key(DIGESTS)
    monkeypatch.setattr(Path, "read_bytes", changed)
    assert cache_key(DIGESTS) != usual


def test_distances_are_measured_once_and_are_said(weights: Path) -> None:
    model = opened(weights, unloadable, awaits_quality=True)
    assert " dB from fp32 with these weights" in model.choice.reason
    (note,) = weights.glob(".compiled/*/notes.json")
    note.write_text('{"bf16_db": 12.5, "mixed_db": 13.5}')  # as if it had been measured so
    again = opened(weights, unloadable, awaits_quality=True)
    assert again.choice.precision is Precision.FP32
    assert "bf16 is 12.5 dB" in again.choice.reason
    assert "mixed 13.5" in again.choice.reason
    note.write_text('{"bf16_db": 12.5, "mixed_db": 51.5}')
    assert opened(weights, unloadable, awaits_quality=True).choice.precision is Precision.MIXED
    note.write_text('{"bf16_db": 12.5}')  # not all of it: measured again
    third = opened(weights, unloadable, awaits_quality=True)
    assert third.choice.reason == model.choice.reason
    note.unlink()
