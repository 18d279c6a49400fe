"""A sound that is heard becomes the motion of a talk, over the motion of an idle.

Knows sounds, readers and the engines' port; draws nothing.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from liveportrait_core.engines.base import AnimationEngine
from liveportrait_core.errors import InvalidOption
from liveportrait_core.media.clips.formats import Sound
from liveportrait_core.media.sounds.reading import read_speech
from liveportrait_core.options import SpeechMethod
from liveportrait_core.report import RenderWarning, TalkCut
from liveportrait_core.request import EngineMotion, MotionTemplate, SpeechInput
from liveportrait_core.speech.methods import choose_method
from liveportrait_core.speech.reader import SoundReader, SpeechReader
from liveportrait_core.speech.spelling import TextReader
from liveportrait_core.speech.values import Speech
from liveportrait_core.speech.visemes import VisemeReader

INSTALLED: Final = frozenset({SpeechMethod.VISEMES})


@dataclass(frozen=True, kw_only=True, eq=False)
class HeardSpeech:
    """What is to be said, decoded, and who tells what the mouth does."""

    asked: SpeechInput
    reader: SpeechReader
    speech: Speech
    warnings: tuple[RenderWarning, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Talk:
    """The motion of a talk, what is heard with it, and where it is cut into its idle."""

    template: MotionTemplate
    sound: Sound
    cut: TalkCut


def listen(asked: SpeechInput) -> HeardSpeech:
    """Decode what is to be said; a method, text or sound that cannot be had is told at once.

    Raises:
        InvalidOption: the text is at fault.
        MethodNotInstalled, MethodNotLicensed: another method was asked for.
        AudioUnsupported, AudioTooLong, AudioTooShort: the sound is at fault.
    """
    choose_method(asked.method, installed=INSTALLED)
    reader = _reader_of(asked)
    speech, warnings = read_speech(asked.sound)
    return HeardSpeech(asked=asked, reader=reader, speech=speech, warnings=warnings)


def talk_of(engine: AnimationEngine[Any, Any], idle: MotionTemplate, heard: HeardSpeech) -> Talk:
    """Return the talk over an idle: as long as the sound, rounded up to whole frames.

    Raises:
        InvalidOption: the idle ends before the frame at which the talk is to begin.
    """
    asked, fps, idle_frames = heard.asked, idle.motion.fps, idle.motion.frame_count
    if asked.start_frame >= idle_frames:
        raise InvalidOption(
            f"start frame is {asked.start_frame}, and the motion has {idle_frames} frames; "
            f"accepted: 0 to {idle_frames - 1}"
        )
    count = math.ceil(heard.speech.seconds * fps)
    mouth = heard.reader.read(heard.speech, fps, count)
    motion: EngineMotion = engine.speak(
        idle.motion,
        mouth,
        strength=asked.strength,
        inside=asked.inside,
        start_frame=asked.start_frame,
    )
    return Talk(
        template=replace(idle, motion=motion, warnings=(*idle.warnings, *heard.warnings)),
        sound=Sound(path=asked.sound, start_s=Fraction(0), seconds=count / fps),
        cut=TalkCut(
            start_frame=asked.start_frame,
            resume_frame=(asked.start_frame + count) % idle_frames,
            has_speech=bool((mouth.activity > 0).any()),
        ),
    )


def _reader_of(asked: SpeechInput) -> SpeechReader:
    if asked.visemes:
        return VisemeReader(visemes=asked.visemes)
    if asked.text is not None:
        return TextReader(text=asked.text)
    return SoundReader()
