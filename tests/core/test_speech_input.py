"""What may be asked of a portrait that is to speak."""

from pathlib import Path
from typing import Any

import pytest

from liveportrait_core import (
    Clip,
    Delivery,
    RenderRequest,
    SpeechInput,
    SyntheticIdle,
    TimedViseme,
)
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import SoundFrom, VideoFormat

SOUND = Path("hello.ogg")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"strength": 1.51}, "strength is 1.51; accepted: 0 to 1.5"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"start_frame": -1}, "start frame is -1"),
        ({"within_s": -1.0}, "within is -1.0 s; accepted: seconds from 0"),
        ({"within_s": float("nan")}, "within is nan s"),
        ({"text": "Hi", "visemes": (TimedViseme(at_ms=0, viseme="PP"),)}, "visemes and text"),
        ({"visemes": (TimedViseme(at_ms=0, viseme="ah"),)}, "viseme is 'ah'; accepted: sil, PP"),
        ({"visemes": (TimedViseme(at_ms=-1, viseme="PP"),)}, "at -1 ms"),
        (
            {"visemes": tuple(TimedViseme(at_ms=ms, viseme="aa") for ms in (40, 20))},
            "at 20 ms, before",
        ),
    ],
)
def test_speech_that_cannot_be_said_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        SpeechInput(sound=SOUND, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"portrait": Clip(path=Path("film.mp4"))}, "the portrait is a clip"),
        ({"delivery": Delivery(format=VideoFormat.GIF)}, "of a gif, which holds no sound"),
        ({"delivery": Delivery(sound=SoundFrom.DRIVING)}, "audio is driving"),
    ],
)
def test_what_cannot_speak_is_refused(given: dict[str, Any], words: str) -> None:
    request: dict[str, Any] = {
        "portrait": Path("portrait.jpg"),
        "motion": SyntheticIdle(),
        "output": Path("talk.mp4"),
        "speech": SpeechInput(sound=SOUND),
    }
    RenderRequest(**request)
    with pytest.raises(InvalidOption, match=words):
        RenderRequest(**request | given)
