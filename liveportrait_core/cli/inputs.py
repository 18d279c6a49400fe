"""What kind of file somebody gave: told by its first bytes, not by its name."""

from enum import Enum, auto
from pathlib import Path

from liveportrait_core.media.file_kind import Role, kind_of
from liveportrait_core.media.image import is_picture

_TEMPLATE_SUFFIXES = (".npz", ".pkl")


class Kind(Enum):
    """What a file can be to the renderer."""

    PICTURE = auto()
    CLIP = auto()
    TEMPLATE = auto()


def portrait_kind(path: Path) -> Kind:
    """PICTURE or CLIP; a file that is neither counts as a picture, whose reader says what it is."""
    return Kind.CLIP if _is_clip(path) else Kind.PICTURE


def driving_kind(path: Path) -> Kind:
    """TEMPLATE by its name; else a still PICTURE; else a CLIP, whose reader judges."""
    if path.suffix in _TEMPLATE_SUFFIXES:
        return Kind.TEMPLATE
    return Kind.PICTURE if not _is_clip(path) and is_picture(path) else Kind.CLIP


def _is_clip(path: Path) -> bool:
    kind = kind_of(path) if path.is_file() else None
    return kind is not None and kind.role is Role.CLIP and kind.is_read
