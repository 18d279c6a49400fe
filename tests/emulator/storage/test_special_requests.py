"""Compose, batches, signed URLs, compressed objects."""

import datetime
import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials, Signing
from google.cloud.storage import Bucket, Client

from emulator.control.handle import Control
from emulator.suite import Suite

HOUR = datetime.timedelta(hours=1)


class Signer(AnonymousCredentials, Signing):
    """Credentials with a fake signature."""

    signer_email = "nobody@demo-avatar.iam.gserviceaccount.com"
    signer = None

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def sign_bytes(self, message: bytes) -> bytes:
        return b"signature"


@pytest.fixture
def http(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=suite.storage_url) as client:
        yield client


def signed(bucket: Bucket, name: str, suite: Suite, **options: Any) -> str:
    return str(
        bucket.blob(name).generate_signed_url(
            credentials=Signer(),
            api_access_endpoint=suite.storage_url,
            **{"version": "v4", "expiration": HOUR, **options},
        )
    )


def test_objects_are_composed_in_order(bucket: Bucket) -> None:
    parts = [bucket.blob(f"part{number}") for number in range(3)]
    for number, part in enumerate(parts):
        part.upload_from_string(str(number) * 3)
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.compose([*parts, parts[0]], if_generation_match=0)
    assert whole.download_as_bytes() == b"000111222000"
    assert (whole.size, whole.content_type) == (12, "text/plain")
    with pytest.raises(PreconditionFailed):
        whole.compose(parts, if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        whole.compose(parts[:1], if_source_generation_match=[1])
    whole.compose(parts[:1], if_source_generation_match=[parts[0].generation])
    with pytest.raises(NotFound):
        whole.compose([bucket.blob("none")])
    with pytest.raises(BadRequest, match="1 to 32"):
        whole.compose([])


@pytest.mark.parametrize("source", ["a", {}, {"name": "a", "generation": "x"}])
def test_malformed_sources_are_refused(http: httpx.Client, bucket: Bucket, source: Any) -> None:
    path = f"/storage/v1/b/{bucket.name}/o/whole/compose"
    assert http.post(path, json={"sourceObjects": [source]}).status_code == 400


def test_a_batch_is_answered_call_by_call(storage: Client, bucket: Bucket) -> None:
    for name in ("a", "b ä"):
        bucket.blob(name).upload_from_string(b"data")
    one, other, missing = bucket.blob("a"), bucket.blob("b ä"), bucket.blob("none")
    with storage.batch(raise_exception=False) as batch:
        one.metadata = {"k": "ä"}
        one.patch()
        other.delete()
        missing.delete()
    assert [answer.status_code for answer in batch._responses] == [200, 204, 404]
    assert bucket.get_blob("a").metadata == {"k": "ä"}
    assert bucket.get_blob("b ä") is None


def test_a_batch_counts_its_calls(storage: Client, bucket: Bucket, control: Control) -> None:
    bucket.delete_blobs([], preserve_generation=True)
    with storage.batch(raise_exception=False):
        bucket.blob("a").delete()
        bucket.blob("b").delete()
    assert control.calls()["storage.objects.delete"] == 2
    assert control.calls()["storage.batch"] == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"--x\r\nContent-Type: application/http\r\n\r\nDELETE\r\n--x--\r\n"],
)
def test_malformed_batches_are_refused(http: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=x"}
    answer = http.post("/batch/storage/v1", content=body, headers=headers)
    assert answer.status_code == 400
    assert "batch" in answer.json()["error"]["message"]


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_a_signed_url_reads_and_writes(
    http: httpx.Client, bucket: Bucket, suite: Suite, version: str
) -> None:
    options = {"version": version, "method": "PUT", "content_type": "text/plain"}
    put = signed(bucket, "a/ä b", suite, **options)
    headers = {"Content-Type": "text/plain", "X-Goog-Meta-By": "ada"}
    answer = http.put(put, content=b"data", headers=headers)
    assert answer.status_code == 200
    blob = bucket.get_blob("a/ä b")
    assert (blob.content_type, blob.metadata) == ("text/plain", {"by": "ada"})
    assert answer.headers["x-goog-generation"] == str(blob.generation)
    url = signed(bucket, "a/ä b", suite, version=version)
    assert http.get(url).content == b"data"
    part = http.get(url, headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, b"at")
    assert http.get(url, headers={"Range": "bytes=9-"}).status_code == 416
    assert http.head(url).headers["content-length"] == "4"
    assert http.delete(url).status_code == 204
    assert http.get(url).status_code == 404
    assert "<Code>NoSuchKey</Code>" in http.get(url).text


def test_a_signed_upload_may_be_resumable(http: httpx.Client, bucket: Bucket, suite: Suite) -> None:
    start = {"x-goog-resumable": "start"}
    url = signed(bucket, "large", suite, method="POST", headers=start)
    begun = http.post(url, headers=start)
    assert begun.status_code == 201
    session = begun.headers["location"]
    first = http.put(session, content=b"ab", headers={"Content-Range": "bytes 0-1/*"})
    assert (first.status_code, first.headers["range"]) == (308, "bytes=0-1")
    http.put(session, content=b"cd", headers={"Content-Range": "bytes 2-*/*"})
    assert bucket.blob("large").download_as_bytes() == b"abcd"
    assert http.post(url.replace("large", "other")).status_code == 400


def test_a_signed_url_expires(http: httpx.Client, bucket: Bucket, suite: Suite) -> None:
    bucket.blob("a").upload_from_string(b"data")
    past = datetime.datetime.now(datetime.UTC) - 2 * HOUR
    old = signed(bucket, "a", suite).replace(
        f"X-Goog-Date={datetime.datetime.now(datetime.UTC):%Y%m%d}", f"X-Goog-Date={past:%Y}0101"
    )
    for url in (old, f"/{bucket.name}/a?Expires=1&GoogleAccessId=a&Signature=b"):
        answer = http.get(url)
        assert answer.status_code == 400
        assert "<Code>ExpiredToken</Code>" in answer.text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("X-Goog-Signature=", "X-Goog-Signature=&x=", "lacks X-Goog-Signature"),
        ("X-Goog-Expires=3600", "X-Goog-Expires=604801", "604800"),
        ("X-Goog-Expires=3600", "X-Goog-Expires=soon", "whole number"),
        ("X-Goog-Date=", "X-Goog-Date=x", "20261120T100000Z"),
        ("X-Goog-SignedHeaders=host", "X-Goog-SignedHeaders=host;x-a", "x-a was signed"),
    ],
)
def test_malformed_signatures_are_refused(
    http: httpx.Client, bucket: Bucket, suite: Suite, old: str, new: str, message: str
) -> None:
    url = signed(bucket, "a", suite)
    assert old in url
    answer = http.get(url.replace(old, new))
    assert answer.status_code == 400
    assert message in answer.text


def test_plain_urls_keep_preconditions_and_digests(http: httpx.Client, bucket: Bucket) -> None:
    path = f"/{bucket.name}/a"
    assert http.put(path, headers={"x-goog-if-generation-match": "0"}).status_code == 200
    again = http.put(path, headers={"x-goog-if-generation-match": "0"})
    assert (again.status_code, "<Code>PreconditionFailed</Code>" in again.text) == (412, True)
    wrong = http.put(path, content=b"data", headers={"x-goog-hash": "crc32c=AAAAAA=="})
    assert wrong.status_code == 400
    wrong = http.put(path, content=b"data", headers={"content-md5": "AAAAAA=="})
    assert wrong.status_code == 400
    assert bucket.get_blob("a").size == 0


def test_compressed_objects_are_unpacked_for_who_takes_no_gzip(
    http: httpx.Client, bucket: Bucket
) -> None:
    text = b"hello " * 100_000
    blob = bucket.blob("text")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(text))
    plain = {"Accept-Encoding": "identity"}
    unpacked = http.get(f"/{bucket.name}/text", headers=plain)
    assert unpacked.content == text
    assert "content-encoding" not in unpacked.headers
    assert unpacked.headers["x-goog-stored-content-encoding"] == "gzip"
    assert http.head(f"/{bucket.name}/text", headers=plain).status_code == 200
    packed = http.get(f"/{bucket.name}/text", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", text)
    assert blob.download_as_bytes() == text
    blob.cache_control = "no-transform"
    blob.patch()
    kept = http.get(f"/{bucket.name}/text", headers=plain)
    assert kept.headers["content-encoding"] == "gzip"


def test_the_client_reads_a_compressed_object_as_it_is_stored_or_unpacked(
    bucket: Bucket,
) -> None:
    text = bytes(20_000_000)
    packed = gzip.compress(text)
    blob = bucket.blob("zeros")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)
    assert (blob.size, blob.content_encoding) == (len(packed), "gzip")
    assert blob.download_as_bytes(raw_download=True) == packed
    assert blob.download_as_bytes() == text


def test_a_compressed_object_comes_whole_however_large_it_is_unpacked(
    http: httpx.Client, bucket: Bucket
) -> None:
    text = bytes(20_000_000) + b"end"
    blob = bucket.blob("zeros")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(text))
    unpacked = http.get(f"/{bucket.name}/zeros", headers={"Accept-Encoding": "identity"})
    assert unpacked.content == text


def test_a_bucket_s_preconditions(http: httpx.Client, bucket: Bucket) -> None:
    path = f"/storage/v1/b/{bucket.name}"
    wanted = {1: "ifMetagenerationNotMatch", 2: "ifMetagenerationMatch"}
    for number, name in wanted.items():
        assert http.delete(path, params={name: number}).status_code == 412
    assert http.get(path, params={"ifMetagenerationNotMatch": 1}).status_code == 304
    assert http.get(path, params={"ifMetagenerationMatch": 1}).status_code == 200
