"""What a file is, told by its first bytes and not by its name, in words for the one who gave it.

Only to route and to explain: whether a file can be read, its reader decides. What is not known here
may still be anything.
"""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

TEMPLATE_SUFFIXES: Final = (".npz", ".pkl")
"""Of motion templates, which are told by their names."""
_HEAD_BYTES: Final = 512


class Role(Enum):
    """What a kind of file can be to the renderer."""

    PICTURE = auto()
    CLIP = auto()
    SOUND = auto()
    NEITHER = auto()


@dataclass(frozen=True, kw_only=True)
class FileKind:
    """A kind of file."""

    words: str  # with an article: "a JPEG"
    role: Role
    is_read: bool = True  # some files of this kind are; else none


def _picture(words: str, *, is_read: bool = True) -> FileKind:
    return FileKind(words=words, role=Role.PICTURE, is_read=is_read)


def _clip(words: str, *, is_read: bool = True) -> FileKind:
    return FileKind(words=words, role=Role.CLIP, is_read=is_read)


def _sound(words: str) -> FileKind:
    return FileKind(words=words, role=Role.SOUND)


def _other(words: str) -> FileKind:
    return FileKind(words=words, role=Role.NEITHER, is_read=False)


_MP4: Final = _clip("an MP4 or MOV file")
_AVIF: Final = _picture("an AVIF picture")
_HEIC: Final = _picture("a HEIC picture")
_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", _picture("a JPEG picture")),
    (b"\x89PNG\r\n\x1a\n", _picture("a PNG picture")),
    (b"GIF8", _picture("a GIF")),
    (b"II*\0", _picture("a TIFF picture")),
    (b"MM\0*", _picture("a TIFF picture")),
    (b"\xff\x0a", _picture("a JPEG XL picture", is_read=False)),
    (b"\0\0\0\x0cJXL ", _picture("a JPEG XL picture", is_read=False)),
    (b"\0\0\0\x0cjP  ", _picture("a JPEG 2000 picture", is_read=False)),
    (b"8BPS", _picture("a Photoshop picture", is_read=False)),
    (b"\x1aE\xdf\xa3", _clip("a WebM or Matroska file")),
    (b"FLV\x01", _clip("a Flash video", is_read=False)),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _clip("a Windows Media file", is_read=False)),
    (b"\0\0\x01\xba", _clip("an MPEG program stream", is_read=False)),
    (b"\0\0\x01\xb3", _clip("an MPEG video without container", is_read=False)),
    (b"OggS", _sound("an Ogg file")),
    (b"ID3", _sound("an MP3 sound file")),
    (b"\xff\xfb", _sound("an MP3 sound file")),
    (b"\xff\xf3", _sound("an MP3 sound file")),
    (b"\xff\xf1", _sound("an AAC sound file")),
    (b"\xff\xf9", _sound("an AAC sound file")),
    (b"fLaC", _sound("a FLAC sound file")),
    (b"caff", _sound("a CAF sound file")),
    (b"#!AMR", _sound("an AMR sound file")),
    (b"#EXTM3U", _other("a playlist (HLS)")),
    (b"ffconcat", _other("a playlist (ffconcat)")),
    (b"%PDF", _other("a PDF")),
    (b"%!", _other("a PostScript file")),
    (b"PK\x03\x04", _other("a ZIP archive or an office document")),
    (b"\x1f\x8b", _other("a gzip archive")),
)
_IN_RIFF: Final = {
    b"WEBP": _picture("a WebP picture"),
    b"AVI ": _clip("an AVI"),
    b"WAVE": _sound("a WAV sound file"),
}
_MOVIE_ATOMS: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"moof", b"pnot")
_HEIC_BRANDS: Final = (
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1",
)  # fmt: skip
_MARKUP: Final = (
    (b"<svg", "a drawing (SVG)"), (b"<!doctype html", "a web page"), (b"<html", "a web page"),
)  # fmt: skip
_PACKET_BYTES: Final = 188  # of an MPEG transport stream, each beginning with the letter G


def kind_of(path: Path) -> FileKind | None:
    """Tell what a file is by its beginning; None: not known."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _sound("an AIFF sound file")
    if head[:4] == b"RIFF":
        return _IN_RIFF.get(head[8:12])
    return _of_boxes(head) or _of_text(head) or _of_loose_marks(head)


def _of_boxes(head: bytes) -> FileKind | None:
    if head[4:8] in _MOVIE_ATOMS:
        return _MP4
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    if b"avif" in brands or b"avis" in brands:
        return _AVIF
    return _HEIC if brands[0] in _HEIC_BRANDS else _MP4


def _of_text(head: bytes) -> FileKind | None:
    text = head.lstrip().lower()
    if not text.startswith(b"<"):
        return None
    return next((_other(words) for mark, words in _MARKUP if mark in text), None)


def _of_loose_marks(head: bytes) -> FileKind | None:
    """Marks so short that something beside them must fit too."""
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return _picture("a BMP picture")
    if head[:1] == b"G" and head[_PACKET_BYTES : _PACKET_BYTES + 1] == b"G":
        return _clip("an MPEG transport stream", is_read=False)
    return None
