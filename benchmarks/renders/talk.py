"""A talk by the mesh engine beside the idle of its length: processor time, taking turns.

The sound is the demo's sentence, again and again. Processor time of this process and of the
encoder, so that the machine's other load does not count.
"""

import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.resources import core_s
from benchmarks.sources import SEED, SIZE_PX, write_portrait
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.media.pictures.image import Portrait, read_portrait
from liveportrait_core.media.sounds.reading import read_speech
from liveportrait_core.options import RenderOptions
from liveportrait_core.pipeline.plan import prepare_picture
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.pipeline.speech import HeardSpeech, Talking, talk_of
from liveportrait_core.pipeline.talk_methods import WITHOUT_WEIGHTS
from liveportrait_core.pipeline.writer import VideoWriter
from liveportrait_core.request import MotionTemplate, RenderRequest, SpeechInput
from liveportrait_core.speech.values import SAMPLE_RATE_HZ

SEED_FOLDER = Path(__file__).parents[2] / "emulator" / "seed"
FPS = Fraction(30)
HEAD = f"{'what':28} {'seconds':>8} {'ms a frame':>11}   of the idle"


@dataclass(frozen=True, kw_only=True)
class TalkRow:
    """Processor seconds of one thing, and what that is of the idle's."""

    what: str
    seconds: float
    frames: int
    share: float


def measure_talk(
    seconds: float, rounds: int, size_px: tuple[int, int] = SIZE_PX
) -> Iterator[TalkRow]:
    """Yield reading, an idle of this length, and the talk: the least of so many rounds each."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        portrait, sound = write_portrait(folder, size_px), folder / "said.wav"
        _repeat_sound(SEED_FOLDER / "hello.ogg", sound, seconds)
        picture = read_portrait(portrait, max_dim_px=max(size_px))
        idle = synthetic_idle(seed=SEED, seconds=seconds, fps=FPS)
        template = MotionTemplate(motion=idle)
        reading, heard = _reading(sound, template)
        spent = {
            what: min(_render(picture, portrait, template, speech) for _ in range(rounds))
            for what, speech in (("idle", None), ("talk", heard))
        }
        for what, taken in (("reading the sound", reading), *spent.items()):
            share = taken / spent["idle"]
            yield TalkRow(what=what, seconds=taken, frames=idle.frame_count, share=share)


def table_line(row: TalkRow) -> str:
    """Return one row as text."""
    per_frame = 1000 * row.seconds / row.frames
    return f"{row.what:28} {row.seconds:8.2f} {per_frame:11.1f}   {row.share:.3f}"


def _repeat_sound(sound: Path, output: Path, seconds: float) -> None:
    samples = read_speech(sound)[0].samples
    count = round(seconds * SAMPLE_RATE_HZ)
    said = np.tile(samples, -(-count // len(samples)))[:count]
    with wave.open(str(output), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((np.clip(said, -1, 1) * 32767).astype("<i2").tobytes())


def _reading(sound: Path, template: MotionTemplate) -> tuple[float, HeardSpeech]:
    before = core_s()
    heard = Talking(WITHOUT_WEIGHTS).listen(SpeechInput(sound=sound))
    talk_of(MeshEngine(), template, heard)
    return core_s() - before, heard


def _render(
    picture: Portrait, portrait: Path, template: MotionTemplate, heard: HeardSpeech | None
) -> float:
    engine = MeshEngine()
    options = RenderOptions(driving_multiplier=1.0)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        video = Path(name) / "a.mp4"
        request = RenderRequest(portrait=portrait, motion=template, output=video, options=options)
        planner = prepare_picture(engine, picture, request, partial(engine.prepare, picture.pixels))
        if heard is None:
            plan = planner(template)
        else:
            talk = talk_of(engine, template, heard)
            plan = replace(planner(talk.template), sound=talk.sound, talk=talk.cut)
        before = core_s()
        VideoWriter(plan, RenderProgress()).write(video, Path(name) / "poster.jpg")
        return core_s() - before
