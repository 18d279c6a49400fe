"""Clips and pictures as telephones, cutters and attackers make them, from the usual small media."""

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
