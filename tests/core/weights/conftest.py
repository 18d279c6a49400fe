"""Small weights folders, so that faults cost milliseconds."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from tests.core.weights.hub import FaultyHub, running_hub

NETWORK = "liveportrait/base_models/motion_extractor.pth"
ONNX = "liveportrait/landmark.onnx"
RESTRICTED = "insightface/models/buffalo_l/det_10g.onnx"
ANIMAL = "liveportrait_animals/base_models_v1.1/motion_extractor.pth"
CHECKPOINTS = {
    NETWORK: "motion_extractor", ONNX: "landmarks_203", RESTRICTED: "detector",
    ANIMAL: "animal_motion_extractor",
}  # fmt: skip


def content(path: str, size: int = 300_000) -> bytes:
    """What the hub has under a path."""
    return random.Random(path).randbytes(size)  # noqa: S311 - test data


def write_manifest(folder: Path, files: dict[str, bytes] | None = None) -> None:
    """A manifest of four files: one non-commercial, one of the animals, whose size is not known."""
    files = files or {path: content(path) for path in CHECKPOINTS}
    sets = [
        {
            "name": name,
            "hub": "owner/name",
            "revision": "a" * 40,
            "licence": licence,
            "description": "for tests",
            "non_commercial": licence != "MIT",
            "files": [
                {
                    "checkpoint": CHECKPOINTS[path],
                    "hub_path": path,
                    "path": path,
                    "bytes": None if path == ANIMAL else len(files[path]),
                    "sha256": hashlib.sha256(files[path]).hexdigest(),
                }
                for path in paths
                if path in files
            ],
        }
        for name, licence, paths in (
            ("free", "MIT", [NETWORK, ONNX]),
            ("restricted", "research only", [RESTRICTED]),
            ("animals", "MIT", [ANIMAL]),
        )
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"sets": sets}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty weights folder with its manifest."""
    write_manifest(tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyHub]:
    """A hub with the files; the client loses patience after a second."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    # What has arrived is written down in pieces of this size; the client's own are 10 MB.
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    with running_hub(FaultyHub(files={path: content(path) for path in CHECKPOINTS})) as hub:
        yield hub
