"""Who may use the API, how much, and what it does not do for pages of other sites."""

import hashlib
import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.web.conftest import Serve, body, files
from web.__main__ import main
from web.api.bodies import MAX_JSON_BYTES
from web.api.inputs import MAX_BODY_BYTES
from web.command_line import locked
from web.settings import InvalidSetting, Settings, settings_from

KEYS = {"ann": "s3cret-of-ann", "bob": "s3cret-of-bob"}
DIGESTS = frozenset(hashlib.sha256(key.encode()).hexdigest() for key in KEYS.values())


def bearer(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[who]}"}


def test_only_known_keys_are_served_and_each_sees_its_own(serve: Serve) -> None:
    api = serve(key_digests=DIGESTS)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEYS["ann"]}):
        answer = api.client.get("/v1/generations", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    made = api.post({**bearer("ann"), "Prefer": "wait=60"}).json()
    path = f"/v1/generations/{made['id']}"
    assert api.client.get(path, headers=bearer("ann")).status_code == 200
    for what in (path, path + "/video"):
        assert api.client.get(what, headers=bearer("bob")).status_code == 404
    assert api.client.post(path + "/cancel", headers=bearer("bob")).status_code == 404
    assert api.client.get("/v1/generations", headers=bearer("bob")).json()["data"] == []
    assert api.client.get(made["output"]["videoUrl"]).status_code == 200  # the token opens it
    for guessed in ("guessed", "gu\u00e9ssed"):
        assert api.client.get(path + f"/video?token={guessed}").status_code == 404
    assert api.client.get("/health").status_code == 200


def test_a_key_that_asks_too_often_is_told_when_to_come_back(serve: Serve) -> None:
    api = serve(key_digests=DIGESTS, requests_per_minute=3)
    statuses = [
        api.client.get("/v1/generations", headers=bearer("ann")).status_code for _ in range(4)
    ]
    assert statuses == [200, 200, 200, 429]
    refused = api.client.get("/v1/generations", headers=bearer("ann"))
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["retryable"] is True
    assert api.client.get("/v1/generations", headers=bearer("bob")).status_code == 200


def test_pages_of_other_sites_cannot_use_an_open_port(serve: Serve) -> None:
    api = serve()
    for headers in (
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "null"},
        {"Host": "[127.0.0.1"},
        {"Origin": "http://[127.0.0.1"},
    ):
        answer = api.client.get("/v1/generations", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN"), headers
    own = {"Origin": str(api.client.base_url).rstrip("/")}
    assert api.client.get("/v1/generations", headers=own).status_code == 200


def test_a_body_that_is_too_large_is_refused_said_or_not(serve: Serve) -> None:
    api = serve()

    def endless() -> Iterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="a"; filename="a"\r\n\r\n'
        for _ in range(MAX_BODY_BYTES // 10_000_000 + 2):
            yield b"x" * 10_000_000

    connection = http.client.HTTPConnection("127.0.0.1", api.client.base_url.port)
    connection.putrequest("POST", "/v1/generations")
    connection.putheader("content-length", str(MAX_BODY_BYTES + 1))
    connection.endheaders()
    said = connection.getresponse()
    assert (said.status, json.load(said)["error"]["code"]) == (413, "TOO_LARGE")
    connection.close()
    unsaid = api.client.post(
        "/v1/generations",
        content=endless(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert (unsaid.status_code, unsaid.json()["error"]["code"]) == (413, "TOO_LARGE")
    for path in ("/v1/generations", "/v2/generate"):  # lists in lists take sixty times their bytes
        lists = api.client.post(
            path, content=b"[" * MAX_JSON_BYTES + b"]", headers={"content-type": "application/json"}
        )
        assert lists.status_code == 413


def test_a_thousand_wait_and_the_next_is_told_to_come_back(
    serve: Serve, portrait: bytes, driving: bytes, tmp_path: Path
) -> None:
    api = serve(slowness_s=10, max_queued=1000, requests_per_minute=100_000)
    service = api.app.state.service
    first = api.post().json()
    kept = service.jobs.store.get(first["id"])
    for number in range(1000):
        last = replace(kept, id=f"id-{number}", state=kept.state.QUEUED)
        service.jobs.store.add(last, idempotency_key=None)
    answer = api.client.post("/v1/generations", data=body(), files=files(portrait, driving))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    assert service.jobs.queue.position(last) == 999
    assert [path.name for path in (tmp_path / "data/files").iterdir()] == [kept.folder]
    assert list((tmp_path / "data/arriving").iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AVATAR_WEB_HOST": "0.0.0.0"}, "no key is set"),
        ({"AVATAR_WEB_KEYS": "s3cret"}, "SHA-256 digests"),
        ({"AVATAR_WEB_WEBHOOK_SECRETS": "s3cret"}, "does not begin with whsec_"),
        ({"AVATAR_WEB_PORT": "http"}, "AVATAR_WEB_PORT is 'http'; accepted: a number above 0"),
        ({"AVATAR_WEB_RESULT_TTL_S": "nan"}, "AVATAR_WEB_RESULT_TTL_S is 'nan'"),
        ({"AVATAR_WEB_ENGINE": "mash"}, "engine is 'mash'; accepted: auto, liveportrait, mesh"),
    ],
)
def test_a_wrong_setting_is_told(environment: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        settings_from(environment)


def test_an_open_port_needs_a_key(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--host", "0.0.0.0", "--data", str(tmp_path)]) == 2
    assert "anybody who reaches it could render" in capsys.readouterr().err
    assert Settings(data=tmp_path, host="0.0.0.0", key_digests=DIGESTS).port == 7860


def test_a_second_start_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = str(first.getsockname()[1])
        assert main(["--port", port, "--data", str(tmp_path)]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"INVALID_SETTING: port {port} of 127.0.0.1 cannot be had: ")
        assert told.err.endswith(
            "accepted: a free one in AVATAR_WEB_PORT (--port; with make API_PORT=…)\n"
        )
    assert main(["--port", "99999", "--data", str(tmp_path)]) == 2
    assert "port 99999 of 127.0.0.1 cannot be had: " in capsys.readouterr().err
    lock = locked(tmp_path)
    assert main(["--port", port, "--data", str(tmp_path)]) == 2
    lock.release()
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"INVALID_SETTING: {tmp_path} is used by another process; accepted: another folder in "
        "AVATAR_WEB_DATA (--data)\n"
    )


def test_a_folder_that_cannot_be_written_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert main(["--port", "7861", "--data", str(tmp_path / "file" / "data")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"INVALID_SETTING: {tmp_path}/file/data cannot be written: Not a dir")
