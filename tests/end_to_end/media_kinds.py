"""Clips and pictures as telephones, cutters and attackers make them, from the usual small media."""

import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liveportrait_core.report import Frame
from tests.core.clips import ffmpeg

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p", "-an")
_TO_HLG = (
    "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt2020,"
    "zscale=transfer=arib-std-b67:matrix=bt2020nc:range=tv:npl=203,format=yuv420p10le"
)
# Four of five frames come 0.4 of an interval late.
_UNEVEN = r"settb=1/90000,setpts='(N+if(mod(N\,5)\,0\,0.4))/30/TB'"


def cut(clip: Path, to: Path, filters: str, *how: str) -> Path:
    """The clip through ffmpeg's filters; H.264 unless `how` says otherwise."""
    ffmpeg("-i", str(clip), "-vf", filters, *(how or H264), str(to))
    return to


def repeated(clip: Path, to: Path, seconds: float) -> Path:
    """The clip, which loops, again and again until it is this long."""
    ffmpeg("-stream_loop", "-1", "-i", str(clip), "-t", str(seconds), "-c", "copy", str(to))
    return to


def phone_clip(clip: Path, to: Path) -> Path:
    """A 30 fps clip as a phone records it: HEVC in HLG, lying on its side, uneven, with sound."""
    lying = to.with_name("lying.mov")
    ffmpeg(
        "-i", str(clip), "-f", "lavfi", "-i", "sine=frequency=440:duration=1",
        "-map", "0:v", "-map", "1:a", "-vf", f"{_TO_HLG},transpose=clock,{_UNEVEN}",
        "-fps_mode", "vfr", "-enc_time_base", "1/90000",
        "-c:v", "libx265", "-x265-params", "log-level=none", "-crf", "16", "-tag:v", "hvc1",
        "-c:a", "aac", str(lying),
    )  # fmt: skip
    ffmpeg("-display_rotation", "90", "-i", str(lying), "-c", "copy", str(to))
    return to


def picture(path: Path) -> Frame:
    """A picture file's pixels."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def resized(pixels: Frame, width: int, height: int) -> Frame:
    """Cut to these proportions from above, and scaled."""
    high, wide = pixels.shape[:2]
    part = min(wide / width, high / height)
    cut_high, cut_wide = round(height * part), round(width * part)
    left = (wide - cut_wide) // 2
    kept = pixels[:cut_high, left : left + cut_wide]
    return np.asarray(cv2.resize(kept, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def sixteen_bit(pixels: NDArray[np.uint8], to: Path) -> Path:
    """A PNG of 16 bits a channel; H×W is grey."""
    deep = pixels.astype(np.uint16) * 257
    assert cv2.imwrite(str(to), deep if deep.ndim == 2 else deep[..., ::-1])
    return to


def heic(pixels: Frame, to: Path) -> Path:
    """A still HEVC picture in its container, put together box by box: nothing here writes HEIC."""
    clip = to.with_suffix(".mp4")
    height, width = pixels.shape[:2]
    ffmpeg(
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}", "-i", "-",
        "-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1",
        "-pix_fmt", "yuv420p", str(clip), feed=pixels.tobytes(),
    )  # fmt: skip
    data = clip.read_bytes()
    configuration, coded = _box_in(data, b"hvcC"), _box_in(data, b"mdat")[8:]
    size = _box(b"ispe", struct.pack(">III", 0, width, height))
    entry = _box(b"infe", struct.pack(">IHH4sx", 2 << 24, 1, 0, b"hvc1"))
    properties = _box(
        b"iprp",
        _box(b"ipco", configuration + size)
        + _box(b"ipma", struct.pack(">IIHBBB", 0, 1, 1, 2, 0x81, 2)),
    )
    kind = _box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(offset: int) -> bytes:
        place = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, offset, len(coded))
        return _box(
            b"meta",
            bytes(4)
            + _box(b"hdlr", struct.pack(">II4s13x", 0, 0, b"pict"))
            + _box(b"pitm", struct.pack(">IH", 0, 1))
            + _box(b"iloc", place)
            + _box(b"iinf", struct.pack(">IH", 0, 1) + entry)
            + properties,
        )

    begins = len(kind) + len(meta(0)) + 8
    to.write_bytes(kind + meta(begins) + _box(b"mdat", coded))
    return to


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _box_in(data: bytes, kind: bytes) -> bytes:
    start = data.index(kind) - 4
    return data[start : start + int.from_bytes(data[start : start + 4], "big")]
