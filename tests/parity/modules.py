"""`modules.npz`: the networks, stage by stage, on the synthetic weights."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.model import (
    Model,
    frames_from_images,
    motion_from_heads,
)
from liveportrait_core.engines.liveportrait.motion.pose import (
    head_pose_degrees,
    transform_keypoints,
)
from liveportrait_core.engines.liveportrait.networks.official import official_key, spectral_sigma
from liveportrait_core.weights.checkpoints import read_state
from liveportrait_core.weights.manifest import Checkpoint
from tests.golden.recipe import block_means
from tests.golden.synthetic_weights import synthetic_tree
from tests.parity.golden_set import GoldenFile
from tests.parity.watching import watched


def check_modules(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    with torch.inference_mode():
        feature = _check_appearance(golden, model)
        _check_motion_extractor(golden, model)
        warped = _check_warping(golden, model, feature)
        _check_generator(golden, model, warped)
        _check_spectral_norm(golden, model)


def _check_appearance(golden: GoldenFile, model: Model) -> Tensor:
    picture = golden.seeds.lattice("F/image", 256, 256, 16)
    golden.compare_picture("F_image", picture)
    network = model.networks.appearance_feature_extractor
    stages: dict[str, nn.Module] = {"F_first": network.stem, "F_second": network.to_volume}
    stages |= {f"F_down{i}": block for i, block in enumerate(network.down_blocks)}
    stages |= {f"F_res{i}": block for i, block in enumerate(network.residual_blocks)}
    with watched(stages) as seen:
        feature = network(model.images_from_frames(picture[None]))
    for name, [value] in {**seen, "F_out": [feature]}.items():
        golden.compare_summary(name, _array(value))
    return feature


def _check_motion_extractor(golden: GoldenFile, model: Model) -> None:
    pictures = [
        golden.seeds.lattice(f"M/image{i}", 256, 256, cell)
        for i, cell in enumerate((8, 16, 32, 64))
    ]
    for i, picture in enumerate(pictures):
        golden.compare_picture(f"M_image{i}", picture)
    network = model.networks.motion_extractor
    with watched({"M_feat": network.backbone}) as seen:
        heads = network(model.images_from_frames(np.stack(pictures)))
    golden.compare("M_feat", _array(seen["M_feat"][0]))
    motion = motion_from_heads(heads)
    for angle in ("pitch", "yaw", "roll"):
        logits = _array(getattr(heads, angle))
        golden.compare(f"M_raw_{angle}", logits)
        golden.compare(f"M_ref_{angle}", head_pose_degrees(logits))
    for name, raw, refined in (
        ("t", heads.translation, motion.translation),
        ("scale", heads.scale, motion.scale),
        ("exp", heads.expression.flatten(1), motion.expression),
        ("kp", heads.canonical_keypoints.flatten(1), motion.canonical_keypoints),
    ):
        golden.compare(f"M_raw_{name}", _array(raw))
        golden.compare(f"M_ref_{name}", refined)
    golden.compare("M_R", motion.rotation)
    golden.compare("M_x", transform_keypoints(motion))


def _check_warping(golden: GoldenFile, model: Model, feature: Tensor) -> Tensor:
    noise = golden.seeds.noise("W2/feature", (2, 32, 16, 64, 64))
    golden.compare("W2_feature_head", noise.reshape(-1)[:16])
    first = _warp(golden, model, feature, "W1_kp_driving", "W1_kp_source")
    still = _warp(golden, model, feature, "W1_kp_source", "W1_kp_source")
    wild = _warp(golden, model, torch.from_numpy(noise), "W2_kp_driving", "W2_kp_source")
    golden.compare_summary("W1_mask", first.mask)
    golden.compare("W1_defmap_mid", first.deformation[0, 8, ::4, ::4])
    for name, result in (("W1", first), ("W2", wild)):
        golden.compare_summary(f"{name}_deformation", result.deformation)
    for name, result in (("W1", first), ("W2", wild), ("W3", still)):
        golden.compare(f"{name}_occlusion", result.occlusion)
        golden.compare_summary(f"{name}_out", _array(result.feature))
    return first.feature


@dataclass(frozen=True, kw_only=True)
class _WarpResult:
    feature: Tensor
    mask: NDArray[np.float32]
    deformation: NDArray[np.float32]
    occlusion: NDArray[np.float32]


def _warp(
    golden: GoldenFile, model: Model, feature: Tensor, driving: str, source: str
) -> _WarpResult:
    network = model.networks.warping_module
    device = model.choice.device
    keypoints = [torch.from_numpy(golden.given(name)).to(device) for name in (driving, source)]
    with watched({"motion": network.dense_motion}) as seen:
        warped = network(feature.to(device), *keypoints)
    return _WarpResult(
        feature=warped.feature,
        mask=_array(seen["motion"][0].mask),
        deformation=_array(warped.deformation),
        occlusion=_array(warped.occlusion),
    )


def _check_generator(golden: GoldenFile, model: Model, warped: Tensor) -> None:
    network = model.networks.spade_generator
    stages: dict[str, nn.Module] = {"G1_fc": network.stem}
    stages |= {f"G1_mid{i}": block for i, block in enumerate(network.middle)}
    stages |= {f"G1_up{i}": block for i, block in enumerate(network.up)}
    with watched(stages) as seen:
        picture = network(warped)
    for name, [value] in seen.items():
        golden.compare_summary(name, _array(value))
    noise = golden.seeds.noise("G2/input", (1, 256, 64, 64), scale=0.5)
    golden.compare("G2_input_head", noise.reshape(-1)[:16])
    other = network(torch.from_numpy(noise).to(model.choice.device))
    for name, images in (("G1", picture), ("G2", other)):
        golden.compare_summary(f"{name}_out", _array(images))
        golden.compare(f"{name}_small", block_means(_array(images[0].permute(1, 2, 0)), 8))
    levels = frames_from_images(other)[0, ::8, ::8]
    golden.compare_levels("G2_uint8_small", levels, share=0.001)


def _check_spectral_norm(golden: GoldenFile, model: Model) -> None:
    _, state = read_state(synthetic_tree(golden.seeds.prefix), Checkpoint.SPADE_GENERATOR)
    network = model.networks.spade_generator
    keys = [official_key(network, key) for key in network.state_dict()]
    convolutions = [key.removesuffix(".weight_orig") for key in keys if key.endswith("weight_orig")]
    golden.compare_names("G_sigma_keys", [f"{name}.weight" for name in convolutions])
    golden.compare("G_sigma", [float(spectral_sigma(state, name)) for name in convolutions])


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.float().cpu().numpy()
