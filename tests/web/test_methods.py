"""Learned methods of talking over HTTP: installed, accepted by both sides, priced, refused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from liveportrait_core.options import Engine
from liveportrait_core.pipeline.talk_methods import find_methods
from liveportrait_core.renderer import Renderer
from liveportrait_core.speech.methods import RESEARCH_ONLY
from tests.core.clips import ffmpeg
from tests.core.swaying import SwayingEngine
from tests.web.conftest import Api, Serve

FACE = Path(__file__).parents[2] / "emulator" / "seed" / "grace_hopper.jpg"
ACCEPTED = {"acceptLicences": ["wav2lip"]}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second of a face that stands still, 12 frames."""
    path = tmp_path_factory.mktemp("clip") / "face.mp4"
    ffmpeg(
        "-loop", "1", "-framerate", "12", "-i", str(FACE), "-frames:v", "12", "-vf",
        "scale=160:-2", "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path),
    )  # fmt: skip
    return path.read_bytes()


def served(serve: Serve, weights: Path, *, accepted: frozenset[str], **settings: Any) -> Api:
    methods = find_methods(Engine.MESH, weights, accepted)
    renderer = Renderer(SwayingEngine(), reason="test", methods=methods)
    api = serve(renderer=renderer, **settings)
    while api.client.get("/health").json()["status"] == "starting":
        time.sleep(0.01)
    return api


def ask(
    api: Api, clip: bytes, sound: bytes, route: str = "generations", **more: Any
) -> dict[str, Any]:
    inputs = {"driving": {"upload": "d"}, "sound": {"upload": "s"}}
    answer = api.client.post(
        f"/v1/{route}",
        data={"request": json.dumps({"kind": "lipsync", "input": inputs, **more})},
        files={"d": clip, "s": ("s.wav", sound)},
        headers={"Prefer": "wait=60"},
    )
    return {"code": answer.status_code, **answer.json()}


def test_a_clip_says_a_sound(
    serve: Serve, lipsync_weights: Path, clip: bytes, sound: bytes
) -> None:
    api = served(serve, lipsync_weights, accepted=frozenset({"wav2lip"}))
    made = ask(api, clip, sound, params=ACCEPTED)
    assert made["status"] == "ready", made
    output = made["output"]
    assert (output["method"], output["licence"]) == ("wav2lip", RESEARCH_ONLY.words)
    assert (output["frameCount"], output["fps"], output["hasSpeech"]) == (12, 12.0, True)
    assert (made["engine"], output["refiner"]) == (None, None)
    assert b"mp4a" in api.client.get(output["videoUrl"]).content
    assert api.client.get(output["posterUrl"]).content.startswith(b"\xff\xd8")
    told = ask(api, clip, sound, "estimate", params=ACCEPTED)
    assert (told["frames"], told["seconds"]) == (12, 1.0)
    assert (told["method"]["name"], told["method"]["licence"]) == ("wav2lip", RESEARCH_ONLY.words)
    assert told["method"]["peakMib"] > 0
    assert told["etaSeconds"] == told["method"]["seconds"]
    error = ask(api, clip, sound, params={**ACCEPTED, "within": 0})["error"]
    assert (error["code"], error["field"]) == ("METHOD_TOO_SLOW", "params.method")
    assert "wav2lip takes about" in error["message"]


def test_a_licence_is_accepted_by_both_sides_or_by_none(
    serve: Serve, lipsync_weights: Path, clip: bytes, sound: bytes
) -> None:
    switched_on = served(serve, lipsync_weights, accepted=frozenset({"wav2lip"}))
    switched_off = served(serve, lipsync_weights, accepted=frozenset(), name="other")
    for api, params in (
        (switched_on, {}),
        (switched_on, {"acceptLicences": ["gfpgan"]}),
        (switched_off, ACCEPTED),
    ):
        for route in ("generations", "estimate"):
            refused = ask(api, clip, sound, route, params=params)
            error = refused["error"]
            assert (refused["code"], error["code"]) == (422, "METHOD_NOT_LICENSED")
            assert "research only" in error["message"]
    assert switched_on.client.get("/v1/generations").json()["data"] == []
    inputs = {"portrait": {"upload": "p"}, "sound": {"upload": "s"}}
    talk = switched_on.client.post(  # `auto` takes what is free where nothing is accepted
        "/v1/generations",
        data={"request": json.dumps({"kind": "talk", "input": inputs})},
        files={"p": switched_on.portrait, "s": ("s.wav", sound)},
        headers={"Prefer": "wait=60"},
    ).json()
    assert (talk["error"], talk["output"]["method"]) == (None, "visemes")


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ({}, "METHOD_NOT_INSTALLED", "weights convert wav2lip"),
        ({"params": {"method": "visemes"}}, "INVALID_PARAMS", "paints no mouth into a clip"),
        ({"input": {"sound": {"upload": "s"}}}, "INVALID_PARAMS", "input.driving is missing"),
        ({"params": {"within": -1}}, "INVALID_PARAMS", "params.within"),
    ],
)
def test_what_cannot_be_had_is_refused(
    serve: Serve, tmp_path: Path, sound: bytes, more: dict[str, Any], code: str, says: str
) -> None:
    api = served(serve, tmp_path, accepted=frozenset())
    error = ask(api, api.driving, sound, **more)["error"]
    assert error["code"] == code, error
    assert says in error["message"]
