"""What an attempt makes to be published: its objects, and the result that is to list them.

Commits nothing: that is the attempt's last step. Rules: contract.md, section 3.
"""

from pathlib import Path
from uuid import uuid4

from functions.domain.job_record import PublishedObject, Quality, Result, TalkCuts
from functions.domain.snapshot import Claim
from functions.domain.storage_paths import Upload, download_url
from functions.domain.subject import Subject
from functions.errors import Code, Failure
from functions.jobs.ports import Dependencies
from liveportrait_core import QualityReport, RenderedVideo, TalkCut


def upload_file(
    deps: Dependencies, subject: Subject, claim: Claim, file: Path, content_type: str
) -> PublishedObject:
    """Create an object at a path that no other attempt has.

    Args:
        deps: where.
        subject: whose.
        claim: the attempt's.
        file: its name becomes the object's.
        content_type: of the file.

    Raises:
        Failure: it could not be uploaded.
    """
    spec, token = claim.spec, str(uuid4())
    path = f"{subject.attempt_folder(spec.fingerprint, claim.owner)}{file.name}"
    upload = Upload(
        path=path,
        file=file,
        content_type=content_type,
        token=token,
        metadata={
            "avatarId": subject.avatar_id,
            **({"talkId": subject.talk_id} if subject.is_talk else {}),
            "fingerprint": spec.fingerprint,
            "engineVersion": spec.engine_version,
        },
    )
    try:
        stored = deps.media.publish(upload)
    except Exception as fault:
        raise Failure(Code.UPLOAD_FAILED, f"{path}: {fault}") from fault
    policy = deps.transitions.reader.policy
    return PublishedObject(
        path=path, generation=stored.generation, url=download_url(path, token, policy)
    )


def result_of(
    claim: Claim, report: RenderedVideo, *, poster: PublishedObject, video: PublishedObject
) -> Result:
    """Return the result to be listed; its times are those of the transaction that lists it."""
    spec = claim.spec
    return Result(
        fingerprint=spec.fingerprint,
        request_id=claim.owner,
        parameters=spec.request.parameters,
        engine=spec.engine,
        engine_version=spec.engine_version,
        video=video,
        poster=poster,
        width=report.width_px,
        height=report.height_px,
        frame_count=report.frame_count,
        duration_ms=report.duration_ms,
        size_bytes=report.size_bytes,
        fps=float(report.fps),
        warnings=tuple(warning.value for warning in report.warnings),
        quality=_quality(report.quality),
        talk=_cuts(claim, report),
    )


def _quality(report: QualityReport | None) -> Quality | None:
    if report is None:
        return None
    return Quality(
        frames_without_face=report.frames_without_face,
        jitter_driving_per_mille=report.jitter_driving_per_mille,
        jitter_result_per_mille=report.jitter_result_per_mille,
        median_step_levels=report.median_step_levels,
        loop_step_levels=report.loop_step_levels,
        seam_levels=report.seam_levels,
        touched_outside_share=report.touched_outside_share,
    )


def _cuts(claim: Claim, report: RenderedVideo) -> TalkCuts | None:
    spec = claim.spec
    if spec.request.talk is None:
        return None
    if report.talk is None:
        raise AssertionError("a talk was rendered as an idle video")
    return TalkCuts(
        parameters=spec.request.talk.parameters,
        said=spec.said,
        idle_fingerprint=spec.idle_fingerprint,
        licence=report.talk.licence,
        refiner=report.talk.refiner or "",
        refiner_licence=report.talk.refiner_licence or "",
        start_frame=report.talk.start_frame,
        resume_frame=report.talk.resume_frame,
        has_speech=report.talk.has_speech,
    )


def methods_of(talk: TalkCut | None) -> dict[str, str]:
    """Return what made a talk, with its licence, as fields of a log line."""
    if talk is None:
        return {}
    named = {
        "method": talk.method,
        "licence": talk.licence,
        "refiner": talk.refiner,
        "refiner_licence": talk.refiner_licence,
    }
    return {name: words for name, words in named.items() if words}
