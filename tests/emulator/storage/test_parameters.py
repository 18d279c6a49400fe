"""Every parameter and property of the JSON API is kept, told to have no effect, or refused.

`json_api.json` lists them, from the API's own description.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import Forbidden
from google.cloud.storage import Bucket, Client

from emulator.suite import Suite

API = json.loads((Path(__file__).parent / "json_api.json").read_text())
DOCUMENT = (Path(__file__).parents[3] / "docs" / "use" / "emulator.md").read_text()
NOT_EMULATED = {
    *(f"storage.objects.{name}" for name in ("bulkRestore", "getIamPolicy", "restore")),
    *(f"storage.objects.{name}" for name in ("setIamPolicy", "testIamPermissions", "watchAll")),
    *(f"storage.buckets.{name}" for name in ("getIamPolicy", "lockRetentionPolicy", "relocate")),
    *(f"storage.buckets.{name}" for name in ("restore", "setIamPolicy", "testIamPermissions")),
}
WITHOUT_EFFECT = {"userProject", "projection", "project", "maxBytesRewrittenPerCall"}
STANDARD_WITHOUT_EFFECT = {"key", "oauth_token", "prettyPrint", "quotaUser", "trace", "userIp"}
ONLY_FALSE = {
    "softDeleted",
    "overrideUnlockedRetention",
    "enableObjectRetention",
}
REFUSED = {
    "destinationKmsKeyName",
    "destinationPredefinedAcl",
    "kmsKeyName",
    "predefinedAcl",
    "predefinedDefaultObjectAcl",
    "restoreToken",
    "rewriteToken",
}
NUMBERS = {
    f"if{source}{kind}{negated}Match"
    for source in ("", "Source")
    for kind in ("Generation", "Metageneration")
    for negated in ("", "Not")
} | {"generation", "sourceGeneration", "maxResults"}
"""An accepted one of these refuses what is no number, so it is read."""
TESTED_BELOW = {
    "contentEncoding",
    "delimiter",
    "endOffset",
    "includeFoldersAsPrefixes",
    "includeTrailingDelimiter",
    "matchGlob",
    "name",
    "pageToken",
    "prefix",
    "startOffset",
    "versions",
}
SAMPLES = {"projection": "full", "includeTrailingDelimiter": "true", "versions": "true"}


@pytest.fixture
def client(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=suite.storage_url) as opened:
        yield opened


@pytest.fixture
def path(bucket: Bucket) -> str:
    return f"/storage/v1/b/{bucket.name}"


def url(method: str, bucket: str) -> str:
    """The path of a call about an object that is there."""
    call = re.sub(r"\{(source|destination)?[bB]ucket\}", bucket, API["methods"][method]["path"])
    call = re.sub(r"\{destination\w+\}", "b", call)
    call = re.sub(r"\{\w+\}", "a", call)
    upload = "/upload" if method == "storage.objects.insert" else ""
    return f"{upload}/storage/v1/{call}"


BODIES: dict[str, Any] = {
    "storage.buckets.insert": {"name": "inserted"},
    "storage.objects.compose": {"sourceObjects": [{"name": "a"}]},
}


@pytest.fixture
def walked(storage: Client) -> Iterator[Bucket]:
    """A bucket of this test's own, with an object."""
    made = storage.create_bucket("walked")
    made.blob("a").upload_from_string(b"data")
    made.blob("b").upload_from_string(b"data")
    yield made
    for name in ("walked", "inserted"):
        if storage.bucket(name).exists():
            storage.bucket(name).delete(force=True)


def answered(client: httpx.Client, bucket: Bucket, method: str, query: dict[str, str]) -> Any:
    if method == "storage.objects.insert":
        query = {"uploadType": "media", "name": "a", **query}
    verb = API["methods"][method]["method"]
    body = {"json": BODIES[method]} if method in BODIES else {"content": b""}
    return client.request(verb, url(method, bucket.name), params=query, **body)


CALLS = sorted(set(API["methods"]) - NOT_EMULATED)


@pytest.mark.parametrize("method", CALLS)
def test_no_query_parameter_is_ignored_silently(
    client: httpx.Client, walked: Bucket, method: str
) -> None:
    for name in API["methods"][method]["query"]:
        wrong = "x" if name in NUMBERS else SAMPLES.get(name, "true")
        answer = answered(client, walked, method, {name: wrong})
        assert name in DOCUMENT or name in NUMBERS
        if name in REFUSED | ONLY_FALSE | NUMBERS:
            assert (answer.status_code, name in answer.text) == (400, True), name
        else:
            assert name in WITHOUT_EFFECT | TESTED_BELOW
    assert set(API["methods"][method]["query"]) <= (
        REFUSED | ONLY_FALSE | NUMBERS | WITHOUT_EFFECT | TESTED_BELOW
    )


@pytest.mark.parametrize("name", API["standard"])
def test_standard_parameters_are_known(client: httpx.Client, path: str, name: str) -> None:
    answer = client.get(path, params={name: "x"})
    if name in STANDARD_WITHOUT_EFFECT:
        assert answer.status_code == 200
        assert name in DOCUMENT
    elif name == "fields":
        assert answer.json() == {}
    else:
        assert answer.status_code == 400
        assert name in answer.text


@pytest.mark.parametrize("method", sorted(NOT_EMULATED))
def test_calls_that_are_not_emulated_are_refused(
    client: httpx.Client, walked: Bucket, method: str
) -> None:
    answer = answered(client, walked, method, {})
    assert answer.status_code == 501
    assert url(method, walked.name) in answer.text
    assert walked.blob("a").download_as_bytes() == b"data"


OBJECT_KEPT: dict[str, Any] = {
    "cacheControl": "no-store",
    "contentDisposition": "inline",
    "contentEncoding": "br",
    "contentLanguage": "de",
    "contentType": "a/b",
    "customTime": "2026-01-02T03:04:05Z",
    "eventBasedHold": True,
    "metadata": {"k": "v"},
    "storageClass": "NEARLINE",
    "temporaryHold": True,
}
OBJECT_REFUSED = {
    "acl",
    "contexts",
    "customerEncryption",
    "kmsKeyName",
    "restoreToken",
    "retention",
}
BUCKET_KEPT: dict[str, Any] = {
    "autoclass": {"enabled": False},
    "billing": {"requesterPays": True},
    "cors": [{"origin": ["*"], "method": ["GET"], "maxAgeSeconds": 60}],
    "customPlacementConfig": {"dataLocations": ["US-EAST1"]},
    "defaultEventBasedHold": False,
    "hierarchicalNamespace": {"enabled": False},
    "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
    "labels": {"a": "b"},
    "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]},
    "location": "US",
    "logging": {"logBucket": "other"},
    "rpo": "DEFAULT",
    "softDeletePolicy": {"retentionDurationSeconds": "0"},
    "storageClass": "NEARLINE",
    "versioning": {"enabled": False},
    "website": {"mainPageSuffix": "index.html"},
}
BUCKET_REFUSED = {
    "acl",
    "defaultObjectAcl",
    "encryption",
    "ipFilter",
    "objectRetention",
    "retentionPolicy",
}


def check_properties(
    client: httpx.Client, path: str, names: list[str], kept: dict[str, Any], refused: set[str]
) -> None:
    for name in names:
        before = client.get(path).json()
        answer = client.patch(path, json={name: kept.get(name, {"x": "y"})})
        after = client.get(path).json()
        if name in kept:
            assert after.get(name) == kept[name]
        elif name == "metageneration":
            assert int(after[name]) == int(before[name]) + 1
        elif name in refused:
            assert (answer.status_code, name in answer.text) == (501, True)
            assert name in DOCUMENT
        else:
            assert after.get(name) == before.get(name) or name in ("etag", "updated")
    unknown = client.patch(path, json={"colour": "red"})
    assert (unknown.status_code, "colour" in unknown.text) == (400, True)


def test_no_property_of_an_object_is_dropped_silently(
    client: httpx.Client, bucket: Bucket, path: str
) -> None:
    bucket.blob("a").upload_from_string(b"data")
    check_properties(client, f"{path}/o/a", API["object"], OBJECT_KEPT, OBJECT_REFUSED)
    off = {"temporaryHold": False, "eventBasedHold": False}
    assert client.patch(f"{path}/o/a", json=off).status_code == 200


def test_no_property_of_a_bucket_is_dropped_silently(client: httpx.Client, storage: Client) -> None:
    storage.create_bucket("kept")
    check_properties(client, "/storage/v1/b/kept", API["bucket"], BUCKET_KEPT, BUCKET_REFUSED)
    for name in ("versioning", "hierarchicalNamespace", "autoclass"):
        answer = client.patch("/storage/v1/b/kept", json={name: {"enabled": True}})
        assert (answer.status_code, name in answer.text) == (501, True)
    storage.bucket("kept").delete()


@pytest.mark.parametrize("body", [{"storageClass": "GOLD"}, {"customTime": "soon"}])
def test_malformed_properties_are_refused(
    client: httpx.Client, bucket: Bucket, path: str, body: dict[str, str]
) -> None:
    bucket.blob("a").upload_from_string(b"data")
    assert client.patch(f"{path}/o/a", json=body).status_code == 400
    answer = client.post(f"/upload{path}/o?uploadType=resumable&name=b", json=body)
    assert answer.status_code == 400


def test_held_objects_stay(bucket: Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(b"data")
    blob.temporary_hold = True
    blob.patch()
    other = bucket.blob("other")
    other.upload_from_string(b"other")
    for forbidden in (
        blob.delete,
        lambda: blob.upload_from_string(b"new"),
        lambda: bucket.copy_blob(other, bucket, "a"),
        lambda: blob.compose([other]),
        lambda: bucket.move_blob(blob, "b"),
    ):
        with pytest.raises(Forbidden, match="hold"):
            forbidden()
    assert blob.download_as_bytes() == b"data"
    blob.temporary_hold = False
    blob.patch()
    blob.delete()


def test_a_move_leaves_one_object(bucket: Bucket) -> None:
    blob = bucket.blob("a/ä")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"data", content_type="a/b")
    moved = bucket.move_blob(blob, "b/ü")
    assert moved.download_as_bytes() == b"data"
    found = bucket.get_blob("b/ü")
    assert found is not None
    assert (found.metadata, found.content_type) == ({"k": "v"}, "a/b")
    assert [one.name for one in bucket.list_blobs()] == ["b/ü"]


NAMES = ("a/", "a/1.txt", "a/12.txt", "a/b/3.txt", "a/b/{x}", "c.txt", "d.bin")


def listed(client: httpx.Client, path: str, **query: str) -> tuple[list[str], list[str]]:
    """All pages of a listing: names of objects, and prefixes."""
    names: list[str] = []
    prefixes: list[str] = []
    page: dict[str, Any] = {"nextPageToken": ""}
    while "nextPageToken" in page:
        token = {"pageToken": page["nextPageToken"]} if page["nextPageToken"] else {}
        page = client.get(f"{path}/o", params={**query, **token, "maxResults": "1"}).json()
        names += [one["name"] for one in page.get("items", [])]
        prefixes += page.get("prefixes", [])
    return names, prefixes


@pytest.mark.parametrize(
    ("query", "names", "prefixes"),
    [
        ({"matchGlob": "a/*.txt"}, ["a/1.txt", "a/12.txt"], []),
        ({"matchGlob": "a/?.txt"}, ["a/1.txt"], []),
        ({"matchGlob": "**.txt"}, ["a/1.txt", "a/12.txt", "a/b/3.txt", "c.txt"], []),
        ({"matchGlob": "a/**/[0-3].txt"}, ["a/b/3.txt"], []),
        ({"matchGlob": "*.{txt,bin}"}, ["c.txt", "d.bin"], []),
        ({"matchGlob": "[!c].*"}, ["d.bin"], []),
        ({"matchGlob": r"a/b/\{x\}"}, ["a/b/{x}"], []),
        ({"matchGlob": "**3.txt", "delimiter": "/"}, [], ["a/"]),
        ({"delimiter": "/"}, ["c.txt", "d.bin"], ["a/"]),
        (
            {"delimiter": "/", "includeTrailingDelimiter": "True"},
            ["a/", "c.txt", "d.bin"],
            ["a/"],
        ),
        ({"prefix": "a/", "delimiter": "/"}, ["a/", "a/1.txt", "a/12.txt"], ["a/b/"]),
        ({"startOffset": "a/b", "endOffset": "d"}, ["a/b/3.txt", "a/b/{x}", "c.txt"], []),
        ({"prefix": "d", "versions": "True", "includeFoldersAsPrefixes": "True"}, ["d.bin"], []),
    ],
)
def test_listings(
    client: httpx.Client,
    bucket: Bucket,
    path: str,
    query: dict[str, str],
    names: list[str],
    prefixes: list[str],
) -> None:
    for name in NAMES:
        bucket.blob(name).upload_from_string(b"")
    assert listed(client, path, **query) == (names, prefixes)


@pytest.mark.parametrize(
    "query", [{"matchGlob": "["}, {"matchGlob": "{a"}, {"matchGlob": "a}"}, {"pageToken": "é"}]
)
def test_malformed_listings_are_refused(
    client: httpx.Client, path: str, query: dict[str, str]
) -> None:
    answer = client.get(f"{path}/o", params=query)
    assert (answer.status_code, next(iter(query)) in answer.text) == (400, True)


def test_buckets_in_pages(client: httpx.Client, storage: Client) -> None:
    for name in ("list-a", "list-b"):
        storage.create_bucket(name)
    first = client.get("/storage/v1/b?project=p&prefix=list&maxResults=1").json()
    assert [one["name"] for one in first["items"]] == ["list-a"]
    token = first["nextPageToken"]
    rest = client.get(f"/storage/v1/b?project=p&prefix=list&pageToken={token}").json()
    assert [one["name"] for one in rest["items"]] == ["list-b"]
    assert "nextPageToken" not in rest
    for name in ("list-a", "list-b"):
        storage.bucket(name).delete()


def test_an_upload_names_its_encoding_in_the_query(client: httpx.Client, path: str) -> None:
    made = client.post(
        f"/upload{path}/o?uploadType=media&name=a&contentEncoding=br", content=b"x"
    ).json()
    assert made["contentEncoding"] == "br"
    begin = f"/upload{path}/o?uploadType=resumable&name=b&contentEncoding=br"
    session = client.post(begin, json={"contentEncoding": "gzip"}).headers["location"]
    assert client.put(session, content=b"x").json()["contentEncoding"] == "br"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("items/name", {"items": [{"name": "a"}]}),
        ("kind,items(name,metadata/k)", None),
        ("items(name, size)", {"items": [{"name": "a", "size": "4"}]}),
        ("items(metadata(k))", {"items": [{"metadata": {"k": "v"}}]}),
        ("*/metadata/l", {"kind": "storage#objects", "items": [{"metadata": {"l": "w"}}]}),
        ("items/metadata/goog-reserved-posix-gid,none", {"items": [{"metadata": {}}]}),
    ],
)
def test_fields_select(
    client: httpx.Client, bucket: Bucket, path: str, fields: str, expected: Any
) -> None:
    blob = bucket.blob("a")
    blob.metadata = {"k": "v", "l": "w"}
    blob.upload_from_string(b"data")
    found = client.get(f"{path}/o", params={"fields": fields}).json()
    whole = {"kind": "storage#objects", "items": [{"name": "a", "metadata": {"k": "v"}}]}
    assert found == (whole if expected is None else expected)


@pytest.mark.parametrize("fields", ["", "a(", "a)", "a,,b", "a/", "a b!", "(a)"])
def test_malformed_fields_change_nothing(
    client: httpx.Client, bucket: Bucket, path: str, fields: str
) -> None:
    bucket.blob("a").upload_from_string(b"data")
    answer = client.delete(f"{path}/o/a", params={"fields": fields})
    assert (answer.status_code, "fields" in answer.text) == (400, True)
    assert bucket.get_blob("a") is not None


def test_a_bucket_keeps_its_place_and_tells_its_layout(
    client: httpx.Client, storage: Client
) -> None:
    made = storage.create_bucket("placed", location="europe-west1")
    assert (made.location, made.location_type) == ("EUROPE-WEST1", "region")
    made.labels = {"a": "1", "b": "2"}
    made.cors = [{"origin": ["*"], "method": ["GET"]}]
    made.patch()
    del made.labels["a"]
    made.labels = {"b": "2"}
    made.patch()
    found = storage.get_bucket("placed")
    assert (found.labels, found.metageneration) == ({"b": "2"}, 3)
    assert found.cors == [{"origin": ["*"], "method": ["GET"]}]
    assert client.get("/storage/v1/b/placed/storageLayout").json()["location"] == "EUROPE-WEST1"
    moved = client.patch("/storage/v1/b/placed", json={"location": "US"})
    assert moved.status_code == 400
    replaced = client.put("/storage/v1/b/placed", json={"storageClass": "COLDLINE"}).json()
    assert (replaced["location"], replaced["storageClass"]) == ("EUROPE-WEST1", "COLDLINE")
    assert "labels" not in replaced
    stale = client.patch("/storage/v1/b/placed?ifMetagenerationMatch=1", json={})
    assert stale.status_code == 412
    made.delete()
