"""espeak-ng and flite, as far as they say which phone is heard when."""

import ctypes
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.mouth_fit import phones
from liveportrait_core.media.sounds.reading import read_speech
from liveportrait_core.speech.values import Speech
from liveportrait_core.speech.viseme_formats import TimedViseme

FLITE_VOICES: Final = ("kal", "awb", "rms", "slt")
ESPEAK_VARIANTS: Final = ("m1", "m3", "f2", "f5", "klatt2", "klatt4")
_SYNCHRONOUS: Final = 2
_PHONES_IN_IPA: Final = 3
_UTF_8: Final = 1
_PHONE_EVENT: Final = 7
_LONGEST_NAME: Final = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class SpokenClip:
    """A sentence as a synthesiser said it."""

    voice: str
    language: str
    speech: Speech
    visemes: tuple[TimedViseme, ...]


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _EventId),
    )  # fmt: skip


_Events = ctypes.POINTER(_Event)
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, _Events)


class Espeak:
    """espeak-ng's library: the program itself prints phones without their times."""

    def __init__(self, library: str = "libespeak-ng.so.1") -> None:
        """Load it.

        Raises:
            OSError: it is not installed.
        """
        self._library = ctypes.CDLL(library)
        self._rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONES_IN_IPA)
        self._sound: list[bytes] = []
        self._phones: list[tuple[int, str]] = []
        self._callback = _Callback(self._take)  # kept alive: the library does not
        self._library.espeak_SetSynthCallback(self._callback)

    @property
    def version(self) -> str:
        """Name and version."""
        self._library.espeak_Info.restype = ctypes.c_char_p
        return f"espeak-ng {self._library.espeak_Info(None).decode()}"

    def say(self, sentence: str, language: str, variant: str) -> SpokenClip:
        """Synthesise a sentence.

        Raises:
            ValueError: there is no such voice.
        """
        voice = f"{language}+{variant}"
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        self._sound.clear()
        self._phones.clear()
        text = sentence.encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF_8, None, None)
        samples = np.frombuffer(b"".join(self._sound), "<i2")
        timed = [(ms, shapes) for ms, name in self._phones if (shapes := phones.of_ipa(name))]
        end_ms = round(1000 * len(samples) / self._rate_hz)
        return SpokenClip(
            voice=f"espeak-ng {variant}",
            language=language,
            speech=_speech(samples.tobytes(), self._rate_hz),
            visemes=_visemes(timed, end_ms),
        )

    def _take(self, samples: int | None, count: int, events: "ctypes._Pointer[_Event]") -> int:
        if samples and count:
            self._sound.append(ctypes.string_at(samples, 2 * count))
        at = 0
        while events[at].type:
            if events[at].type == _PHONE_EVENT:
                where = ctypes.addressof(events[at]) + _Event.id.offset
                name = ctypes.string_at(where, _LONGEST_NAME).split(b"\0")[0]
                self._phones.append((events[at].audio_ms, name.decode("utf-8", "replace")))
            at += 1
        return 0


def say_with_flite(sentence: str, voice: str) -> SpokenClip:
    """Synthesise an English sentence.

    Raises:
        FileNotFoundError: flite is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = ["flite", "-voice", voice, "-psdur", "-t", sentence, "-o", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        speech = read_speech(path)[0]
    ends = [row.split(":") for row in said.stdout.split()]
    begins_ms = [0, *(round(1000 * float(end)) for _, end in ends)]
    timed = [
        (at_ms, phones.of_arpabet(name)) for at_ms, (name, _) in zip(begins_ms, ends, strict=False)
    ]
    return SpokenClip(
        voice=f"flite {voice}",
        language="en-us",
        speech=speech,
        visemes=_visemes(timed, begins_ms[-1]),
    )


def _speech(samples: bytes, rate_hz: int) -> Speech:
    """Decode as any sound is, so that the fit sees what the reader will see."""
    # PCM, one channel, 16 bits
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(samples)) + samples
    riff = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        path.write_bytes(riff + chunks)
        return read_speech(path)[0]


def _visemes(timed: list[tuple[int, tuple[str, ...]]], end_ms: int) -> tuple[TimedViseme, ...]:
    ends_ms = [*(at_ms for at_ms, _ in timed[1:]), end_ms]
    return tuple(
        TimedViseme(at_ms=round(at_ms + (end - at_ms) * place / len(shapes)), viseme=shape)
        for (at_ms, shapes), end in zip(timed, ends_ms, strict=True)
        for place, shape in enumerate(shapes)
    )
