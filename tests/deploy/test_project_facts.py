"""Facts of the project, and the errors about them."""

from dataclasses import replace
from typing import Any

import pytest

from deploy.errors import CommandFailed, UnsupportedProject
from deploy.settings import Part
from tests.deploy.conftest import Operator
from tests.deploy.example_plans import SMALLEST, USUAL, plan
from tests.deploy.fake_cloud.processes import FakeGcloud


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ({"database": None}, "has no Firestore database (default), or you may not see it"),
        ({"database": "DATASTORE_MODE"}, "is DATASTORE_MODE; accepted: FIRESTORE_NATIVE"),
        ({"location": "mars-north1"}, "is in mars-north1, where Eventarc has no triggers"),
        ({"bucket": None}, "bucket gs://my-app.appspot.com is not there"),
        ({"billing": None}, "has no billing account"),
    ],
)
def test_a_project_that_will_not_do_is_refused_before_anything_is_made(
    fake_gcloud: FakeGcloud, operator: Operator, project: dict[str, Any], said: str
) -> None:
    for name, value in project.items():
        setattr(fake_gcloud.cloud, name, value)
    with pytest.raises(UnsupportedProject) as refusal:
        operator.deployment(USUAL, plan(USUAL)).apply()
    assert said in str(refusal.value)
    assert [words.positional[:2] for words in fake_gcloud.changes] == [("services", "enable")]


def test_a_billing_account_without_access_can_be_left_out(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    fake_gcloud.cloud.billing = None
    omitting = replace(USUAL, omits=frozenset({Part.BUDGET}))
    operator.deployment(omitting, plan(omitting)).apply()
    assert "budgets" not in fake_gcloud.cloud.things


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("nam5", "the database is in nam5: its events pass through us-central1"),
        ("eur3", "the database is in eur3: its events pass through europe-west4"),
        ("us-central1", "every read, write and event crosses regions"),
        ("europe-west4", None),
    ],
)
def test_distance_is_remarked(
    fake_gcloud: FakeGcloud, operator: Operator, location: str, said: str | None
) -> None:
    fake_gcloud.cloud.location = location
    fake_gcloud.fault = lambda number, words: "before" if number == 2 else None
    with pytest.raises(CommandFailed):
        operator.deployment(USUAL, plan(USUAL)).apply()
    notes = [line for line in operator.said if line.startswith("Note")]
    assert len(notes) == (said is not None)
    assert all(said is not None and said in note for note in notes)


def test_a_bucket_elsewhere_is_remarked(fake_gcloud: FakeGcloud, operator: Operator) -> None:
    fake_gcloud.cloud.location, fake_gcloud.cloud.bucket_location = "europe-west4", "US-EAST1"
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert any("the bucket is in us-east1" in line for line in operator.said)


def test_alerts_without_a_recipient_are_remarked(
    fake_gcloud: FakeGcloud, operator: Operator
) -> None:
    operator.deployment(SMALLEST, plan(SMALLEST)).apply()
    assert "Note: alerts write to nobody; --notify EMAIL names somebody." in operator.said
