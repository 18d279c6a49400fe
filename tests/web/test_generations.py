"""The noun of the API: asked for, rendered, read, listed, cancelled."""

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from tests.web.conftest import Api, Serve, body, files, picture_size
from web.api.keys import KeysInWork
from web.api.routes import router
from web.api.sync_routes import router as sync_router


def until(api: Api, generation_id: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        read = api.read(generation_id)
        if read["status"] in states:
            return read
        time.sleep(0.02)
    raise AssertionError(f"{read['status']} after a minute")


def test_a_generation_from_request_to_file(api: Api) -> None:
    params = {"drivingMultiplier": 0.7, "sourceMaxDim": 1024.0}
    answer = api.post(params=params, metadata={"order": 7})
    assert answer.status_code == 201
    asked = answer.json()
    here = f"{str(api.client.base_url).rstrip('/')}/v1/generations/{asked['id']}"
    assert answer.headers["location"] == asked["urls"]["get"] == here
    assert asked["status"] in ("queued", "rendering")
    ready = until(api, asked["id"], "ready")
    assert ready["params"]["drivingMultiplier"] == 0.7
    assert ready["params"]["sourceMaxDim"] == 1024
    assert ready["metadata"] == {"order": 7}
    assert ready["engineVersion"] == "mesh-0-5a5a5a5a"
    assert ready["error"] is None
    assert ready["createdAt"] <= ready["startedAt"] <= ready["finishedAt"]
    output = ready["output"]
    assert (output["width"], output["height"]) == (160, 200)
    assert output["durationMs"] == round(1000 * output["frameCount"] / output["fps"])
    video = api.client.get(output["videoUrl"])
    assert video.headers["content-type"] == "video/mp4"
    assert len(video.content) == output["sizeBytes"]
    part = api.client.get(output["videoUrl"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    again = api.client.get(output["videoUrl"], headers={"If-None-Match": video.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert picture_size(api.client.get(output["posterUrl"]).content) == (160, 200)


def test_an_edit_is_a_picture(api: Api) -> None:
    answer = api.client.post(
        "/v1/generations",
        data=body(with_driving=False, kind="edit", params={"edit": {"smile": 0.5, "gazeX": 99}}),
        files=files(api.portrait),
        headers={"Prefer": "wait=60"},
    )
    ready = answer.json()
    assert answer.status_code == 200, ready
    assert ready["params"]["edit"] == {"gazeX": 30.0, "smile": 0.5}
    assert "PARAM_CLAMPED" in ready["warnings"]
    assert picture_size(api.client.get(ready["output"]["pictureUrl"]).content) == (160, 200)
    wrong = api.client.get(ready["output"]["pictureUrl"].replace("/picture", "/video"))
    assert wrong.status_code == 404


TAPS = [{"x": 0.41, "y": 0.38}, {"x": 0.6, "y": 0.37}, {"x": 0.5, "y": 0.62}]


def test_an_animal_is_pointed_out(api: Api) -> None:
    params = {"species": "animal", "facePoints": TAPS, "drivingMultiplier": 1.75}
    shown = api.post(params=params).json()["params"]
    assert {name: shown[name] for name in params} == params
    assert shown["pasteback"] is False
    text = {"species": "animal", "facePoints": "0.41,0.38 0.6,0.37 0.5,0.62"}
    assert api.post(params=text).json()["params"]["facePoints"] == TAPS
    cropped = api.post(params={"species": "animal", "facePoints": "cropped"}).json()
    assert cropped["params"]["facePoints"] == "cropped"
    aside = api.post(params={**params, "facePoints": [*TAPS[:2], {"x": 0.5, "y": 1.5}]}).json()
    assert aside["params"]["facePoints"][2] == {"x": 0.5, "y": 1.0}
    assert aside["warnings"] == ["PARAM_CLAMPED"]
    assert "species" not in api.post().json()["params"]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"facePoints": TAPS}, 400, "INVALID_PARAMS"),
        ({"species": "animal", "facePoints": TAPS[:2]}, 400, "INVALID_PARAMS"),
        ({"species": "animal", "facePoints": "here"}, 400, "INVALID_PARAMS"),
        ({"species": "animal", "facePoints": "cropped", "pasteback": True}, 400, "INVALID_PARAMS"),
        ({"species": "animal", "facePoints": "xpose"}, 422, "METHOD_NOT_INSTALLED"),
    ],
)
def test_a_place_that_is_none_is_refused(
    api: Api, params: dict[str, Any], status: int, code: str
) -> None:
    answer = api.post(params=params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["field"] == "params.facePoints"


def test_key_frames_are_a_motion(api: Api) -> None:
    keys = [{"frame": 0, "edit": {}}, {"frame": 9, "edit": {"smile": 1}}]

    def ask(keys: list[dict[str, Any]], route: str = "generations") -> Any:
        inputs = {"portrait": {"upload": "p"}, "motion": {"upload": "keys"}}
        edits = json.dumps({"fps": 10, "keys": keys}).encode()
        return api.client.post(
            f"/v1/{route}",
            data={"request": json.dumps({"input": inputs})},
            files={**files(api.portrait), "keys": ("edits.json", edits)},
            headers={"Prefer": "wait=60"},
        )

    output = ask(keys).json()["output"]
    assert (output["frameCount"], output["fps"], output["durationMs"]) == (10, 10.0, 1000)
    told = ask(keys, "estimate").json()
    assert (told["frames"], told["seconds"]) == (10, 1.0)
    error = ask(keys[:1]).json()["error"]
    assert (error["code"], error["field"]) == ("INVALID_PARAMS", "input.motion")
    assert "two or more" in error["message"]


@pytest.mark.parametrize("by_name", [False, True], ids=["POST with a key", "PUT"])
def test_the_same_request_again_is_the_same_generation(api: Api, by_name: bool) -> None:
    name = str(uuid4())

    def ask(**more: Any) -> Any:
        return api.client.request(
            "PUT" if by_name else "POST",
            f"/v1/generations/{name}" if by_name else "/v1/generations",
            data=body(**more),
            files=files(api.portrait, api.driving),
            headers={} if by_name else {"Idempotency-Key": name},
        )

    first, second = ask(), ask()
    assert first.json()["id"] == second.json()["id"]
    assert len(api.client.get("/v1/generations").json()["data"]) == 1
    other = ask(params={"drivingMultiplier": 0.1})
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert until(api, first.json()["id"], "ready")["output"] is not None


class TellingKeys(KeysInWork):
    """Tells that a key is held."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = threading.Event()

    @contextmanager
    def held(self, owner: str, key: str | None) -> Iterator[None]:
        with super().held(owner, key):
            self.is_held.set()
            yield


def test_a_key_whose_request_is_still_received_is_in_work(api: Api) -> None:
    keys = api.app.state.service.keys = TellingKeys()
    headers = {"Idempotency-Key": "k"}
    whole = api.client.build_request(
        "POST", "/v1/generations", data=body(), files=files(api.portrait, api.driving)
    )
    content, go_on = whole.read(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield content[: len(content) // 2]
        assert go_on.wait(30)
        yield content[len(content) // 2 :]

    with ThreadPoolExecutor() as pool:
        kind = {"content-type": whole.headers["content-type"]}
        first = pool.submit(
            api.client.post, "/v1/generations", content=slowly(), headers={**headers, **kind}
        )
        assert keys.is_held.wait(30)
        second = api.post(headers)
        other = api.post({"Idempotency-Key": "other"})
        go_on.set()
        accepted = first.result()
    assert (second.status_code, second.json()["error"]["code"]) == (409, "KEY_IN_WORK")
    assert second.headers["retry-after"] == "1"
    assert (accepted.status_code, other.status_code) == (201, 201)
    assert api.post(headers).json()["id"] == accepted.json()["id"]


def test_what_waits_and_what_is_rendered_can_be_cancelled(serve: Serve) -> None:
    api = serve(slowness_s=0.05)
    first, second = (api.post().json()["id"] for _ in range(2))
    assert until(api, first, "rendering")["queuePosition"] is None
    assert api.read(second)["queuePosition"] == 0
    assert api.client.post(f"/v1/generations/{second}/cancel").json()["status"] == "canceled"
    api.client.post(f"/v1/generations/{first}/cancel")
    canceled = until(api, first, "canceled", "ready")
    assert canceled["status"] == "canceled"
    assert canceled["output"] is None
    again = api.client.post(f"/v1/generations/{first}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")


def test_pages_of_the_list_hold_everything_once(api: Api) -> None:
    made = [api.post().json()["id"] for _ in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = api.client.get(f"/v1/generations?limit=2{after}").json()
        seen += [each["id"] for each in page["data"]]
        if not page["hasMore"]:
            break
        after = f"&after={seen[-1]}"
    assert seen == made[::-1]


def test_animate_waits_for_its_video_or_says_where_to_look(serve: Serve) -> None:
    def animate(api: Api) -> Any:
        given = {"source": ("p", api.portrait), "driving": ("d", api.driving)}
        return api.client.post("/animate", files=given)

    api = serve()
    answer = animate(api)
    assert api.client.get(answer.json()["video_url"]).headers["content-type"] == "video/mp4"
    missing = api.client.post("/animate", files={"source": ("p", api.portrait)})
    assert missing.json()["error"]["field"] == "driving"
    slow = serve(slowness_s=0.2, wait_limit_s=0.1, name="slow")
    late = animate(slow)
    assert late.status_code == 504
    assert late.json()["error"]["retryable"] is True
    waiting = slow.client.get(late.headers["location"]).json()
    assert waiting["status"] in ("queued", "rendering")


def test_an_estimate_keeps_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def estimate() -> Any:
        return api.client.post(
            "/v1/estimate", data=body(), files=files(api.portrait, api.driving)
        ).json()

    with monkeypatch.context() as no_other_folder:  # the next start clears that of the data
        no_other_folder.setattr(tempfile, "tempdir", str(tmp_path / "of-the-system"))
        before = estimate()
    assert before["etaSeconds"] is None
    ready = api.ready()
    assert before["frames"] == ready["output"]["frameCount"]
    assert estimate()["etaSeconds"] > 0
    assert len(api.client.get("/v1/generations").json()["data"]) == 1


def test_what_fails_says_why(api: Api) -> None:
    answer = api.client.post(
        "/v1/generations",
        data=body(with_driving=False, params={"seconds": 1}),
        files=files(b"no picture"),
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "IMAGE_UNSUPPORTED")
    assert error["field"] == "input.portrait"
    assert api.client.get("/v1/generations").json()["data"] == []


@pytest.mark.parametrize(
    ("request_json", "field", "code"),
    [
        ("{", None, "INVALID_PARAMS"),
        ("[1]", None, "INVALID_PARAMS"),
        ("{}", "input", "INVALID_PARAMS"),
        ('{"input": {"portrait": {}}}', "input.portrait", "INVALID_PARAMS"),
        (
            '{"input": {"portrait": {"upload": "nowhere"}}}',
            "input.portrait.upload", "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"url": "http://a.test/p"}}}',
            "input.portrait.url", "URL_NOT_ALLOWED",
        ),
        ('{"input": {"portrait": {"upload": "p"}}, "new": 1}', "new", "INVALID_PARAMS"),
        (
            '{"input": {"portrait": {"upload": "p"}}, "params": {"drivingMultiplier": "0.4"}}',
            "params.drivingMultiplier", "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "params": {"drivingMultiplier": NaN}}',
            "params.drivingMultiplier", "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "params": {"edit": {"smyle": 1}}}',
            "params.edit.smyle", "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "params": {"animationRegion": "mouth"}}',
            "params.animationRegion", "INVALID_PARAMS",
        ),
        ('{"kind": "lipsync"}', "input", "INVALID_PARAMS"),
        ('{"kind": "sing", "input": {"portrait": {"upload": "p"}}}', "kind", "INVALID_PARAMS"),
        (
            '{"input": {"portrait": {"upload": "p"}}, "metadata": {"a": "' + "x" * 1024 + '"}}',
            None, "INVALID_PARAMS",
        ),
        # What could be stored, and never told again: no number, half a character, many levels.
        (
            '{"input": {"portrait": {"upload": "p"}}, "metadata": {"a": NaN}}',
            None, "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "metadata": {"a": 1e999}}',
            None, "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "metadata": {"a": "\\ud800"}}',
            None, "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "params": {"edit": {"\\ud800": 1}}}',
            None, "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "metadata": {"a": '
            + "[" * 400 + "]" * 400 + "}}",
            None, "INVALID_PARAMS",
        ),
        (
            '{"input": {"portrait": {"upload": "p"}}, "webhook": {"url": "http://127.0.0.1/"}}',
            "webhook.url", "URL_NOT_ALLOWED",
        ),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_refused_by_field(
    api: Api, request_json: str, field: str | None, code: str
) -> None:
    answer = api.client.post(
        "/v1/generations", data={"request": request_json}, files=files(api.portrait)
    )
    error = answer.json()["error"]
    assert answer.status_code in (400, 422)
    assert (error["code"], error["field"]) == (code, field)
    assert error["retryable"] is False
    assert "Traceback" not in error["message"]
    assert api.client.get("/v1/generations").json()["data"] == []


def test_other_answers_have_the_same_form(api: Api) -> None:
    for method, path, status, code in (
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("DELETE", "/v1/generations", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"/v1/generations/{uuid4()}", 404, "NOT_FOUND"),
        ("GET", "/v1/generations/7", 400, "INVALID_PARAMS"),
        ("GET", "/v1/generations?limit=0", 400, "INVALID_PARAMS"),
        ("POST", "/v1/generations", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ):
        answer = api.client.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), path


@pytest.mark.parametrize("charset", ["punycode", "undefined", "unicode_escape"])
def test_a_body_in_an_odd_charset_is_refused(api: Api, charset: str) -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\n\\ud800{\r\n--b--\r\n'
    kind = {"content-type": f"multipart/form-data; charset={charset}; boundary=b"}
    for path in ("/v1/generations", "/v2/generate"):
        answer = api.client.post(path, content=part, headers=kind)
        assert answer.status_code == 400
        assert "charset; accepted: utf-8" in answer.text


def test_the_openapi_document_has_every_route_and_its_body(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    served = {
        (path, method.lower())
        for route in (*router.routes, *sync_router.routes)
        if isinstance(route, APIRoute) and (path := route.path)
        for method in route.methods or ()
    }
    told = {
        (path, method) for path, operations in document["paths"].items() for method in operations
    }
    assert told == served
    assert "driving_multiplier" not in str(document)
    params = document["components"]["schemas"]["Params"]["properties"]
    assert params["drivingMultiplier"]["default"] == 0.4
    assert next(iter(document["components"]["schemas"])) == "GenerationRequest"
    assert "HTTPValidationError" not in str(document)  # no answer of ours has that form
    refusal = document["components"]["schemas"]["Refusal"]["properties"]["error"]["properties"]
    refused = api.client.post("/v1/generations", json={}).json()["error"]
    assert set(refused) == set(refusal)
    page = api.client.get("/docs").text
    assert "<code>Prefer: wait=60</code>" in page
    assert all(path in page for path, _ in told)
    assert "http://" not in page
    assert "https://" not in page
