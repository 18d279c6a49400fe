"""Cloud Run's quotas are looked at before anything is made."""

import json
from dataclasses import replace
from typing import Any

import pytest

from deploy.errors import UnsupportedProject
from deploy.quotas import check_quotas
from deploy.settings import Card, Part
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import RTX, SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.processes import FakeGcloud

L4 = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion"
RTX_QUOTA = "NvidiaRtxPro6000GpuAllocNoZonalRedundancyPerProjectRegion"
CPU, MEMORY = "CpuAllocPerProjectRegion", "MemAllocPerProjectRegion"
NEW = {CPU: 20_000, MEMORY: 40 << 30, L4: 3}  # a new project's


def listed(limits: dict[str, int], region: str = USUAL.region) -> str:
    infos: list[Any] = [
        {
            "quotaId": name,
            "dimensionsInfos": [
                {"dimensions": {"region": "asia-south1"}, "details": {"value": "0"}},
                {"dimensions": {"region": region}, "details": {"value": str(limit)}},
                {"details": {"value": "1"}, "applicableLocations": ["asia-east1", region]},
            ],
        }
        for name, limit in limits.items()
    ]
    return json.dumps(infos)


def test_a_new_project_has_room_for_the_default() -> None:
    assert check_quotas(replace(USUAL, max_instances=1), listed(NEW)) == ()


@pytest.mark.parametrize(
    ("settings", "limits", "said"),
    [
        (USUAL, NEW, "22 CPUs (CpuAllocPerProjectRegion is 20000, needed 22000)"),
        (USUAL, NEW, "58 GiB of memory"),
        (USUAL, {**NEW, L4: 2}, f"3 × nvidia-l4 without zonal redundancy ({L4} is 2, needed 3)"),
        (RTX, {RTX_QUOTA: 2000}, "is 2000, needed 3000"),
        (RTX, {CPU: -1, MEMORY: 100 << 30}, "250 GiB of memory"),
        (replace(SMALLEST, max_instances=6), NEW, "24 CPUs"),
    ],
)
def test_what_does_not_fit_in_is_refused(settings: Any, limits: dict[str, int], said: str) -> None:
    with pytest.raises(UnsupportedProject) as refusal:
        check_quotas(settings, listed(limits))
    assert said in str(refusal.value)
    assert "https://console.cloud.google.com/iam-admin/quotas?project=my-app-1234" in str(
        refusal.value
    )


def test_a_card_that_is_not_listed_yet_is_remarked() -> None:
    small = replace(USUAL, max_instances=1)
    (remark,) = check_quotas(small, listed({CPU: 20_000, MEMORY: 40 << 30}))
    assert f"no quota {L4} is listed for {USUAL.region}" in remark


def test_a_region_without_an_entry_of_its_own_has_the_rest_s() -> None:
    with pytest.raises(UnsupportedProject, match="is 1, needed"):
        check_quotas(USUAL, listed(NEW, region="us-east4").replace("asia-east1", USUAL.region))


def test_a_run_stops_before_anything_is_made(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    fake_gcloud.cloud.quotas[L4] = 1
    with pytest.raises(UnsupportedProject, match="nvidia-l4 without zonal redundancy"):
        operator.deployment(USUAL, plan(USUAL)).apply()
    assert [words.positional[:2] for words in fake_gcloud.changes] == [("services", "enable")]
    omitting = replace(USUAL, omits=frozenset({Part.QUOTAS}))
    operator.deployment(omitting, plan(omitting)).apply()


def test_every_card_has_its_quota() -> None:
    for card in (Card.L4, Card.RTX_PRO_6000):
        settings = replace(USUAL, card=card, any_region=True)
        with pytest.raises(UnsupportedProject):
            check_quotas(settings, listed({L4: 0, RTX_QUOTA: 0}))
