"""A sound that is heard becomes the motion of a talk, over the motion of an idle.

Knows sounds, readers and the engines' port; draws nothing.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

from liveportrait_core.engines.base import AnimationEngine, MotionSource
from liveportrait_core.errors import InvalidOption
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.lipsync.base import LipSync
from liveportrait_core.media.clips.formats import Sound
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.sounds.reading import read_speech
from liveportrait_core.options import SpeechHead
from liveportrait_core.pipeline.lipsync import (
    ClipSync,
    LipSyncRequest,
    PaintedFrames,
    SyncedVideo,
)
from liveportrait_core.pipeline.plan import Planner, RenderPlan
from liveportrait_core.pipeline.talk_costs import USUAL_FPS, MethodCost, OpenedMethods
from liveportrait_core.pipeline.talk_methods import InstalledMethods, TalkMethod, TalkRefiner
from liveportrait_core.report import Progress, RenderWarning, TalkCut
from liveportrait_core.request import (
    EngineMotion,
    MotionTemplate,
    RenderRequest,
    SpeechInput,
)
from liveportrait_core.speech.reader import SoundReader, SpeechReader, TextReader
from liveportrait_core.speech.values import MouthTrack, Speech, silenced
from liveportrait_core.speech.visemes import VisemeReader


@dataclass(frozen=True, kw_only=True, eq=False)
class HeardSpeech:
    """What is to be said, decoded, and who tells what the mouth does."""

    asked: SpeechInput
    method: TalkMethod
    refiner: TalkRefiner | None = None  # None: mouths stay as the method gives them
    reader: SpeechReader
    speech: Speech
    warnings: tuple[RenderWarning, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class TalkMotion:
    """The motion of a talk, what is heard with it, and where it is cut into its idle."""

    template: MotionTemplate
    mouth: MouthTrack
    sound: Sound
    cut: TalkCut


class Talking:
    """Makes plans of talks; a method that was opened once stays open."""

    def __init__(self, methods: InstalledMethods) -> None:
        """Take the methods that can run here."""
        self._methods = methods
        self._opened = OpenedMethods(methods)

    def accepting(self, licences: frozenset[str]) -> "Talking":
        """Return the same, for a caller who accepts these licences alone of those accepted here."""
        narrower = copy(self)
        narrower._methods = replace(self._methods, accepted=self._methods.accepted & licences)
        return narrower

    def method(self, asked: str, *, is_told: bool = False, paints_clip: bool = False) -> TalkMethod:
        """Return the method that a talk, or a clip's lip-sync, takes.

        Raises:
            InvalidOption, MethodNotInstalled, MethodNotLicensed: it cannot be had.
        """
        if paints_clip:
            return self._methods.choose_lipsync(asked)
        return self._methods.choose(asked, is_told=is_told)

    def sync(
        self, request: LipSyncRequest, on_progress: Callable[[Progress], None] | None
    ) -> SyncedVideo:
        """Paint the mouth of a clip; see `ClipSync.sync`.

        Raises:
            MethodNotInstalled, MethodNotLicensed: the method, or the refiner, is not.
            MethodTooSlow: it takes longer here than was asked for.
            EngineUnavailable: its weight file holds something else.
        """
        method = self._methods.choose_lipsync(request.method)
        if request.refine:
            self._methods.choose_refiner()
        if request.within_s is not None:
            speech, _ = read_speech(request.sound)
            clip = probe(request.clip, MAX_SPEECH_SECONDS)
            self._opened.require_speed(
                method,
                speech.seconds,
                fps=clip.rate_fps,
                refine=request.refine,
                within_s=request.within_s,
            )
        refiner = self._opened.refiner() if request.refine else None
        painter = cast(LipSync, self._opened.method(method))
        return ClipSync(painter, refiner).sync(request, on_progress=on_progress)

    def listen(self, asked: SpeechInput, *, fps: Fraction = USUAL_FPS) -> HeardSpeech:
        """Decode what is to be said; a method, text or sound that cannot be had is told at once.

        Args:
            asked: what is to be said.
            fps: of the talk's frames, for what it would take.

        Raises:
            InvalidOption: the text is at fault.
            MethodNotInstalled, MethodNotLicensed: the method that was asked for, or the refiner,
                is not.
            MethodTooSlow: it takes longer here than was asked for.
            EngineUnavailable: its weight file holds something else.
            AudioUnsupported, AudioTooLong, AudioTooShort: the sound is at fault.
        """
        is_told = bool(asked.visemes) or asked.text is not None
        method, reader = self._methods.choose(asked.method, is_told=is_told), _reader_of(asked)
        _require_able(method, asked)
        refiner = self._methods.choose_refiner() if asked.refine else None
        speech, warnings = read_speech(asked.sound, max_seconds=asked.max_seconds)
        self._opened.method(method)
        if asked.within_s is not None:
            self._opened.require_speed(
                method, speech.seconds, fps=fps, refine=asked.refine, within_s=asked.within_s
            )
        return HeardSpeech(
            asked=asked,
            method=method,
            refiner=refiner,
            reader=reader,
            speech=speech,
            warnings=warnings,
        )

    def plan(
        self,
        engine: AnimationEngine[Any, Any],
        idle: MotionTemplate,
        heard: HeardSpeech,
        planner: Planner,
    ) -> RenderPlan:
        """Return what is to be written: the portrait that `planner` holds, as it speaks.

        Raises:
            InvalidOption: the idle ends before the frame at which the talk is to begin.
            SpeechFailed: a learned method gave motion that no face makes.
        """
        opened = self._opened.method(heard.method)
        talk = talk_of(engine, idle, heard, opened)
        plan = replace(planner(talk.template), sound=talk.sound, talk=talk.cut)
        if heard.method.open_lipsync is None:
            return plan
        refiner = None if heard.refiner is None else self._opened.refiner()
        painted = PaintedFrames(
            cast(LipSync, opened), plan.frames, heard.speech, talk.mouth, refiner
        )
        return replace(plan, frames=iter(painted))

    def costs(self, names: Iterable[str], *, seconds: float) -> Mapping[str, MethodCost]:
        """Open methods, try each once, and tell what a talk of so many seconds costs.

        Args:
            names: of methods, and of the refiner, whose cost is told for itself.
            seconds: of the talk.

        Raises:
            MethodNotInstalled, MethodNotLicensed: one of them is not.
            EngineUnavailable: a weight file holds something else.
        """
        told: dict[str, MethodCost] = {}
        for name in names:
            if name in self._methods.refiners:
                told[name] = self._opened.refining_cost(seconds=seconds)
            else:
                told[name] = self._opened.cost(self._methods.choose(name), seconds=seconds)
        return told


def talk_of(
    engine: AnimationEngine[Any, Any],
    idle: MotionTemplate,
    heard: HeardSpeech,
    opened: MotionSource | LipSync | None = None,
) -> TalkMotion:
    """Return the talk over an idle: as long as the sound, rounded up to whole frames.

    A method that paints mouths into finished frames is given those of the idle.

    Args:
        engine: that draws it.
        idle: its motion.
        heard: what is said.
        opened: the method, where it is a learned one.

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
    motion: EngineMotion
    if heard.method.open_motion is not None:
        motion = cast(MotionSource, opened).talk(
            idle.motion,
            heard.speech,
            mouth,
            strength=asked.strength,
            head=asked.head,
            start_frame=asked.start_frame,
        )
    else:
        paints = heard.method.open_lipsync is not None
        motion = engine.speak(
            idle.motion,
            silenced(mouth) if paints else mouth,
            strength=asked.strength,
            inside=asked.inside,
            start_frame=asked.start_frame,
        )
    return TalkMotion(
        template=replace(idle, motion=motion, warnings=(*idle.warnings, *heard.warnings)),
        mouth=mouth,
        sound=Sound(path=asked.sound, start_s=Fraction(0), seconds=count / fps),
        cut=TalkCut(
            start_frame=asked.start_frame,
            resume_frame=(asked.start_frame + count) % idle_frames,
            has_speech=bool((mouth.activity > 0).any()),
            method=heard.method.name,
            licence=heard.method.licence.words,
            refiner=None if heard.refiner is None else heard.refiner.name,
            refiner_licence=None if heard.refiner is None else heard.refiner.licence.words,
        ),
    )


def _require_able(method: TalkMethod, asked: SpeechInput) -> None:
    if asked.head is SpeechHead.SPEECH and method.open_motion is None:
        raise InvalidOption(
            f"head is {asked.head}, and {method.name} moves the mouth alone; accepted: "
            f"{SpeechHead.IDLE}, or a method that gives motion"
        )
    if asked.refine and method.open_lipsync is None:
        raise InvalidOption(
            f"refine was asked for, and {method.name} paints nothing; accepted: without, or a "
            "method that paints"
        )


def moved_by(request: RenderRequest) -> RenderRequest:
    """Return the request as it is drawn: a head that the voice moves is moved by strength alone."""
    if request.speech is None or request.speech.head is SpeechHead.IDLE:
        return request
    return replace(request, options=replace(request.options, driving_multiplier=1.0, loop=False))


def _reader_of(asked: SpeechInput) -> SpeechReader:
    if asked.visemes:
        return VisemeReader(visemes=asked.visemes)
    if asked.text is not None:
        return TextReader(text=asked.text)
    return SoundReader()
