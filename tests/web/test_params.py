"""How it is rendered: LivePortrait's own parameters, form and size, clips as portraits."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveportrait_core.engines.liveportrait.config import DrivingCrop, EngineConfig
from liveportrait_core.engines.liveportrait.motion.settings import AnimationSettings, MotionMode
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion, save_template
from liveportrait_core.renderer import Renderer
from tests.core.engines.liveportrait.motions import measured
from tests.core.engines.liveportrait.test_engine import engine
from tests.web.conftest import Api, Serve, picture_size
from web.jobs.options import OF_LIVEPORTRAIT, config_of, options_of

USUAL = {
    "drivingMultiplier": 0.4, "normalizeLip": True, "animationRegion": "all", "edit": {},
    "scale": 2.3, "sourceMaxDim": 1600, "loop": True, "maxSeconds": 10.0,
}  # fmt: skip


@pytest.fixture
def networks(serve: Serve) -> Api:
    """LivePortrait's engine, by networks of a few channels, behind the API."""
    return serve(renderer=Renderer(engine(), reason="test"))


def test_what_liveportrait_is_asked_for_reaches_its_networks(networks: Api) -> None:
    usual = networks.ready()
    assert {name: usual["params"][name] for name in OF_LIVEPORTRAIT} == dict(OF_LIVEPORTRAIT)
    assert usual["engineVersion"] == engine().version
    absolute = networks.ready(params={"relative": False, "drivingCrop": "always"})
    as_asked = EngineConfig(
        driving_crop=DrivingCrop.ALWAYS, animation=AnimationSettings(mode=MotionMode.ABSOLUTE)
    )
    assert absolute["engineVersion"] == engine(config=as_asked).version
    crop = networks.ready(params={"stitching": False, "outputSize": 64})["output"]
    assert (crop["width"], crop["height"]) == (64, 64)  # of the crop alone, 512 a side


def test_the_crops_move_as_they_are_told() -> None:
    portrait = np.zeros((320, 240, 3), np.uint8)
    usual, aside = (
        engine().prepare(portrait, options_of({**USUAL, **more})).box
        for more in ({}, {"cropX": 0.1, "cropY": 0.1})
    )
    assert aside.x0 - usual.x0 > 10
    assert aside.y0 - usual.y0 > 20
    versions = {
        engine().configured(config_of(params)).version
        for params in ({}, {"drivingX": 0.1}, {"drivingScale": 2.0}, {"smoothing": 1e-5})
    }
    assert len(versions) == 4
    assert engine().version in versions


def test_an_engine_that_would_ignore_it_says_so(api: Api) -> None:
    refused = api.post({"Prefer": "wait=60"}, params={"relative": False, "drivingX": 0.2})
    error = refused.json()["error"]  # at once, or by the renderer where it was not open yet
    assert error["code"] == "INVALID_PARAMS"
    assert "relative, drivingX: only LivePortrait" in error["message"]


@pytest.mark.parametrize(
    ("params", "kind", "says"),
    [
        ({"cropX": 0.6}, "animate", "params.cropX"),
        ({"smoothing": 1}, "animate", "params.smoothing"),
        ({"outputSize": 32}, "animate", "params.outputSize"),
        ({"format": "avi"}, "animate", "params.format"),
        ({"format": "gif"}, "edit", "kind is edit"),
        ({"format": "gif", "audio": "driving"}, "animate", "gif holds no sound"),
        ({"fps": "60"}, "animate", "params.fps"),
        ({"fps": "2e1"}, "animate", "params.fps"),  # "1e99999999" would take hours to be read
        ({"species": "animal", "relative": False}, "animate", "relative: animals"),
    ],
)
def test_what_is_out_of_range_is_refused(
    api: Api, params: dict[str, Any], kind: str, says: str
) -> None:
    answer = api.post(None, kind=kind, params=params, with_driving=kind == "animate")
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize(("form", "kind"), [("gif", b"GIF89a"), ("webp", b"RIFF")])
def test_a_video_has_the_form_and_size_that_are_asked_for(api: Api, form: str, kind: bytes) -> None:
    output = api.ready(params={"format": form, "outputSize": 100})["output"]
    assert (output["width"], output["height"]) == (80, 100)
    video = api.client.get(output["videoUrl"])
    assert video.headers["content-type"] == f"image/{form}"
    assert video.content.startswith(kind)
    assert picture_size(api.client.get(output["posterUrl"]).content) == (80, 100)


def test_a_video_is_measured_and_the_rate_is_exact(api: Api) -> None:
    quality = api.ready(params={"peakRate": 5, "audio": "none"})["quality"]
    assert quality["frames"] > 10
    assert quality["rate"]["wanted"] == quality["rate"]["measured"]
    for given, told in (("30000/1001", "30000/1001"), (25, "25")):
        params = {"fps": given, "seconds": 1}
        body = {"input": {"portrait": {"upload": "p"}}, "params": params}
        estimate = api.client.post(
            "/v1/estimate", data={"request": json.dumps(body)}, files={"p": api.portrait}
        ).json()
        assert estimate["frames"] == round(Fraction(told))


def test_a_clip_is_animated_where_the_engine_takes_one(networks: Api, driving: bytes) -> None:
    networks.portrait = driving
    output = networks.ready(params={"drivingMultiplier": 1})["output"]
    assert output["frameCount"] > 10


def test_a_clip_as_a_portrait_is_refused_where_it_is_not_taken(api: Api, driving: bytes) -> None:
    api.portrait = driving
    error = api.ready()["error"]
    assert (error["code"], error["field"]) == ("INVALID_PARAMS", None)
    assert "animates a picture by a clip" in error["message"]


def test_a_driving_file_may_be_a_template_or_a_picture(
    networks: Api, driving: bytes, tmp_path: Path
) -> None:
    save_template(LivePortraitMotion(measured=measured(12), fps=Fraction(25)), tmp_path / "m.npz")
    template = (tmp_path / "m.npz").read_bytes()

    def ask(kind: str, portrait: bytes, name: str, moves: bytes) -> Any:
        given = {"portrait": {"upload": "p"}, "driving": {"upload": "d"}}
        answer = networks.client.post(
            "/v1/generations",
            data={"request": json.dumps({"kind": kind, "input": given})},
            files={"p": portrait, "d": (name, moves)},
            headers={"Prefer": "wait=60"},
        )
        return answer.json()

    output = ask("animate", networks.portrait, "m.npz", template)["output"]
    assert (output["frameCount"], output["fps"]) == (12, 25.0)
    picture = ask("edit", networks.portrait, "p.png", networks.portrait)
    assert picture_size(networks.client.get(picture["output"]["pictureUrl"]).content) == (160, 200)
    error = ask("animate", networks.portrait, "p.png", networks.portrait)["error"]
    assert (error["code"], error["field"]) == ("INVALID_PARAMS", "input.driving")
    assert ask("animate", driving, "p.png", networks.portrait)["output"]["frameCount"] > 10
    assert ask("edit", networks.portrait, "d.mp4", driving)["error"]["field"] == "input.driving"
