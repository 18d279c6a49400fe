"""The promises of contract.md, section 6, one check each: measured, accepted, kept or not."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2

from liveportrait_core.inspection.pixels import PixelFacts, measure_pixels
from liveportrait_core.inspection.sheet import frames_at
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.media.clips.mp4 import Mp4Facts, read_mp4
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.portrait_process import decode_portrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Box, largest_loop_step

_HIGHEST_RATE = Fraction(30)
_LONGEST_GOP_S = 2
_BT709_LIMITED = (1, 1, 1, 0)
_YUV420_8_BIT = (1, 8, 8)
# What x264 writes into the stream when it is asked for CRF 18 and the preset slow; its look-ahead
# of 50 frames is cut down to one GOP.
_ENCODER_SETTINGS = {
    "crf": "18.0", "rc": "crf", "ref": "5", "subme": "8", "me": "hex", "trellis": "2",
    "direct": "3", "open_gop": "0",
}  # fmt: skip
_PREVIEW_SETTINGS = {"ref": "1", "subme": "1", "me": "dia", "trellis": "1", "direct": "1"}
# Through CRF 18 some 53 dB are left; shifted by one pixel, photographs fall to 36 to 46.
_LEAST_PSNR_DB = 46.0
# Measured at 30 fps: 40 dB to the right frame of a head that sways, 35 to one three frames away.
_LEAST_CUT_PSNR_DB = 36.0
_MOST_OUTSIDE = 1.5
# The last frame and the key frame that follows it at the loop are quantised differently: up to 0.45
# in closed loops; loops left open on the same portraits jump by 2.4 and more.
_CODEC_STEP = 0.5


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise."""

    name: str
    measured: str
    accepted: str
    ok: bool


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was measured on a video."""

    checks: tuple[Check, ...]
    width_px: int
    height_px: int
    frame_count: int
    fps: Fraction
    duration_s: float
    size_bytes: int
    peak_mbit_s: float  # most of any second of its frames
    moving_box: Box | None  # None: nothing moves; right for a multiplier of 0, else suspicious

    @property
    def ok(self) -> bool:
        """Whether every promise is kept."""
        return all(check.ok for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """For printing: plain types only."""
        return {
            "ok": self.ok,
            "width": self.width_px,
            "height": self.height_px,
            "frames": self.frame_count,
            "fps": float(self.fps),
            "fpsExact": str(self.fps),
            "seconds": round(self.duration_s, 3),
            "bytes": self.size_bytes,
            "peakMbitPerS": round(self.peak_mbit_s, 4),
            "moves": self.moving_box is not None,
            "movingBox": asdict(self.moving_box) if self.moving_box else None,
            "checks": [asdict(check) for check in self.checks],
        }


def inspect(
    video: Path,
    portrait: Path,
    driving: Path | None = None,
    *,
    max_dim_px: int = RenderOptions.source_max_dim_px,
    max_seconds: float = RenderOptions.max_seconds,
    with_sound: bool = False,
    is_talk: bool = False,
    idle: Path | None = None,
) -> Inspection:
    """Measure a finished video.

    Args:
        video: the MP4.
        portrait: the picture it was made from.
        driving: the clip it was made from; its rate and length are then checked too.
        max_dim_px: longest side that was asked for.
        max_seconds: longest duration that was asked for.
        with_sound: sound was asked for.
        is_talk: it is a talk: it has sound, is as long as that, and ends where its idle goes on.
        idle: of a talk, the video that it is cut into at frame 0.

    Raises:
        BadInput: a file cannot be read at all.
    """
    still = decode_portrait(portrait, max_dim_px=max_dim_px).pixels
    facts = read_mp4(video)
    height, width = still.shape[:2]
    longest_s = MAX_SPEECH_SECONDS if is_talk else max_seconds
    checks = [
        *_container_checks(facts, with_sound or is_talk),
        *_stream_checks(facts, longest_s),
    ]
    checks.append(
        _check(
            "size",
            f"{facts.width_px}x{facts.height_px}",
            f"{width}x{height}, the portrait's",
            (facts.width_px, facts.height_px) == (width, height),
        )
    )
    if driving is not None:
        checks.extend(_driving_checks(facts, driving, max_seconds, is_talk=is_talk))
    if idle is not None:
        checks.extend(_cut_checks(video, facts, idle))
    pixels = None
    if (facts.width_px, facts.height_px) == (width, height):
        pixels = measure_pixels(video, still)
        checks.extend(_pixel_checks(pixels, len(facts.times), loops=not is_talk))
    return Inspection(
        checks=tuple(checks),
        width_px=facts.width_px,
        height_px=facts.height_px,
        frame_count=len(facts.times),
        fps=facts.rate_fps,
        duration_s=float(len(facts.times) / facts.rate_fps),
        size_bytes=video.stat().st_size,
        peak_mbit_s=facts.peak_mbit_s,
        moving_box=pixels.moving_box if pixels else None,
    )


def _check(name: str, measured: object, accepted: str, ok: bool) -> Check:
    return Check(name=name, measured=str(measured), accepted=accepted, ok=ok)


def _container_checks(facts: Mp4Facts, with_sound: bool) -> Iterator[Check]:
    order = " ".join(facts.top_level)
    boxes = [kind for kind in facts.top_level if kind in ("ftyp", "moov", "mdat")]
    yield _check(
        "box order", order, "ftyp, then moov before mdat", boxes == ["ftyp", "moov", "mdat"]
    )
    kinds, accepted = sorted(facts.track_kinds), "one, video, silent"
    if with_sound:
        accepted = "two: video and sound"
    wanted = ["soun", "vide"] if with_sound else ["vide"]
    yield _check("tracks", " ".join(facts.track_kinds), accepted, kinds == wanted)
    # AAC begins with samples that are not to be heard: only an edit list can say so.
    yield _check(
        "edit list", f"of {' and '.join(facts.edit_lists)}" if facts.edit_lists else "none",
        "of the sound" if with_sound else "none", facts.edit_lists == ("soun",) * with_sound,
    )  # fmt: skip
    start = Fraction(min(facts.times), facts.timescale)
    yield _check(
        "start", f"{float(start):.3f} s", "0.000 s, with the first frame",
        start == 0 and facts.times[0] == 0,
    )  # fmt: skip
    shown = sorted(facts.times)
    steps = {later - earlier for earlier, later in pairwise(shown)} | set(facts.deltas)
    is_constant = len(steps) == 1
    yield _check(
        "constant rate", "constant" if is_constant else "varies", "every frame on the grid",
        is_constant,
    )  # fmt: skip
    yield _check("rate", facts.rate_fps, "at most 30", facts.rate_fps <= _HIGHEST_RATE)


def _stream_checks(facts: Mp4Facts, max_seconds: float) -> Iterator[Check]:
    codec = f"{facts.codec} profile {facts.profile}"
    yield _check(
        "codec", codec, "avc1 profile 100 (High)", (facts.codec, facts.profile) == ("avc1", 100)
    )
    yield _check(
        "pixel format", facts.chroma_and_depths, "(1, 8, 8): 4:2:0, 8 bit",
        facts.chroma_and_depths == _YUV420_8_BIT,
    )  # fmt: skip
    yield _check(
        "colour", facts.colour, "(1, 1, 1, 0): BT.709, limited range",
        facts.colour == _BT709_LIMITED,
    )  # fmt: skip
    gop_frames = int(facts.x264_settings.get("keyint", "0"))
    wanted = _ENCODER_SETTINGS | {"rc_lookahead": str(min(50, gop_frames))}
    settings = {key: facts.x264_settings.get(key, "?") for key in wanted}
    yield _check(
        "encoder",
        _spelt(settings),
        f"{_spelt(wanted)}; of a preview {_spelt(_PREVIEW_SETTINGS)}",
        settings in (wanted, wanted | _PREVIEW_SETTINGS),
    )
    ends = (*facts.key_frames, len(facts.times))
    longest = max((later - earlier for earlier, later in pairwise(ends)), default=len(facts.times))
    seconds = float(longest / facts.rate_fps)
    yield _check(
        "key frames", f"first at {ends[0]}, at most {seconds:.3f} s apart",
        f"first at 0, at most {_LONGEST_GOP_S} s apart",
        ends[0] == 0 and seconds <= _LONGEST_GOP_S,
    )  # fmt: skip
    leading = _leading_frames(facts)
    yield _check("closed GOP", f"{leading} frames shown before their key frame", "0", leading == 0)
    duration = float(len(facts.times) / facts.rate_fps)
    yield _check(
        "duration", f"{duration:.3f} s", f"at most {max_seconds:.3f} s", duration <= max_seconds
    )
    even = facts.width_px % 2 == 0 and facts.height_px % 2 == 0
    yield _check("even sides", f"{facts.width_px}x{facts.height_px}", "even", even)


def _leading_frames(facts: Mp4Facts) -> int:
    """Count the frames that come after a key frame in the file and before it on the screen."""
    count, key_time = 0, facts.times[0]
    keys = set(facts.key_frames)
    for place, time in enumerate(facts.times):
        if place in keys:
            key_time = time
        count += time < key_time
    return count


def _driving_checks(
    facts: Mp4Facts, driving: Path, max_seconds: float, *, is_talk: bool
) -> Iterator[Check]:
    clip = probe(driving, max_seconds)
    yield _check(
        "rate of the driving clip", facts.rate_fps, str(clip.rate_fps),
        facts.rate_fps == clip.rate_fps,
    )  # fmt: skip
    frames = len(facts.times)
    if is_talk:
        return  # as long as its sound
    yield _check(
        "frames of the driving clip", frames, f"at most {clip.expected_frames + 1}",
        frames <= clip.expected_frames + 1,
    )  # fmt: skip


def _cut_checks(talk: Path, facts: Mp4Facts, idle: Path) -> Iterator[Check]:
    """Compare the ends of a talk with the frames of its idle in whose place they are shown."""
    idle_facts = read_mp4(idle)
    yield _check(
        "rate of the idle", facts.rate_fps, str(idle_facts.rate_fps),
        facts.rate_fps == idle_facts.rate_fps,
    )  # fmt: skip
    count, period = len(facts.times), len(idle_facts.times)
    for name, place in (("first", 0), ("last", count - 1)):
        frame = frames_at(talk, [place], float(count / facts.rate_fps))[place]
        of_idle = frames_at(idle, [place % period], float(period / idle_facts.rate_fps))
        psnr = cv2.PSNR(frame, of_idle[place % period])
        yield _check(
            f"{name} frame is the idle's", f"{psnr:.1f} dB",
            f"at least {_LEAST_CUT_PSNR_DB:.0f} dB to its frame {place % period}",
            psnr >= _LEAST_CUT_PSNR_DB,
        )  # fmt: skip


def _pixel_checks(pixels: PixelFacts, frame_count: int, *, loops: bool) -> Iterator[Check]:
    yield _check(
        "decodable", f"{pixels.frame_count} frames", f"{frame_count}, as the file says",
        pixels.frame_count == frame_count,
    )  # fmt: skip
    yield _check(
        "frame 0 is the portrait", f"{pixels.first_frame_psnr_db:.1f} dB",
        f"at least {_LEAST_PSNR_DB:.0f} dB (the lips may differ)",
        pixels.first_frame_psnr_db >= _LEAST_PSNR_DB,
    )  # fmt: skip
    accepted = largest_loop_step(pixels.median_step) + _CODEC_STEP
    if loops:
        yield _check(
            "loop", f"{pixels.loop_step:.2f} grey levels from the last frame to the first",
            f"at most {accepted:.2f} (median step {pixels.median_step:.2f})",
            pixels.loop_step <= accepted,
        )  # fmt: skip
    yield _check(
        "still part", f"{pixels.outside_worst:.2f} grey levels from the portrait outside the box",
        f"at most {_MOST_OUTSIDE}", pixels.outside_worst <= _MOST_OUTSIDE,
    )  # fmt: skip


def _spelt(settings: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items())
