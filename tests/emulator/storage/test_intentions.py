"""A request whose intention is not recognised is refused, and stores nothing."""

from collections.abc import Iterator

import httpx
import pytest
from google.cloud.storage import Bucket, transfer_manager

from emulator.suite import Suite

APP = {"Authorization": "Firebase token", "X-Firebase-Storage-Version": "Android/21.0.0"}
BYTES = b"JPEG BYTES"


@pytest.fixture
def client(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=suite.storage_url) as opened:
        yield opened


@pytest.fixture
def photo(bucket: Bucket) -> Iterator[str]:
    """An object's name; it must be what it was at the end."""
    blob = bucket.blob("photo")
    blob.upload_from_string(BYTES, content_type="image/jpeg")
    yield "photo"
    found = bucket.get_blob("photo")
    assert found is not None
    assert found.download_as_bytes() == BYTES
    assert [one.name for one in bucket.list_blobs()] == ["photo"]
    assert found.generation == blob.generation


def paths(bucket: Bucket) -> dict[str, str]:
    return {
        "firebase": f"/v0/b/{bucket.name}/o/photo",
        "json": f"/storage/v1/b/{bucket.name}/o/photo",
        "node": f"/b/{bucket.name}/o/photo",
        "upload": f"/upload/storage/v1/b/{bucket.name}/o",
        "resumable": f"/resumable/upload/storage/v1/b/{bucket.name}/o",
        "xml": f"/{bucket.name}/photo",
        "list": f"/storage/v1/b/{bucket.name}/o",
    }


UNKNOWN_QUERIES = [
    ("PUT", "xml", "acl"),
    ("PUT", "xml", "cors"),
    ("PUT", "xml", "retention"),
    ("PUT", "xml", "compose"),
    ("PUT", "xml", "tagging"),
    ("PUT", "xml", "generation=1"),
    ("PUT", "xml", "uploads"),
    ("POST", "xml", "restore"),
    ("DELETE", "xml", "acl"),
    ("DELETE", "xml", "versionId=1"),
    ("GET", "xml", "torrent"),
    ("DELETE", "firebase", "delete_token=a"),
    ("POST", "firebase", "new_token=true"),
    ("POST", "firebase", "create_token=yes"),
    ("POST", "firebase", "create_token=true&delete_token=a"),
    ("PUT", "firebase", "upload_id=none&x=1"),
    ("DELETE", "json", "recursive=true"),
    ("DELETE", "json", "generation=1&generation=2"),
    ("PATCH", "json", "predefinedAcl=publicRead"),
    ("POST", "upload", "uploadType=media&name=photo&kmsKeyName=k"),
    ("POST", "resumable", "uploadType=media&name=photo&ifGenerationMach=0"),
    ("GET", "list", "softDeleted=true"),
]


@pytest.mark.parametrize(("method", "where", "query"), UNKNOWN_QUERIES)
def test_an_unknown_query_key_is_refused_by_name(
    client: httpx.Client, bucket: Bucket, photo: str, method: str, where: str, query: str
) -> None:
    path = f"{paths(bucket)[where]}?{query}"
    answer = client.request(method, path, content=b"<x/>", headers=APP)
    assert answer.status_code in (400, 501)
    named = [part.partition("=")[0] for part in query.split("&")]
    assert any(name in answer.text for name in named)


UNKNOWN_HEADERS = [
    ("PUT", "xml", {"x-goog-acl": "public-read"}),
    ("PUT", "xml", {"x-goog-metadata-directive": "REPLACE"}),
    ("PUT", "xml", {"x-goog-encryption-algorithm": "AES256"}),
    ("PUT", "xml", {"x-amz-copy-source": "/a/b"}),
    ("PUT", "xml", {"x-goog-resumable": "start"}),
    ("POST", "upload", {"x-goog-encryption-key": "k"}),
    ("PATCH", "json", {"x-goog-if-generation-match": "1"}),
    ("DELETE", "json", {"If-Match": '"a"'}),
    ("POST", "firebase", {"X-Goog-Upload-Protocol": "carrier-pigeon"}),
    ("POST", "firebase", {"X-Goog-Upload-Command": "finalize"}),
    ("POST", "firebase", {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "query"}),
    ("PUT", "json", {"X-HTTP-Method": "PATCH"}),
    ("PUT", "xml", {"X-HTTP-Method-Override": "COPY"}),
    ("DELETE", "json", {"X-HTTP-Method-Override": "PATCH"}),
]


@pytest.mark.parametrize(("method", "where", "headers"), UNKNOWN_HEADERS)
def test_an_unknown_header_is_refused_by_name(
    client: httpx.Client,
    bucket: Bucket,
    photo: str,
    method: str,
    where: str,
    headers: dict[str, str],
) -> None:
    query = "?uploadType=media&name=photo" if where == "upload" else ""
    path = f"{paths(bucket)[where]}{query}"
    answer = client.request(method, path, content=b"<x/>", headers={**APP, **headers})
    assert answer.status_code in (400, 501)
    assert any(name.lower() in answer.text.lower() for name in [*headers, *headers.values()])


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "path",
    [
        "/storage/v1/b/{}/o/photo/acl",
        "/storage/v1/b/{}/acl/photo",
        "/storage/v1/{}/photo",
        "/upload/{}/photo",
        "/resumable/{}/photo",
        "/download/{}/photo",
        "/batch/{}/photo",
        "/v0/{}/photo",
        "/v0/b/{}/photo",
        "/b/{}/photo",
        "/v0/b/{}/o/photo/x",
    ],
)
def test_what_another_api_lacks_is_no_object(
    client: httpx.Client, bucket: Bucket, photo: str, method: str, path: str
) -> None:
    answer = client.request(method, path.format(bucket.name), content=b"x", headers=APP)
    assert answer.status_code in (404, 501)
    assert answer.json()["error"]["message"].startswith("The emulator has no")


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("where", ["firebase", "json", "node"])
def test_a_method_in_a_header_is_the_method(
    client: httpx.Client, bucket: Bucket, photo: str, method: str, where: str
) -> None:
    answer = client.request(
        method,
        paths(bucket)[where],
        headers={**APP, "X-HTTP-Method-Override": "PATCH"},
        json={"cacheControl": "no-store", "metadata": {"k": "v"}},
    )
    assert answer.status_code == 200
    found = bucket.get_blob(photo)
    assert found is not None
    assert (found.cache_control, found.content_type) == ("no-store", "image/jpeg")
    assert (found.metadata["k"], found.metageneration) == ("v", 2)


def test_a_long_query_may_come_as_a_form(client: httpx.Client, bucket: Bucket, photo: str) -> None:
    answer = client.post(
        paths(bucket)["list"],
        headers={"X-HTTP-Method-Override": "GET"},
        data={"prefix": "ph", "maxResults": "1"},
    )
    assert [one["name"] for one in answer.json()["items"]] == [photo]


def test_a_deletion_may_come_by_post(client: httpx.Client, bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string(b"data")
    path = f"/storage/v1/b/{bucket.name}/o/a"
    override = {"X-HTTP-Method-Override": "DELETE"}
    assert client.post(path, headers=override).status_code == 204
    assert bucket.get_blob("a") is None


def test_tokens_are_created_and_deleted(client: httpx.Client, bucket: Bucket, photo: str) -> None:
    path = paths(bucket)["firebase"]

    def tokens(query: str) -> list[str]:
        answer = client.post(f"{path}?{query}", headers=APP)
        assert answer.status_code == 200
        return list(answer.json()["downloadTokens"].split(","))

    first = tokens("create_token=true")
    both = tokens("create_token=true")
    assert (len(both), both[:1]) == (2, first)
    assert tokens(f"delete_token={first[0]}") == both[1:]
    last = tokens(f"delete_token={both[1]}")
    assert len(last) == 1
    assert last[0] not in both
    read = [client.get(f"{path}?alt=media&token={token}").status_code for token in (*both, *last)]
    assert read == [403, 403, 200]
    assert client.post(f"{path}x?create_token=true", headers=APP).status_code == 404


def test_a_copy_by_header(client: httpx.Client, bucket: Bucket) -> None:
    blob = bucket.blob("a/ä b")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(BYTES, content_type="image/jpeg")
    source = {"x-goog-copy-source": f"/{bucket.name}/a/%C3%A4%20b"}
    answer = client.put(f"/{bucket.name}/copy", headers=source)
    assert (answer.status_code, "<ETag>" in answer.text) == (200, True)
    replaced = {"x-goog-metadata-directive": "REPLACE", "Content-Type": "a/b", **source}
    client.put(f"/{bucket.name}/other", headers=replaced)
    copy, other = bucket.get_blob("copy"), bucket.get_blob("other")
    assert copy is not None
    assert other is not None
    assert copy.download_as_bytes() == other.download_as_bytes() == BYTES
    assert (copy.content_type, copy.metadata) == ("image/jpeg", {"k": "v"})
    assert (other.content_type, other.metadata) == ("a/b", None)
    refused = {
        400: {**source, "x-goog-metadata-directive": "MERGE"},
        412: {**source, "x-goog-copy-source-if-generation-match": "1"},
        404: {"x-goog-copy-source": f"/{bucket.name}/none"},
        501: {**source, "x-goog-copy-source-range": "bytes=0-1"},
    }
    for status, headers in refused.items():
        assert client.put(f"/{bucket.name}/new", headers=headers).status_code == status
    assert bucket.get_blob("new") is None


def test_an_upload_in_parts(client: httpx.Client, bucket: Bucket) -> None:
    path = f"/{bucket.name}/whole"
    begun = client.post(f"{path}?uploads", headers={"Content-Type": "a/b", "x-goog-meta-k": "v"})
    upload = begun.text.partition("<UploadId>")[2].partition("<")[0]

    def put(number: object, data: bytes, **headers: str) -> httpx.Response:
        target = f"{path}?partNumber={number}&uploadId={upload}"
        return client.put(target, content=data, headers=headers)

    def complete(*parts: tuple[int, str]) -> httpx.Response:
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
        return client.post(f"{path}?uploadId={upload}", content=body)

    second = put(2, b"two").headers["etag"]
    put(1, b"wrong")
    first = put(1, b"one").headers["etag"]
    for number in (0, 10_001, "x", ""):
        assert put(number, b"x").status_code == 400
    assert put(3, b"x", **{"x-goog-hash": "crc32c=AAAAAA=="}).status_code == 400
    assert bucket.get_blob("whole") is None
    for wrong in ([], [(2, second), (1, first)], [(1, second)], [(3, first)]):
        assert complete(*wrong).status_code == 400
    assert complete((1, first), (2, second)).status_code == 200
    found = bucket.get_blob("whole")
    assert found is not None
    assert found.download_as_bytes() == b"onetwo"
    assert (found.content_type, found.metadata) == ("a/b", {"k": "v"})
    assert put(3, b"late").status_code == 404
    again = client.post(f"{path}?uploads").text.partition("<UploadId>")[2].partition("<")[0]
    assert client.delete(f"{path}?uploadId={again}").status_code == 204
    assert client.delete(f"{path}?uploadId={again}").status_code == 404
    assert found.download_as_bytes() == b"onetwo"


def test_the_client_uploads_parts_beside_each_other(
    bucket: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("large") / "file"
    file.write_bytes(b"ab" * 3_000_000)
    transfer_manager.upload_chunks_concurrently(
        str(file),
        bucket.blob("large"),
        chunk_size=5 << 20,
        max_workers=2,
        worker_type=transfer_manager.THREAD,
    )
    assert bucket.blob("large").download_as_bytes() == file.read_bytes()


def test_a_session_is_continued_by_post(client: httpx.Client, bucket: Bucket) -> None:
    begin = paths(bucket)["resumable"]
    url = client.post(f"{begin}?uploadType=resumable&name=a").headers["location"]
    first = client.post(url, content=b"ab", headers={"Content-Range": "bytes 0-1/*"})
    assert (first.status_code, first.headers["range"]) == (308, "bytes=0-1")
    client.post(url, content=b"cd", headers={"Content-Range": "bytes 2-3/4"})
    assert bucket.blob("a").download_as_bytes() == b"abcd"
    missing = client.post(f"{begin}?uploadType=resumable&upload_id=x&name=b", content=b"x")
    assert missing.status_code == 404
    assert bucket.get_blob("b") is None


def test_a_signed_url_may_name_the_download(client: httpx.Client, bucket: Bucket) -> None:
    bucket.blob("a").upload_from_string(b"data", content_type="a/b")
    asked = {"response-content-disposition": "attachment", "response-content-type": "c/d"}
    answer = client.get(f"/{bucket.name}/a", params=asked)
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-type"] == "c/d"
    unasked = client.get(f"/{bucket.name}/a")
    assert unasked.headers["content-type"] == "a/b"


def test_a_whole_upload_in_one_command_and_names_in_the_body(
    client: httpx.Client, bucket: Bucket
) -> None:
    path = f"/v0/b/{bucket.name}/o"
    start = {**APP, "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    whole = {**start, "X-Goog-Upload-Command": "start, upload, finalize"}
    answer = client.post(f"{path}?name=a", headers=whole, content=b"at once")
    assert (answer.status_code, answer.json()["name"]) == (200, "a")
    assert bucket.blob("a").download_as_bytes() == b"at once"
    url = client.post(path, headers=start, json={"name": "b"}).headers["x-goog-upload-url"]
    assert client.post(url, headers=APP, content=b"no command").status_code == 400
    end = {**APP, "X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
    client.post(url, headers=end, content=b"later")
    assert bucket.blob("b").download_as_bytes() == b"later"
