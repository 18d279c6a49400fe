"""A talk from end to end: sound beside a motion becomes a file in which both are together."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveportrait_core import (
    MotionTemplate,
    RenderedVideo,
    RenderOptions,
    RenderRequest,
    RenderWarning,
    SpeechHead,
    SpeechInput,
    SpeechMethod,
    Stage,
)
from liveportrait_core.errors import (
    AudioUnsupported,
    InvalidOption,
    MethodNotInstalled,
    MethodNotLicensed,
)
from liveportrait_core.inspection import inspect
from liveportrait_core.media.clips.probe import has_sound
from liveportrait_core.renderer import Renderer
from liveportrait_core.speech.methods import MIT, RESEARCH_ONLY, choose_method
from tests.core.clips import ffmpeg
from tests.core.sounds import silence, spoken, wav
from tests.core.swaying import OPEN_ROWS, Sway, SwayingEngine, soft_portrait

WHOLE = RenderOptions(driving_multiplier=1.0)
SAID = spoken((" ", 0.5), ("a", 0.3), (" ", 0.45))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    return soft_portrait(tmp_path / "portrait.png")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return wav(tmp_path / "said.wav", SAID)


def render(
    portrait: Path,
    sound: Path,
    *,
    fps: Fraction = Fraction(25),
    idle_frames: int = 12,
    name: str = "talk.mp4",
    **speech: Any,
) -> RenderedVideo:
    request = RenderRequest(
        portrait=portrait,
        motion=MotionTemplate(motion=Sway(fps=fps, frame_count=idle_frames)),
        output=portrait.with_name(name),
        options=WHOLE,
        speech=SpeechInput(sound=sound, **speech),
    )
    return Renderer(SwayingEngine(), reason="a test").render(request)


def brightness(video: Path, width: int = 160, height: int = 200) -> np.ndarray:
    data = ffmpeg("-i", str(video), "-f", "rawvideo", "-pix_fmt", "gray", "-")
    return np.frombuffer(data, np.uint8).reshape(-1, height, width)[:, :OPEN_ROWS].mean((1, 2))


@pytest.mark.parametrize(
    ("fps", "frames"), [(Fraction(24), 30), (Fraction(25), 32), (Fraction(30000, 1001), 38)]
)
def test_a_talk_is_as_long_as_its_sound_and_tells_the_cut(
    portrait: Path, sound: Path, fps: Fraction, frames: int
) -> None:
    video = render(portrait, sound, fps=fps, start_frame=3)
    assert (video.frame_count, video.fps) == (frames, fps)
    assert video.talk is not None
    assert (video.talk.start_frame, video.talk.resume_frame) == (3, (3 + frames) % 12)
    assert video.talk.has_speech
    assert has_sound(portrait.with_name("talk.mp4"))
    assert [part.stage for part in video.seconds].count(Stage.SPEECH) == 1


def test_the_mouth_opens_with_the_sound_and_nowhere_else(portrait: Path, sound: Path) -> None:
    render(portrait, sound)
    light = brightness(portrait.with_name("talk.mp4"))
    rest = light[[0, 1, 2, 3, -1]].mean()
    opened = np.flatnonzero(light > rest + 0.3 * (light.max() - rest)) / 25
    assert 0.36 <= opened[0] <= 0.54
    assert 0.65 <= opened[-1] <= 1.0  # and the release


def test_the_same_talk_twice_has_the_same_bytes(portrait: Path, sound: Path) -> None:
    render(portrait, sound, name="one.mp4")
    render(portrait, sound, name="two.mp4")
    one, two = (portrait.with_name(name).read_bytes() for name in ("one.mp4", "two.mp4"))
    assert one == two


def test_silence_is_the_idle_and_is_said(portrait: Path, tmp_path: Path) -> None:
    video = render(portrait, wav(tmp_path / "silent.wav", silence(0.6)))
    assert RenderWarning.AUDIO_SILENT in video.warnings
    assert video.talk is not None
    assert not video.talk.has_speech
    assert np.ptp(brightness(portrait.with_name("talk.mp4"))) < 1


def test_what_is_at_fault_is_told_before_the_portrait_is_prepared(
    portrait: Path, sound: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    for fault, speech in (
        (AudioUnsupported, {"sound": broken}),
        (MethodNotInstalled, {"sound": sound, "method": SpeechMethod.JOYVASA}),
        (InvalidOption, {"sound": sound, "text": "…"}),
    ):
        engine = SwayingEngine()
        request = RenderRequest(
            portrait=portrait,
            motion=MotionTemplate(motion=Sway(fps=Fraction(25), frame_count=12)),
            output=tmp_path / "none.mp4",
            speech=SpeechInput(**speech),
        )
        with pytest.raises(fault):
            Renderer(engine, reason="a test").render(request)
        assert engine.prepared == 0
        assert not request.output.exists()


def test_a_talk_cannot_begin_behind_its_idle(portrait: Path, sound: Path) -> None:
    with pytest.raises(InvalidOption, match="start frame is 12, and the motion has 12 frames"):
        render(portrait, sound, start_frame=12)


def test_auto_takes_the_first_method_that_is_installed_and_allowed() -> None:
    auto = SpeechMethod.AUTO
    everything = {"joyvasa": MIT, "wav2lip": RESEARCH_ONLY, "visemes": MIT}
    painting = {"wav2lip": RESEARCH_ONLY, "visemes": MIT}
    assert choose_method(auto, installed={"visemes": MIT}) == "visemes"
    assert choose_method(auto, installed=everything) == "joyvasa"
    assert choose_method(auto, installed=painting) == "visemes"
    assert choose_method(auto, installed=painting, accepted=frozenset({"wav2lip"})) == "wav2lip"
    with pytest.raises(MethodNotLicensed, match="research only"):
        choose_method("wav2lip", installed=everything)
    with pytest.raises(MethodNotInstalled, match="musetalk; installed here: joyvasa, visemes, wav"):
        choose_method("musetalk", installed=everything)


def test_inspect_knows_a_talk_and_its_cut_into_the_idle(portrait: Path, sound: Path) -> None:
    idles = {}
    for name, frames in (("own", 40), ("other", 62)):
        idles[name] = portrait.with_name(f"{name}.mp4")
        Renderer(SwayingEngine(), reason="a test").render(
            RenderRequest(
                portrait=portrait,
                motion=MotionTemplate(motion=Sway(fps=Fraction(25), frame_count=frames)),
                output=idles[name],
                options=WHOLE,
            )
        )
    render(portrait, sound, idle_frames=40)
    talk = portrait.with_name("talk.mp4")

    def failures(**how: Any) -> set[str]:
        return {check.name for check in inspect(talk, portrait, **how).checks if not check.ok}

    assert failures(is_talk=True, idle=idles["own"]) == set()
    assert failures(is_talk=True, idle=idles["other"]) == {"last frame is the idle's"}
    assert {"tracks", "edit list"} <= failures()


def test_a_talk_may_be_shorter_than_any_clip(portrait: Path, tmp_path: Path) -> None:
    word = wav(tmp_path / "word.wav", spoken(("a", 0.32)))
    assert render(portrait, word, fps=Fraction(24)).frame_count == 8
    judged = inspect(portrait.with_name("talk.mp4"), portrait, is_talk=True)
    assert judged.frame_count == 8


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"head": SpeechHead.SPEECH}, "head is speech"), ({"refine": True}, "refine")],
)
def test_what_a_method_cannot_do_is_refused(
    portrait: Path, sound: Path, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidOption, match=f"{words}.*visemes"):
        render(portrait, sound, **asked)
    assert not portrait.with_name("talk.mp4").exists()
