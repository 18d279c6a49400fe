"""The JSON API of Storage over plain HTTP, as clients other than Python's use it."""

from collections.abc import Iterator

import httpx
import pytest
from google.cloud.storage import Bucket

from emulator.suite import Suite


@pytest.fixture
def client(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=suite.storage_url) as opened:
        yield opened


@pytest.fixture
def upload(suite: Suite) -> str:
    return f"/upload/storage/v1/b/{suite.options.bucket}/o"


@pytest.fixture
def objects(suite: Suite) -> str:
    return f"/storage/v1/b/{suite.options.bucket}/o"


def test_a_plain_media_upload(client: httpx.Client, upload: str, objects: str) -> None:
    made = client.post(
        f"{upload}?uploadType=media&name=a%2Fb", headers={"Content-Type": "a/b"}, content=b"data"
    ).json()
    assert (made["name"], made["size"], made["contentType"]) == ("a/b", "4", "a/b")
    assert client.get(f"{objects}/a%2Fb?alt=media").content == b"data"
    assert client.get(made["mediaLink"]).content == b"data"
    assert client.get(made["selfLink"]).json() == made


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?name=a", 400),
        ("?uploadType=carrier-pigeon&name=a", 400),
        ("?uploadType=media", 400),
        ("?uploadType=media&name=a&ifGenerationMatch=x", 400),
        (f"?uploadType=media&name={'x' * 1025}", 400),
        ("?uploadType=multipart&name=a", 400),
    ],
)
def test_malformed_uploads_are_refused(
    client: httpx.Client, upload: str, objects: str, query: str, status: int
) -> None:
    answer = client.post(f"{upload}{query}", content=b"data" * 100_000)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status
    assert "items" not in client.get(objects).json()


def test_a_resumable_upload_piece_by_piece(
    client: httpx.Client, upload: str, bucket: Bucket
) -> None:
    begun = client.post(f"{upload}?uploadType=resumable", json={"name": "a", "contentType": "a/b"})
    url = begun.headers["location"]

    def put(content_range: str, data: bytes = b"") -> httpx.Response:
        return client.put(url, headers={"Content-Range": content_range}, content=data)

    asked = put("bytes */*")
    assert asked.status_code == 308
    assert "range" not in asked.headers
    first = put("bytes 0-4/*", b"01234")
    assert (first.status_code, first.headers["range"]) == (308, "bytes=0-4")
    overlapping = put("bytes 3-6/*", b"3456")
    assert overlapping.headers["range"] == "bytes=0-6"
    assert put("bytes 9-9/10", b"9").status_code == 400
    assert put("bytes 7-9/10", b"789").json()["size"] == "10"
    assert put("bytes */10").json()["size"] == "10"
    assert bucket.blob("a").download_as_bytes() == b"0123456789"


def test_a_resumable_upload_in_one_piece_or_cancelled(
    client: httpx.Client, upload: str, bucket: Bucket
) -> None:
    begin = f"{upload}?uploadType=resumable&name=a"
    url = client.post(begin).headers["location"]
    assert client.put(url, content=b"whole").json()["size"] == "5"
    cancelled = client.post(begin).headers["location"]
    assert client.delete(cancelled).status_code == 499
    assert client.put(cancelled, content=b"late").status_code == 404
    assert bucket.blob("a").download_as_bytes() == b"whole"


def test_an_update_replaces_and_a_copy_may_set_metadata(
    client: httpx.Client, bucket: Bucket, objects: str
) -> None:
    blob = bucket.blob("a")
    blob.metadata = {"old": "1"}
    blob.upload_from_string(b"data", content_type="a/b")
    put = client.put(f"{objects}/a", json={"contentType": "c/d", "metadata": {"new": "2"}}).json()
    assert (put["contentType"], put["metadata"]) == ("c/d", {"new": "2"})
    target = f"{objects}/a/copyTo/b/{bucket.name}/o/copy"
    copied = client.post(target, json={"contentType": "e/f"}).json()
    assert (copied["name"], copied["contentType"]) == ("copy", "e/f")
    assert "metadata" not in copied
    refused = client.post(f"{target}?ifSourceGenerationMatch=1")
    assert refused.status_code == 412
    cleared = client.patch(f"{objects}/a", json={"metadata": None}).json()
    assert "metadata" not in cleared


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"metadata": {"a": 1}}', b'{"contentType": 1}'])
def test_malformed_metadata_is_refused(
    client: httpx.Client, bucket: Bucket, objects: str, body: bytes
) -> None:
    bucket.blob("a").upload_from_string(b"data")
    assert client.patch(f"{objects}/a", content=body).status_code == 400
    found = bucket.get_blob("a")
    assert found is not None
    assert found.metageneration == 1


def test_a_bucket_needs_a_name(client: httpx.Client) -> None:
    assert client.post("/storage/v1/b", json={}).status_code == 400
    assert client.get("/storage/v1/b/none/o").status_code == 404
