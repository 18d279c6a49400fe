"""The official checkpoints (liveportrait.md, N6), translated to this package's names.

The one table of renames, the folding of spectral normalisation, and the strict comparison of a
state dict with a network. Works on state dicts; opens no file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from liveportrait_core.errors import CheckpointMismatch

StateDict = Mapping[str, Tensor]

RENAMES: dict[str, tuple[tuple[str, str], ...]] = {
    # network class: (our name, official name), all rows applied in this order
    "AppearanceFeatureExtractor": (
        (r"^stem\.", r"first."),
        (r"^to_volume\.", r"second."),
        (r"^residual_blocks\.(\d+)\.", r"resblocks_3d.3dr\1."),
    ),
    "MotionExtractor": (
        (r"^backbone\.", r"detector."),
        (r"\.downsample\.0\.conv\.", r".downsample_layers.0.0."),
        (r"\.downsample\.0\.norm\.", r".downsample_layers.0.1."),
        (r"\.downsample\.(\d)\.norm\.", r".downsample_layers.\1.0."),
        (r"\.downsample\.(\d)\.conv\.", r".downsample_layers.\1.1."),
        (r"\.depthwise\.", r".dwconv."),
        (r"\.expand\.", r".pwconv1."),
        (r"\.response_norm\.", r".grn."),
        (r"\.project\.", r".pwconv2."),
        (r"^canonical_keypoints\.", r"detector.fc_kp."),
        (r"^expression\.", r"detector.fc_exp."),
        (r"^translation\.", r"detector.fc_t."),
        (r"^(pitch|yaw|roll|scale)\.", r"detector.fc_\1."),
    ),
    "WarpingModule": (
        (r"^dense_motion\.", r"dense_motion_network."),
        (r"\.hourglass\.down_blocks\.", r".hourglass.encoder.down_blocks."),
        (r"\.hourglass\.up_blocks\.", r".hourglass.decoder.up_blocks."),
        (r"\.hourglass\.last\.", r".hourglass.decoder."),
        (r"^flatten\.", r"third."),
        (r"^project\.", r"fourth."),
    ),
    "SpadeGenerator": (
        (r"^stem\.", r"fc."),
        (r"^middle\.(\d+)\.", r"G_middle_\1."),
        (r"^up\.(\d+)\.", r"up_\1."),
        (r"^to_image\.", r"conv_img.0."),
        (r"\.modulate_(\d)\.", r".norm_\1."),
        (r"\.modulate_shortcut\.", r".norm_s."),
        (r"\.shortcut\.", r".conv_s."),
        (r"\.shared\.", r".mlp_shared.0."),
        (r"\.(gamma|beta)\.", r".mlp_\1."),
        (r"\.(conv_[01s])\.weight$", r".\1.weight_orig"),  # under spectral normalisation
    ),
    "KeypointPerceptron": ((r"^layers\.", r"mlp."),),
}

_SPECTRAL = "weight_orig"


def official_key(network: nn.Module, key: str) -> str:
    """Return the official name of one of the network's own parameters or buffers."""
    for ours, official in RENAMES[type(network).__name__]:
        key = re.sub(ours, official, key)
    return key


@dataclass(frozen=True, kw_only=True)
class TensorForm:
    """What a tensor of a checkpoint has to look like."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')} {'×'.join(map(str, self.shape)) or '()'}"


def form_of(tensor: Tensor) -> TensorForm:
    """Return the form of a tensor."""
    return TensorForm(shape=tuple(tensor.shape), dtype=tensor.dtype)


def official_forms(network: nn.Module) -> dict[str, TensorForm]:
    """Return every key an official checkpoint of this network has, with its form."""
    forms: dict[str, TensorForm] = {}
    for key, value in network.state_dict().items():
        official = official_key(network, key)
        forms[official] = form_of(value)
        if official.endswith(_SPECTRAL):
            stem = official.removesuffix(_SPECTRAL)
            forms[stem + "weight_u"] = TensorForm(shape=(value.shape[0],), dtype=value.dtype)
            forms[stem + "weight_v"] = TensorForm(shape=(value[0].numel(),), dtype=value.dtype)
    return forms


def load_official(network: nn.Module, checkpoint: StateDict) -> None:
    """Put an official state dict into the network; the network takes the tensors themselves.

    Raises:
        CheckpointMismatch: a key is missing or left over, or a shape or type differs.
    """
    _require_same(official_forms(network), checkpoint)
    own = {}
    for key in network.state_dict():
        official = official_key(network, key)
        own[key] = (
            fold_spectral_norm(checkpoint, official.removesuffix("." + _SPECTRAL))
            if official.endswith(_SPECTRAL)
            else checkpoint[official]
        )
    network.load_state_dict(own, strict=True, assign=True)
    network.eval().requires_grad_(False)


def spectral_sigma(checkpoint: StateDict, convolution: str) -> Tensor:
    """σ = uᵀ·W·v of one convolution, from the stored u and v: a float64 scalar."""
    weight = checkpoint[f"{convolution}.{_SPECTRAL}"].double()
    u = checkpoint[f"{convolution}.weight_u"].double()
    v = checkpoint[f"{convolution}.weight_v"].double()
    return torch.dot(u, weight.flatten(1) @ v)


def fold_spectral_norm(checkpoint: StateDict, convolution: str) -> Tensor:
    """Return the convolution's weight as inference uses it: W / σ, in the checkpoint's type."""
    sigma = spectral_sigma(checkpoint, convolution)
    weight = checkpoint[f"{convolution}.{_SPECTRAL}"]
    return (weight.double() / sigma).to(weight.dtype)


def _require_same(expected: Mapping[str, TensorForm], checkpoint: StateDict) -> None:
    missing = [key for key in expected if key not in checkpoint]
    left_over = [key for key in checkpoint if key not in expected]
    different = [
        f"{key} {form_of(value)} instead of {expected[key]}"
        for key, value in checkpoint.items()
        if key in expected and form_of(value) != expected[key]
    ]
    complaints = [
        _listed("missing", missing),
        _listed("left over", left_over),
        _listed("of another form", different),
    ]
    found = "; ".join(complaint for complaint in complaints if complaint)
    if found:
        raise CheckpointMismatch(found)


def _listed(what: str, keys: list[str], shown: int = 4) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - shown} more" if len(keys) > shown else ""
    return f"{len(keys)} {what}: {', '.join(keys[:shown])}{more}"
