"""What is pressed in the studio, as request and as command line; quality and errors in words."""

import json
import shlex
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from functions.errors import Code
from liveportrait_core import Engine, SyntheticIdle
from liveportrait_core.__main__ import command_parser
from liveportrait_core.cli.engine_options import accepted_methods
from liveportrait_core.cli.engine_options import config_of as config_on_the_command_line
from liveportrait_core.cli.render_options import delivery_of
from liveportrait_core.cli.render_options import options_of as options_on_the_command_line
from web.api.schemas import read_request
from web.errors import InvalidRequest
from web.generation import Generation, Kind
from web.jobs.methods import lipsync_of
from web.jobs.options import config_of, request_of
from web.studio.animate.request import Asked
from web.studio.quality import findings
from web.studio.words import ERROR_WORDS

PORTRAIT = {"portrait": "/up/8/me & you.jpg", "driving": None, "motion": None}
DRIVEN = {**PORTRAIT, "driving": "/up/9/d.mp4"}


def ask(files: dict[str, Any], *, text: str = "", edit: str = "", **params: Any) -> Asked:
    return Asked.of(files, text=text, edit=edit, params=params)


def generation_of(asked: Asked) -> Generation:
    """What a POST of the JSON that is shown would queue."""
    wanted = read_request(json.loads(asked.as_json()))
    return Generation(
        id="1", owner="", kind=Kind(wanted.kind), params=wanted.params.applied()[0],
        inputs={name: name for name in asked.files}, created_at=0.0, request_digest="",
        fingerprint="", text=wanted.input.text,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("files", "params"),
    [
        (DRIVEN, {}),
        (DRIVEN, {"drivingMultiplier": 0.7, "normalizeLip": False, "animationRegion": "exp",
                  "edit": "smile=0.6,yaw=-8.0", "maxSeconds": 4.5, "loop": False}),
        (DRIVEN, {"format": "gif", "outputSize": 512, "sourceMaxDim": 1200, "pasteback": False}),
        (DRIVEN, {"audio": "driving", "peakRate": 4.5, "scale": 2.5}),
        (DRIVEN, {"relative": False, "stitching": False, "cropX": 0.1, "cropY": -0.2,
                  "drivingCrop": "always", "drivingScale": 2, "drivingX": -0.05,
                  "drivingY": 0.0, "smoothing": 3e-6}),
        (DRIVEN, {"species": "animal", "facePoints": "0.41,0.38 0.6,0.37 0.5,0.62",
                  "drivingMultiplier": 1.75, "pasteback": False}),
        (PORTRAIT, {"seconds": 2.5, "seed": 7, "fps": "30000/1001", "loop": False}),
    ],
)  # fmt: skip
def test_the_command_line_says_what_was_pressed(
    files: dict[str, Any], params: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "portrait").touch()
    params = dict(params)
    asked = ask(files, edit=params.pop("edit", ""), **params)
    generation = generation_of(asked)
    words = shlex.split(asked.command(Engine.LIVEPORTRAIT))
    assert words[0] == "avatar-idle"
    parsed = command_parser().parse_args(words[1:])
    *_, first = [*(parsed.portraits), parsed.driving][:1]
    assert first.name == "me & you.jpg"
    assert parsed.output.name == generation.result_name
    request = request_of(generation, tmp_path, method_limit_s=60.0)
    options = options_on_the_command_line(parsed, max_seconds=parsed.max_seconds, loop=parsed.loop)
    assert options == request.options
    assert delivery_of(parsed, parsed.output) == request.delivery
    if isinstance(request.motion, SyntheticIdle):
        told = SyntheticIdle(seed=parsed.seed, seconds=parsed.seconds, fps=parsed.fps)
        assert (parsed.motion, told) == ("synthetic", request.motion)
        assert told.fps == Fraction(30000, 1001)
        return
    assert request.motion.path == tmp_path / "driving"  # type: ignore[union-attr]
    shown, meant = config_on_the_command_line(parsed), config_of(generation.params)
    assert (shown.animation, shown.driving_crop) == (meant.animation, meant.driving_crop)
    assert shown.driving_window == meant.driving_window


def test_a_file_in_place_of_a_clip_is_taken_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "portrait").touch()
    template = ask({**PORTRAIT, "motion": "/up/2/smile.npz"})
    assert template.body["input"] == {
        "portrait": {"upload": "portrait"}, "driving": {"upload": "driving"},
    }  # fmt: skip
    assert ask({**PORTRAIT, "motion": "/up/2/edits.json"}).files["motion"] == "/up/2/edits.json"
    for name in ("me.png", "smile.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    files = {"portrait": str(tmp_path / "me.png"), "motion": str(tmp_path / "smile.png")}
    picture = ask(files)
    assert generation_of(picture).kind is Kind.EDIT
    words = picture.command(Engine.LIVEPORTRAIT).split()
    assert words[1:6] == ["render", "me.png", "smile.png", "-o", "edited.png"]


def test_a_talk_is_told_likewise(tmp_path: Path) -> None:
    (tmp_path / "portrait").touch()
    sound = {**DRIVEN, "sound": "/up/1/hello.wav"}
    asked = ask(
        sound, text="Hello, “you”", strength=1.25, method="wav2lip", head="speech",
        inside="nothing", acceptLicences=["wav2lip", "gfpgan"], refine="gfpgan",
    )  # fmt: skip
    generation = generation_of(asked)
    parsed = command_parser().parse_args(shlex.split(asked.command(Engine.MESH))[1:])
    speech = request_of(generation, tmp_path, method_limit_s=60.0).speech
    assert speech is not None
    assert (parsed.text, parsed.strength, parsed.method) == (
        speech.text, speech.strength, speech.method,
    )  # fmt: skip
    assert (parsed.head, parsed.inside) == (speech.head, speech.inside)
    assert (speech.refine, parsed.refine) == (True, "gfpgan")
    assert accepted_methods(parsed) == {"wav2lip", "gfpgan"}
    assert parsed.driving.name == "d.mp4"
    assert parsed.driving_multiplier == 0.4
    assert ask(sound, relative=False).command(Engine.LIVEPORTRAIT).startswith("# ")


def test_a_clip_that_says_a_sound_is_told_by_what_has_a_part_in_it(tmp_path: Path) -> None:
    sound = {**DRIVEN, "sound": "/up/1/hello.wav"}
    params = {
        "method": "wav2lip", "acceptLicences": ["wav2lip"], "refine": "gfpgan", "repeat": True,
        "drivingMultiplier": 0.7, "format": "gif", "audio": "driving", "strength": 1.2,
    }  # fmt: skip
    asked = Asked.of_clip(sound, params=params)
    assert asked.body["input"] == {"driving": {"upload": "driving"}, "sound": {"upload": "sound"}}
    generation = generation_of(asked)
    assert generation.kind is Kind.LIPSYNC
    request = lipsync_of(generation, tmp_path, limit_s=60.0)
    parsed = command_parser().parse_args(shlex.split(asked.command(Engine.MESH))[1:])
    assert (parsed.clip.name, parsed.sound.name) == ("d.mp4", "hello.wav")
    assert parsed.output.name == generation.result_name
    assert (parsed.repeat, parsed.refine) == (request.repeat, "gfpgan") == (True, "gfpgan")
    assert request.refine
    assert accepted_methods(parsed) == frozenset(generation.params["acceptLicences"])
    assert set(asked.params) == {"method", "acceptLicences", "refine", "repeat"}
    brought = Asked.of_clip(sound, params={"method": "mymethod"})
    assert brought.command(Engine.MESH).startswith("# ")
    assert ask(sound, repeat=True).params == {}  # a portrait's talk has no such thing


def test_only_what_is_not_as_usual_is_said() -> None:
    asked = ask(DRIVEN, drivingMultiplier=0.4, outputSize=2048, peakRate=100, pasteback=True)
    assert asked.body["params"] == {}
    animal = ask(DRIVEN, species="animal", pasteback=False, facePoints="")
    assert animal.body["params"] == {"species": "animal"}


@pytest.mark.parametrize(
    ("files", "text", "field"),
    [
        ({"portrait": None}, "", "input.portrait"),
        ({**DRIVEN, "motion": "/up/edits.json"}, "", "input.motion"),
        (DRIVEN, "Hello", "input.sound"),
    ],
)
def test_what_is_missing_is_said_beside_its_control(
    files: dict[str, Any], text: str, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ask(files, text=text)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("files", "field"),
    [({"sound": "/up/s.wav", "driving": None}, "input.driving"), (DRIVEN, "input.sound")],
)
def test_a_clip_that_is_to_speak_needs_clip_and_sound(files: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Asked.of_clip(files, params={})
    assert refused.value.field == field


GOOD: dict[str, Any] = {
    "frames": 60, "drivingFrames": 60, "framesWithoutFace": 0,
    "jitterPerMille": {"driving": 0.6, "result": 0.3},
    "loop": {"lastToFirstLevels": 0.5, "medianStepLevels": 0.3},
    "lipRatio": {"portrait": 0.2, "atRest": 0.01},
    "border": {"ringDeltaE": 0.4, "seamLevels": 0.1, "touchedOutsideShare": 0.0},
    "rate": {"wanted": "30000/1001", "measured": "30000/1001", "worstOffsetMs": 0.01},
    "file": {"bytes": 1_200_000, "peakMbitPerS": 2.3}, "warnings": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("worse", "says"),
    [
        ({"rate": {**GOOD["rate"], "worstOffsetMs": 9.0}}, "9 ms off its time"),
        ({"loop": {"lastToFirstLevels": 0.6, "medianStepLevels": 0.3}}, "The loop jumps: 0.6"),
        ({"loop": {"lastToFirstLevels": 3.1, "medianStepLevels": 3.0}}, "usual step is 3.0"),
        ({"jitterPerMille": {"driving": 0.6, "result": 1.2}}, "the clip by 0.6"),
        ({"lipRatio": {"portrait": 0.2, "atRest": 0.2}}, "by 20 % of their width"),
        ({"border": {**GOOD["border"], "ringDeltaE": 5.0}}, "colours are off by 5.0"),
        ({"border": {**GOOD["border"], "touchedOutsideShare": 0.02}}, "2 % of what is around"),
        ({"framesWithoutFace": 3}, "In 3 of the clip's 60 frames"),
    ],
)
def test_the_quality_report_is_told_in_words(worse: dict[str, Any], says: str) -> None:
    told = list(findings(GOOD, loops=True, closes=True))
    assert all(each.is_good for each in told)
    assert any("exactly 30000/1001 a second" in each.words for each in told)
    bad = [
        each.words
        for each in findings({**GOOD, **worse}, loops=True, closes=True)
        if not each.is_good
    ]
    assert len(bad) == 1
    assert says in bad[0]
    assert len(list(findings(GOOD, loops=False, closes=False))) == len(told) - 2


def test_the_words_of_errors_cover_the_contract() -> None:
    known = {code.value for code in Code}
    ours = ("RENDER_", "ENCODE_", "UPLOAD_", "INTERNAL")  # nothing that a user could change
    assert set(ERROR_WORDS) == {code for code in known if not code.startswith(ours)}
