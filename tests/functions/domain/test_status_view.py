"""The exact fields written back to the avatar document."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.domain.document import Snapshot, State
from functions.domain.job_record import ErrorInfo, PublishedObject, Record, Result, StatusView
from functions.domain.job_record.status_view import (
    DELETED,
    dynamics_fields,
    live_portrait,
    mirror_fields,
    shown_fields,
)
from functions.domain.parameters import Parameters
from functions.domain.request import Reader
from functions.domain.storage_paths import download_url
from functions.errors import Code
from liveportrait_core import Species
from tests.functions.scene import AVATAR, OUTPUT, POLICY, UNSET, document

READER = Reader(policy=POLICY)


def kept(name: str) -> PublishedObject:
    path = f"{OUTPUT}0123/{name}"
    return PublishedObject(path=path, generation=5, url=download_url(path, "token", POLICY))


RESULT = Result(
    fingerprint="0123",
    request_id="claim-1",
    parameters=Parameters(),
    engine="mesh",
    engine_version="mesh-1-0",
    video=kept("idle.mp4"),
    poster=kept("poster.jpg"),
    width=300,
    height=400,
    frame_count=60,
    duration_ms=2002,
    size_bytes=9,
    fps=29.97,
    warnings=("VIDEO_TRIMMED",),
    started=20,
    finished=30,
    deadline=500,
)
RECORD = Record(fingerprint="0123", results=(RESULT,), shown=RESULT.shown(requested=10))


def test_ready_shows_everything() -> None:
    assert live_portrait(RECORD) == {
        "contract": 1,
        "state": "ready",
        "progress": 100,
        "requestId": "claim-1",
        "fingerprint": "0123",
        "params": {
            "drivingMultiplier": 0.4,
            "normalizeLip": True,
            "animationRegion": "all",
            "pasteback": True,
            "scale": 2.3,
            "sourceMaxDim": 1600,
        },
        "engine": "mesh",
        "engineVersion": "mesh-1-0",
        "requestedAt": 10,
        "startedAt": 20,
        "finishedAt": 30,
        "deadlineAt": 500,
        "etaSeconds": 0,
        "idleVideoUrl": RESULT.video.url,
        "posterUrl": RESULT.poster.url,
        "idleVideoPath": f"{OUTPUT}0123/idle.mp4",
        "resultFingerprint": "0123",
        "width": 300,
        "height": 400,
        "frameCount": 60,
        "durationMs": 2002,
        "sizeBytes": 9,
        "fps": 29.97,
        "warnings": ["VIDEO_TRIMMED"],
        "error": None,
    }


@pytest.mark.parametrize(
    ("points", "shown"),
    [
        ("0.41,0.38 0.6,0.37 0.5,0.62",
         {"facePoints": [{"x": 0.41, "y": 0.38}, {"x": 0.6, "y": 0.37}, {"x": 0.5, "y": 0.62}]}),
        ("cropped", {"facePoints": "cropped"}),
        ("", {}),
    ],
)  # fmt: skip
def test_an_animal_is_shown_with_its_points(points: str, shown: dict[str, object]) -> None:
    parameters = Parameters(species=Species.ANIMAL, face_points=points)
    view = replace(RESULT.shown(requested=10), parameters=parameters)
    params: Any = (live_portrait(replace(RECORD, shown=view)) or {})["params"]
    assert {key: params[key] for key in ("species", "facePoints") if key in params} == {
        "species": "animal", **shown,
    }  # fmt: skip


@pytest.mark.parametrize("state", list(State))
def test_the_last_good_result_is_kept_in_every_state(state: State) -> None:
    problem = ErrorInfo(code=Code.RENDER_OOM, field=None, retryable=True)
    shown = StatusView(state=state, fingerprint="4567", error=problem)
    live = live_portrait(replace(RECORD, shown=shown))
    assert live is not None
    assert live["state"] == state.value
    assert live["idleVideoUrl"] == RESULT.video.url
    assert (live["fingerprint"], live["resultFingerprint"]) == ("4567", "0123")
    assert live["error"] == {"code": "RENDER_OOM", "retryable": True}


def test_what_stands_is_not_written_and_what_is_forged_is() -> None:
    live = live_portrait(RECORD)
    stands = Snapshot(fields=document(livePortrait=live))
    assert shown_fields(stands, RECORD) == {}
    forged = Snapshot(fields=document(livePortrait={**dict(live or {}), "width": 300.0}))
    assert shown_fields(forged, RECORD) == {"livePortrait": live}
    assert shown_fields(stands, Record()) == {"livePortrait": DELETED}
    assert shown_fields(Snapshot(fields=document()), Record()) == {}


RETIRED = download_url(f"{OUTPUT}ffff/idle.mp4", "old", POLICY)


@pytest.mark.parametrize(
    ("present", "publishing", "written"),
    [
        (UNSET, False, True),
        (None, False, True),
        (RETIRED, False, True),
        (RESULT.video.url, False, False),
        (RESULT.video.url, True, False),
        ("https://example.com/x.mp4", False, False),
        ("https://example.com/x.mp4", True, True),
        ("", False, False),
        (7, False, False),
    ],
)
def test_when_the_mirror_is_written(present: object, publishing: bool, written: bool) -> None:
    fields = document()
    if present is not UNSET:
        fields["training"]["livePortrait"]["idleVideoUrl"] = present
    wanted = mirror_fields(
        Snapshot(fields=fields), RECORD, reader=READER, avatar_id=AVATAR, publishing=publishing
    )
    url = {"training.livePortrait.idleVideoUrl": RESULT.video.url}
    assert wanted == (url if written else {})


@pytest.mark.parametrize("inputs", [UNSET, None, "text"])
def test_what_is_no_map_gets_no_mirror(inputs: Any) -> None:
    fields = Snapshot(fields=document(training__livePortrait=inputs))
    assert mirror_fields(fields, RECORD, reader=READER, avatar_id=AVATAR, publishing=True) == {}


BASIC: dict[str, object] = {
    "idleVideoUrl": RESULT.video.url,
    "heroImageChunkUrl": RESULT.poster.url,
    "status": "ready",
    "parameters": {
        "driving_multiplier": 0.4,
        "normalize_lip": True,
        "animation_region": "all",
        "pasteback": True,
        "scale": 2.3,
        "source_max_dim": 1600,
    },
}


@pytest.mark.parametrize(
    "stands",
    [
        UNSET,
        {"own": "z"},
        {**BASIC, "idleVideoUrl": "https://elsewhere"},
        {**BASIC, "status": "generating"},
        {**BASIC, "parameters": {"driving_multiplier": 0.5}},
        {**BASIC, "idleChunk1Url": "x", "framesZipUrl": "y"},
    ],
)
def test_the_optional_mirror_touches_its_own_fields_only(stands: Any) -> None:
    fields = document() if stands is UNSET else document(dynamics__basic=stands)
    written = second_mirror(fields, publishing=True)
    retired: set[str] = (
        set() if stands is UNSET else {"idleChunk1Url", "framesZipUrl"} & set(stands)
    )
    assert written == {
        **{f"dynamics.basic.{name}": value for name, value in BASIC.items()},
        "dynamics.basic.generatedAt": datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC),
        **{f"dynamics.basic.{name}": DELETED for name in retired},
    }


def test_the_optional_mirror_is_not_written_where_it_stands() -> None:
    stands = document(dynamics__basic={**BASIC, "own": "z"})
    assert second_mirror(stands, publishing=True) == {}


def second_mirror(fields: Any, *, publishing: bool) -> dict[str, object]:
    return dynamics_fields(
        Snapshot(fields=fields),
        RECORD,
        reader=READER,
        avatar_id=AVATAR,
        now=30_000,
        publishing=publishing,
    )
