"""Motion templates over HTTP: taken as a motion, and made of clips, edits and older files."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveportrait_core.engines.liveportrait.template import load_template, save_template
from liveportrait_core.renderer import Renderer
from tests.core.engines.liveportrait.test_engine import engine, template
from tests.core.engines.liveportrait.test_template import Hostile, original, pickled
from tests.web.conftest import Api, Serve

EDITS = json.dumps(
    {"fps": 10, "keys": [{"frame": 0}, {"frame": 9, "edit": {"smile": 1, "eyesOpen": 0.5}}]}
).replace('{"frame": 0}', '{"frame": 0, "edit": {"eyesOpen": 0.3}}')


@pytest.fixture
def networks(serve: Serve) -> Api:
    api = serve(renderer=Renderer(engine(), reason="test"))
    while api.client.get("/health").json()["status"] == "starting":
        time.sleep(0.01)
    return api


def ask(
    api: Api, kind: str, files: dict[str, bytes], route: str = "generations", **params: Any
) -> dict[str, Any]:
    inputs = {name: {"upload": name} for name in files}
    answer = api.client.post(
        f"/v1/{route}",
        data={"request": json.dumps({"kind": kind, "input": inputs, "params": params})},
        files={name: (f"{name}.bin", data) for name, data in files.items()},
        headers={"Prefer": "wait=60"},
    )
    return {"code": answer.status_code, **answer.json()}


def made(api: Api, tmp_path: Path, files: dict[str, bytes]) -> Any:
    """The template that is made of these files."""
    ready = ask(api, "motion", files)
    assert ready["status"] == "ready", ready
    answer = api.client.get(ready["output"]["motionUrl"])
    assert answer.headers["content-type"] == "application/octet-stream"
    path = tmp_path / "made.npz"
    path.write_bytes(answer.content)
    kept = load_template(path)
    assert kept.frame_count == ready["output"]["frameCount"]
    assert ready["output"]["width"] is None
    return kept


def test_a_template_moves_a_portrait_as_what_it_was_made_of(networks: Api, tmp_path: Path) -> None:
    kept = made(networks, tmp_path, {"driving": networks.driving})
    assert np.isfinite(kept.measured.eye_ratios).all()  # whoever applies it may follow the eyes
    motion = {"portrait": networks.portrait, "motion": (tmp_path / "made.npz").read_bytes()}
    told = ask(networks, "animate", motion, "estimate")
    assert told["frames"] == kept.frame_count
    by_template = ask(networks, "animate", motion)
    by_clip = networks.ready()
    assert by_template["output"]["frameCount"] == by_clip["output"]["frameCount"]
    videos = [
        networks.client.get(each["output"]["videoUrl"]).content for each in (by_template, by_clip)
    ]
    assert videos[0] == videos[1]
    short = ask(networks, "animate", motion, "estimate", maxSeconds=0.5)
    assert (short["frames"], short["seconds"]) == (kept.fps / 2, 0.5)


def test_edits_become_a_template_that_moves_their_portrait_as_they_do(
    networks: Api, tmp_path: Path
) -> None:
    edits = {"portrait": networks.portrait, "motion": EDITS.encode()}
    kept = made(networks, tmp_path, edits)
    assert (kept.frame_count, kept.fps) == (10, 10)
    assert np.ptp(kept.measured.motion.expression, axis=0).max() > 0
    error = ask(networks, "motion", {"motion": EDITS.encode()})["error"]
    assert (error["code"], error["field"]) == ("INVALID_PARAMS", "input.portrait")


def test_the_original_s_templates_are_read_and_nothing_in_them_is_run(
    networks: Api, tmp_path: Path
) -> None:
    pickle = pickled(tmp_path / "d.pkl", original(20)).read_bytes()
    assert made(networks, tmp_path, {"motion": pickle}).frame_count == 20
    hostile = pickled(tmp_path / "h.pkl", Hostile(Path.touch, tmp_path / "touched")).read_bytes()
    refused = ask(networks, "animate", {"portrait": networks.portrait, "motion": hostile})
    assert (refused["code"], refused["error"]["code"]) == (422, "VIDEO_UNSUPPORTED")
    assert refused["error"]["field"] == "input.motion"
    assert not (tmp_path / "touched").exists()


def test_an_engine_without_templates_says_so(api: Api, tmp_path: Path) -> None:
    save_template(template(), tmp_path / "m.npz")
    motion = (tmp_path / "m.npz").read_bytes()
    for kind, files in (
        ("animate", {"portrait": api.portrait, "motion": motion}),
        ("motion", {"driving": api.driving}),
    ):
        error = ask(api, kind, files)["error"]
        assert error["code"] == "INVALID_PARAMS"
        assert "a motion template is LivePortrait's" in error["message"]
