"""HTML forms with signed policies, and multipart bodies as clients write them."""

import datetime
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud.storage import Bucket, Client

from emulator.suite import Suite
from tests.emulator.storage.test_special_requests import Signer

HOUR = datetime.timedelta(hours=1)
FILE = {"file": ("ä.txt", b"data", "text/plain")}


@pytest.fixture
def http(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=suite.storage_url) as client:
        yield client


def signed(storage: Client, bucket: Bucket, name: str = "a", **options: Any) -> dict[str, str]:
    policy = storage.generate_signed_post_policy_v4(
        bucket.name,
        name,
        **{"expiration": HOUR, "credentials": Signer(), **options},
    )
    return dict(policy["fields"])


def test_a_signed_form_uploads(http: httpx.Client, storage: Client, bucket: Bucket) -> None:
    extra = {"Content-Type": "a/b", "x-goog-meta-k": "v", "success_action_status": "201"}
    fields = signed(storage, bucket, "x/${filename}", fields=extra)
    answer = http.post(f"/{bucket.name}/", data=fields, files=FILE)
    assert (answer.status_code, "<Key>x/ä.txt</Key>" in answer.text) == (201, True)
    found = bucket.get_blob("x/ä.txt")
    assert found is not None
    assert (found.content_type, found.metadata) == ("a/b", {"k": "v"})
    assert found.download_as_bytes() == b"data"
    plain = http.post(f"/{bucket.name}", data=signed(storage, bucket), files=FILE)
    assert plain.status_code == 204
    redirected = signed(storage, bucket, fields={"success_action_redirect": "http://x/y?z=1"})
    sent = http.post(f"/{bucket.name}", data=redirected, files=FILE)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"http://x/y?z=1&bucket={bucket.name}&key=a&etag=")


def conditions(*listed: Any) -> dict[str, Any]:
    return {"conditions": list(listed)}


@pytest.mark.parametrize(
    ("options", "changed", "status"),
    [
        (conditions(["content-length-range", 5, 9]), {}, 400),
        (conditions(["content-length-range", 0, 3]), {}, 400),
        (conditions(["starts-with", "$x-goog-meta-k", "a"]), {"x-goog-meta-k": "b"}, 403),
        (conditions(["near", "$key", "a"]), {}, 400),
        ({}, {"key": "b"}, 403),
        ({}, {"x-goog-meta-k": "v"}, 403),
        ({}, {"policy": "!"}, 400),
        ({}, {"policy": "W10="}, 400),
        ({}, {"acl": "public-read"}, 501),
        ({}, {"bucket": "other"}, 400),
        ({"expiration": -HOUR}, {}, 400),
    ],
)
def test_a_form_that_breaks_its_policy_stores_nothing(
    http: httpx.Client,
    storage: Client,
    bucket: Bucket,
    options: dict[str, Any],
    changed: dict[str, str],
    status: int,
) -> None:
    fields = {**signed(storage, bucket, **options), **changed}
    answer = http.post(f"/{bucket.name}", data=fields, files=FILE)
    assert answer.status_code == status
    assert list(bucket.list_blobs()) == []


def test_a_form_that_keeps_to_its_policy(
    http: httpx.Client, storage: Client, bucket: Bucket
) -> None:
    wanted = conditions(
        ["content-length-range", 4, 4],
        ["starts-with", "$x-goog-meta-k", "a"],
        {"cache-control": "x"},
    )
    fields = signed(storage, bucket, **wanted)
    kept = {**fields, "x-goog-meta-k": "ab", "cache-control": "x", "x-ignore-me": "1"}
    assert http.post(f"/{bucket.name}", data=kept, files=FILE).status_code == 204


@pytest.mark.parametrize("form", ["boundary=b", 'boundary="b"', "boundary='b'"])
@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("data", [b"", b"data", b"\r\n--\n-b\n", b"\n\r\n" * 3])
def test_line_ends_and_quotes_of_every_client(
    http: httpx.Client, bucket: Bucket, form: str, newline: bytes, data: bytes
) -> None:
    lines = [b"--b", b"Content-Type: application/json", b"", b'{"name": "a"}']
    lines += [b"--b", b"Content-Type: a/b", b"", data, b"--b--", b""]
    answer = http.post(
        f"/upload/storage/v1/b/{bucket.name}/o?uploadType=multipart",
        headers={"Content-Type": f"multipart/related; {form}"},
        content=newline.join(lines),
    )
    assert answer.status_code == 200
    found = bucket.get_blob("a")
    assert found is not None
    assert (found.download_as_bytes(), found.content_type) == (data, "a/b")
