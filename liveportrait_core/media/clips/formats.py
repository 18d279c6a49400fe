"""What ffmpeg is told for each form of a finished video: MP4, GIF, WebP; with sound, reduced.

Arguments only: starts no process. MP4 is what contract.md, section 6, wants; the others are
for people.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.origin import DigitalSource
from liveportrait_core.media.sounds.opening import ON_THE_TIMELINE, OPEN_SOUND_SAFELY
from liveportrait_core.options import VideoFormat


class PlaneFormat(StrEnum):
    """What frames are converted to before ffmpeg gets them, by its names."""

    GBRP = "gbrp"  # green, blue, red
    YUV420P = "yuv420p"  # BT.709, limited range; chroma at the left one of two pixels


CRF = 18
_FINAL = ("-preset", "slow")
# A quarter of its time, for nearly its quality, by what pays in pictures that are moved by a warp:
# docs/understand/decisions/0004-a-quicker-encoder-for-previews.md
_PREVIEW = (
    "-preset", "superfast",
    "-x264-params", "rc-lookahead=50:mbtree=1:trellis=1:b-adapt=0",
)  # fmt: skip
GOP_SECONDS = 2
# The number of threads changes libx264's bytes: fixed, so that a machine with other cores agrees.
_THREADS = 6
# With a bound on the rate the threads wait for each other as they happen to run: only one thread
# gives the same bytes twice. Preset slow then takes 70 ms for a frame of 1200x1600.
_THREADS_WITHIN_A_RATE = 1
# Raw RGB would be written as untagged BT.601 and players would shift the colours; the plain
# -color_* options are dropped on the way. zscale takes half the time of ffmpeg's own scale, and
# puts the halved colours where players look for them: at the left one of two pixels, not between.
_COLOUR = {
    PlaneFormat.GBRP: "zscale=matrixin=gbr:rangein=full:primariesin=709:transferin=709"
    ":matrix=709:range=limited:primaries=709:transfer=709:filter=bicubic",
    # Converted before (`planes`), so only tagged here.
    PlaneFormat.YUV420P: "setparams=range=limited:colorspace=bt709:color_primaries=bt709"
    ":color_trc=bt709:chroma_location=left",
}
_BUFFER_S = 0.5  # a key frame of grain takes so long
_SOUND_BITS_A_SECOND = "192k"
_SOUND_HZ = 48_000
_WEBP_QUALITY = 85
# Measured at 2048x2048: libx264 with preset slow looks ahead 50 frames and takes 420 bytes a pixel.
_SMALLEST_BYTES = 2**30
_BYTES_A_PIXEL = 500
_KEPT_BYTES = 3 * 2**30  # libwebp holds what it has encoded until the last frame
# Ten minutes at 30 frames a second, the longest clip that is read; a slow core takes 40 ns a pixel.
_MOST_FRAMES = 18_000
_SECONDS_A_PIXEL = 400e-9
_SMALLEST_S = 600
_LARGEST_FILE = 4_000_000_000
_LARGEST_LOSSLESS = 64_000_000_000  # seven megabytes for a frame of 2048x2048 noise


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A part of a file's first sound track."""

    path: Path
    start_s: Fraction  # of the file: what is heard with frame 0
    seconds: Fraction


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """What is going to be written: frames of width×height at a rate, and the form they take."""

    width_px: int
    height_px: int
    rate_fps: Fraction
    form: VideoFormat = VideoFormat.MP4
    longest_side_px: int | None = None  # frames are reduced to it, never enlarged
    sound: Sound | None = None  # MP4 only
    is_preview: bool = False  # MP4 only: encoded in less time
    origin: DigitalSource = DigitalSource.TRAINED  # what the file says of itself
    peak_mbit_s: float | None = None  # MP4 only: the most that pictures take in any second

    @property
    def plane_format(self) -> PlaneFormat:
        """Of previews the colours are converted before, of others by ffmpeg."""
        is_converted = self.is_preview and self.form is VideoFormat.MP4
        return PlaneFormat.YUV420P if is_converted else PlaneFormat.GBRP

    @property
    def result_size(self) -> tuple[int, int]:
        """(width, height) of the file; even."""
        longest = max(self.width_px, self.height_px)
        if self.longest_side_px is None or longest <= self.longest_side_px:
            return self.width_px, self.height_px
        width, height = (
            side * self.longest_side_px // longest // 2 * 2
            for side in (self.width_px, self.height_px)
        )
        return max(2, width), max(2, height)


def encoding(settings: EncoderSettings, output: Path) -> list[str]:
    """From raw frames on stdin to a file; of a GIF, to the lossless video it is made of.

    Of each frame come the planes of `settings.plane_format`.
    """
    sound = settings.sound
    return [
        "-v", "error", "-nostats", "-progress", "pipe:2", "-stats_period", "0.25",
        "-f", "rawvideo", "-pixel_format", settings.plane_format,
        "-video_size", f"{settings.width_px}x{settings.height_px}",
        "-framerate", str(settings.rate_fps), "-i", "pipe:0",
        *(_sound_input(sound) if sound else ("-an",)),
        "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact+cgop",
        *_BY_FORM[settings.form](settings),
        f"file:{output.absolute()}",
    ]  # fmt: skip


def encoding_limits(settings: EncoderSettings) -> ChildLimits:
    """Bound what the encoder may take; of how many frames come, only that they are not for ever."""
    pixels = settings.width_px * settings.height_px
    kept = _KEPT_BYTES if settings.form is VideoFormat.WEBP else 0
    return ChildLimits(
        memory_bytes=_SMALLEST_BYTES + pixels * _BYTES_A_PIXEL + kept,
        processor_s=_SMALLEST_S + int(_MOST_FRAMES * pixels * _SECONDS_A_PIXEL),
        file_bytes=_LARGEST_LOSSLESS if settings.form is VideoFormat.GIF else _LARGEST_FILE,
    )


def gif_passes(lossless: Path, palette: Path, output: Path) -> list[list[str]]:
    """From the lossless video to a GIF: the best 256 colours of all frames, then the frames.

    Two runs over a file instead of one that would hold all frames in memory until the last.
    """
    read = ["-v", "error", "-nostdin", "-y", "-i", f"file:{lossless.absolute()}"]
    return [
        # `diff`: what moves counts more than a still background.
        [*read, "-vf", "palettegen=stats_mode=diff", "-f", "image2", "-update", "1", "-c:v", "png",
         f"file:{palette.absolute()}"],
        # Ordered dithering stays where it is from frame to frame; error diffusion would crawl.
        [*read, "-i", f"file:{palette.absolute()}",
         "-lavfi", "paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle",
         "-loop", "0", "-fflags", "+bitexact", "-f", "gif", f"file:{output.absolute()}"],
    ]  # fmt: skip


def _sound_input(sound: Sound) -> tuple[str, ...]:
    samples = round(sound.seconds * _SOUND_HZ)
    begin = ("-ss", f"{float(sound.start_s):.6f}") if sound.start_s else ()
    return (
        *OPEN_SOUND_SAFELY, *begin, "-t", f"{float(sound.seconds):.6f}",
        "-i", f"file:{sound.path.absolute()}", "-map", "0:v:0", "-map", "1:a:0",
        # As long as it is said to be: what ends before its pictures goes on in silence.
        "-af", f"aresample={_SOUND_HZ}:{ON_THE_TIMELINE},aformat=channel_layouts=mono|stereo,"
        f"apad=whole_len={samples},atrim=end_sample={samples}",
        "-c:a", "aac", "-profile:a", "aac_low", "-b:a", _SOUND_BITS_A_SECOND,
        "-flags:a", "+bitexact",
    )  # fmt: skip


def _reduction(settings: EncoderSettings) -> str:
    width, height = settings.result_size
    if (width, height) == (settings.width_px, settings.height_px):
        return ""
    return f"scale={width}:{height}:flags=area+accurate_rnd+full_chroma_int,"


def _mp4(settings: EncoderSettings) -> list[str]:
    gop_frames = max(1, int(GOP_SECONDS * settings.rate_fps))
    return [
        "-vf", _reduction(settings) + _COLOUR[settings.plane_format], "-pix_fmt", "yuv420p",
        "-c:v", "libx264", "-profile:v", "high",
        *(_PREVIEW if settings.is_preview else _FINAL),
        "-crf", str(CRF), *_bounded(settings.peak_mbit_s),
        "-g", str(gop_frames), "-threads",
        str(_THREADS if settings.peak_mbit_s is None else _THREADS_WITHIN_A_RATE),
        "-movflags", "+faststart+negative_cts_offsets",
        # AAC begins with samples that are not to be heard: only an edit list can say so. That of
        # the pictures is taken out afterwards (`mp4_edits`).
        "-use_editlist", "1" if settings.sound else "0",
        "-f", "mp4",
    ]  # fmt: skip


def _bounded(peak_mbit_s: float | None) -> tuple[str, ...]:
    """Keep to a rate: a decoder's buffer that is filled at it never runs empty.

    What is in the buffer comes on top, so both together are the peak of a second.
    """
    if peak_mbit_s is None:
        return ()
    rate = int(peak_mbit_s * 1e6 / (1 + _BUFFER_S))
    return "-maxrate", str(rate), "-bufsize", str(int(rate * _BUFFER_S))


def _lossless(settings: EncoderSettings) -> list[str]:
    return [
        "-vf", _reduction(settings) + "null", "-pix_fmt", "bgr0",
        "-c:v", "ffv1", "-f", "matroska",
    ]  # fmt: skip


def _webp(settings: EncoderSettings) -> list[str]:
    return [
        # RGB with alpha goes in, so that libwebp converts the colours as its readers expect.
        "-vf", _reduction(settings) + "null", "-pix_fmt", "bgra", "-c:v", "libwebp_anim",
        "-lossless", "0", "-quality", str(_WEBP_QUALITY), "-loop", "0", "-f", "webp",
    ]  # fmt: skip


_BY_FORM = {VideoFormat.MP4: _mp4, VideoFormat.GIF: _lossless, VideoFormat.WEBP: _webp}
