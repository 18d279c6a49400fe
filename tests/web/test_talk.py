"""A portrait that talks: by our own routes, and by Sync.so's, as their client calls them."""

import base64
import hashlib
import json
import time
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.web.conftest import Api, Listener, Serve
from tests.web.test_webhooks import wait_for

SECRET = "whsec_" + base64.b64encode(b"sync" * 8).decode()


def talk(
    api: Api, said: bytes, *, params: dict[str, Any] | None = None, **inputs: Any
) -> dict[str, Any]:
    given = {"portrait": {"upload": "p"}, "driving": {"upload": "d"}, "sound": {"upload": "s"}}
    wanted = {name: value for name, value in {**given, **inputs}.items() if value is not None}
    answer = api.client.post(
        "/v1/generations",
        data={"request": json.dumps({"kind": "talk", "input": wanted, "params": params or {}})},
        files={"p": api.portrait, "d": api.driving, "s": ("s.wav", said), "k": b"{}"},
        headers={"Prefer": "wait=60"},
    )
    return dict(answer.json())


def test_a_portrait_says_a_sound(api: Api, sound: bytes) -> None:
    params = {"strength": 9, "startFrame": 2}
    made = talk(api, sound, text="Hello", params=params)
    assert made["status"] == "ready", made
    assert made["params"]["strength"] == 1.5
    assert "PARAM_CLAMPED" in made["warnings"]
    output = made["output"]
    assert output["startFrame"] == 2
    assert output["hasSpeech"] is True
    assert abs(output["durationMs"] - 1000) <= 1000 / output["fps"] + 1
    video = api.client.get(output["videoUrl"])
    assert video.headers["content-type"] == "video/mp4"
    assert b"mp4a" in video.content  # it is heard
    visemes = [{"ms": 0, "viseme": "aa"}, {"ms": 300, "viseme": "sil"}]
    other = talk(api, sound, visemes=visemes, params=params)
    assert other["status"] == "ready", other
    assert other["fingerprint"] != made["fingerprint"]


@pytest.mark.parametrize(
    ("inputs", "params", "field", "says"),
    [
        ({"sound": None}, {}, None, "input.sound is missing"),
        ({"visemes": [{"ms": 0, "viseme": "xx"}]}, {}, "input.visemes", "xx"),
        ({"visemes": [1], "text": "a"}, {}, None, "text and visemes"),
        ({"driving": None, "motion": {"upload": "k"}}, {}, "input.motion", "key frames"),
        ({"sound": {"upload": "p"}}, {}, "input.sound", "sound"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(
    api: Api, sound: bytes, inputs: Any, params: Any, field: str | None, says: str
) -> None:
    error = talk(api, sound, params=params, **inputs)["error"]
    assert error["field"] == field, error
    assert says in error["message"]
    assert api.client.get("/v1/generations").json()["data"] == []


def test_a_method_that_is_not_installed_is_said(api: Api, sound: bytes) -> None:
    assert api.client.get("/health").json()["methods"] == [{"name": "visemes", "licence": "MIT"}]
    error = talk(api, sound, params={"method": "joyvasa"})["error"]
    assert (error["code"], error["field"]) == ("METHOD_NOT_INSTALLED", "params.method")
    assert error["retryable"] is False


def test_an_estimate_of_a_talk_is_as_long_as_its_sound(api: Api, sound: bytes) -> None:
    inputs = {"portrait": {"upload": "p"}, "sound": {"upload": "s"}}
    told = api.client.post(
        "/v1/estimate",
        data={"request": json.dumps({"kind": "talk", "input": inputs})},
        files={"p": api.portrait, "s": ("s.wav", sound)},
    ).json()
    assert (told["frames"], told["seconds"], told["costUsd"]) == (30, 1.0, None)


def until_ended(api: Api, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (read := api.client.get(f"/v2/generate/{name}").json())["status"] in (
        "PENDING", "PROCESSING",
    ):  # fmt: skip
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(read)


def test_sync_so_s_routes_make_talks(serve: Serve, listener: Listener, sound: bytes) -> None:
    here = frozenset({listener.url.removeprefix("http://")})
    api = serve(private_hosts=here, webhook_secrets=(SECRET,), usd_per_hour=3600.0)
    listener.contents = {"/v.mp4": api.driving, "/p.png": api.portrait, "/a.wav": sound}
    body = {
        "model": "any-name",
        "input": [
            {"type": "video", "url": f"{listener.url}/v.mp4"},
            {"type": "audio", "url": f"{listener.url}/a.wav"},
        ],
        "options": {"sync_mode": "cut_off", "temperature": 0.25},
        "webhookUrl": f"{listener.url}/hook",
    }
    answer = api.client.post("/v2/generate", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["status"], made["model"]) == ("PENDING", "any-name")
    ended = until_ended(api, made["id"])
    assert (ended["status"], ended["error"]) == ("COMPLETED", None)
    assert ended["outputDuration"] == pytest.approx(1.0, abs=0.05)
    assert api.client.get(ended["outputUrl"]).content[4:8] == b"ftyp"
    ours = api.read(made["id"])
    assert (ours["kind"], ours["params"]["strength"]) == ("talk", 0.5)
    assert api.client.get("/v2/generations?status=COMPLETED").json() == [ended]
    assert api.client.get(f"/v2/generations?ids={made['id']},x&status=FAILED").json() == []
    wait_for(listener, 3)  # two inputs, one message
    _, headers, told = listener.got[-1]
    assert Webhook(SECRET).verify(told, headers) == ended
    (price,) = api.client.post("/v2/analyze/cost", json=body).json()
    assert price["estimatedFrameCount"] > 10
    assert price["estimatedGenerationCost"] > 0
    inputs = [
        {"type": "video", "url": f"{listener.url}/p.png"},
        {"type": "audio", "url": f"{listener.url}/a.wav"},
    ]
    still = api.client.post("/v2/generate", json={**body, "input": inputs})
    assert still.status_code == 201, still.text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "model is missing"),
        ({"model": "m"}, "there is no video"),
        ({"model": "m", "input": [{"type": "text", "provider": {}}]}, "type video or audio"),
        ({"model": "m", "input": [{"type": "video", "assetId": "a"}]}, "with a url"),
        ({"model": "m", "segments": [{}]}, "segments"),
        ({"model": "m" * 101}, "at most 100 characters"),
        ({"model": "m", "input": [{"type": [], "url": "x"}]}, "type video or audio"),
    ],
)
def test_what_is_not_made_here_is_told_as_their_clients_read_it(
    api: Api, body: dict[str, Any], says: str
) -> None:
    answer = api.client.post("/v2/generate", json=body)
    assert answer.status_code == answer.json()["statusCode"] == 400
    assert says in answer.json()["message"]


def test_options_that_would_be_ignored_are_refused(api: Api, sound: bytes) -> None:
    for options, says in (
        ({"sync_mode": "bounce"}, "sync_mode"),
        ({"prompt": "happy"}, "options.prompt"),
        ({"temperature": 2}, "0 to 1"),
        ({"sync_mode": []}, "sync_mode"),
        ([1], "accepted: an object"),
    ):
        answer = api.client.post(
            "/v2/generate",
            data={"model": "m", "options": json.dumps(options)},
            files={"video": api.portrait, "audio": ("s.wav", sound)},
        )
        assert says in answer.json()["message"]


@pytest.mark.studio  # `make test-studio` installs their client, which states no licence
def test_their_client_needs_no_change(serve: Serve, sound: bytes) -> None:
    sync = pytest.importorskip("sync")
    own, stranger = httpx.Client(timeout=60), httpx.Client()
    key = "s3cret"
    api = serve(key_digests=frozenset({hashlib.sha256(key.encode()).hexdigest()}))
    client = sync.Sync(base_url=str(api.client.base_url), api_key=key, httpx_client=own)
    made = client.generations.create_with_files(
        model="lipsync-2", video=("v.mp4", api.driving), audio=("a.wav", sound)
    )
    assert made.status == "PENDING"
    deadline = time.monotonic() + 60
    while (read := client.generations.get(made.id)).status in ("PENDING", "PROCESSING"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (read.status, read.error) == ("COMPLETED", None)
    assert read.output_duration == pytest.approx(1.0, abs=0.05)
    assert [each.id for each in client.generations.list()] == [made.id]
    with pytest.raises(sync.common.errors.BadRequestError) as refused:
        client.generations.create(model="m", input=[sync.Audio(url="http://a.test/a.wav")])
    assert "there is no video" in refused.value.body.message
    with pytest.raises(sync.common.errors.UnauthorizedError):
        sync.Sync(
            base_url=str(api.client.base_url), api_key="other", httpx_client=stranger
        ).generations.list()
    own.close()
    stranger.close()
