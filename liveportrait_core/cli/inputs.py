"""What kind of file somebody gave: told by its first bytes, not by its name."""

from enum import Enum, auto
from pathlib import Path

from liveportrait_core.media.image import is_picture

_TEMPLATE_SUFFIXES = (".npz", ".pkl")
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1")  # pictures in an MP4's clothes
_MOVIE_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MATROSKA = b"\x1aE\xdf\xa3"


class Kind(Enum):
    """What a file can be to the renderer."""

    PICTURE = auto()
    CLIP = auto()
    TEMPLATE = auto()


def portrait_kind(path: Path) -> Kind:
    """PICTURE or CLIP; a file that is neither counts as a picture, whose reader says what it is."""
    return Kind.CLIP if _is_clip(path) else Kind.PICTURE


def driving_kind(path: Path) -> Kind:
    """TEMPLATE by its name; else PICTURE; all else counts as a clip, whose reader judges it."""
    if path.suffix in _TEMPLATE_SUFFIXES:
        return Kind.TEMPLATE
    return Kind.PICTURE if not _is_clip(path) and is_picture(path) else Kind.CLIP


def _is_clip(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    is_avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return is_avi or head[:4] == _MATROSKA or head[4:8] in _MOVIE_ATOMS
