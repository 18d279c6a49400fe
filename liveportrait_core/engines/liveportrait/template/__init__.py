"""Motion templates: the motion of a driving clip, kept as a file and used again.

`load_template` takes our `.npz` and the original's `.pkl`. Knows no picture and no network.
"""

from pathlib import Path

from liveportrait_core.engines.liveportrait.template.motion_template import (
    LivePortraitMotion,
    MotionWithoutOpenings,
)
from liveportrait_core.engines.liveportrait.template.npz import read_npz, save_template
from liveportrait_core.engines.liveportrait.template.pickled import read_pickle
from liveportrait_core.errors import VideoUnsupported

__all__ = ["LivePortraitMotion", "MotionWithoutOpenings", "load_template", "save_template"]

_ZIP_MAGIC = b"PK\x03\x04"


def load_template(path: Path) -> LivePortraitMotion:
    """Read a template of either kind, told apart by content and not by name.

    Raises:
        VideoUnsupported: neither of them, damaged, or a pickle that asks for more than numbers.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_ZIP_MAGIC))
    except OSError as error:
        raise VideoUnsupported(f"template {path} cannot be read: {error}") from error
    return read_npz(path) if magic == _ZIP_MAGIC else read_pickle(path)
