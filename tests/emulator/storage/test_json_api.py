"""The JSON API of Storage, by google-cloud-storage."""

import base64
import gc
import hashlib
import io
import os
import threading
import time
import warnings
from collections.abc import Callable

import google_crc32c
import httpx
import pytest
from google.api_core.exceptions import (
    BadRequest,
    Conflict,
    GoogleAPICallError,
    NotFound,
    PreconditionFailed,
    ServiceUnavailable,
)
from google.cloud.storage import Bucket, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from emulator.control.handle import Control

MEBIBYTE = 1 << 20
NAMES = ("a.txt", "folder/b c.txt", "folder/größe/ü+%&?#.bin", "folder//double", "🙂")


@pytest.mark.parametrize("name", NAMES)
def test_objects_come_back_under_any_name(bucket: Bucket, name: str) -> None:
    bucket.blob(name).upload_from_string(b"hello", content_type="text/plain")
    blob = bucket.get_blob(name)
    assert blob is not None
    assert blob.name == name
    assert blob.content_type == "text/plain"
    assert blob.download_as_bytes() == b"hello"
    blob.delete()
    assert bucket.get_blob(name) is None


@pytest.mark.parametrize("size", [0, 1, 100_000, 9 * MEBIBYTE])
def test_uploads_of_every_size(bucket: Bucket, size: int) -> None:
    data = os.urandom(size)
    blob = bucket.blob("random.bin")
    blob.upload_from_string(data)
    assert blob.size == size
    assert blob.md5_hash == base64.b64encode(hashlib.md5(data).digest()).decode()  # noqa: S324
    assert blob.crc32c == base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
    assert blob.download_as_bytes() == data


def test_an_upload_in_chunks_of_unknown_length(bucket: Bucket, control: Control) -> None:
    data = os.urandom(MEBIBYTE + 17)

    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self._stream = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self._stream.read(size)

        def tell(self) -> int:
            return self._stream.tell()

    blob = bucket.blob("streamed.bin", chunk_size=256 * 1024)
    blob.upload_from_file(Unseekable())
    assert blob.download_as_bytes() == data
    assert control.calls()["storage.objects.insert.continue"] == 5


def test_metadata_comes_back_and_is_patched(bucket: Bucket) -> None:
    blob = bucket.blob("video.mp4")
    blob.cache_control = "private, max-age=31536000, immutable"
    blob.content_disposition = 'inline; filename="idle.mp4"'
    blob.metadata = {"firebaseStorageDownloadTokens": "secret", "avatarId": "ada"}
    blob.upload_from_string(b"data", content_type="video/mp4")
    first_generation = blob.generation

    found = bucket.get_blob("video.mp4")
    assert found is not None
    assert found.cache_control == "private, max-age=31536000, immutable"
    assert found.content_disposition == 'inline; filename="idle.mp4"'
    assert found.metadata == {"firebaseStorageDownloadTokens": "secret", "avatarId": "ada"}
    assert found.metageneration == 1

    found.metadata = {"avatarId": None, "more": "1"}
    found.cache_control = None
    found.patch()
    again = bucket.get_blob("video.mp4")
    assert again is not None
    assert again.metadata == {"firebaseStorageDownloadTokens": "secret", "more": "1"}
    assert again.cache_control is None
    assert again.content_type == "video/mp4"
    assert again.metageneration == 2
    assert again.generation == first_generation
    assert again.updated > again.time_created


def test_zero_means_only_where_there_is_none(bucket: Bucket) -> None:
    bucket.blob("once.bin").upload_from_string(b"first", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("once.bin").upload_from_string(b"second", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("once.bin").upload_from_string(b"x" * 9 * MEBIBYTE, if_generation_match=0)
    assert bucket.blob("once.bin").download_as_bytes() == b"first"


def test_every_verb_checks_the_generation(bucket: Bucket) -> None:
    blob = bucket.blob("a.bin")
    blob.upload_from_string(b"first")
    old = blob.generation
    blob.upload_from_string(b"second", if_generation_match=old)
    new = blob.generation
    assert new > old
    fresh = bucket.blob("a.bin")
    calls: tuple[Callable[[], object], ...] = (
        lambda: fresh.upload_from_string(b"third", if_generation_match=old),
        lambda: fresh.download_as_bytes(if_generation_match=old),
        lambda: fresh.reload(if_generation_match=old),
        lambda: fresh.patch(if_generation_match=old),
        lambda: fresh.patch(if_metageneration_match=7),
        lambda: fresh.delete(if_generation_match=old),
    )
    for call in calls:
        with pytest.raises(PreconditionFailed):
            call()
    assert fresh.download_as_bytes(if_generation_match=new) == b"second"
    assert fresh.exists(if_generation_match=new)
    fresh.delete(if_generation_match=new)
    assert not bucket.blob("a.bin").exists()


def test_a_generation_that_is_gone_is_not_found(bucket: Bucket) -> None:
    blob = bucket.blob("a.bin")
    blob.upload_from_string(b"first")
    old = blob.generation
    blob.upload_from_string(b"second")
    with pytest.raises(NotFound):
        bucket.blob("a.bin", generation=old).download_as_bytes()


def test_a_generation_that_one_has_is_not_sent_again(bucket: Bucket) -> None:
    blob = bucket.blob("a.bin")
    blob.upload_from_string(b"first")
    with pytest.raises(GoogleAPICallError) as caught:
        blob.reload(if_generation_not_match=blob.generation)
    assert caught.value.code == 304


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 0, b"0"), (2, 4, b"234"), (7, None, b"789"), (5, 500, b"56789"), (-3, None, b"789")],
)
def test_ranges(bucket: Bucket, start: int, end: int | None, expected: bytes) -> None:
    blob = bucket.blob("digits")
    blob.upload_from_string(b"0123456789")
    assert blob.download_as_bytes(start=start, end=end) == expected


def test_a_range_outside_is_refused(bucket: Bucket) -> None:
    blob = bucket.blob("digits")
    blob.upload_from_string(b"0123456789")
    with pytest.raises(GoogleAPICallError) as caught:
        blob.download_as_bytes(start=10)
    assert caught.value.code == 416


def test_listing_with_prefix_delimiter_and_pages(bucket: Bucket, storage: Client) -> None:
    names = ["a/1", "a/2", "a/b/3", "a/b/4", "a/c/5", "b", "a"]
    for name in names:
        bucket.blob(name).upload_from_string(b"")
    assert [blob.name for blob in storage.list_blobs(bucket)] == sorted(names)
    assert [blob.name for blob in storage.list_blobs(bucket, prefix="a/b")] == ["a/b/3", "a/b/4"]
    for page_size in (1, 2, 100):
        listing = storage.list_blobs(bucket, prefix="a/", delimiter="/", page_size=page_size)
        assert [blob.name for blob in listing] == ["a/1", "a/2"]
        assert sorted(listing.prefixes) == ["a/b/", "a/c/"]


@pytest.mark.parametrize(
    ("start", "end", "listed"),
    [
        ("", "", ["a/1", "a/é", "a0", "b/2", "c"]),
        ("a/é", "", ["a/é", "a0", "b/2", "c"]),
        ("", "b/2", ["a/1", "a/é", "a0"]),
        ("a0", "c", ["a0", "b/2"]),
        ("c", "a", []),
    ],
)
def test_listing_between_two_names(
    bucket: Bucket, storage: Client, start: str, end: str, listed: list[str]
) -> None:
    for name in ("a/1", "a/é", "a0", "b/2", "c"):
        bucket.blob(name).upload_from_string(b"")
    for page_size in (1, 100):
        found = storage.list_blobs(
            bucket, start_offset=start or None, end_offset=end or None, page_size=page_size
        )
        assert [blob.name for blob in found] == listed


def test_copy_and_rename(bucket: Bucket) -> None:
    blob = bucket.blob("from.bin")
    blob.metadata = {"key": "value"}
    blob.upload_from_string(b"data", content_type="image/png")
    copied = bucket.copy_blob(blob, bucket, "to.bin")
    assert copied.generation != blob.generation
    assert copied.download_as_bytes() == b"data"
    copied.reload()
    assert (copied.content_type, copied.metadata) == ("image/png", {"key": "value"})
    bucket.rename_blob(copied, "renamed.bin")
    assert not bucket.blob("to.bin").exists()
    rewritten = bucket.blob("rewritten.bin")
    assert rewritten.rewrite(blob) == (None, 4, 4)


def test_buckets(storage: Client, bucket: Bucket) -> None:
    assert storage.get_bucket(bucket.name).exists()
    assert not storage.bucket("another").exists()
    made = storage.create_bucket("another")
    with pytest.raises(Conflict):
        storage.create_bucket("another")
    assert {one.name for one in storage.list_buckets()} == {"another", bucket.name}
    made.blob("x").upload_from_string(b"")
    with pytest.raises(Conflict):
        made.delete()
    made.blob("x").delete()
    made.delete()
    with pytest.raises(NotFound):
        storage.bucket("another").blob("x").upload_from_string(b"")


def test_missing_objects_are_not_found(bucket: Bucket) -> None:
    blob = bucket.blob("none")
    for call in (blob.download_as_bytes, blob.reload, blob.delete, blob.patch):
        with pytest.raises(NotFound, match="none"):
            call()


def test_a_digest_that_does_not_fit_is_refused(bucket: Bucket) -> None:
    blob = bucket.blob("a.bin")
    blob.md5_hash = base64.b64encode(b"0" * 16).decode()
    with pytest.raises(BadRequest, match="md5Hash"):
        blob.upload_from_string(b"data", checksum=None)
    assert not bucket.blob("a.bin").exists()


def test_uploads_fail_as_planned_and_are_repeated(bucket: Bucket, control: Control) -> None:
    control.fail_uploads(1, status=503, prefix="videos/")
    bucket.blob("else.bin").upload_from_string(b"data")
    assert control.planned()
    bucket.blob("videos/a.bin").upload_from_string(b"data", if_generation_match=0)
    assert control.calls()["storage.objects.insert"] == 3
    assert not control.planned()
    control.fail_uploads(1, status=503)
    with pytest.raises(ServiceUnavailable):
        bucket.blob("videos/b.bin").upload_from_string(b"data", retry=None)
    assert not bucket.blob("videos/b.bin").exists()


def test_a_lost_answer_meets_its_own_object(bucket: Bucket, control: Control) -> None:
    control.lose_upload_answers(1)
    with pytest.raises(PreconditionFailed):
        bucket.blob("a.bin").upload_from_string(b"data", if_generation_match=0)
    assert bucket.blob("a.bin").download_as_bytes() == b"data"


def test_a_resumable_upload_survives_a_lost_answer(bucket: Bucket, control: Control) -> None:
    data = os.urandom(9 * MEBIBYTE)
    control.lose_upload_answers(1)
    bucket.blob("a.bin").upload_from_string(data, if_generation_match=0)
    assert bucket.blob("a.bin").download_as_bytes() == data


def test_a_refused_resumable_upload_ends_its_session(bucket: Bucket) -> None:
    blob = bucket.blob("a.bin")
    url = blob.create_resumable_upload_session(size=4, if_generation_match=0)
    bucket.blob("a.bin").upload_from_string(b"first")
    for status in (412, 404):
        assert httpx.put(url, content=b"data").status_code == status
    assert blob.download_as_bytes() == b"first"


def test_downloads_fail_late_and_break_as_planned(bucket: Bucket, control: Control) -> None:
    data = os.urandom(2 * MEBIBYTE)
    blob = bucket.blob("a.bin")
    blob.upload_from_string(data)
    control.fail_downloads(1, status=500)
    control.delay_downloads(0.05)
    control.drop_downloads(after_bytes=MEBIBYTE)
    control.clear_calls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the client forgets broken connections
        assert blob.download_as_bytes(retry=DEFAULT_RETRY) == data
        gc.collect()
    assert control.calls()["storage.objects.download"] >= 2
    assert not control.planned()


def test_an_object_replaced_during_its_download_ends_as_it_began(
    bucket: Bucket, control: Control
) -> None:
    blob = bucket.blob("a.bin")
    blob.upload_from_string(b"first")
    control.delay_downloads(0.3)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(bucket.blob("a.bin").download_as_bytes()))
    reader.start()
    while control.planned():
        time.sleep(0.001)
    blob.upload_from_string(b"second")
    reader.join()
    assert read == [b"first"]
