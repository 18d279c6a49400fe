"""Weights for LivePortrait's networks made from seeds, as complete trees of official files.

No official weight is on a machine without the downloads; these have the official keys, shapes and
sizes, so that the real loading code runs in tests and the golden vectors can be computed. What they
paint is noise. `python -m tests.golden.synthetic_weights` makes the tree and prints its folder.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from tests.golden.recipe import Seeds

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / "out" / "synthetic-weights"
OFFICIAL_KEYS = Path(__file__).with_name("official_keys.json")
REVISION = 2  # of this file's trees; raise it when their content changes

Draw = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _about(mean: float, deviation: float) -> Draw:
    return lambda n: mean + deviation * n


def _gain(factor: float) -> Draw:
    return lambda n: n * factor / np.sqrt(np.prod(n.shape[1:]))


_ANY = ""
RULES: tuple[tuple[str, str, Draw], ...] = (
    # network (full match; empty: any), key (search), value; the first that matches counts
    (_ANY, r"running_mean$", _about(0, 0.1)),
    (_ANY, r"running_var$", lambda n: 1 + 0.1 * np.abs(n)),
    (_ANY, r"grn\.gamma$", _about(0.5, 0.1)),
    (_ANY, r"grn\.beta$", _about(0, 0.02)),
    ("motion_extractor", r"fc_(pitch|yaw|roll)\.weight$", _gain(3.0)),
    ("motion_extractor", r"fc_(pitch|yaw|roll)\.bias$", _about(0, 0.1)),
    ("motion_extractor", r"fc_kp\.weight$", _gain(0.10)),
    ("motion_extractor", r"fc_kp\.bias$", _about(0, 0.30)),
    ("motion_extractor", r"fc_exp\.weight$", _gain(0.10)),
    ("motion_extractor", r"fc_exp\.bias$", _about(0, 0.01)),
    ("motion_extractor", r"fc_scale\.weight$", _gain(0.15)),
    ("motion_extractor", r"fc_scale\.bias$", _about(1.2, 0.02)),
    ("motion_extractor", r"fc_t\.weight$", _gain(0.20)),
    ("motion_extractor", r"fc_t\.bias$", _about(0, 0.02)),
    ("motion_extractor", r"(stages|downsample_layers)\..*bias$", _about(0, 0.02)),
    (
        "motion_extractor",
        r"\.norm\.weight$|downsample_layers\.0\.1\.weight$|downsample_layers\.[123]\.0\.weight$",
        _about(1, 0.1),
    ),
    ("motion_extractor", r"weight$", _gain(1.0)),
    ("warping_module", r"dense_motion_network\.(mask|occlusion)\.weight$", _gain(2.0)),
    ("warping_module", r"fourth\.weight$", _gain(1.0)),
    ("appearance_feature_extractor", r"resblocks_3d\..*conv2\.weight$", _gain(0.7)),
    ("appearance_feature_extractor", r"second\.weight$", _gain(1.0)),
    ("spade_generator", r"mlp_(gamma|beta)\.weight$", _gain(0.5)),
    ("spade_generator", r"^fc\.weight$", _gain(1.0)),
    ("spade_generator", r"weight_orig$", _gain(1.0)),
    ("spade_generator", r"conv_img\.0\.weight$", _gain(1.5)),
    ("stitching|lip", r"mlp\.6\.weight$", _gain(0.05)),
    ("stitching|lip", r"mlp\.6\.bias$", _about(0, 0.005)),
    ("eye", r"mlp\.10\.weight$", _gain(0.05)),
    ("eye", r"mlp\.10\.bias$", _about(0, 0.005)),
    (_ANY, r"norm\d?\.weight$", _about(1, 0.1)),
    (_ANY, r"bias$", _about(0, 0.1)),
    (_ANY, r"weight$", _gain(1.4142135623730951)),
)

BASE_MODELS = (
    "appearance_feature_extractor",
    "motion_extractor",
    "warping_module",
    "spade_generator",
)
ANIMALS = "animals/"
"""What follows a set's prefix in every seed of its animals."""
MLP_ENTRIES = {"stitching": "retarget_shoulder", "lip": "retarget_mouth", "eye": "retarget_eye"}


def synthetic_state(seeds: Seeds, network: str) -> dict[str, Tensor]:
    """One network's official state dict."""
    shapes: dict[str, Any] = json.loads(OFFICIAL_KEYS.read_bytes())[network]
    state: dict[str, Tensor] = {}
    for key, shape in shapes.items():
        if isinstance(shape, dict):  # a counter: num_batches_tracked
            state[key] = torch.zeros(shape["shape"], dtype=torch.int64)
        elif not re.search(r"weight_[uv]$", key):
            n = seeds.rng(f"{network}/{key}").standard_normal(shape)
            state[key] = torch.from_numpy(_value(network, key, n).astype(np.float32))
    for key in [key for key in state if key.endswith("weight_orig")]:
        stem = key.removesuffix("weight_orig")
        start = seeds.rng(f"{network}/{stem}weight_u").standard_normal(shapes[stem + "weight_u"])
        u, v = _singular_vectors(state[key].numpy(), start)
        state[stem + "weight_u"], state[stem + "weight_v"] = u, v
    return state


def digest(state: dict[str, Tensor]) -> str:
    """SHA-256 over the float32 values except the spectral vectors, keys sorted."""
    sha256 = hashlib.sha256()
    for key in sorted(state):
        if state[key].dtype == torch.float32 and not re.search(r"weight_[uv]$", key):
            sha256.update(state[key].numpy().astype("<f4").tobytes())
    return sha256.hexdigest()


def synthetic_tree(prefix: str = "", *, safetensors: bool = False) -> Path:
    """A weights folder in the official layout, with its manifest; made once, then found again.

    With `safetensors` the networks are stored in that format instead of `.pth`.
    """
    form = "safetensors" if safetensors else "pth"
    return _kept(
        f"{_key(prefix)}-{form}-{REVISION}",
        lambda folder: write_tree(folder, Seeds(prefix=prefix), safetensors=safetensors),
    )


def animal_tree(prefix: str = "") -> Path:
    """A weights folder of the animals' four networks and the stitching file; likewise kept."""
    return _kept(
        f"{_key(prefix)}-animals-{REVISION}",
        lambda folder: write_animal_tree(folder, prefix),
    )


def _key(prefix: str) -> str:
    return hashlib.sha256(prefix.encode()).hexdigest()[:12]


def _kept(name: str, write: Callable[[Path], None]) -> Path:
    folder = CACHE / name
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=CACHE, prefix="unfinished-"))
    write(unfinished)
    try:
        unfinished.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(unfinished)
    return folder


def write_tree(folder: Path, seeds: Seeds, *, safetensors: bool) -> None:
    """Write the five files and the manifest that describes them."""
    suffix = ".safetensors" if safetensors else ".pth"
    save: Callable[[Any, Path], None] = _save_safetensors if safetensors else torch.save
    written: list[tuple[str, Path]] = []
    for name in BASE_MODELS:
        path = folder / "liveportrait" / "base_models" / (name + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        save(synthetic_state(seeds, name), path)
        written.append((name, path))
    written.append(_write_perceptrons(folder, seeds, safetensors=safetensors))
    (folder / "manifest.json").write_text(json.dumps(_manifest(folder, written), indent=2))


def write_animal_tree(folder: Path, prefix: str) -> None:
    """Write the animals' files, the stitching file of people, and their manifest."""
    seeds = Seeds(prefix=prefix + ANIMALS)
    written: list[tuple[str, Path]] = []
    for name in BASE_MODELS:
        path = folder / "liveportrait_animals" / "base_models_v1.1" / f"{name}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(synthetic_state(seeds, name), path)
        written.append((f"animal_{name}", path))
    written.append(_write_perceptrons(folder, Seeds(prefix=prefix), safetensors=False))
    (folder / "manifest.json").write_text(json.dumps(_manifest(folder, written), indent=2))


def _write_perceptrons(folder: Path, seeds: Seeds, *, safetensors: bool) -> tuple[str, Path]:
    suffix = ".safetensors" if safetensors else ".pth"
    save: Callable[[Any, Path], None] = _save_safetensors if safetensors else torch.save
    states = {name: synthetic_state(seeds, name) for name in MLP_ENTRIES}
    path = folder / "liveportrait" / "retargeting_models" / f"stitching_retargeting_module{suffix}"
    path.parent.mkdir(parents=True)
    save(flat_perceptrons(states) if safetensors else nested_perceptrons(states), path)
    return "stitching_retargeting", path


def nested_perceptrons(states: dict[str, dict[str, Tensor]]) -> dict[str, object]:
    """As the official file has them: one entry a network, keys as DDP saved them, and extras."""
    entries: dict[str, object] = {
        MLP_ENTRIES[name]: {f"module.{key}": value for key, value in state.items()}
        for name, state in states.items()
    }
    return {**entries, "epoch": 7, "optimizer": {"state": {0: torch.zeros(3)}}}


def flat_perceptrons(states: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """As safetensors needs them: one flat dict, the entry's name in front of the key."""
    return {
        f"{MLP_ENTRIES[name]}_module.{key}": value
        for name, state in states.items()
        for key, value in state.items()
    }


def _value(network: str, key: str, n: NDArray[np.float64]) -> NDArray[np.float64]:
    for rule_network, pattern, draw in RULES:
        if (not rule_network or re.fullmatch(rule_network, network)) and re.search(pattern, key):
            return draw(n)
    raise LookupError(f"no rule for {network}/{key}")


def _singular_vectors(
    weight: NDArray[np.float32], start: NDArray[np.float64]
) -> tuple[Tensor, Tensor]:
    matrix = weight.astype(np.float64).reshape(weight.shape[0], -1)
    u = start / np.linalg.norm(start)
    for _ in range(50):
        v = matrix.T @ u
        v /= np.linalg.norm(v)
        u = matrix @ v
        u /= np.linalg.norm(u)
    return torch.from_numpy(u.astype(np.float32)), torch.from_numpy(v.astype(np.float32))


def _save_safetensors(state: dict[str, Tensor], path: Path) -> None:
    save_file(state, path, metadata={"format": "pt"})  # as published files have it


def _manifest(folder: Path, written: list[tuple[str, Path]]) -> dict[str, object]:
    return {
        "sets": [
            {
                "name": "synthetic",
                "hub": "none/none",
                "revision": "0" * 40,
                "licence": "MIT",
                "description": "Synthetic weights for tests: official layout, noise",
                "non_commercial": False,
                "files": list(_entries(folder, written)),
            }
        ]
    }


def _entries(folder: Path, written: list[tuple[str, Path]]) -> Iterator[dict[str, object]]:
    for checkpoint, path in written:
        place = path.relative_to(folder).as_posix()
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
        yield {
            "checkpoint": checkpoint,
            "hub_path": place,
            "path": place,
            "bytes": size,
            "sha256": sha256,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", default="", help="seed prefix of the set")
    parser.add_argument("--safetensors", action="store_true", help="instead of .pth")
    arguments = parser.parse_args()
    tree = synthetic_tree(arguments.prefix, safetensors=arguments.safetensors)
    sys.stdout.write(f"{tree}\n")


if __name__ == "__main__":
    main()
