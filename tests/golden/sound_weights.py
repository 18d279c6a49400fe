"""Weights of the systems driven by sound, drawn from seeds: JoyVASA, HuBERT, Wav2Lip.

The values belong to keys and shapes, so that a network of any size can be filled. README.md in this
folder, "Sound".
"""

import hashlib
import re
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.golden.recipe import Seeds
from tests.golden.synthetic_weights import Draw, _about, _gain


def _gain_of_outputs(factor: float) -> Draw:
    return lambda n: n * factor / np.sqrt(n.shape[0])


def _positive(n: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 + 0.1 * np.abs(n)


_ROOT_2 = 1.4142135623730951
RULES: dict[str, tuple[tuple[str, Draw], ...]] = {
    # module: key (search), value; the first that matches counts
    "wav2lip": (
        (r"running_mean$", _about(0, 0.1)),
        (r"running_var$", _positive),
        (r"conv_block\.1\.weight$", _about(1, 0.1)),
        (r"conv_block\.1\.bias$", _about(0, 0.1)),
        (r"^output_block\.1\.weight$", _gain(0.8)),
        (r"^face_decoder_blocks\.1\.0\.conv_block\.0\.weight$", _gain_of_outputs(_ROOT_2)),
        (
            r"^face_decoder_blocks\.[2-6]\.0\.conv_block\.0\.weight$",
            _gain_of_outputs(0.9428090415820634),
        ),
        (
            r"^(face_encoder_blocks\.[1-5]\.[1-9]|audio_encoder\.(1|2|4|5|7|8|10)"
            r"|face_decoder_blocks\.[1-6]\.[12])\.conv_block\.0\.weight$",
            _gain(0.7),
        ),
        (r"weight$", _gain(_ROOT_2)),
        (r"bias$", _about(0, 0.05)),
    ),
    "joyvasa": (
        (r"^start_motion_feat$", _about(0, 0.5)),
        (r"^(start_audio_feat|null_audio_feat)$", _about(0, 1)),
        (r"norm\d\.weight$", _about(1, 0.1)),
        (r"in_proj_weight$", _gain(1.5)),
        (r"out_proj\.weight$", _gain(0.5)),
        (r"linear2\.weight$", _gain(0.7)),
        (r"linear1\.weight$", _gain(_ROOT_2)),
        (r"motion_dec\.2\.weight$", _gain(0.9)),
        (r"weight$", _gain(1)),
        (r"bias$", _about(0, 0.1)),
    ),
    "hubert": (
        (r"^masked_spec_embed$", _about(0, 1)),
        (r"pos_conv_embed\.conv\.weight_g$", _positive),
        (r"pos_conv_embed\.conv\.weight_v$", _gain(1)),
        (r"layer_norm\.weight$", _about(1, 0.1)),
        (r"feature_extractor\.conv_layers\.0\.conv\.weight$", _gain(1)),
        (r"feature_extractor\..*conv\.weight$", _gain(1.6)),
        (r"weight$", _gain(1)),
        (r"bias$", _about(0, 0.1)),
    ),
}
_WEIGHT_NORM = (
    ("parametrizations.weight.original0", "weight_g"),
    ("parametrizations.weight.original1", "weight_v"),
)


def sound_state(seeds: Seeds, module: str, form: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Draw a state dict of the same keys, shapes and types as `form`'s; counters become 0."""
    state = {}
    for key, value in form.items():
        name = key
        for library, plain in _WEIGHT_NORM:
            name = name.replace(library, plain)
        if value.dtype == torch.float32:
            n = seeds.rng(f"{module}/{name}").standard_normal(tuple(value.shape))
            state[name] = torch.from_numpy(_value(module, name, n).astype(np.float32))
        else:
            state[name] = torch.zeros_like(value)
    return state


def sound_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over the drawn float32 values, keys sorted."""
    sha256 = hashlib.sha256()
    for key in sorted(state):
        if state[key].dtype == torch.float32:
            sha256.update(state[key].numpy().astype("<f4").tobytes())
    return sha256.hexdigest()


def _value(module: str, key: str, n: NDArray[np.float64]) -> NDArray[np.float64]:
    for pattern, draw in RULES[module]:
        if re.search(pattern, key):
            return draw(n)
    raise LookupError(f"no rule for {module}/{key}")


def synthetic_sound(
    seeds: Seeds, name: str, count: int, *, silent: slice | None = None
) -> NDArray[np.int16]:
    """Eight sweeps and some noise, 16 kHz; `silent` samples are set to 0."""
    rng = seeds.rng("golden/sound/" + name)
    seconds, time = count / 16_000, np.arange(count) / 16_000
    wave = np.zeros(count)
    for _ in range(8):
        u = rng.uniform(0, 1, 6)
        low, high, amplitude = 80 * 60 ** u[0], 80 * 60 ** u[1], 0.05 + 0.2 * u[2]
        duration = 0.2 + 0.6 * u[3]
        since = time - u[4] * (seconds - duration)
        phase = low * since + (high - low) * since**2 / (2 * duration) + u[5]
        sweep = amplitude * np.sin(np.pi * since / duration) ** 2 * np.sin(2 * np.pi * phase)
        wave += np.where((since >= 0) & (since < duration), sweep, 0)
    wave += 0.01 * rng.standard_normal(count)
    if silent is not None:
        wave[silent] = 0
    return np.rint(np.clip(wave, -1, 1) * 30_000).astype(np.int16)
