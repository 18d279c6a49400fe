"""The `v0` API of Firebase, as apps and their URLs speak it: plain HTTP."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from google.cloud.storage import Bucket

from emulator.control.handle import Control
from emulator.suite import Suite

APP = {"Authorization": "Firebase some-user"}


@pytest.fixture
def client(suite: Suite) -> Iterator[httpx.Client]:
    base = f"{suite.storage_url}/v0/b/{suite.options.bucket}"
    with httpx.Client(base_url=base) as opened:
        yield opened


@pytest.fixture
def video(bucket: Bucket) -> str:
    """Uploads an object with the token "secret", and returns its quoted name."""
    blob = bucket.blob("avatars/ada/idle ü.mp4")
    blob.metadata = {"firebaseStorageDownloadTokens": "old,secret", "avatarId": "ada"}
    blob.cache_control = "private, max-age=31536000, immutable"
    blob.content_disposition = 'inline; filename="idle.mp4"'
    blob.upload_from_string(b"0123456789", content_type="video/mp4")
    return quote("avatars/ada/idle ü.mp4", safe="")


def multipart(description: dict[str, Any], data: bytes) -> bytes:
    return (
        b"--frontier\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
        + json.dumps(description).encode()
        + b"\r\n--frontier\r\nContent-Type: image/png\r\n\r\n"
        + data
        + b"\r\n--frontier--"
    )


MULTIPART = {
    **APP,
    "X-Goog-Upload-Protocol": "multipart",
    "Content-Type": "multipart/related; boundary=frontier",
}


def test_a_token_opens_the_object_without_credentials(client: httpx.Client, video: str) -> None:
    answer = client.get(f"/o/{video}?alt=media&token=secret")
    assert answer.status_code == 200
    assert answer.content == b"0123456789"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == "10"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["content-disposition"] == 'inline; filename="idle.mp4"'


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?alt=media&token=wrong", {}, 403),
        ("?alt=media&token=", {}, 403),
        ("?alt=media&token=wrong", APP, 403),
        ("?alt=media", {}, 403),
        ("?alt=media", APP, 200),
        ("?alt=media&token=old", {}, 200),
    ],
)
def test_who_may_download(
    client: httpx.Client, video: str, query: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get(f"/o/{video}{query}", headers=headers)
    assert answer.status_code == status
    if status == 403:
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == (403, "Permission denied.")


@pytest.mark.parametrize(
    ("header", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=2-5", 206, b"2345", "bytes 2-5/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-", 206, b"56789", "bytes 5-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=1-2,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_players_ask_for_ranges(
    client: httpx.Client,
    video: str,
    header: str,
    status: int,
    body: bytes | None,
    content_range: str | None,
) -> None:
    answer = client.get(f"/o/{video}?alt=media&token=secret", headers={"Range": header})
    assert answer.status_code == status
    assert answer.headers.get("content-range") == content_range
    if body is not None:
        assert answer.content == body


def test_head_has_the_headers_and_no_body(client: httpx.Client, video: str) -> None:
    answer = client.head(f"/o/{video}?alt=media&token=secret")
    assert (answer.status_code, answer.headers["content-length"]) == (200, "10")
    assert answer.content == b""


def test_metadata_names_the_tokens(client: httpx.Client, video: str, bucket: Bucket) -> None:
    found = client.get(f"/o/{video}", headers=APP).json()
    assert found["name"] == "avatars/ada/idle ü.mp4"
    assert found["bucket"] == bucket.name
    assert found["downloadTokens"] == "old,secret"
    assert found["size"] == "10"
    assert found["contentType"] == "video/mp4"
    assert found["metadata"] == {"avatarId": "ada"}


def test_an_object_without_a_token_gets_one(client: httpx.Client, bucket: Bucket) -> None:
    bucket.blob("plain.bin").upload_from_string(b"data")
    token = client.get("/o/plain.bin", headers=APP).json()["downloadTokens"]
    assert token
    assert client.get("/o/plain.bin", headers=APP).json()["downloadTokens"] == token
    assert client.get(f"/o/plain.bin?alt=media&token={token}").content == b"data"


def test_missing_objects(client: httpx.Client, suite: Suite) -> None:
    answer = client.get("/o/none?alt=media&token=x")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404
    assert client.delete("/o/none", headers=APP).status_code == 404
    elsewhere = httpx.get(f"{suite.storage_url}/v0/b/another/o/none", headers=APP)
    assert elsewhere.status_code == 404


@pytest.mark.parametrize("data", [b"", b"pixels", b"-\r\n--front\r\n--frontie" * 9])
def test_a_multipart_upload(client: httpx.Client, bucket: Bucket, data: bytes) -> None:
    description = {"contentType": "image/png", "metadata": {"avatarId": "ada"}}
    answer = client.post(
        "/o?name=avatars%2Fada%2Fa.png", headers=MULTIPART, content=multipart(description, data)
    )
    assert answer.status_code == 200
    made = answer.json()
    assert made["name"] == "avatars/ada/a.png"
    assert made["downloadTokens"]
    blob = bucket.get_blob("avatars/ada/a.png")
    assert blob is not None
    assert blob.download_as_bytes() == data
    assert blob.content_type == "image/png"
    assert blob.metadata["avatarId"] == "ada"


def test_a_multipart_upload_that_breaks_off_stores_nothing(
    client: httpx.Client, bucket: Bucket
) -> None:
    whole = multipart({}, b"pixels")
    broken = (whole[:-12], whole[:40], b"", multipart({"contentType": 5}, b"pixels"))
    for body in broken:
        answer = client.post("/o?name=a.png", headers=MULTIPART, content=body)
        assert answer.status_code == 400
    assert not bucket.blob("a.png").exists()


def test_a_resumable_upload(client: httpx.Client, bucket: Bucket) -> None:
    start = client.post(
        "/o?name=big.bin",
        headers={
            **APP,
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Type": "video/mp4",
        },
        json={"contentType": "video/mp4"},
    )
    assert start.headers["x-goog-upload-status"] == "active"
    url = start.headers["x-goog-upload-url"]

    def send(command: str, offset: int, data: bytes) -> httpx.Response:
        headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(offset)}
        return httpx.post(url, headers=headers, content=data)

    assert send("upload", 0, b"first").headers["x-goog-upload-status"] == "active"
    asked = send("query", 0, b"")
    assert asked.headers["x-goog-upload-size-received"] == "5"
    gap = send("upload", 9, b"gap")
    odd = httpx.post(url, headers={"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "x"})
    assert odd.status_code == 400
    assert gap.status_code == 400
    end = send("upload, finalize", 5, b" last")
    assert end.headers["x-goog-upload-status"] == "final"
    assert end.json()["size"] == "10"
    assert send("upload, finalize", 5, b" last").json()["size"] == "10"
    assert bucket.blob("big.bin").download_as_bytes() == b"first last"


def test_a_resumable_upload_is_cancelled(client: httpx.Client, bucket: Bucket) -> None:
    headers = {**APP, "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    url = client.post("/o?name=big.bin", headers=headers).headers["x-goog-upload-url"]
    cancel = httpx.post(url, headers={"X-Goog-Upload-Command": "cancel"})
    assert cancel.headers["x-goog-upload-status"] == "cancelled"
    again = httpx.post(url, headers={"X-Goog-Upload-Command": "upload"}, content=b"x")
    assert again.status_code == 404
    assert not bucket.blob("big.bin").exists()


def test_patch_keeps_the_tokens(client: httpx.Client, video: str) -> None:
    patched = client.patch(
        f"/o/{video}", headers=APP, json={"contentType": "video/webm", "metadata": {"a": "b"}}
    ).json()
    assert patched["contentType"] == "video/webm"
    assert patched["metadata"] == {"avatarId": "ada", "a": "b"}
    assert patched["downloadTokens"] == "old,secret"
    assert patched["metageneration"] == "2"


def test_list_and_delete(client: httpx.Client, bucket: Bucket) -> None:
    for name in ("a/1", "a/2", "a/b/3"):
        bucket.blob(name).upload_from_string(b"")
    listed = client.get("/o?prefix=a%2F&delimiter=%2F", headers=APP).json()
    assert [item["name"] for item in listed["items"]] == ["a/1", "a/2"]
    assert listed["prefixes"] == ["a/b/"]
    first = client.get("/o?prefix=a%2F&maxResults=2", headers=APP).json()
    rest = client.get(f"/o?prefix=a%2F&pageToken={first['nextPageToken']}", headers=APP).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["a/1", "a/2", "a/b/3"]
    assert client.get("/o?maxResults=many", headers=APP).status_code == 400
    assert client.delete("/o/a%2F1", headers=APP).status_code == 204
    assert not bucket.blob("a/1").exists()


def test_browsers_are_let_in(client: httpx.Client, video: str) -> None:
    origin = "http://localhost:5173"
    preflight = client.options(
        f"/o/{video}",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-goog-upload-protocol",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-credentials"] == "true"
    allowed = preflight.headers["access-control-allow-headers"]
    assert allowed == "authorization,x-goog-upload-protocol"
    for query in ("?alt=media&token=secret", "?alt=media&token=wrong"):
        answer = client.get(f"/o/{video}{query}", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Content-Range" in answer.headers["access-control-expose-headers"]


def test_a_broken_download_is_short(client: httpx.Client, video: str, control: Control) -> None:
    control.drop_downloads(after_bytes=4)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/o/{video}?alt=media&token=secret")
    assert client.get(f"/o/{video}?alt=media&token=secret").content == b"0123456789"


def test_calls_are_counted_by_api(client: httpx.Client, video: str, control: Control) -> None:
    control.clear_calls()
    client.get(f"/o/{video}?alt=media&token=secret")
    client.get(f"/o/{video}", headers=APP)
    assert control.calls() == {"firebase.objects.download": 1, "firebase.objects.get": 1}
    client.get("/elsewhere/x")
    assert client.put("/a/b", headers=APP).status_code == 404
