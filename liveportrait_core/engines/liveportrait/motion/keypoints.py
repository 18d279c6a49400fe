"""Key points of the warping network from the motion of two faces.

The portrait's edit, composition, lip normalisation or retargeting, stitching, multiplier: in this
order, a whole clip at a time. Pure but for the small networks, which are asked through a port;
knows no picture.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from liveportrait_core.edit import REST, PortraitEdit
from liveportrait_core.engines.liveportrait.motion.composition import drive_clip, drive_portrait
from liveportrait_core.engines.liveportrait.motion.editing import EditedFace, edit_face
from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion, transform_keypoints
from liveportrait_core.engines.liveportrait.motion.retargeting import (
    eye_ratios_with_driving,
    lip_ratios_with_driving,
    with_target,
)
from liveportrait_core.engines.liveportrait.motion.settings import (
    AnimationSettings,
    LipClosure,
    MotionMode,
    Retargeting,
)
from liveportrait_core.errors import InvalidOption

LIPS_OPEN_FROM = 0.03
"""Lips less open than this are closed already: nothing to normalise."""
_EYES_SHUT_BELOW = 0.18
_EYES_OPEN = 0.39


class KeypointNetworks(Protocol):
    """The three small networks."""

    def stitch(self, source_keypoints: Floats, driving_keypoints: Floats) -> Floats:
        """B×21×3 twice → B×21×3 that meet the photograph's shoulders and border."""

    def retarget_eyes(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        """B×21×3 and B×3 (left, right, wanted) → B×21×3 offsets."""

    def retarget_lip(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        """B×21×3 and B×2 (lip, wanted) → B×21×3 offsets."""


@dataclass(frozen=True, kw_only=True)
class MeasuredMotion:
    """The motion of B frames of a face, and how far its eyes and lips are open."""

    motion: Motion
    eye_ratios: Floats  # B×2, left and right; not a number where they are not measured
    lip_ratios: Floats  # B×1, likewise

    @classmethod
    def without_openings(cls, motion: Motion) -> "MeasuredMotion":
        """Take a motion of whose eyes and lips nothing is known."""
        unknown = np.full((motion.frame_count, 2), np.nan, np.float32)
        return cls(motion=motion, eye_ratios=unknown, lip_ratios=unknown[:, :1])

    @property
    def frame_count(self) -> int:
        """B."""
        return self.motion.frame_count

    def first(self, count: int) -> "MeasuredMotion":
        """Return its first frames."""
        return MeasuredMotion(
            motion=self.motion.first(count),
            eye_ratios=self.eye_ratios[:count],
            lip_ratios=self.lip_ratios[:count],
        )


@dataclass(frozen=True, kw_only=True)
class DrivenKeypoints:
    """Key points of T frames, by stage: T×21×3 each."""

    source: Floats  # 1×21×3 for a portrait
    composed: Floats  # before stitching
    stitched: Floats
    final: Floats  # what the warping network is given


def drive_portrait_keypoints(
    source: MeasuredMotion,
    driving: MeasuredMotion,
    networks: KeypointNetworks,
    settings: AnimationSettings,
    *,
    edit: PortraitEdit = REST,
    anchor: int = 0,
) -> DrivenKeypoints:
    """Animate a still picture, whose motion has one frame: as many frames as the driving has.

    Relative motion is measured from the driving frame `anchor`, and added to the edited face.
    """
    start = _edited(source, networks, settings, edit)
    driven = drive_portrait(
        start.motion, driving.motion, region=settings.region, mode=settings.mode, anchor=anchor
    )
    adjustment = _Adjustment(lips=_lip_offset(source, networks, settings, edit))
    return _finish(source, start, driving, driven, adjustment, networks, settings)


def drive_clip_keypoints(
    source: MeasuredMotion,
    driving: MeasuredMotion,
    networks: KeypointNetworks,
    settings: AnimationSettings,
    *,
    edit: PortraitEdit = REST,
    anchor: int = 0,
) -> DrivenKeypoints:
    """Animate a clip: as many frames as the shorter of the two, all for a driving picture.

    Relative motion is measured from the driving frame `anchor`, and added to the edited face.
    """
    start = _edited(source, networks, settings, edit)
    driven = drive_clip(
        start.motion,
        driving.motion,
        region=settings.region,
        mode=settings.mode,
        observation_variance=settings.observation_variance,
        anchor=anchor,
    )
    source, start = source.first(driven.frame_count), start.first(driven.frame_count)
    adjustment = _Adjustment(lips=_lip_offset(source, networks, settings, edit))
    if settings.keep_source_eyes:
        adjustment = replace(adjustment, eyes=_eye_offset(source, networks))
    return _finish(source, start, driving, driven, adjustment, networks, settings)


def edited_keypoints(
    source: MeasuredMotion,
    networks: KeypointNetworks,
    settings: AnimationSettings,
    edit: PortraitEdit,
) -> DrivenKeypoints:
    """Return the key points of the edited face as it is before any motion: B frames."""
    start = _edited(source, networks, settings, edit)
    neutral = transform_keypoints(source.motion)
    begun = _begun(start, neutral, networks, settings)
    composed = start.keypoints if start.is_edited else neutral
    return DrivenKeypoints(source=neutral, composed=composed, stitched=begun, final=begun)


def _edited(
    source: MeasuredMotion,
    networks: KeypointNetworks,
    settings: AnimationSettings,
    edit: PortraitEdit,
) -> EditedFace:
    return edit_face(
        source.motion,
        eye_ratios=source.eye_ratios,
        lip_ratios=source.lip_ratios,
        edit=edit,
        networks=networks,
        observation_variance=settings.observation_variance,
    )


@dataclass(frozen=True, kw_only=True)
class _Adjustment:
    """What is added after stitching, which would take part of it back: B×21×3, or nothing."""

    lips: Floats | float = 0.0
    eyes: Floats | float = 0.0


def _finish(
    source: MeasuredMotion,
    start: EditedFace,
    driving: MeasuredMotion,
    driven: Motion,
    adjustment: _Adjustment,
    networks: KeypointNetworks,
    settings: AnimationSettings,
) -> DrivenKeypoints:
    """Retarget, stitch, adjust, multiply: all that moves since the edited face."""
    neutral = transform_keypoints(source.motion)
    composed = transform_keypoints(driven) + start.offset
    resting = np.broadcast_to(neutral, composed.shape)
    begun = np.broadcast_to(_begun(start, neutral, networks, settings), composed.shape)
    if settings.retarget_eyes or settings.retarget_lips:
        if settings.retargeting is Retargeting.REPLACE:
            adjustment = _Adjustment()
            still = np.broadcast_to(start.keypoints, composed.shape)
            composed = still if settings.mode is MotionMode.RELATIVE else composed
        composed = composed + _retargeting_offset(source, driving, resting, networks, settings)
    stitched = networks.stitch(resting, composed) if settings.stitch else composed
    strength = np.float32(settings.multiplier)
    whole = np.float32(1) if settings.lip_closure is LipClosure.FULL else strength
    moved = stitched + adjustment.eyes - begun
    final = begun + moved * strength + adjustment.lips * whole
    return DrivenKeypoints(source=neutral, composed=composed, stitched=stitched, final=final)


def _begun(
    start: EditedFace, neutral: Floats, networks: KeypointNetworks, settings: AnimationSettings
) -> Floats:
    """Return the key points that motion is added to, B×21×3.

    An edit is whole whatever the multiplier, and stitched like everything that moves; without one
    the animation begins with the picture itself.
    """
    if not start.is_edited:
        return neutral
    return networks.stitch(neutral, start.keypoints) if settings.stitch else start.keypoints


def _lip_offset(
    source: MeasuredMotion,
    networks: KeypointNetworks,
    settings: AnimationSettings,
    edit: PortraitEdit,
) -> Floats | float:
    """Return the offset that closes the source's lips, B×21×3; 0 where none is wanted."""
    is_wanted = settings.normalize_lip and not settings.retarget_lips and not edit.sets_lips
    if not is_wanted or settings.mode is not MotionMode.RELATIVE:
        return 0.0
    keypoints = transform_keypoints(source.motion)
    closed = np.zeros_like(source.lip_ratios)
    offset = networks.retarget_lip(keypoints, with_target(source.lip_ratios, closed))
    is_open = source.lip_ratios[:, :, None] >= LIPS_OPEN_FROM
    return np.where(is_open, offset, np.float32(0))


def lips_left_open(
    source: MeasuredMotion,
    networks: KeypointNetworks,
    settings: AnimationSettings,
    edit: PortraitEdit,
) -> Floats:
    """Return what still closes the source's lips after normalisation has: B×21×3."""
    whole = replace(settings, normalize_lip=True, retarget_lips=0.0, mode=MotionMode.RELATIVE)
    closed = _lip_offset(source, networks, whole, REST)
    is_full = settings.lip_closure is LipClosure.FULL
    share = np.float32(1) if is_full else np.float32(settings.multiplier)
    return np.asarray(closed - _lip_offset(source, networks, settings, edit) * share, np.float32)


def _eye_offset(source: MeasuredMotion, networks: KeypointNetworks) -> Floats:
    """Return what keeps a source clip's eyes as open as in its first frame: B×21×3."""
    first = np.mean(source.eye_ratios[0])
    target = np.full_like(source.lip_ratios, _EYES_OPEN if first < _EYES_SHUT_BELOW else first)
    keypoints = transform_keypoints(source.motion)
    return networks.retarget_eyes(keypoints, with_target(source.eye_ratios, target))


def _retargeting_offset(
    source: MeasuredMotion,
    driving: MeasuredMotion,
    resting: Floats,
    networks: KeypointNetworks,
    settings: AnimationSettings,
) -> Floats:
    """Return what brings eyes and lips towards the driving face's opening: T×21×3."""
    count = len(resting)
    eyes, driving_eyes = (_first_rows(each.eye_ratios, count) for each in (source, driving))
    lips, driving_lips = (_first_rows(each.lip_ratios, count) for each in (source, driving))
    offset = np.zeros_like(resting)
    if settings.retarget_eyes:
        _require_measured("eye", driving_eyes)
        ratios = eye_ratios_with_driving(eyes, driving_eyes, settings.retarget_eyes)
        offset = offset + networks.retarget_eyes(resting, ratios)
    if settings.retarget_lips:
        _require_measured("lip", driving_lips)
        ratios = lip_ratios_with_driving(lips, driving_lips, settings.retarget_lips)
        offset = offset + networks.retarget_lip(resting, ratios)
    return offset


def _require_measured(what: str, ratios: Floats) -> None:
    if np.isnan(ratios).any():
        raise InvalidOption(
            f"{what} retargeting needs the driving face's {what} openings, which this template "
            "lacks; accepted: a clip, or a template made from one"
        )


def _first_rows(ratios: Floats, count: int) -> Floats:
    """Return the first `count` rows; a single row is held."""
    return np.broadcast_to(ratios, (count, ratios.shape[1])) if len(ratios) == 1 else ratios[:count]
