"""The frames of a clip: upright, at a constant rate, no larger than wanted, one by one.

Rotation, resampling by timestamps, square pixels, tone mapping and scaling happen in the child
process. Knows nothing of limits (`probe` has checked them) nor of what the frames are for.
"""

import select
import time
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np

from liveportrait_core.errors import VideoTooLarge, VideoUnsupported
from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.clips.opening import OPEN_SAFELY, decoding_limits
from liveportrait_core.media.clips.probe import MAX_SIDE_PX, DrivingClip
from liveportrait_core.media.ffmpeg import FfmpegProcess
from liveportrait_core.media.hdr import KNEE, PEAK, WHITE_CD_M2
from liveportrait_core.report import Frame

_STALL_LIMIT_S = 60.0
_HDR_TRANSFERS = ("smpte2084", "arib-std-b67")  # PQ and HLG
_TONE_MAP = (
    "format=yuv444p10le,"  # zscale refuses odd sides of subsampled chroma
    f"zscale=transfer=linear:npl={WHITE_CD_M2},format=gbrpf32le,zscale=primaries=bt709,"
    f"tonemap=tonemap=mobius:param={KNEE}:desat=0:peak={PEAK:g},"
    "zscale=transfer=bt709:range=pc,format=gbrp"
)


class FrameReader:
    """A clip being decoded: a context manager and an iterator of frames.

    Leaving the context kills the child, whether or not all frames were read. `kill` may be called
    from another thread; the iterator then ends.
    """

    def __init__(self, clip: DrivingClip, *, max_side_px: int | None) -> None:
        """Start decoding.

        Args:
            clip: what `probe` gave.
            max_side_px: frames are scaled down so that no side is longer; None: their own size.
        """
        self._clip = clip
        self._is_killed = False
        self._child = FfmpegProcess(
            _arguments(clip, max_side_px), limits=_limits(clip, max_side_px)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.close()

    def kill(self) -> None:
        """End the child at once."""
        self._is_killed = True
        self._child.kill()

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames, H×W×3 RGB uint8, all of one size.

        Raises:
            VideoUnsupported: nothing could be decoded, the decoder failed or stood still.
            VideoTooLarge: decoding takes more than it may.
        """
        count = 0
        while (frame := self._read_frame()) is not None:
            yield frame
            count += 1
        if self._is_killed:
            return
        status = self._child.wait(_STALL_LIMIT_S)
        if self._child.exceeded:
            raise VideoTooLarge(
                f"{self._clip.path.name} takes {self._child.exceeded} to decode: given up"
            )
        if status != 0 or count == 0:
            raise VideoUnsupported(
                f"{self._clip.path.name} cannot be decoded: {self._child.last_words}"
            )

    def _read_frame(self) -> Frame | None:
        """Return one picture of the PPM stream, which states its size."""
        header = self._read_header()
        if header is None:
            return None
        width, height = header
        frame = np.empty((height, width, 3), np.uint8)
        rest = frame.data.cast("B")
        while rest:
            count = self._read_into(rest)
            if count == 0:
                return None
            rest = rest[count:]
        return frame

    def _read_header(self) -> tuple[int, int] | None:
        text = bytearray()
        byte = memoryview(bytearray(1))
        while text.count(b"\n") < 3:
            if self._read_into(byte) == 0:
                return None
            text += byte
        _, width, height, _ = text.split()
        return int(width), int(height)

    def _read_into(self, target: memoryview) -> int:
        started = time.monotonic()
        while not self._is_killed:
            readable, _, _ = select.select([self._child.stdout], [], [], 1.0)
            if readable:
                return self._child.stdout.readinto(target) or 0  # type: ignore[attr-defined]
            if time.monotonic() - started > _STALL_LIMIT_S:
                self._child.kill()
                raise VideoUnsupported(
                    f"{self._clip.path.name} gave no frame for {_STALL_LIMIT_S:.0f} s: given up"
                )
        return 0


def _limits(clip: DrivingClip, max_side_px: int | None) -> ChildLimits:
    pixels = clip.width_px * clip.height_px
    side_px = max_side_px or MAX_SIDE_PX
    return decoding_limits(
        pixels_read=pixels,
        pixels_shown=min(side_px * side_px, 2 * pixels),  # pixels may be wider than high
        frames=int((clip.max_seconds + 1) * max(clip.source_fps, clip.rate_fps)),
    )


def _arguments(clip: DrivingClip, max_side_px: int | None) -> list[str]:
    most_frames = int(clip.max_seconds * clip.rate_fps)
    return [
        "-v", "error", "-nostdin", "-threads", "4", *OPEN_SAFELY,
        # A little more than is used, so that the last frames are not cut by their rounding.
        "-t", str(float(clip.max_seconds + 1)), "-i", f"file:{clip.path.absolute()}",
        "-map", "0:V:0", "-vf", _filters(clip, max_side_px or MAX_SIDE_PX),
        # Without passthrough, a first frame shown late would be repeated from 0 on.
        "-fps_mode", "passthrough", "-frames:v", str(most_frames),
        "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "-",
    ]  # fmt: skip


def _filters(clip: DrivingClip, max_side_px: int) -> str:
    shrink = f"min(1,{max_side_px}/max(iw*sar,ih))"
    # `fps` shows the last frame that rounds to an instant. Where several do, as of a clip at a
    # multiple of the rate, this shift makes it the one recorded at that instant.
    shift_s = (
        Fraction(1, 2) - min(Fraction(1, 2), clip.rate_fps / clip.source_fps / 2)
    ) / clip.rate_fps
    steps = [
        f"settb=AVTB,setpts=PTS+{round(shift_s * 1_000_000)}",
        f"fps={clip.rate_fps}",
        f"scale=w='max(1,round(iw*sar*{shrink}))':h='max(1,round(ih*{shrink}))'"
        # Without these flags every colour comes out about one level too dark.
        ":flags=bicubic+accurate_rnd+full_chroma_int",
        "setsar=1",
    ]
    if clip.transfer in _HDR_TRANSFERS:
        steps.append(_TONE_MAP)
    return ",".join(steps)
