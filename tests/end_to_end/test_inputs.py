"""Inputs that are missing, not ours, or not what they claim: scenarios 14, 15, 38 and bad files."""

from pathlib import Path

import pytest
from google.cloud.firestore import DELETE_FIELD

from tests.end_to_end.app import Cloud


@pytest.mark.parametrize(
    ("field", "removed", "code"),
    [
        ("avatarImageUrl", None, "MISSING_HERO_IMAGE"),
        ("training.heroVideoUrl", DELETE_FIELD, "MISSING_HERO_VIDEO"),
    ],
    ids=["14", "15"],
)
def test_14_15_a_missing_input_blocks(cloud: Cloud, field: str, removed: object, code: str) -> None:
    avatar = cloud.avatar("missing")
    avatar.create()
    there = avatar.document.get().get(field)
    avatar.save(0.40)
    ready = avatar.wait_ready(0.40)
    avatar.update({field: removed})
    blocked = avatar.wait_state("blocked")
    assert (blocked["error"]["code"], blocked["error"]["field"]) == (code, field)
    assert blocked["idleVideoUrl"] == ready["idleVideoUrl"]
    assert avatar.renders() == 1
    avatar.update({field: there, "training.livePortrait.drivingMultiplier": 0.55})
    avatar.wait_ready(0.55)
    assert avatar.renders() == 2


def test_38_urls_that_are_not_ours_are_refused_unasked(
    cloud: Cloud, canary: tuple[str, list[str]]
) -> None:
    origin, asked = canary
    avatar = cloud.avatar("foreign-url")
    avatar.create()
    good = avatar.read()["training"]["heroVideoUrl"]
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    bucket, own = cloud.bucket.name, f"avatars/{avatar.id}"
    base = cloud.suite.storage_url
    for url in (
        f"{origin}/v0/b/{bucket}/o/{own}%2FheroVideo.mp4?alt=media",
        "https://example.com/clip.mp4",
        "http://169.254.169.254/computeMetadata/v1/",
        "file:///etc/passwd",
        f"gs://{bucket}/avatars/somebody-else/heroVideo.mp4",
        f"gs://another-bucket/{own}/heroVideo.mp4",
        f"gs://{bucket}/{own}/livePortrait/0123456789abcdef/idle.mp4",
        f"gs://{bucket}/users/victim/uploads/clip.mp4",
        f"{base}/v0/b/{bucket}/o/{own}%2F..%2Fsomebody-else%2FheroVideo.mp4?alt=media",
        f"{base}/v0/b/{bucket}/o/{own}%252F..%252Fx.mp4?alt=media",
        f"https://storage.googleapis.com/{bucket}/{own}/../x/heroVideo.mp4",
    ):
        cloud.suite.control.clear_calls()
        avatar.update({"training.heroVideoUrl": url})
        refused = avatar.wait(
            lambda live: (live.get("error") or {}).get("code") == "URL_NOT_ALLOWED", url
        )
        cloud.settle()
        assert refused["state"] == "failed"
        assert refused["error"]["field"] == "training.heroVideoUrl"
        assert not [name for name in cloud.calls() if name.startswith("storage.")], url
        avatar.update({"training.heroVideoUrl": good})
        avatar.wait_ready(0.40)
    assert asked == []
    assert avatar.renders() == 1


def test_the_emulator_is_known_by_the_name_that_a_phone_has_for_it(cloud: Cloud) -> None:
    avatar = cloud.avatar("phone")
    avatar.create()
    port = cloud.suite.storage_url.rpartition(":")[2]
    there = avatar.read()
    image, video = there["avatarImageUrl"], there["training"]["heroVideoUrl"]
    avatar.update({"avatarImageUrl": image.replace("127.0.0.1", "10.0.2.2")})
    avatar.update({"training.heroVideoUrl": video.replace(f"127.0.0.1:{port}", f"[::1]:{port}")})
    avatar.save(0.40)
    first = avatar.wait_ready(0.40)
    https = f"https://firebasestorage.googleapis.com:443{video.partition(port)[2]}"  # as iOS has it
    avatar.update({"training.heroVideoUrl": https})
    cloud.settle()
    assert avatar.wait_ready(0.40)["fingerprint"] == first["fingerprint"]
    assert avatar.renders() == 1


@pytest.mark.parametrize("body", [b"this is no picture", b""], ids=["no-picture", "empty"])
def test_a_picture_that_is_none_fails_once(cloud: Cloud, tmp_path: Path, body: bytes) -> None:
    avatar = cloud.avatar("claims")
    avatar.create()
    (tmp_path / "hero.jpg").write_bytes(body)
    good = avatar.document.get().get("avatarImageUrl")
    bad = avatar.upload("bad-hero.jpg", tmp_path / "hero.jpg", "image/jpeg")
    avatar.update({"avatarImageUrl": bad})
    avatar.save(0.40)
    failed = avatar.wait_state("failed")
    cloud.settle()
    assert failed["error"] == {
        "code": "IMAGE_UNSUPPORTED",
        "retryable": False,
        "field": "avatarImageUrl",
    }
    assert avatar.output_names() == []
    assert avatar.renders() == 1
    avatar.update({"avatarImageUrl": good})
    assert avatar.wait_ready(0.40)["error"] is None


def test_36_a_portrait_without_a_face(cloud: Cloud, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    avatar = cloud.avatar("faceless")
    avatar.create()
    plain = tmp_path / "plain.png"
    cv2.imwrite(str(plain), np.full((200, 200, 3), 128, np.uint8))
    avatar.update({"avatarImageUrl": avatar.upload("plain.png", plain, "image/png")})
    avatar.save(0.40)
    failed = avatar.wait_state("failed")
    assert failed["error"]["code"] == "IMAGE_NO_FACE"
