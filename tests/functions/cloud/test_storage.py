"""The media store's promises, kept by the double and by the real client on the stand-in cloud."""

import gc
import gzip
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from google.cloud.storage import Bucket

from emulator.suite import Suite
from functions.cloud.storage import CloudMediaStore
from functions.domain.job_record import Deletion
from functions.domain.storage_paths import MediaPolicy, Upload, download_url
from functions.errors import ObjectChanged, ObjectExists
from functions.jobs.ports import MediaStore


@pytest.fixture
def upload(tmp_path: Path, avatar_id: str) -> Upload:
    file = tmp_path / "idle.mp4"
    file.write_bytes(b"video")
    return Upload(
        path=f"avatars/{avatar_id}/livePortrait/f/idle.mp4",
        file=file,
        content_type="video/mp4",
        token="token-1",
        metadata={"avatarId": avatar_id, "fingerprint": "f", "engineVersion": "mesh-1-0"},
    )


@pytest.fixture
def private(tmp_path: Path, avatar_id: str) -> Upload:
    """What no URL opens."""
    file = tmp_path / "motion.npz"
    file.write_bytes(b"motion")
    return Upload(
        path=f"livePortraitCache/avatars/{avatar_id}/motion.npz",
        file=file,
        content_type="application/octet-stream",
        metadata={"key": "k", "sha256": "s"},
    )


def test_nothing_is_found_where_nothing_is(media: MediaStore, avatar_id: str) -> None:
    assert media.find(f"avatars/{avatar_id}/none.mp4") is None


def test_what_is_published_is_found_and_fetched(
    media: MediaStore, upload: Upload, tmp_path: Path
) -> None:
    stored = media.publish(upload)
    assert media.find(upload.path) == stored
    assert (stored.path, stored.size_bytes, stored.token) == (upload.path, 5, "token-1")
    media.fetch(stored, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"video"


def test_only_the_generation_asked_for_is_fetched(
    media: MediaStore, upload: Upload, tmp_path: Path
) -> None:
    stored = media.publish(upload)
    newer = media.publish(upload, replacing=stored.generation)
    assert newer.generation != stored.generation
    with pytest.raises(ObjectChanged, match=str(stored.generation)):
        media.fetch(stored, tmp_path / "copy")
    media.delete(newer.path, newer.generation)
    with pytest.raises(ObjectChanged):
        media.fetch(newer, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_no_more_is_written_than_the_object_is_said_to_have(
    media: MediaStore, upload: Upload, tmp_path: Path
) -> None:
    stored = media.publish(upload)
    with pytest.raises(OSError, match="more came"):
        media.fetch(replace(stored, size_bytes=4), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_what_a_client_uploads_compressed_is_fetched_as_it_is_stored(
    bucket: Bucket, avatar_id: str, tmp_path: Path
) -> None:
    packed = gzip.compress(bytes(10_000_000))
    blob = bucket.blob(f"avatars/{avatar_id}/hero.jpg")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed, content_type="image/jpeg")
    found = CloudMediaStore(bucket).find(blob.name)
    assert found is not None
    assert (found.encoding, found.size_bytes) == ("gzip", len(packed))
    CloudMediaStore(bucket).fetch(found, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == packed


@pytest.mark.parametrize("said", [None, "identity"])
def test_what_is_not_compressed_has_no_encoding(
    bucket: Bucket, avatar_id: str, said: str | None
) -> None:
    blob = bucket.blob(f"avatars/{avatar_id}/hero.jpg")
    blob.content_encoding = said
    blob.upload_from_string(b"picture", content_type="image/jpeg")
    found = CloudMediaStore(bucket).find(blob.name)
    assert found is not None
    assert found.encoding == ""


def test_our_own_upload_repeated_is_taken_over(media: MediaStore, upload: Upload) -> None:
    stored = media.publish(upload)
    assert media.publish(upload) == stored


def test_anothers_object_is_replaced_only_at_its_generation(
    media: MediaStore, upload: Upload
) -> None:
    theirs = media.publish(replace(upload, token="token-2"))
    with pytest.raises(ObjectExists) as caught:
        media.publish(upload)
    assert caught.value.generation == theirs.generation
    ours = media.publish(upload, replacing=theirs.generation)
    assert ours.token == "token-1"
    with pytest.raises(ObjectExists):
        media.publish(replace(upload, token="token-3"), replacing=theirs.generation)
    assert media.find(upload.path) == ours


def test_what_is_private_says_what_it_is_and_is_nobodys_own(
    media: MediaStore, private: Upload
) -> None:
    stored = media.publish(private)
    found = media.find(private.path)
    assert found == stored
    assert found is not None
    assert (found.token, found.metadata) == ("", {"key": "k", "sha256": "s"})
    with pytest.raises(ObjectExists) as caught:
        media.publish(private)  # without a token nobody can tell whose it is
    assert caught.value.generation == stored.generation
    newer = media.publish(replace(private, metadata={"key": "l"}), replacing=stored.generation)
    assert newer.metadata == {"key": "l"}


def test_replacing_what_is_gone_says_that_nothing_stands(media: MediaStore, upload: Upload) -> None:
    with pytest.raises(ObjectExists) as caught:
        media.publish(upload, replacing=17)
    assert caught.value.generation == 0


def test_discarding_is_of_one_generation_and_repeatable(media: MediaStore, upload: Upload) -> None:
    first = media.publish(upload)
    second = media.publish(upload, replacing=first.generation)
    media.delete(first.path, first.generation)
    assert media.find(upload.path) == second
    media.delete(second.path, second.generation)
    media.delete(second.path, second.generation)
    assert media.find(upload.path) is None


def test_clearing_takes_the_folder_and_nothing_beside_it(
    media: MediaStore, upload: Upload, avatar_id: str
) -> None:
    beside = replace(upload, path=f"avatars/{avatar_id}/livePortrait.mp4")
    for number in range(3):
        media.publish(replace(upload, path=f"{upload.path}{number}"))
    media.publish(beside)
    media.delete_prefix(Deletion(path=f"avatars/{avatar_id}/livePortrait/"))
    assert media.find(f"{upload.path}0") is None
    assert media.find(beside.path) is not None


def test_clearing_spares_what_was_created_since(
    media: MediaStore, upload: Upload, avatar_id: str
) -> None:
    folder = f"avatars/{avatar_id}/livePortrait/"
    # A generation is the moment of creation in microseconds, here as in the real cloud.
    created_ms = media.publish(upload).generation // 1000
    media.delete_prefix(Deletion(path=folder, until=created_ms - 10))
    assert media.find(upload.path) is not None
    media.delete_prefix(Deletion(path=folder, until=created_ms + 10))
    assert media.find(upload.path) is None


def test_an_object_is_immutable_private_and_playable_by_its_token(
    suite: Suite, bucket: Bucket, upload: Upload
) -> None:
    CloudMediaStore(bucket).publish(upload)
    blob = bucket.get_blob(upload.path)
    assert blob is not None
    assert blob.cache_control == "private, max-age=31536000, immutable"
    assert blob.content_disposition == 'inline; filename="idle.mp4"'
    assert blob.content_type == "video/mp4"
    assert blob.metadata == {**upload.metadata, "firebaseStorageDownloadTokens": "token-1"}
    host = suite.environment["FIREBASE_STORAGE_EMULATOR_HOST"]
    policy = MediaPolicy(bucket=suite.options.bucket, emulator=host)
    with urllib.request.urlopen(download_url(upload.path, "token-1", policy)) as answer:
        assert answer.read() == b"video"
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(download_url(upload.path, "guess", policy))
    refused.value.close()


def test_a_private_object_has_no_url_that_opens_it(
    suite: Suite, bucket: Bucket, private: Upload
) -> None:
    CloudMediaStore(bucket).publish(private)
    blob = bucket.get_blob(private.path)
    assert blob is not None
    assert blob.cache_control == "private, no-store"
    assert blob.content_disposition is None
    assert blob.metadata == private.metadata
    host = suite.environment["FIREBASE_STORAGE_EMULATOR_HOST"]
    policy = MediaPolicy(bucket=suite.options.bucket, emulator=host)
    for url in (
        download_url(private.path, "", policy),
        download_url(private.path, "", policy).removesuffix("&token="),
    ):
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(url)
        refused.value.close()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # the client drops answers
def test_a_busy_service_is_tried_again(
    suite: Suite, bucket: Bucket, upload: Upload, tmp_path: Path
) -> None:
    store = CloudMediaStore(bucket)
    suite.control.fail_uploads(1, status=503)
    stored = store.publish(upload)
    suite.control.fail_downloads(1, status=503)
    store.fetch(stored, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"video"
    gc.collect()
