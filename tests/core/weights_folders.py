"""Weights folders with every file: the synthetic networks, and small ONNX files for the faces."""

import hashlib
import json
from pathlib import Path

import numpy as np

from liveportrait_core.face.crop import crop_face, map_points
from tests.core.faces import face_106, face_203, gradient
from tests.golden.onnx_files import write_constant_network
from tests.golden.synthetic_weights import animal_tree, synthetic_tree

LANDMARKS = "liveportrait/landmark.onnx"
DETECTOR = "insightface/models/buffalo_l/det_10g.onnx"
LANDMARKS_106 = "insightface/models/buffalo_l/2d106det.onnx"


def weights_folder(
    folder: Path, *, landmarks: bool = True, detector: bool = False, animals: bool = False
) -> Path:
    """The five network files, linked, those of the face networks, and the animals', as wanted."""
    manifest, files = {}, []
    for tree in (synthetic_tree(), *([animal_tree()] if animals else [])):
        manifest = json.loads((tree / "manifest.json").read_bytes())
        for file in manifest["sets"][0]["files"]:
            link = folder / file["path"]
            if link.is_symlink():  # stitching, which people and animals share
                continue
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(tree / file["path"])
            files.append(file)
    manifest["sets"][0]["files"] = files
    if landmarks:
        write_steady_landmarks(folder / LANDMARKS)
    files.append(_entry(folder, "landmarks_203", LANDMARKS))
    if detector:
        _write_detector(folder)
    files.append(_entry(folder, "detector", DETECTOR))
    files.append(_entry(folder, "landmarks_106", LANDMARKS_106))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def write_steady_landmarks(path: Path) -> None:
    """A landmark network that sees the face exactly where it is looked for, again and again."""
    face = face_203(x=300, y=300, size=100)
    crop = crop_face(gradient(8, 8), face, size_px=224, scale=1.5, vy_ratio=-0.1)
    points = map_points(face, crop.original_to_crop) / np.float32(224)
    unused = np.zeros((1, 1), np.float32)
    write_constant_network(
        path, inputs=(1, 3, 224, 224), outputs=[unused, unused, points.reshape(1, 406)]
    )


def _write_detector(folder: Path) -> None:
    """One face in the middle of every picture."""
    rows = [2 * (512 // stride) ** 2 for stride in (8, 16, 32)]
    outputs = [np.zeros((count, width), np.float32) for width in (1, 4, 10) for count in rows]
    middle = 2 * (rows[2] // 4 + 8)
    outputs[2][middle], outputs[5][middle] = 0.9, 3
    write_constant_network(folder / DETECTOR, inputs=(1, 3, 512, 512), outputs=outputs)
    points = face_106(x=0, y=0, size=2 / 3).reshape(1, 212)
    write_constant_network(
        folder / LANDMARKS_106, inputs=("N", 3, 192, 192), outputs=[points], nodes=("Sub0", "Mul0")
    )


def _entry(folder: Path, checkpoint: str, place: str) -> dict[str, object]:
    path = folder / place
    data = path.read_bytes() if path.is_file() else b"not there"
    return {
        "checkpoint": checkpoint,
        "hub_path": place,
        "path": place,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
