"""A sound file, or the sound of a clip, becomes `Speech`: decoded in a child, mono, 16 kHz.

Everything that may be wrong with a file is told before any other work, in words for the one who
gave it. Limits are those of contract.md, section 2.
"""

import re
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import AudioTooLong, AudioTooShort, AudioUnsupported
from liveportrait_core.limits import MAX_AUDIO_BYTES, MAX_SPEECH_SECONDS, MIN_SPEECH_SECONDS
from liveportrait_core.media import ffmpeg
from liveportrait_core.media.file_kind import Role
from liveportrait_core.media.given_file import Requirement
from liveportrait_core.media.sounds.opening import (
    ACCEPTED,
    ON_THE_TIMELINE,
    OPEN_SOUND_SAFELY,
    SOUND_LIMITS,
)
from liveportrait_core.report import RenderWarning
from liveportrait_core.speech.values import SAMPLE_RATE_HZ, Speech
from liveportrait_core.speech.voice.activity import is_silent

_GIVEN: Final = Requirement(
    accepted=ACCEPTED,
    most_bytes=MAX_AUDIO_BYTES,
    unsupported=AudioUnsupported,
    too_large=AudioTooLong,
    roles=frozenset({Role.SOUND, Role.CLIP}),
)
_READ_LIMIT_S: Final = 60.0
_LOUDEST: Final = 1000.0  # of float samples, where 1 is full scale: beyond it is no recording
_TOLERANCE: Final = 0.99  # codecs round a length to their frames
_CUT_OFF: Final = ("partial file", "File ended prematurely", "Truncat")
_NO_SOUND: Final = "Failed to set value '0:a:0' for option 'map'"
_IN_PLAIN_WORDS: Final = {
    "moov atom not found": "is cut off or damaged: it has no index",
    "Format not on whitelist": "is damaged, or no sound of a known kind",
    "Could not find codec parameters": "is damaged, or coded in a way that is not read",
    "Error opening input": "is damaged, cut off, or no sound of a known kind",
    "not on whitelist": "is coded in a way that is not read",
    "Decoder not found": "is coded in a way that is not read",
}


def read_speech(
    path: Path, *, max_seconds: float = MAX_SPEECH_SECONDS
) -> tuple[Speech, tuple[RenderWarning, ...]]:
    """Decode a sound file, or the sound of a clip, to mono at 16 kHz.

    Sample 0 is the file's beginning, as players show it. What is longer than `max_seconds` only by
    silence is cut there, with AUDIO_TRIMMED; sound in which no voice can be told from its
    background is given with AUDIO_SILENT.

    Args:
        path: a local file.
        max_seconds: the longest that is accepted.

    Raises:
        AudioUnsupported: no sound in it, or of a kind that is not read.
        AudioTooLong: longer than `max_seconds`, over 50 MB, or more work than it may be.
        AudioTooShort: under 0.3 s.
    """
    _GIVEN.check(path)
    samples = _decoded(path, 2 * max_seconds)
    if len(samples) < MIN_SPEECH_SECONDS * SAMPLE_RATE_HZ * _TOLERANCE:
        raise AudioTooShort(
            f"{path.name} lasts {len(samples) / SAMPLE_RATE_HZ:.2f} s; "
            f"accepted: {MIN_SPEECH_SECONDS:g} to {max_seconds:g} s"
        )
    most = int(max_seconds * SAMPLE_RATE_HZ)
    is_trimmed = len(samples) * _TOLERANCE > most
    if is_trimmed:
        _require_silence_behind(path, samples, most, max_seconds)
    speech = Speech(samples=samples[:most])
    found = {
        RenderWarning.AUDIO_SILENT: is_silent(speech),
        RenderWarning.AUDIO_TRIMMED: is_trimmed,
    }
    return speech, tuple(warning for warning, is_so in found.items() if is_so)


def _require_silence_behind(
    path: Path, samples: NDArray[np.float32], most: int, max_seconds: float
) -> None:
    lasts_s = len(samples) / SAMPLE_RATE_HZ
    is_whole = lasts_s < 2 * max_seconds * _TOLERANCE
    if is_whole and is_silent(Speech(samples=samples), from_sample=most):
        return
    length = f"{lasts_s:.1f} s" if is_whole else f"at least {lasts_s:.0f} s"
    raise AudioTooLong(
        f"{path.name} lasts {length}; accepted: {MIN_SPEECH_SECONDS:g} to {max_seconds:g} s"
    )


def _decoded(path: Path, seconds: float) -> NDArray[np.float32]:
    arguments = [
        "-nostdin", "-nostats", "-threads", "1", *OPEN_SOUND_SAFELY,
        "-t", f"{seconds:.3f}", "-i", f"file:{path.absolute()}", "-map", "0:a:0",
        "-af", f"aresample={SAMPLE_RATE_HZ}:{ON_THE_TIMELINE}", "-ac", "1", "-f", "f32le", "-",
    ]  # fmt: skip
    try:
        done = ffmpeg.run(arguments, limits=SOUND_LIMITS, limit_s=_READ_LIMIT_S)
    except subprocess.TimeoutExpired as late:
        raise AudioTooLong(
            f"{path.name} could not be read within {_READ_LIMIT_S:.0f} s: given up; {ACCEPTED}"
        ) from late
    if done.exceeded:
        raise AudioTooLong(f"{path.name} takes {done.exceeded} to read: given up; {ACCEPTED}")
    if done.status != 0 or not done.output:
        raise AudioUnsupported(f"{path.name} {_reason(done.said)}; {ACCEPTED}")
    if any(phrase in done.said for phrase in _CUT_OFF):
        raise AudioUnsupported(
            f"{path.name} is cut off: it announces more than it holds; {ACCEPTED}"
        )
    samples = np.frombuffer(done.output, "<f4").astype(np.float32)
    if not (np.abs(samples) < _LOUDEST).all():  # False for NaN too
        raise AudioUnsupported(
            f"{path.name} holds samples that are no sound (beyond {_LOUDEST:g} times full scale, "
            f"or not a number); {ACCEPTED}"
        )
    return samples


def _reason(said: str) -> str:
    """Why it cannot be read, in words for the one who gave it; else in ffmpeg's."""
    if _NO_SOUND in said:
        has_video = re.search(r"^ *Stream #0:\d+.*?: Video:", said, re.MULTILINE)
        return "is a video without a sound track" if has_video else "holds no sound track"
    for phrase, words in _IN_PLAIN_WORDS.items():
        if phrase in said and _concerns_sound(phrase, said):
            return words
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    complaints = [line for line in lines if "rror" in line or "nvalid" in line or "not " in line]
    first = ffmpeg.plain_words((complaints or ["nothing could be decoded"])[0])
    return f"is no sound that can be read ({first})"


def _concerns_sound(phrase: str, said: str) -> bool:
    """Tell whether a refused codec is that of the sound; those of pictures are always refused."""
    if "whitelist" not in phrase or phrase.startswith("Format"):
        return True
    codecs = re.findall(r"Codec \((\w+)\) not on whitelist", said)
    heard = re.findall(r"Stream #0:\d+.*?: Audio: (\w+)", said)
    return any(codec in heard for codec in codecs)
