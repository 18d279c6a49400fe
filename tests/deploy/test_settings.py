"""Wrong options are refused with the thing, the value and what would be accepted."""

from dataclasses import replace
from typing import Any

import pytest

from deploy.errors import InvalidSetting
from deploy.settings import Card, Part
from tests.deploy.example_plans import MESH, USUAL


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": "My App"}, "project is 'My App'; accepted: a project's id"),
        ({"project": "x"}, "project is 'x'"),
        ({"region": "europe"}, "region is 'europe'; accepted: a Cloud Run region"),
        ({"region": "us-west1"}, "region is 'us-west1', where Cloud Run has no nvidia-l4"),
        ({"bucket": "gs://b"}, "bucket is 'gs://b'; accepted: a bucket's name, without gs://"),
        ({"tag": "a b"}, "tag is 'a b'"),
        ({"collection": "a/b"}, "collection is 'a/b'; accepted: a collection's name"),
        ({"notify": "nobody"}, "notify is 'nobody'; accepted: an e-mail address"),
        ({"schedule": "daily"}, "schedule is 'daily'; accepted: five fields of cron"),
        ({"schedule_all": "weekly"}, "schedule-all is 'weekly'; accepted: five fields of cron"),
        ({"tasks": 0}, "tasks is 0; accepted: 1 to 100"),
        ({"max_instances": 0}, "max-instances is 0; accepted: 1 to 100"),
        ({"budget": 0}, "budget is 0; accepted: 1 to 1000000"),
        ({"engine": "magic"}, "engine is 'magic'; accepted: liveportrait, mesh"),
        ({"precision": "auto"}, "precision is 'auto'; accepted: fp16, bf16, fp32"),
        ({"engine": "mesh"}, "gpu is 'nvidia-l4' with the engine mesh; accepted: 'none'"),
        ({"card": Card.NONE}, "gpu is 'none' with the engine liveportrait"),
        ({"engine_version": "3"}, "engine-version is '3'; accepted: a version of the engine live"),
        (
            {"engine_version": "mesh-6-0a1b2c3d"},
            "engine-version is 'mesh-6-0a1b2c3d'; accepted: a version of the engine liveportrait",
        ),
        ({"environment": (("PATH", "x"),)}, "env is 'PATH'; accepted: LIVEPORTRAIT_"),
        (
            {"environment": (("LIVEPORTRAIT_ROLE", "all"),)},
            "env sets LIVEPORTRAIT_ROLE, which this program sets itself",
        ),
        ({"environment": (("LIVEPORTRAIT_KEEP", "1|2"),)}, "env LIVEPORTRAIT_KEEP is '1|2'"),
        (
            {"replaces": frozenset({Part.RULES}), "omits": frozenset({Part.RULES})},
            "rules is to be replaced and omitted",
        ),
    ],
)
def test_a_wrong_option_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        replace(USUAL, **changes)
    assert str(refusal.value).startswith(said)


def test_a_private_renderer_sends_its_spans_to_google_or_nowhere() -> None:
    elsewhere = (("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.example.com"),)
    with pytest.raises(InvalidSetting, match=r"with --private-egress, an API of Google's"):
        replace(USUAL, environment=elsewhere, private_egress=True)
    assert replace(USUAL, environment=elsewhere).environment == elsewhere
    google = (("OTEL_EXPORTER_OTLP_ENDPOINT", "https://telemetry.googleapis.com:443/v1"),)
    assert replace(USUAL, environment=google, private_egress=True).environment == google


def test_a_region_of_a_newer_list_may_be_trusted() -> None:
    assert replace(USUAL, region="us-west1", any_region=True).region == "us-west1"


def test_the_mesh_engine_runs_everywhere() -> None:
    assert replace(MESH, region="us-west1").machine.cpu == "4"
