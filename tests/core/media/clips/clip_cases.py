"""Kinds of clips, and of files that are none, with what becomes of each as a driving clip."""

import functools
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from liveportrait_core.errors import BadInput, VideoTooLarge, VideoTooShort, VideoUnsupported
from liveportrait_core.report import RenderWarning
from tests.core.clips import ffmpeg, moving_clip
from tests.core.media.cases import Case, Refused, Taken, cut, swapped, with_flipped

SIZE = (64, 48)
SECONDS = 0.6
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
QUIET_HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
NAMED = (RenderWarning.MIME_MISMATCH,)
VARYING = (RenderWarning.VFR_NORMALIZED,)


def encoding(
    *how: str,
    size: str = "64x48",
    rate: str = "20",
    seconds: float = SECONDS,
    filters: str = "null",
) -> Callable[[Path], object]:
    """The test pattern, by these arguments."""
    return lambda path: moving_clip(
        path, *how, size=size, rate=rate, seconds=seconds, filters=filters
    )


def with_more(*arguments: str) -> Callable[[Path], object]:
    """The test pattern as input 0, and a tone as input 1."""
    return lambda path: ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=20:duration={SECONDS}",
        "-f", "lavfi", "-i", f"sine=duration={SECONDS}", *arguments, str(path),
    )  # fmt: skip


@functools.cache
def encoded(*how: str) -> bytes:
    """The content of a clip."""
    with tempfile.TemporaryDirectory() as folder:
        return moving_clip(
            Path(folder) / "clip", *how, size="64x48", rate="20", seconds=SECONDS
        ).read_bytes()


MP4, MATROSKA, AVI = (*H264, "-f", "mp4"), (*H264, "-f", "matroska"), ("-c:v", "mpeg4", "-f", "avi")
QUICK_START = (*H264, "-movflags", "+faststart", "-f", "mp4")


def holding(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def changing(change: Callable[[bytes], bytes], *how: str) -> Callable[[Path], object]:
    """Another content made of a clip's, not before it is wanted."""
    return lambda path: path.write_bytes(change(encoded(*how)))


def patched(mark: bytes, offset: int, content: bytes, *how: str) -> Callable[[Path], object]:
    """An MP4 with other bytes behind the first of a box's marks."""

    def make(path: Path) -> None:
        data = bytearray(encoded(*(how or MP4)))
        at = data.index(mark) + len(mark) + offset
        data[at : at + len(content)] = content
        path.write_bytes(data)

    return make


def taken(
    kind: str, warnings: tuple[RenderWarning, ...] = (), size: tuple[int, int] = SIZE
) -> Taken:
    return Taken(size=size, kind=kind, warnings=warnings)


def refused(says: str, error: type[BadInput] = VideoUnsupported) -> Refused:
    return Refused(error=error, says=says)


def codecs() -> Iterator[Case]:
    """Containers with the codecs that each is used with."""
    av1 = ("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime")
    rows: list[tuple[str, str, tuple[str, ...], str]] = [
        ("MP4", "mp4", H264, "h264"), ("MP4", "mp4", (*QUIET_HEVC, "-tag:v", "hvc1"), "hevc"),
        ("MP4", "mp4", av1, "av1"), ("MP4", "mp4", ("-c:v", "libvpx-vp9"), "vp9"),
        ("MP4", "mp4", ("-c:v", "mpeg4"), "mpeg4"), ("MP4", "mp4", ("-c:v", "mjpeg"), "mjpeg"),
        ("MP4", "mp4", ("-c:v", "mpeg2video"), "mpeg2video"), ("MOV", "mov", H264, "h264"),
        ("MOV", "mov", ("-c:v", "prores_ks"), "prores"), ("MOV", "mov", ("-c:v", "qtrle"), "qtrle"),
        ("MOV", "mov", ("-c:v", "png"), "png"),
        ("MOV", "mov", ("-c:v", "rawvideo", "-pix_fmt", "uyvy422"), "rawvideo"),
        ("WebM", "webm", ("-c:v", "libvpx"), "vp8"),
        ("WebM", "webm", ("-c:v", "libvpx-vp9"), "vp9"),
        ("WebM", "webm", av1, "av1"), ("Matroska", "matroska", H264, "h264"),
        ("Matroska", "matroska", QUIET_HEVC, "hevc"),
        ("Matroska", "matroska", ("-c:v", "ffv1"), "ffv1"),
        ("Matroska", "matroska", ("-c:v", "mpeg1video", "-r", "25"), "mpeg1video"),
        ("AVI", "avi", ("-c:v", "mpeg4"), "mpeg4"), ("AVI", "avi", ("-c:v", "mjpeg"), "mjpeg"),
        ("AVI", "avi", ("-c:v", "msmpeg4v3"), "msmpeg4v3"), ("AVI", "avi", H264, "h264"),
        ("AVI", "avi", ("-c:v", "rawvideo", "-pix_fmt", "bgr24"), "rawvideo"),
    ]  # fmt: skip
    for name, form, how, codec in rows:
        yield Case(
            name=f"{name} with {codec}", make=encoding(*how, "-f", form), outcome=taken(codec)
        )
    yield Case(
        name="3GP with h263", make=encoding("-c:v", "h263", "-f", "3gp", size="128x96"),
        outcome=taken("h263", size=(128, 96)),
    )  # fmt: skip
    yield Case(
        name="MOV with dnxhd",
        make=encoding("-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p", "-f", "mov",
                      size="256x128"),
        outcome=taken("dnxhd", size=(256, 128)),
    )  # fmt: skip
    yield Case(
        name="MOV with dvvideo",
        make=encoding("-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-f", "mov", size="720x576",
                      rate="25", filters="setsar=1"),
        outcome=taken("dvvideo", size=(720, 576)),
    )  # fmt: skip
    for form, codec in (
        ("avi", "cinepak"), ("avi", "wmv2"), ("avi", "huffyuv"), ("mov", "svq1"), ("avi", "zmbv"),
        ("matroska", "libtheora"), ("avi", "flv"), ("matroska", "snow"),
    ):  # fmt: skip
        name = {"libtheora": "theora", "flv": "flv1"}.get(codec, codec)
        strict = ("-strict", "-2") if codec == "snow" else ()
        yield Case(
            name=f"{form} with {name}", make=encoding("-c:v", codec, *strict, "-f", form),
            outcome=refused(f"is coded with {name}; accepted: H.264, HEVC, AV1"),
        )  # fmt: skip


def pixel_formats() -> Iterator[Case]:
    """Depths and samplings, odd sides, oblong pixels, turned, HDR."""
    for name in ("yuv422p", "yuv444p", "yuvj420p", "yuv420p10le", "gray"):
        yield Case(
            name=f"h264 {name}", make=encoding("-c:v", "libx264", "-pix_fmt", name, "-f", "mp4"),
            outcome=taken("h264"),
        )  # fmt: skip
    for name in ("yuv420p10le", "yuv422p12le", "yuv444p"):
        yield Case(
            name=f"hevc {name}", make=encoding(*QUIET_HEVC, "-pix_fmt", name, "-f", "mp4"),
            outcome=taken("hevc"),
        )  # fmt: skip
    yield Case(
        name="vp9 with opacity", make=encoding("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-f",
                                               "webm"),
        outcome=taken("vp9"),
    )  # fmt: skip
    yield Case(
        name="h264 of odd sides",
        make=encoding(
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv444p",
            "-f",
            "mp4",
            size="64x50",
            filters="format=yuv444p,crop=63:49:exact=1",
        ),
        outcome=taken("h264", size=(63, 49)),
    )
    yield Case(
        name="h264 of oblong pixels", make=encoding(*MP4, filters="setsar=2/1"),
        outcome=taken("h264", size=(128, 48)),
    )  # fmt: skip
    for transfer in ("arib-std-b67", "smpte2084"):
        tags = f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
        yield Case(
            name=f"hevc in {transfer}",
            make=encoding(*QUIET_HEVC, "-pix_fmt", "yuv420p10le", "-f", "mp4", filters=tags),
            outcome=taken("hevc"),
        )


def tracks() -> Iterator[Case]:
    """What else is in a file."""
    both = ("-map", "0:v", "-map", "1:a")
    tracks = ("-map", "0:v", "-map", "0:v")
    rows: list[tuple[str, tuple[str, ...], Taken | Refused]] = [
        ("with sound", (*both, *H264, "-c:a", "aac", "-f", "mp4"), taken("h264")),
        ("sound first", ("-map", "1:a", "-map", "0:v", *H264, "-c:a", "aac", "-f", "mp4"),
         taken("h264")),
        ("with uncompressed sound", (*both, *H264, "-c:a", "pcm_s16le", "-f", "mov"),
         taken("h264")),
        ("WebM with Opus", (*both, "-c:v", "libvpx", "-c:a", "libopus", "-f", "webm"),
         taken("vp8")),
        ("two video tracks", (*tracks, *H264, "-f", "mp4"), taken("h264")),
        ("with a time code", (*H264, "-map", "0:v", "-timecode", "01:00:00:00", "-f", "mov"),
         taken("h264")),
        ("sound only", ("-map", "1:a", "-c:a", "aac", "-f", "mp4"), refused("holds sound only")),
        ("WebM of sound only", ("-map", "1:a", "-c:a", "libopus", "-f", "webm"),
         refused("holds sound only")),
        ("a song with a cover",
         (*both, "-c:v", "mjpeg", "-frames:v", "1", "-c:a", "aac", "-disposition:v",
          "attached_pic", "-f", "mp4"), refused("holds no video, only a cover picture")),
    ]  # fmt: skip
    for name, arguments, outcome in rows:
        yield Case(name=name, make=with_more(*arguments), outcome=outcome)


def timing() -> Iterator[Case]:
    """Rates and lengths, fragments, edit lists."""
    jitter = "settb=1/90000,setpts='(N+if(mod(N\\,5)\\,0\\,0.4))/20/TB'"
    rows: list[tuple[str, Callable[[Path], object], Taken | Refused]] = [
        ("at 24000/1001", encoding(*MP4, rate="24000/1001"), taken("h264")),
        ("at 60", encoding(*MP4, rate="60"), taken("h264")),
        ("at 240", encoding(*MP4, rate="240"), taken("h264")),
        ("at 480", encoding(*MP4, rate="480"), refused("480.00 fps", VideoTooLarge)),
        ("of 8 frames", encoding(*MP4, rate="8", seconds=1),
         refused("has 8 frames", VideoTooShort)),
        ("of 9 frames", encoding(*MP4, rate="16", seconds=0.5625),
         refused("has 9 frames", VideoTooShort)),
        ("of 0.3 s", encoding(*MP4, rate="40", seconds=0.3),
         refused("lasts 0.30 s", VideoTooShort)),
        ("of one frame", encoding(*MP4, seconds=0.05), refused("has one frame", VideoTooShort)),
        ("of 11 s", encoding(*MP4, rate="5", seconds=11),
         taken("h264", (RenderWarning.VIDEO_TRIMMED,))),
        ("of varying rate",
         encoding(*H264, "-fps_mode", "vfr", "-enc_time_base", "1/90000", "-f", "mp4",
                  filters=jitter), taken("h264", VARYING)),
        ("in fragments", encoding(*H264, "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"),
         taken("h264")),
        ("index first", encoding(*QUICK_START), taken("h264")),
        ("5000 wide", encoding("-c:v", "mpeg4", "-f", "mp4", size="5000x64"),
         refused("5000x64 pixels; accepted: up to 4096", VideoTooLarge)),
    ]  # fmt: skip
    for name, make, outcome in rows:
        yield Case(name=name, make=make, outcome=outcome)


def corrupt() -> Iterator[Case]:
    """Cut off, flipped, swapped, scratched, with something behind."""
    unknown = "is damaged or no clip of a known kind"
    for name, how in (("MP4", MP4), ("Matroska", MATROSKA), ("AVI", AVI)):
        yield Case(
            name=f"{name} with rubbish behind",
            make=changing(lambda data: data + bytes(1000), *how),
            outcome=taken("mpeg4" if name == "AVI" else "h264"),
        )
        yield Case(
            name=f"{name} with its first bytes flipped",
            make=changing(lambda data: with_flipped(data, 0, 8), *how),
            outcome=refused(unknown),
        )
        yield Case(
            name=f"{name} with its bytes exchanged",
            make=changing(swapped, *how), outcome=refused(unknown),
        )  # fmt: skip
    for share in (0.2, 0.6, 0.95):
        yield Case(
            name=f"MP4 cut off at {share:.0%}",
            make=changing(functools.partial(cut, share=share), *QUICK_START),
            outcome=refused("cut off"),
        )
    yield Case(
        name="MP4 without its index", make=changing(functools.partial(cut, share=0.5), *MP4),
        outcome=refused("is cut off, damaged or no clip: it has no index"),
    )  # fmt: skip
    yield Case(
        name="Matroska cut off", make=changing(functools.partial(cut, share=0.7), *MATROSKA),
        outcome=refused("is cut off"),
    )  # fmt: skip


def lying() -> Iterator[Case]:
    """Headers that say what is not so."""
    many = struct.pack(">I", 0x7FFFFFFF)
    rows: list[tuple[str, Callable[[Path], object], Taken | Refused]] = [
        ("sample sizes", patched(b"stsz", 4, struct.pack(">II", 9_999, 60_000_000)),
         refused("announces 599940000000 samples")),
        ("times", patched(b"stts", 8, many), refused("announces 2147483647 samples")),
        ("another codec", patched(b"stsd", 12, b"zzzz"),
         refused("is coded with an unknown codec; accepted: H.264")),
        ("no time scale", patched(b"mdhd", 12, bytes(4)), refused("has one frame", VideoTooShort)),
        ("sides of nothing", patched(b"stsd", 40, bytes(4)), taken("h264")),
        ("sides too large", patched(b"stsd", 40, b"\xff\xff\xff\xff"), taken("h264")),
        ("a box as large as the world", patched(b"moov", -8, many), taken("h264")),
    ]  # fmt: skip
    for name, make, outcome in rows:
        yield Case(name=f"MP4 lying about {name}", make=make, outcome=outcome)


def none_at_all() -> Iterator[Case]:
    """Playlists, pictures, other containers, other files."""
    rows: list[tuple[str, bytes, str]] = [
        ("nothing", b"", "is empty"),
        ("zeros", bytes(1000), "no clip of a known kind"),
        ("a letter", b"This is a letter.\n" * 50, "no clip of a known kind"),
        ("ffconcat", b"ffconcat version 1.0\nfile /etc/hostname\n", "is a playlist (ffconcat)"),
        ("HLS", b"#EXTM3U\n#EXTINF:1\nhttp://localhost/\n", "is a playlist (HLS)"),
        ("HLS behind a blank", b"\n#EXTM3U\n#EXTINF:1\nhttp://localhost/\n", "no clip"),
        ("DASH", b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>', "no clip"),
        ("SDP", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n", "no clip"),
        ("a reference movie", b"\0\0\0\x24moov\0\0\0\x1crmra\0\0\0\x14rmdardrf" + bytes(8), ""),
        ("a ZIP", b"PK\x03\x04" + bytes(100), "is a ZIP archive"),
        ("a web page", b"<html>404</html>", "is a web page"),
        ("an MP3", b"ID3\x04" + bytes(100), "is an MP3 sound file"),
        ("Windows Media", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(99), "is a Windows Media"),
    ]
    for name, data, says in rows:
        yield Case(name=name, make=holding(data), outcome=refused(says))
    for form, how, says in (
        ("gif", (), "is a GIF"), ("webp", ("-c:v", "libwebp_anim"), "is a WebP picture"),
        ("apng", (), "is a PNG picture"), ("avif", ("-c:v", "libaom-av1", "-cpu-used", "8"),
                                           "is an AVIF picture"),
        ("flv", ("-c:v", "flv"), "is a Flash video"), ("mpegts", H264, "is an MPEG transport"),
        ("mpeg", ("-c:v", "mpeg2video", "-r", "25"), "is an MPEG program stream"),
        ("ogg", ("-c:v", "libtheora"), "is an Ogg file"), ("h264", H264, "no clip of a known kind"),
    ):  # fmt: skip
        yield Case(name=f"{form} container", make=encoding(*how, "-f", form), outcome=refused(says))
    yield Case(name="a folder", make=Path.mkdir, outcome=refused("is no file"))
    yield Case(name="absent", make=lambda path: None, outcome=refused("is no file"))


CLIPS = (
    *codecs(), *pixel_formats(), *tracks(), *timing(), *corrupt(), *lying(), *none_at_all(),
)  # fmt: skip
