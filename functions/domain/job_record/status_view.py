"""The fields that are written to the avatar document, each under its field path.

The ledger is the truth and the document shows it: `live_portrait` depends on a `Record` alone, so a
forged or stale map is repaired by writing the same map again, and equal values are not written.
Pure. Rules: contract.md, section 3.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from functions.domain.document import CONTRACT_VERSION, DYNAMICS, MIRROR, Document
from functions.domain.field_values import ABSENT, dig, same
from functions.domain.job_record import ErrorInfo, Record, Result, StatusView
from functions.domain.parameters import Parameters
from functions.domain.request import Reader
from liveportrait_core import FacePoints, PortraitEdit, Species, parse_face_location


class Deleted:
    """The value of a field that is to be removed."""


DELETED: Final = Deleted()
_OWNER_LIMIT = "OWNER_LIMIT"  # others of the same owner are being rendered
_RETIRED_DYNAMICS = (
    "idleChunk1Url",
    "idleChunk2Url",
    "idleChunk3Url",
    "framesZipUrl",
    "latentsUrl",
)


def live_portrait(record: Record) -> Mapping[str, object] | None:
    """Return the map that shows a record, of an avatar or a talk; None: there is nothing."""
    shown = record.shown
    if shown is None:
        return None
    last = record.results[0] if record.results else None
    optional: dict[str, object] = {
        "stage": shown.stage or None,
        "requestId": shown.request_id or None,
        "fingerprint": shown.fingerprint or None,
        "params": _shown_parameters(shown),
        "engine": shown.engine or (last.engine if last else None),
        "engineVersion": shown.engine_version or (last.engine_version if last else None),
        "requestedAt": shown.requested,
        "startedAt": shown.started,
        "finishedAt": shown.finished,
        "deadlineAt": shown.deadline,
        "etaSeconds": shown.eta_s,
        "waiting": {"reason": _OWNER_LIMIT, "position": shown.position} if shown.position else None,
        **(_result(last) if last else {}),
    }
    return {
        "contract": CONTRACT_VERSION,
        "state": shown.state.value,
        "progress": shown.percent,
        "warnings": list(shown.warnings),
        "error": None if shown.error is None else _error(shown.error),
        **_without_none(optional),
    }


def shown_fields(document: Document, record: Record) -> dict[str, object]:
    """Return the server's map, where the document does not show the record already."""
    shown = live_portrait(record)
    if shown is None:
        return {} if document.output is ABSENT else {_dotted(document.output_path): DELETED}
    if same(shown, document.output):
        return {}
    return {_dotted(document.output_path): shown}


def mirror_fields(
    document: Document, record: Record, *, reader: Reader, avatar_id: str, publishing: bool = False
) -> dict[str, object]:
    """Return `training.livePortrait.idleVideoUrl`, where a stale save removed it or set an old one.

    Keep a foreign value unless a result is being published; do not create a removed
    `training.livePortrait` again.
    """
    if not record.results or document.inputs is None:
        return {}
    url, present = record.results[0].video.url, document.mirror
    if present == url or not (publishing or _is_stale(present, reader, avatar_id)):
        return {}
    return {_dotted(MIRROR): url}


def dynamics_fields(
    document: Document,
    record: Record,
    *,
    reader: Reader,
    avatar_id: str,
    now: int,
    publishing: bool = False,
) -> dict[str, object]:
    """Return the optional mirror in `dynamics.basic`, for app versions that read it.

    Where a result is being published, or a URL was removed or is an old one of ours, write all of
    its keys if any of them differs; leave other keys of the map, and a foreign video, alone.
    """
    if not record.results or document.inputs is None:
        return {}
    result = record.results[0]
    urls = {"idleVideoUrl": result.video.url, "heroImageChunkUrl": result.poster.url}
    shown = {name: dig(document.fields, (*DYNAMICS, name)) for name in urls}
    ours = _is_stale(shown["idleVideoUrl"], reader, avatar_id)
    if not publishing and (shown == urls or not ours):
        return {}
    wanted = _parameters(result.parameters)
    values: dict[str, object] = {
        **urls,
        "status": "ready",
        "parameters": {
            "driving_multiplier": wanted["drivingMultiplier"],
            "normalize_lip": wanted["normalizeLip"],
            "animation_region": wanted["animationRegion"],
            "pasteback": wanted["pasteback"],
            "scale": wanted["scale"],
            "source_max_dim": wanted["sourceMaxDim"],
        },
    }
    present = {
        name: dig(document.fields, (*DYNAMICS, name)) for name in (*values, *_RETIRED_DYNAMICS)
    }
    retired = {name: DELETED for name in _RETIRED_DYNAMICS if present[name] is not ABSENT}
    if not retired and all(same(present[name], values[name]) for name in values):
        return {}
    values["generatedAt"] = datetime.fromtimestamp(now / 1000, UTC)
    return {_dotted((*DYNAMICS, name)): value for name, value in (values | retired).items()}


def _is_stale(url: object, reader: Reader, avatar_id: str) -> bool:
    """Tell whether a mirror's URL was dropped, or may be an earlier one of ours."""
    return url is ABSENT or url is None or reader.is_own_output(avatar_id, url)


def _shown_parameters(shown: StatusView) -> dict[str, object] | None:
    if (talk := shown.talk) is not None:
        return {
            "method": talk.method.value,
            "strength": talk.strength / 100,
            "head": talk.head.value,
            "base": talk.base.value,
            "refine": talk.refine,
        }
    return None if shown.parameters is None else _parameters(shown.parameters)


def _error(problem: ErrorInfo) -> dict[str, object]:
    return _without_none(
        {
            "code": problem.code.value,
            "field": problem.field,
            "seconds": problem.seconds,
            "retryable": problem.retryable,
        }
    )


def _parameters(parameters: Parameters) -> dict[str, object]:
    """Return the parameters as a client would write them, after clamping and rounding."""
    edit = PortraitEdit.parse(parameters.edit)
    return {
        "drivingMultiplier": parameters.driving_multiplier / 100,
        "normalizeLip": parameters.normalize_lip,
        "animationRegion": parameters.animation_region.value,
        "pasteback": parameters.pasteback,
        "scale": parameters.scale / 100,
        "sourceMaxDim": parameters.source_max_dim,
        **({"edit": edit.as_fields()} if not edit.is_rest else {}),
        **_animal(parameters),
    }


def _animal(parameters: Parameters) -> dict[str, object]:
    if parameters.species is Species.HUMAN:
        return {}
    place: object = None
    if parameters.face_points:
        place = parse_face_location(parameters.face_points)
        if isinstance(place, FacePoints):
            place = [{"x": x, "y": y} for x, y in place.points]
    return {"species": parameters.species.value, **_without_none({"facePoints": place})}


def _result(result: Result) -> dict[str, object]:
    url, path = ("idleVideoUrl", "idleVideoPath")
    cuts: dict[str, object] = {}
    if (talk := result.talk) is not None:
        url, path = ("videoUrl", "videoPath")
        named = {
            "licence": talk.licence,
            "refiner": talk.refiner,
            "refinerLicence": talk.refiner_licence,
        }
        cuts = {
            "method": talk.parameters.method.value,
            **{key: words for key, words in named.items() if words},
            "idleFingerprint": talk.idle_fingerprint,
            "startFrame": talk.start_frame,
            "resumeFrame": talk.resume_frame,
            "hasSpeech": talk.has_speech,
        }
    return {
        **cuts,
        url: result.video.url,
        "posterUrl": result.poster.url,
        path: result.video.path,
        "resultFingerprint": result.fingerprint,
        "width": result.width,
        "height": result.height,
        "frameCount": result.frame_count,
        "durationMs": result.duration_ms,
        "sizeBytes": result.size_bytes,
        "fps": result.fps,
    }


def _without_none(fields: Mapping[str, Any]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value is not None}


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)
