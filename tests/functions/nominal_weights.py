"""A weights folder by name: enough to be chosen and judged, nothing that could be opened."""

import json
from pathlib import Path

from liveportrait_core.weights.manifest import REQUIRED_CHECKPOINTS


def nominal_weights(folder: Path) -> Path:
    """Fill a folder with files of the right names and sizes, and a manifest of its own."""
    files = [
        {"checkpoint": name, "hub_path": name, "path": name, "bytes": 1, "sha256": "0" * 64}
        for name in map(str, REQUIRED_CHECKPOINTS)
    ]
    for file in files:
        (folder / str(file["path"])).write_bytes(b"x")
    of_set = {"name": "test", "hub": "", "revision": "", "licence": "", "description": ""}
    manifest = {"sets": [{**of_set, "non_commercial": False, "files": files}]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
