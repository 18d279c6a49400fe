"""The LivePortrait engine's version: the one place that says what of it changes pixels.

Pure. The opened engine and a process that only has to name renders compute it from the same facts.
"""

import hashlib
from collections.abc import Iterable

from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.options import Engine

REVISION = 2  # raise it with every change that changes pixels
EASE_S = 1.0  # over which the end of a clip eases back to its beginning


def engine_version(
    config: EngineConfig,
    *,
    finder_version: str,
    has_landmarks: bool,
    precision: str,
    digests: Iterable[str],
) -> str:
    """liveportrait-<revision>-<8 hex digits over files and settings that change pixels>.

    Args:
        config: all of it counts but the device, and the precision as it was chosen.
        finder_version: of who finds the face.
        has_landmarks: the 203 landmarks serve; otherwise the face mesh's points.
        precision: fp32, fp16 or bf16.
        digests: SHA-256 of every file loaded, in the order of the checkpoints.
    """
    settings = (
        finder_version,
        "203 landmarks" if has_landmarks else "face mesh landmarks",
        precision,
        config.face_order,
        config.driving_crop,
        repr(config.animation),
        repr(config.refinement),
        str(EASE_S),
    )
    sha = hashlib.sha256("\n".join((*settings, *digests)).encode())
    return f"{Engine.LIVEPORTRAIT}-{REVISION}-{sha.hexdigest()[:8]}"
