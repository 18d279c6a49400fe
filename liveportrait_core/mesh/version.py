"""The mesh engine's version: the one place that says what of it changes pixels. Opens nothing."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from liveportrait_core.options import Engine

REVISION = 1
PIXEL_LIBRARIES = ("mediapipe", "opencv-python-headless", "numpy", "scipy")


def mesh_version() -> str:
    """mesh-<revision>-<8 hex digits over everything that changes pixels>."""
    return f"{Engine.MESH}-{REVISION}-{_pixel_digest()[:8]}"


@cache
def _pixel_digest() -> str:
    """Digest over this engine's own sources and the libraries that it draws and tracks with."""
    package = Path(__file__).parent
    core = package.parent
    sources = [*sorted(package.glob("*.py")), core / "face" / "detector.py", core / "loop.py"]
    sha = hashlib.sha256()
    for source in sources:
        sha.update(source.read_bytes())
    for library in PIXEL_LIBRARIES:
        sha.update(f"{library}=={version(library)}\n".encode())
    return sha.hexdigest()
