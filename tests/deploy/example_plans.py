"""The settings that the tests deploy, and files of the repository small enough to read."""

from dataclasses import replace
from pathlib import Path

from deploy.plan import Plan, RepositoryFiles, make
from deploy.resources.data_protection.steps import DataConfig
from deploy.resources.monitoring import MonitoringConfig, MonitoringFile
from deploy.settings import Card, Settings
from tests.deploy.fake_cloud.project import BUCKET, PROJECT, REGION

ROOT = Path(__file__).parents[2]
USUAL = Settings(
    project=PROJECT,
    region=REGION,
    bucket=BUCKET,
    tag="0123456789abcdef",
    engine_version="liveportrait-3-0a1b2c3d",
    max_instances=3,
    notify="on-call@example.com",
)
MESH = replace(USUAL, engine="mesh", engine_version="mesh-6-0a1b2c3d", card=Card.NONE, notify=None)
SMALLEST = replace(MESH, single=True, max_instances=1)
RTX = replace(
    USUAL,
    card=Card.RTX_PRO_6000,
    precision="bf16",
    collection="people",
    environment=(("LIVEPORTRAIT_DEBOUNCE_S", "2"),),
    private_egress=True,
    budget_pauses=True,
)
API = replace(USUAL, api="secret:idle-api-keys", api_tag="fedcba9876543210")
ALL = {"smallest": SMALLEST, "usual": USUAL, "rtx": RTX}

FILES = RepositoryFiles(
    data=DataConfig(
        firestore_rules="rules_version = '2'; // Firestore's",
        storage_rules="rules_version = '2'; // Storage's",
        cors=(
            {
                "origin": ["*"],
                "method": ["GET", "HEAD"],
                "responseHeader": [
                    "Accept-Ranges",
                    "Content-Length",
                    "Content-Range",
                    "Content-Type",
                    "ETag",
                ],
                "maxAgeSeconds": 3600,
            },
        ),
        lifecycle=(
            {
                "action": {"type": "Delete"},
                "condition": {"age": 30, "matchesPrefix": ["livePortraitCache/"]},
            },
            {
                "action": {"type": "Delete"},
                "condition": {"age": 2, "matchesPrefix": ["livePortraitGenerations/"]},
            },
        ),
        expiries=(("livePortraitQuota", "expireAt"),),
        exemptions=(("livePortraitJobs", "results"),),
    ),
    monitoring=MonitoringConfig(
        metrics=(
            MonitoringFile(name="idle-errors", body={"description": "Errors.", "filter": "x"}),
        ),
        policies=(MonitoringFile(name="renders-fail", body={"displayName": "Idle: renders fail"}),),
        dashboards=(MonitoringFile(name="idle", body={"displayName": "Idle videos"}),),
    ),
)


def plan(settings: Settings) -> Plan:
    """The plan over the small files."""
    return make(settings, FILES)
