"""The mesh engine's version: the one place that says what of it changes pixels. Opens nothing."""

import hashlib
from functools import cache
from importlib.metadata import version

from liveportrait_core.options import Engine

# Raise it with every change of code or constants that changes pixels or the way they are encoded;
# tests/core/engines/mesh/test_revision.py notices when it was forgotten.
REVISION = 6
PIXEL_LIBRARIES = ("mediapipe", "opencv-python-headless", "numpy", "scipy")


@cache
def mesh_version() -> str:
    """mesh-<revision>-<8 hex digits over the libraries that it draws and tracks with>."""
    libraries = "".join(f"{library}=={version(library)}\n" for library in PIXEL_LIBRARIES)
    return f"{Engine.MESH}-{REVISION}-{hashlib.sha256(libraries.encode()).hexdigest()[:8]}"
