"""`motion.npz`: key points of a clip for every combination of settings."""

from dataclasses import replace
from typing import Any

from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.keypoints import (
    DrivenKeypoints,
    MeasuredMotion,
    drive_clip_keypoints,
    drive_portrait_keypoints,
)
from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    rotation_matrix,
    transform_keypoints,
)
from liveportrait_core.engines.liveportrait.motion.settings import (
    AnimationSettings,
    MotionMode,
    Retargeting,
)
from liveportrait_core.face.openings import eye_close_ratios, lip_close_ratio
from liveportrait_core.options import AnimationRegion
from tests.parity.golden_set import GoldenFile

SETTINGS = AnimationSettings(normalize_lip=True, multiplier=0.8, observation_variance=3e-6)


def check_motion(golden: GoldenFile, model: Model) -> None:
    """Compare every array of the file."""
    portrait = _measured(golden, "source", golden.given("source_lmk")[None])
    clip = _measured(golden, "srcvideo", golden.given("srcvideo_lmk"))
    driving = _measured(golden, "driving", golden.given("driving_lmk"))
    golden.given("source_lmk106")
    golden.compare("source_R", portrait.motion.rotation)
    golden.compare("driving_R", driving.motion.rotation[:, None])
    golden.compare("driving_c_eyes", driving.eye_ratios[:, None])
    golden.compare("driving_c_lip", driving.lip_ratios[:, None])
    golden.compare("xs_image", transform_keypoints(portrait.motion))
    _check_portrait(golden, model, portrait, driving)
    _check_portrait_extras(golden, model, portrait, driving)
    _check_clip(golden, model, clip, driving)


def _check_portrait(
    golden: GoldenFile, model: Model, portrait: MeasuredMotion, driving: MeasuredMotion
) -> None:
    """A still picture, driven by a clip and by a picture."""
    for key in golden.given("i2v_keys").tolist():
        run, _, stage = key.rpartition("/")
        if stage != "fin":
            continue
        # The driving option has no numerical effect, so the product has none.
        _, region, mode, lip, _, multiplier = run.split("/")
        settings = replace(
            _moving(region, mode), normalize_lip=lip == "lip1", multiplier=float(multiplier[1:])
        )
        driven = drive_portrait_keypoints(portrait, driving, model, settings)
        _compare(golden, run, driven)
    for run in _runs(golden, "i2i"):
        driven = drive_portrait_keypoints(portrait, driving.first(1), model, _moving(*run[1:]))
        _compare(golden, "/".join(run), driven)


def _check_portrait_extras(
    golden: GoldenFile, model: Model, portrait: MeasuredMotion, driving: MeasuredMotion
) -> None:
    """Closed lips, no stitching, retargeting."""
    closed = _measured(golden, "source", golden.given("source_lmk_closed")[None])
    for run in _runs(golden, "extra"):
        settings = replace(_moving("all", run[-1]), multiplier=0.4)
        if run[1] == "nostitch":
            settings = replace(settings, stitch=False)
        elif run[1] != "closedlip":
            settings = replace(
                settings,
                stitch=run[2] == "stitch1",
                retarget_eyes=float("eye1" in run[1]),
                retarget_lips=float("lip1" in run[1]),
                retargeting=Retargeting.REPLACE,
            )
        source = closed if run[1] == "closedlip" else portrait
        driven = drive_portrait_keypoints(source, driving, model, settings)
        _compare(golden, "/".join(run), driven)


def _check_clip(
    golden: GoldenFile, model: Model, clip: MeasuredMotion, driving: MeasuredMotion
) -> None:
    """A source clip, driven by a clip and by a picture."""
    for kind, driver in (("v2v", driving), ("v2i", driving.first(1))):
        for run in _runs(golden, kind):
            settings = replace(_moving(*run[1:]), keep_source_eyes=run[1] in ("all", "eyes"))
            driven = drive_clip_keypoints(clip, driver, model, settings)
            golden.compare("/".join([*run, "xs"]), driven.source)
            _compare(golden, "/".join(run), driven)


def _moving(region: str, mode: str) -> AnimationSettings:
    chosen = MotionMode.RELATIVE if mode == "rel1" else MotionMode.ABSOLUTE
    return replace(SETTINGS, region=AnimationRegion(region), mode=chosen)


def _runs(golden: GoldenFile, kind: str) -> list[list[str]]:
    return [
        key.split("/")[:-1] for key in golden.arrays if key.startswith(f"{kind}/") and "/fin" in key
    ]


def _compare(golden: GoldenFile, run: str, driven: DrivenKeypoints) -> None:
    golden.compare(f"{run}/fin", driven.final)
    if f"{run}/pre" in golden.arrays:
        golden.compare(f"{run}/pre", driven.composed)
        golden.compare(f"{run}/post", driven.stitched)


def _measured(golden: GoldenFile, who: str, landmarks: Floats) -> MeasuredMotion:
    """The motion of one face of the file: T frames, with ratios from its landmarks."""

    def values(name: str) -> Any:
        array = golden.given(f"{who}_{name}")
        return array[:, 0] if array.ndim > 2 and len(array) == len(landmarks) > 1 else array

    return MeasuredMotion(
        motion=Motion(
            canonical_keypoints=values("kp"),
            rotation=rotation_matrix(values("pitch"), values("yaw"), values("roll")),
            expression=values("exp"),
            scale=values("scale"),
            translation=values("t"),
        ),
        eye_ratios=eye_close_ratios(landmarks),
        lip_ratios=lip_close_ratio(landmarks),
    )
