"""The avatar that the rows of the rules' tables are about, and what a row is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from functions.domain.job_record.status_view import live_portrait
from tests.functions.domain.test_status_view import RECORD
from tests.rules.firestore import Action

OWNER, STRANGER, NOBODY = "alice", "mallory", None

INPUTS = {"drivingMultiplier": 0.4, "normalizeLip": True, "animationRegion": "all"}
WRITTEN_BY_THE_SERVICE = {
    "livePortrait": live_portrait(RECORD),
    "dynamics": {"basic": {"status": "ready", "generatedAt": datetime(2026, 1, 2, tzinfo=UTC)}},
}
AVATAR: Mapping[str, Any] = {
    "userId": OWNER,
    "nickname": "Grace",
    "updatedAt": 1,
    "avatarImageUrl": "gs://b/avatars/a/hero.jpg",
    "training": {
        "heroVideoUrl": "gs://b/avatars/a/heroVideo.mp4",
        "dynamicsEnabled": True,
        "status": "done",
        "livePortrait": {**INPUTS, "idleVideoUrl": "https://new"},
    },
    **WRITTEN_BY_THE_SERVICE,
}
FRESH = {key: value for key, value in AVATAR.items() if key != "livePortrait"}


def avatar(**changed: Any) -> Mapping[str, Any]:
    """The avatar with top-level fields changed."""
    return {**AVATAR, **changed}


def with_inputs(inputs: Any) -> Mapping[str, Any]:
    """The avatar with something else in `training.livePortrait`."""
    return avatar(training={**AVATAR["training"], "livePortrait": inputs})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sentence: who tries what on what stands, and whether it is allowed."""

    sentence: str
    who: str | None
    action: Action
    allowed: bool
    stands: Mapping[str, Any] | None = None  # None: there is no document
    path: str | None = None  # None: an avatar of its own
    beside: str | None = None  # another document that stands
    beside_fields: Mapping[str, Any] = field(default_factory=lambda: {"at": 1})


def allowed(
    sentence: str, who: str | None, action: Action, stands: Mapping[str, Any] | None = AVATAR
) -> Row:
    return Row(sentence=sentence, who=who, action=action, allowed=True, stands=stands)


def refused(
    sentence: str, who: str | None, action: Action, stands: Mapping[str, Any] | None = AVATAR
) -> Row:
    return Row(sentence=sentence, who=who, action=action, allowed=False, stands=stands)
