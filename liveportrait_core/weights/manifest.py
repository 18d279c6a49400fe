"""Which weight files there are: the content of `weights/manifest.json`.

A weights folder may carry a manifest of its own (the synthetic weights of the tests do); otherwise
the project's holds. Knows names, sizes and digests; opens no weight file.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.weights.brought import BroughtFile, BroughtSet

FETCH = "python -m liveportrait_core weights fetch"
PROJECT_MANIFEST = Path(__file__).resolve().parents[2] / "weights" / "manifest.json"


class Checkpoint(StrEnum):
    """A weight file by what it is for."""

    APPEARANCE_FEATURE_EXTRACTOR = "appearance_feature_extractor"
    MOTION_EXTRACTOR = "motion_extractor"
    WARPING_MODULE = "warping_module"
    SPADE_GENERATOR = "spade_generator"
    STITCHING_RETARGETING = "stitching_retargeting"  # three networks in one file
    LANDMARKS_203 = "landmarks_203"
    DETECTOR = "detector"  # optional: MediaPipe finds faces without it
    LANDMARKS_106 = "landmarks_106"  # optional, belongs to the detector
    # Optional: the same networks, trained on animals.
    ANIMAL_APPEARANCE_FEATURE_EXTRACTOR = "animal_appearance_feature_extractor"
    ANIMAL_MOTION_EXTRACTOR = "animal_motion_extractor"
    ANIMAL_WARPING_MODULE = "animal_warping_module"
    ANIMAL_SPADE_GENERATOR = "animal_spade_generator"


NETWORK_CHECKPOINTS = (  # F, M, W, G, and the small networks
    Checkpoint.APPEARANCE_FEATURE_EXTRACTOR,
    Checkpoint.MOTION_EXTRACTOR,
    Checkpoint.WARPING_MODULE,
    Checkpoint.SPADE_GENERATOR,
    Checkpoint.STITCHING_RETARGETING,
)
REQUIRED_CHECKPOINTS = (*NETWORK_CHECKPOINTS, Checkpoint.LANDMARKS_203)
"""What a deployment needs."""
ANIMAL_NETWORKS = (
    Checkpoint.ANIMAL_APPEARANCE_FEATURE_EXTRACTOR,
    Checkpoint.ANIMAL_MOTION_EXTRACTOR,
    Checkpoint.ANIMAL_WARPING_MODULE,
    Checkpoint.ANIMAL_SPADE_GENERATOR,
)
ANIMAL_CHECKPOINTS = (*ANIMAL_NETWORKS, Checkpoint.STITCHING_RETARGETING)
"""In the order of NETWORK_CHECKPOINTS; stitching is the one for people."""


def fetch_command(folder: Path, checkpoints: Iterable[Checkpoint]) -> str:
    """Return the command line that brings these files."""
    animals = " --animals" if set(checkpoints) & set(ANIMAL_NETWORKS) else ""
    return f"{FETCH} --to {folder}{animals}"


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One file of a set."""

    checkpoint: Checkpoint
    hub_path: str  # in the hub's repository
    path: PurePosixPath  # in the weights folder
    size_bytes: int | None  # None: not known beforehand; the digest tells
    sha256: str


@dataclass(frozen=True, kw_only=True)
class WeightSet:
    """Files that come from one place under one licence."""

    name: str
    hub: str
    revision: str
    licence: str
    description: str
    non_commercial: bool
    files: tuple[WeightFile, ...]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All sets, in the order of preference."""

    path: Path
    sets: tuple[WeightSet, ...]
    brought: tuple[BroughtSet, ...] = ()  # what is never fetched

    def files_for(self, checkpoint: Checkpoint) -> Iterator[WeightFile]:
        """Yield every form of a checkpoint (`.pth`, `.safetensors`), the preferred one first."""
        for weight_set in self.sets:
            yield from (file for file in weight_set.files if file.checkpoint is checkpoint)


def brought_as(manifest: Manifest, sha256: str) -> tuple[BroughtSet, BroughtFile] | None:
    """Return which published file has this digest; None: none that is known."""
    for brought in manifest.brought:
        for file in brought.files:
            if file.sha256 == sha256:
                return brought, file
    return None


@dataclass(frozen=True, kw_only=True)
class WantedFile:
    """One file and where it comes from."""

    file: WeightFile
    hub: str
    revision: str


def choose_files(
    manifest: Manifest,
    *,
    safetensors: bool = False,
    non_commercial: bool = False,
    animals: bool = False,
) -> tuple[WantedFile, ...]:
    """Return one form of every checkpoint of the manifest.

    Args:
        manifest: what there is.
        safetensors: prefer that form of the networks to `.pth`.
        non_commercial: take the sets too whose licence forbids commercial use.
        animals: take the networks of the animals too.
    """
    chosen: list[WantedFile] = []
    left_out = () if animals else ANIMAL_NETWORKS
    for checkpoint in (each for each in Checkpoint if each not in left_out):
        forms = [
            WantedFile(file=file, hub=weight_set.hub, revision=weight_set.revision)
            for weight_set in manifest.sets
            for file in weight_set.files
            if file.checkpoint is checkpoint and (non_commercial or not weight_set.non_commercial)
        ]
        forms.sort(key=lambda form: (form.file.path.suffix == ".safetensors") is not safetensors)
        chosen += forms[:1]
    return tuple(chosen)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest that holds for a weights folder: its own, or the project's.

    Raises:
        EngineUnavailable: the manifest is not what this version understands.
    """
    own = folder / "manifest.json"
    path = own if own.is_file() else PROJECT_MANIFEST
    try:
        content = json.loads(path.read_bytes())
        sets = tuple(_weight_set(entry) for entry in content["sets"])
        brought = tuple(BroughtSet.of(entry) for entry in content.get("brought", ()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(
            f"{path} is not a weights manifest of this version ({error!r}); accepted: the format of"
            f" {PROJECT_MANIFEST.name} in the project's weights folder"
        ) from error
    return Manifest(path=path, sets=sets, brought=brought)


def _weight_set(entry: dict[str, Any]) -> WeightSet:
    return WeightSet(
        name=entry["name"],
        hub=entry["hub"],
        revision=entry["revision"],
        licence=entry["licence"],
        description=entry["description"],
        non_commercial=entry["non_commercial"],
        files=tuple(_weight_file(file) for file in entry["files"]),
    )


def _weight_file(entry: dict[str, Any]) -> WeightFile:
    path = PurePosixPath(entry["path"])
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"path {entry['path']!r} leaves the weights folder")
    return WeightFile(
        checkpoint=Checkpoint(entry["checkpoint"]),
        hub_path=entry["hub_path"],
        path=path,
        size_bytes=None if entry["bytes"] is None else int(entry["bytes"]),
        sha256=entry["sha256"],
    )
