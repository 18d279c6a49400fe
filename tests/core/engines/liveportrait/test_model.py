"""The networks as one object: shapes, conversions, and what happens when numbers run away."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.model import (
    Model,
    frames_from_images,
    load_networks,
    motion_from_heads,
)
from liveportrait_core.engines.liveportrait.motion.pose import Floats, transform_keypoints
from liveportrait_core.engines.liveportrait.runtimes.device import Precision
from liveportrait_core.errors import EngineUnavailable, OutOfMemory, RenderError
from liveportrait_core.weights.manifest import PROJECT_MANIFEST, read_manifest
from tests.core.small_networks import overflow_in_fp16, small_model
from tests.golden.synthetic_weights import synthetic_tree

RNG = np.random.default_rng(0)
PORTRAIT = RNG.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
FRAMES = RNG.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def keypoints(count: int) -> Floats:
    return RNG.uniform(-1, 1, (count, 21, 3)).astype(np.float32)


def animate(model: Model) -> np.ndarray:
    source = np.linspace(-1, 1, 63, dtype=np.float32).reshape(1, 21, 3)
    driving = np.concatenate([source, source * 0.9, source * 1.1])
    return model.animate(model.extract_appearance(PORTRAIT), source, driving)


def test_a_portrait_is_animated_in_a_batch() -> None:
    frames = animate(small_model())
    assert frames.shape == (3, 64, 64, 3)
    assert frames.dtype == np.uint8
    assert frames.std() > 0


def test_a_frame_does_not_depend_on_its_batch() -> None:
    model = small_model()
    feature = model.extract_appearance(PORTRAIT)
    source, driving = keypoints(1), keypoints(3)
    together = model.animate(feature, source, driving)
    alone = [model.animate(feature, source, driving[i : i + 1])[0] for i in range(3)]
    assert np.abs(together.astype(int) - np.stack(alone)).max() <= 1


def test_the_same_inputs_give_the_same_pixels() -> None:
    assert np.array_equal(animate(small_model()), animate(small_model()))


def test_motion_comes_in_the_terms_of_the_glossary() -> None:
    motion = small_model().extract_motion(FRAMES)
    assert motion.canonical_keypoints.shape == motion.expression.shape == (3, 21, 3)
    assert motion.rotation.shape == (3, 3, 3)
    assert motion.scale.shape == (3, 1)
    assert motion.translation.shape == (3, 3)
    assert transform_keypoints(motion).dtype == np.float32


def test_the_small_networks_answer_for_every_frame() -> None:
    model = small_model()
    source, driving = keypoints(4), keypoints(4)
    stitched = model.stitch(source, driving)
    eyes = model.retarget_eyes(source, RNG.random((4, 3), dtype=np.float32))
    lip = model.retarget_lip(source, RNG.random((4, 2), dtype=np.float32))
    assert stitched.shape == eyes.shape == lip.shape == (4, 21, 3)
    assert not np.array_equal(stitched, driving)


def test_pictures_become_batches_and_back_by_truncation() -> None:
    batch = small_model().images_from_frames(FRAMES)
    assert batch.shape == (3, 3, 32, 32)
    assert batch.dtype == torch.float32
    assert float(batch[1, 2, 5, 7]) == np.float32(FRAMES[1, 5, 7, 2]) / np.float32(255)
    levels = torch.tensor([-1.0, 0.0, 0.999 / 255, 254.9 / 255, 1.0, 2.0]).reshape(1, 1, 1, 6)
    assert frames_from_images(levels.expand(1, 3, 1, 6))[0, 0, :, 0].tolist() == [
        0, 0, 0, 254, 255, 255,
    ]  # fmt: skip


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.BF16])
def test_half_precision_stays_close(precision: Precision, caplog: pytest.LogCaptureFixture) -> None:
    exact, model = animate(small_model()), small_model(precision)
    difference = np.abs(animate(model).astype(int) - exact)
    assert 0 < difference.max() <= 20
    assert model.fp32_repeats == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_batch_that_leaves_fp16_is_computed_again_in_fp32(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exact, model = small_model(), small_model(Precision.FP16)
    for each in (exact, model):
        overflow_in_fp16(each.networks.spade_generator)
    feature = exact.extract_appearance(PORTRAIT)
    source, driving = keypoints(1), keypoints(2)
    frames = model.animate(feature, source, driving)
    assert np.array_equal(frames, exact.animate(feature, source, driving))
    assert frames.std() > 0
    assert model.fp32_repeats == 1
    [warning] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "the frames came out not finite in fp16 on cpu" in warning.getMessage()
    assert "choose precision fp32" in warning.getMessage()


def test_fp32_takes_no_more_memory_for_many_frames_than_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = small_model(Precision.FP16)
    overflow_in_fp16(model.networks.spade_generator)
    paint, batches = model.networks.spade_generator.forward, list[int]()

    def counted(feature: Tensor) -> Tensor:
        batches.append(len(feature))
        return paint(feature)

    monkeypatch.setattr(model.networks.spade_generator, "forward", counted)
    feature = model.extract_appearance(PORTRAIT)
    assert len(model.animate(feature, keypoints(1), keypoints(4))) == 4
    assert batches == [4, 1, 1, 1, 1]  # in half precision together, then again one by one


def test_numbers_that_run_away_even_in_fp32_are_an_error() -> None:
    model = small_model(Precision.BF16)
    model.networks.appearance_feature_extractor.to_volume.weight.fill_(float("inf"))
    with pytest.raises(RenderError, match="the appearance feature came out not finite even in fp3"):
        model.extract_appearance(PORTRAIT)


def test_a_device_that_is_full_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_image: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = small_model()
    monkeypatch.setattr(model.networks.appearance_feature_extractor, "forward", full)
    with pytest.raises(OutOfMemory, match="cpu ran out of memory computing the appearance feature"):
        model.extract_appearance(PORTRAIT)


def test_the_choice_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    small_model(Precision.BF16)
    assert "networks on cpu bf16: test" in caplog.text


@pytest.mark.parametrize("safetensors", [False, True])
def test_complete_official_trees_load(safetensors: bool) -> None:
    networks = load_networks(synthetic_tree(safetensors=safetensors))
    heads = networks.motion_extractor(torch.rand(1, 3, 64, 64))
    assert motion_from_heads(heads).expression.shape == (1, 21, 3)
    for network in vars(networks).values():
        assert not network.training
        assert not any(each.is_meta for each in network.state_dict().values())


def test_synthetic_files_have_the_size_of_the_published_ones() -> None:
    # Key names are part of a safetensors file: an equal size speaks for equal names.
    published = {
        file.checkpoint: file.size_bytes
        for weight_set in read_manifest(PROJECT_MANIFEST.parent).sets
        for file in weight_set.files
        if file.path.suffix == ".safetensors"
    }
    [synthetic] = read_manifest(synthetic_tree(safetensors=True)).sets
    assert {file.checkpoint: file.size_bytes for file in synthetic.files} == published


def test_another_networks_file_is_named_with_what_it_holds(tmp_path: Path) -> None:
    tree = synthetic_tree()
    base = tmp_path / "liveportrait" / "base_models"
    base.mkdir(parents=True)
    shutil.copytree(tree / "liveportrait/retargeting_models", base.parent / "retargeting_models")
    shutil.copy(tree / "liveportrait/base_models/appearance_feature_extractor.pth", base)
    lying = (tree / "manifest.json").read_text()
    lying = lying.replace('"warping_module"', '"appearance_feature_extractor "')
    lying = lying.replace('"appearance_feature_extractor"', '"warping_module"')
    lying = lying.replace('"appearance_feature_extractor "', '"appearance_feature_extractor"')
    (tmp_path / "manifest.json").write_text(lying)
    with pytest.raises(EngineUnavailable, match="no weights"):
        load_networks(tmp_path)
    (base / "warping_module.pth").hardlink_to(tree / "liveportrait/base_models/warping_module.pth")
    with pytest.raises(EngineUnavailable) as caught:
        load_networks(tmp_path)
    message = str(caught.value)
    assert "warping_module.pth holds something else" in message
    assert "expected the official weights of AppearanceFeatureExtractor" in message
    assert "107 missing: first.conv.weight" in message
    assert "97 left over: dense_motion_network" in message
