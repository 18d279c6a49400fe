"""Avatars that go away: scenarios 18 and 19."""

import pytest

from tests.end_to_end.app import Cloud, exists


@pytest.mark.queue
def test_18_deleted_during_a_render(cloud: Cloud) -> None:
    avatar = cloud.avatar("gone")
    avatar.create()
    cloud.suite.control.delay_downloads(2.0, prefix=f"avatars/{avatar.id}/heroVideo")
    avatar.save(0.40)
    avatar.wait_state("rendering")
    avatar.document.delete()
    cloud.settle()
    assert not exists(avatar)
    assert avatar.output_names() == []
    assert avatar.ledger() == {}


def test_19_deleted_after_ready(cloud: Cloud) -> None:
    avatar = cloud.avatar("done")
    avatar.create()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    assert len(avatar.output_names()) == 2
    avatar.document.delete()
    cloud.settle()
    assert not exists(avatar)
    assert avatar.output_names() == []
    assert avatar.ledger() == {}
    assert list(cloud.bucket.list_blobs(prefix=f"avatars/{avatar.id}/")) == []
    quotas = cloud.database.collection("livePortraitQuota")
    assert quotas.document(f"deleted:{avatar.id}").get().exists
