"""Which clips are opened at all: containers and codecs, and what reading them may take.

Everything else that the bundled ffmpeg knows (playlists, discs, captures, some five hundred old
decoders) is never started for a file that somebody has uploaded.
"""

from typing import Final

from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.sounds.opening import SOUND_DECODERS

ACCEPTED: Final = "accepted: MP4, MOV, WebM, Matroska or AVI with a video track"
# Cameras, telephones, screen recorders and editing programs; by the names of ffmpeg's codecs.
VIDEO_CODECS: Final = {
    "h264": "H.264", "hevc": "HEVC", "av1": "AV1", "vp8": "VP8", "vp9": "VP9", "mpeg4": "MPEG-4",
    "mjpeg": "Motion JPEG", "prores": "ProRes", "dnxhd": "DNxHD", "mpeg2video": "MPEG-2",
    "mpeg1video": "MPEG-1", "h263": "H.263", "dvvideo": "DV", "msmpeg4v3": "DivX 3", "ffv1": "FFV1",
    "png": "PNG", "qtrle": "QuickTime Animation", "rawvideo": "uncompressed",
}  # fmt: skip
ACCEPTED_CODECS: Final = f"accepted: {', '.join(VIDEO_CODECS.values())}"
# ffmpeg has decoders under other names than their codecs'.
_DECODERS: Final = (*VIDEO_CODECS, "libdav1d", "libaom-av1", "msmpeg4", *SOUND_DECODERS)
OPEN_SAFELY: Final = (
    "-format_whitelist", "mov,matroska,avi", "-codec_whitelist", ",".join(_DECODERS),
)  # fmt: skip

# Measured: an hour at 240 fps with sound takes 96 MiB to be listed, 4096x4096 of any codec 57.
PROBE_LIMITS: Final = ChildLimits(memory_bytes=2**30, processor_s=30, file_bytes=0)
_SMALLEST_BYTES: Final = 512 * 2**20
# Measured with the dearest, HEVC of 12 bits, 4:4:4, HDR at 4096x4096: 68 and 52 bytes.
_BYTES_A_PIXEL_READ: Final = 100
_BYTES_A_PIXEL_SHOWN: Final = 80
# The same takes 40 ns of a slow core for a pixel of a frame.
_SECONDS_A_PIXEL: Final = 400e-9
_SMALLEST_S: Final = 60


def decoding_limits(*, pixels_read: int, pixels_shown: int, frames: int) -> ChildLimits:
    """Bound what decoding a clip may take: pixels of a frame as stored, and as handed out."""
    return ChildLimits(
        memory_bytes=_SMALLEST_BYTES
        + pixels_read * _BYTES_A_PIXEL_READ
        + pixels_shown * _BYTES_A_PIXEL_SHOWN,
        processor_s=_SMALLEST_S + int(frames * (pixels_read + pixels_shown) * _SECONDS_A_PIXEL),
        file_bytes=0,
    )
