"""Clients that write back what they once read: scenarios 9–11, 16 and 40."""

import copy

import pytest

from tests.end_to_end.app import Cloud


def test_09_a_stale_full_save_is_healed_once(cloud: Cloud) -> None:
    avatar = cloud.avatar("stale")
    avatar.create()
    opened = avatar.read()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    old = avatar.read()
    avatar.save(0.50)
    ready = avatar.wait_ready(0.50)

    stale = copy.deepcopy(avatar.read())
    stale["training"]["livePortrait"]["idleVideoUrl"] = old["training"]["livePortrait"][
        "idleVideoUrl"
    ]
    del stale["livePortrait"]
    avatar.merge(stale)
    cloud.settle()
    assert avatar.read()["training"]["livePortrait"]["idleVideoUrl"] == ready["idleVideoUrl"]
    assert avatar.live() == ready

    avatar.save(0.50)  # replaces the map: the mirror is dropped
    cloud.settle()
    assert avatar.read()["training"]["livePortrait"]["idleVideoUrl"] == ready["idleVideoUrl"]
    avatar.merge(opened)  # from before there was any render: nothing to heal
    cloud.settle()
    assert avatar.live() == ready
    assert avatar.renders() == 2
    avatar.assert_inputs_untouched()


def test_a_foreign_mirror_value_is_left_alone(cloud: Cloud) -> None:
    avatar = cloud.avatar("foreign")
    avatar.create()
    avatar.save(0.40)
    ready = avatar.wait_ready(0.40)
    avatar.update({"training.livePortrait.idleVideoUrl": "https://example.com/mine.mp4"})
    cloud.settle()
    mirror = avatar.read()["training"]["livePortrait"]["idleVideoUrl"]
    assert mirror == "https://example.com/mine.mp4"
    assert avatar.live() == ready


@pytest.mark.queue
def test_10_the_same_values_during_a_render_let_it_finish(cloud: Cloud) -> None:
    avatar = cloud.avatar("resaved")
    avatar.create()
    cloud.suite.control.delay_downloads(2.0, prefix=f"avatars/{avatar.id}/heroVideo")
    avatar.save(0.40)
    avatar.wait_state("rendering")
    avatar.save(0.40)
    ready = avatar.wait_ready(0.40)
    assert avatar.renders() == 1
    assert avatar.read()["training"]["livePortrait"]["idleVideoUrl"] == ready["idleVideoUrl"]


@pytest.mark.queue
def test_11_a_save_withdrawn_during_a_render(cloud: Cloud) -> None:
    from google.cloud.firestore import DELETE_FIELD

    avatar = cloud.avatar("withdrawn")
    avatar.create()
    cloud.suite.control.delay_downloads(2.0, prefix=f"avatars/{avatar.id}/heroVideo")
    avatar.save(0.40)
    avatar.wait_state("rendering")
    avatar.update({"training.livePortrait": DELETE_FIELD})
    ready = avatar.wait_ready(0.40)
    assert ready["idleVideoUrl"]
    assert len(avatar.output_names()) == 2
    assert "livePortrait" not in avatar.read()["training"]
    avatar.update({"training.heroVideoUrl": None})
    cloud.settle()
    assert avatar.live() == ready
    assert avatar.renders() == 1


def test_16_a_new_token_for_the_same_object(cloud: Cloud) -> None:
    avatar = cloud.avatar("token")
    avatar.create()
    avatar.save(0.40)
    ready = avatar.wait_ready(0.40)
    path = f"avatars/{avatar.id}/hero.jpg"
    bucket = cloud.bucket.name
    for url in (
        avatar.download_url(path, "another-token") + "&v=17",
        f"gs://{bucket}/{path}",
        f"https://storage.googleapis.com/{bucket}/{path}?X-Goog-Signature=abc&X-Goog-Expires=60",
        f"https://firebasestorage.googleapis.com/v0/b/{bucket}/o/{path.replace('/', '%2F')}",
    ):
        avatar.update({"avatarImageUrl": url})
        cloud.settle()
        assert avatar.live() == ready
    assert avatar.renders() == 1


def test_40_a_forged_answer_is_corrected(cloud: Cloud) -> None:
    avatar = cloud.avatar("forged")
    avatar.create()
    avatar.save(0.40)
    ready = avatar.wait_ready(0.40)
    avatar.update(
        {
            "livePortrait.state": "failed",
            "livePortrait.fingerprint": "f" * 64,
            "livePortrait.idleVideoUrl": "https://example.com/forged.mp4",
        }
    )
    cloud.settle()
    assert avatar.live()["state"] == "failed"  # not a relevant event: nothing of ours moves
    avatar.update({"training.livePortrait.normalizeLip": True, "training.dynamicsEnabled": None})
    again = avatar.wait_ready(0.40)
    assert again["idleVideoUrl"] == ready["idleVideoUrl"]
    assert again["fingerprint"] == ready["fingerprint"]
    assert avatar.renders() == 1
