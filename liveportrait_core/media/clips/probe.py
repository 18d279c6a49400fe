"""What a driving clip is, read from its header and its packets' timestamps, without decoding it.

Only local files and only the listed containers are opened: a playlist under any name is refused and
nothing it points at is read. Limits are those of contract.md, section 2.
"""

import mimetypes
import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from liveportrait_core.errors import VideoTooLarge, VideoTooShort, VideoUnsupported
from liveportrait_core.limits import MAX_VIDEO_BYTES, MIN_CLIP_FRAMES, MIN_CLIP_SECONDS
from liveportrait_core.media import ffmpeg
from liveportrait_core.media.clips.opening import (
    ACCEPTED,
    ACCEPTED_CODECS,
    OPEN_SAFELY,
    PROBE_LIMITS,
    VIDEO_CODECS,
)
from liveportrait_core.media.clips.rate import cadence_of, output_rate
from liveportrait_core.media.file_kind import Role
from liveportrait_core.media.given_file import Requirement
from liveportrait_core.report import RenderWarning

MAX_SIDE_PX = 4096
MAX_RATE_FPS = 240

_GIVEN = Requirement(
    accepted=ACCEPTED,
    most_bytes=MAX_VIDEO_BYTES,
    unsupported=VideoUnsupported,
    too_large=VideoTooLarge,
    roles=frozenset({Role.CLIP}),
)
_PROBE_LIMIT_S = 30.0
# Cameras that say 240 run at 239.9 or 240.1.
_RATE_TOLERANCE = Fraction(101, 100)
_DISCARDED = 4  # packet flag: decoded for others' sake, never shown (edit lists)
_NO_TIME = str(-(2**63))
_CUT_OFF = ("partial file", "File ended prematurely")
_NO_FILM = "Failed to set value '0:V:0' for option 'map'"
_IN_PLAIN_WORDS = {
    "moov atom not found": "is cut off, damaged or no clip: it has no index",
    "Format not on whitelist": "is damaged or no clip of a known kind",
    "Error opening input: Invalid data": "is damaged or no clip of a known kind",
}
_MEDIA_TYPES = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("video/mp4", "video/quicktime", "video/x-m4v", "video/3gpp"),
    "matroska,webm": ("video/webm", "video/x-matroska", "video/matroska"),
    "avi": ("video/x-msvideo", "video/avi", "video/vnd.avi"),
}


@dataclass(frozen=True, kw_only=True)
class DrivingClip:
    """A clip within the limits, and how it is going to be read."""

    path: Path
    codec: str
    width_px: int  # as stored, before rotation
    height_px: int
    source_fps: Fraction  # by the median interval
    rate_fps: Fraction  # constant rate of the frames that will be read
    max_seconds: Fraction  # the part that will be read
    expected_frames: int  # about as many as will be read
    begins_at_s: Fraction  # of the file: when the first frame is shown; sound may begin before
    transfer: str  # colour transfer function as ffmpeg names it; "" when untagged
    warnings: tuple[RenderWarning, ...]


@dataclass(frozen=True, kw_only=True)
class _Packets:
    codec: str
    width_px: int
    height_px: int
    tick_s: Fraction
    times: tuple[int, ...]  # presentation times in ticks, sorted


def probe(path: Path, max_seconds: float, *, is_result: bool = False) -> DrivingClip:
    """Read a clip's header and timestamps, without decoding it.

    Args:
        path: a local file.
        max_seconds: only this much of its beginning will be used.
        is_result: a finished video, which may be shorter than a driving clip.

    Raises:
        VideoUnsupported: no clip, or one of another kind.
        VideoTooLarge: over the limits on bytes, sides or frame rate.
        VideoTooShort: under 0.5 s or 10 frames.
    """
    _GIVEN.check(path)
    limit = Fraction(max_seconds).limit_denominator(1000)
    listing, said = _run_probe(path, limit)
    packets = _parse_packets(path, listing, said, limit)
    _check_sides(path, packets)
    cadence = cadence_of(packets.times, packets.tick_s) if len(set(packets.times)) > 1 else None
    if cadence is None:
        raise VideoTooShort(f"{path.name} has one frame; accepted: at least {MIN_CLIP_FRAMES}")
    if cadence.rate_fps > MAX_RATE_FPS * _RATE_TOLERANCE:
        raise VideoTooLarge(
            f"{path.name} runs at {float(cadence.rate_fps):.2f} fps; accepted: up to {MAX_RATE_FPS}"
        )
    duration = (packets.times[-1] - packets.times[0]) * packets.tick_s + 1 / cadence.rate_fps
    if not is_result:
        _check_length(path, packets, duration, limit)
    rate = output_rate(cadence.rate_fps)
    is_trimmed = duration > limit + 1 / (2 * cadence.rate_fps)
    found = {
        RenderWarning.VIDEO_TRIMMED: is_trimmed,
        RenderWarning.VFR_NORMALIZED: not cadence.is_constant,
        RenderWarning.MIME_MISMATCH: not _is_named_by_content(path, said),
    }
    return DrivingClip(
        path=path,
        codec=packets.codec,
        width_px=packets.width_px,
        height_px=packets.height_px,
        source_fps=cadence.rate_fps,
        rate_fps=rate,
        max_seconds=limit,
        expected_frames=max(1, int(min(duration, limit) * rate)),
        begins_at_s=max(Fraction(0), packets.times[0] * packets.tick_s),
        transfer=_transfer(said),
        warnings=tuple(warning for warning, is_so in found.items() if is_so),
    )


def has_sound(path: Path) -> bool:
    """Tell whether a clip that `probe` accepts has a sound track.

    Raises:
        VideoUnsupported: it cannot be read.
    """
    arguments = [
        "-nostdin", *OPEN_SAFELY,
        "-t", "0.1", "-i", f"file:{path.absolute()}",
        "-map", "0:V:0", "-map", "0:a:0?", "-c", "copy", "-f", "framecrc", "-",
    ]  # fmt: skip
    done = _finished(path, arguments)
    return b"#media_type 1: audio" in done.output


def _run_probe(path: Path, limit: Fraction) -> tuple[str, str]:
    """List the packets of the beginning and what ffmpeg says about the file."""
    seconds = limit + 2
    # A hostile file may hold millions of packets at one instant.
    most_packets = int(seconds * MAX_RATE_FPS * _RATE_TOLERANCE) + 2
    arguments = [
        "-nostdin", *OPEN_SAFELY,
        "-t", str(float(seconds)), "-i", f"file:{path.absolute()}",
        "-map", "0:V:0", "-c", "copy", "-frames:v", str(most_packets), "-f", "framecrc", "-",
    ]  # fmt: skip
    done = _finished(path, arguments)
    return done.output.decode("ascii", "replace"), done.said


def _finished(path: Path, arguments: list[str]) -> ffmpeg.Finished:
    try:
        done = ffmpeg.run(arguments, limits=PROBE_LIMITS, limit_s=_PROBE_LIMIT_S)
    except subprocess.TimeoutExpired as late:
        raise VideoUnsupported(
            f"{path.name} could not be read within {_PROBE_LIMIT_S:.0f} s; {ACCEPTED}"
        ) from late
    if done.exceeded:
        raise VideoTooLarge(f"{path.name} takes {done.exceeded} to read: given up; {ACCEPTED}")
    if done.status != 0:
        raise VideoUnsupported(f"{path.name} {_reason(done.said)}; {ACCEPTED}")
    return done


def _reason(said: str) -> str:
    """Why it cannot be read, in words for the one who gave it; else in ffmpeg's."""
    if _NO_FILM in said:
        kinds = re.findall(
            r"^ *Stream #0:\d+.*?: (\w+):.*?(\(attached pic\))?$", said, re.MULTILINE
        )
        if ("Video", "(attached pic)") in kinds:
            return "holds no video, only a cover picture"
        return "holds sound only" if ("Audio", "") in kinds else "holds no video track"
    for phrase, words in _IN_PLAIN_WORDS.items():
        if phrase in said:
            return words
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    complaints = [line for line in lines if "rror" in line or "nvalid" in line or "not " in line]
    first = ffmpeg.plain_words((complaints or lines or ["no reason given"])[0])
    return f"is no clip that can be read ({first})"


def _parse_packets(path: Path, listing: str, said: str, limit: Fraction) -> _Packets:
    if any(phrase in said for phrase in _CUT_OFF):
        raise VideoUnsupported(
            f"{path.name} is cut off: it announces more than it holds; {ACCEPTED}"
        )
    head = dict(re.findall(r"^#(\w+) 0: +(\S+)$", listing, re.MULTILINE))
    codec = head.get("codec_id", "")
    if codec and codec not in VIDEO_CODECS:
        named = codec if codec != "none" else "an unknown codec"
        raise VideoUnsupported(f"{path.name} is coded with {named}; {ACCEPTED_CODECS}")
    times = _presentation_times(listing)
    if not times or not {"tb", "codec_id", "dimensions"} <= head.keys():
        raise VideoUnsupported(f"{path.name} holds no frames; {ACCEPTED}")
    width, height = head["dimensions"].split("x")
    tick_s = Fraction(head["tb"])
    # Reading stops by decoding time: of the last frames, shown in another order, some are missing.
    whole_until = times[0] + (limit + 1) / tick_s
    return _Packets(
        codec=head["codec_id"],
        width_px=int(width),
        height_px=int(height),
        tick_s=tick_s,
        times=tuple(time for time in times if time < whole_until),
    )


def _presentation_times(listing: str) -> tuple[int, ...]:
    """Return the frame times, sorted: `stream, dts, pts, duration, size, checksum, flags` lines."""
    rows = [
        [field.strip() for field in line.split(",")]
        for line in listing.splitlines()
        if not line.startswith("#")
    ]
    shown = [row for row in rows if len(row) >= 6 and not _is_discarded(row)]
    # AVI knows decoding times only; those of frames in another order are as evenly spaced.
    column = 1 if any(row[2] == _NO_TIME for row in shown) else 2
    return tuple(sorted(int(row[column]) for row in shown if row[column] != _NO_TIME))


def _is_discarded(fields: list[str]) -> bool:
    return any(field.startswith("F=") and int(field[2:], 16) & _DISCARDED for field in fields[6:])


def _check_sides(path: Path, packets: _Packets) -> None:
    if min(packets.width_px, packets.height_px) < 1:
        raise VideoUnsupported(f"{path.name} does not say how large its frames are; {ACCEPTED}")
    if max(packets.width_px, packets.height_px) > MAX_SIDE_PX:
        raise VideoTooLarge(
            f"{path.name} has frames of {packets.width_px}x{packets.height_px} pixels; "
            f"accepted: up to {MAX_SIDE_PX} a side"
        )


def _check_length(path: Path, packets: _Packets, duration: Fraction, limit: Fraction) -> None:
    # Half a frame of tolerance: 12 frames at 24 fps with rounded timestamps are 0.5 s.
    if duration < MIN_CLIP_SECONDS * Fraction(99, 100):
        raise VideoTooShort(
            f"{path.name} lasts {float(duration):.2f} s; "
            f"accepted: at least {float(MIN_CLIP_SECONDS)} s"
        )
    end = packets.times[0] + limit / packets.tick_s
    used = sum(time < end for time in packets.times)
    if used < MIN_CLIP_FRAMES:
        raise VideoTooShort(
            f"{path.name} has {used} frames in its first {float(limit):g} s; "
            f"accepted: at least {MIN_CLIP_FRAMES}"
        )


def _transfer(said: str) -> str:
    """Return the transfer function of `Video: hevc ... (tv, bt2020nc/bt2020/arib-std-b67)`."""
    match = re.search(r"Video: .*?\([^()]*?[\w-]+/[\w-]+/([\w-]+)[^()]*\)", said)
    return match.group(1) if match else ""


def _is_named_by_content(path: Path, said: str) -> bool:
    """Tell whether the name claims no other kind of file than the content is."""
    match = re.search(r"^Input #0, (\S+), from", said, re.MULTILINE)
    types = _MEDIA_TYPES.get(match.group(1) if match else "", ("video/mp4",))
    named, _ = mimetypes.guess_type(path.name)
    return named is None or named in types
