"""The motion of a face in a clip, free of its shape, and how much of it is applied.

Pure mathematics. Knows points and options, no picture. Movements are relative to the clip's first
frame, lengths in distances between the eyes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation

from liveportrait_core.engines.loop import close_loop, ease_frames
from liveportrait_core.engines.mesh.grid import eased
from liveportrait_core.engines.mesh.points import (
    BROWS,
    EYES,
    MOUTH,
    Array,
    HeadAxes,
    control_point_positions,
)
from liveportrait_core.engines.mesh.pose import fit_poses
from liveportrait_core.engines.mesh.speech.shapes import SpokenMouth
from liveportrait_core.face.mesh_track import MeshTrack
from liveportrait_core.options import AnimationRegion, RenderOptions
from liveportrait_core.report import RenderWarning

# How much of a turn the face mesh shows (pitch, yaw, roll), measured on clips of known motion: it
# follows a face's place exactly, but flattens the parallax within it.
TURN_SEEN = np.array([0.62, 0.86, 1.0])
# A nod is seen in how the face moves up and down, and in its parallax, which a blink or a smile
# disturbs. Heads nod rather than slide: so much of what looks like sliding is taken for nodding.
NODDED_SLIDE = 0.6
POSE_SMOOTHING_S = 0.050  # Gaussian sigma: 1.5 frames at 30 fps
EXPRESSION_SMOOTHING_S = 0.030
MAX_ROTATION_DEG = 7.0
MAX_SHIFT = 0.15  # of the head, in eye distances
MAX_LOG_SCALE = 0.03
MAX_CONTROL_POINT = 0.12
FULL_BLINK_MULTIPLIER = 0.40  # from here on blinks are whole
SQUINT_TO_BLINK = (0.35, 0.85)  # closure
OPEN_EYE_PERCENTILE = 80.0  # of the gap between the lids over a clip
SHUT_EYE = 0.30  # the gap the mesh still shows between closed lids, relative to the open eye's
LID_NOISE, LID_SHUT = 0.12, 0.92  # closures up to and from which lids count as open and shut
LID_CLOSES_S, LID_OPENS_S = 0.05, 0.10  # no sooner: clips are cut, sped up, and trackers flutter
BLINK_ASIDE_S = 0.13  # so far apart may lids shut and yet be of one blink
BLINK_FORGOTTEN_S = 1 / 3
EASE_S = 1.2
LID_EASE_S = 0.25
# The names are those of the cached motion's arrays: one of them is older than its field.
_FORM = {
    "rotation_deg": np.dtype((np.float64, (3,))),
    "shift": np.dtype((np.float64, (3,))),
    "handles": np.dtype((np.float64, (MOUTH.stop, 2))),  # the mouth's are the last
    "closure": np.dtype((np.float64, (2,))),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class MeshMotion:
    """The motion of one clip, N frames. Frame 0 is the zero of every channel.

    All directions are the head's own in frame 0, tilted as it is there.

    rotation_deg: N×3, rotation vector about the axes right (pitch), down (yaw) and away (roll).
    shift: N×3, of the head's pivot: right and down in eye distances, then the log of its size.
    control_points: N×H×2, right and down in the head's own directions, eye distances.
    closure: N×2, lids of the left and right eye in the picture: 0 as in frame 0, 1 closed.
    periodic: the frame after the last is frame 0 by itself.
    spoken: what the mouth does in a talk over this motion, whose length it then is; None: an idle.
    """

    fps: Fraction
    rotation_deg: Array
    shift: Array
    control_points: Array
    closure: Array
    periodic: bool = False
    frames_without_face: int | None = None
    warnings: tuple[RenderWarning, ...] = ()
    spoken: SpokenMouth | None = None

    @property
    def frame_count(self) -> int:
        """Number of frames to draw."""
        return self.spoken.frame_count if self.spoken else self.idle_frames

    @property
    def idle_frames(self) -> int:
        """N."""
        return len(self.rotation_deg)

    @classmethod
    def form(cls) -> Mapping[str, np.dtype[Any]]:
        """Of the arrays of a frame."""
        return _FORM

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Every channel, N×…."""
        return {
            "rotation_deg": self.rotation_deg,
            "shift": self.shift,
            "handles": self.control_points,
            "closure": self.closure,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], **facts: Any) -> Self:
        """Restore the motion of a clip from its channels, and other fields by name."""
        return cls(
            rotation_deg=arrays["rotation_deg"],
            shift=arrays["shift"],
            control_points=arrays["handles"],
            closure=arrays["closure"],
            **facts,
        )


STILL = MeshMotion(
    fps=Fraction(25),
    rotation_deg=np.zeros((1, 3)),
    shift=np.zeros((1, 3)),
    control_points=np.zeros((1, MOUTH.stop, 2)),
    closure=np.zeros((1, 2)),
    periodic=True,
)
"""One frame in which nothing moves."""


def motion_of(track: MeshTrack) -> MeshMotion:
    """Read head pose, expression and lids from the tracked points."""
    fps = float(track.fps)
    poses = fit_poses(track.points)
    head = HeadAxes.of(poses.shape)
    turns = Rotation.from_matrix(poses.turns).as_rotvec() @ head.tilt / TURN_SEEN
    scale = np.exp(poses.log_scale)[:, None]
    lever = Rotation.from_rotvec(turns).apply((head.pivot - poses.centre) @ head.tilt)
    pivot = poses.places @ head.tilt[:2, :2] + scale * lever[:, :2]
    shift = np.concatenate([pivot / head.eye_distance, poses.log_scale[:, None]], axis=1)
    slide = NODDED_SLIDE * (shift[:, 1] - shift[0, 1])
    shift[:, 1] -= slide
    turns[:, 0] += slide * head.eye_distance / (head.pivot - poses.centre)[2]
    still = poses.stilled(track.points)
    control_points = (
        control_point_positions((still - poses.centre) @ head.axes)[..., :2] / head.eye_distance
    )
    upright = still[..., :2] @ head.tilt[:2, :2]
    closure = np.stack([_closure(upright, upper, lower) for upper, lower, _brow in EYES], axis=1)
    return MeshMotion(
        fps=track.fps,
        rotation_deg=_since_first(np.degrees(turns), POSE_SMOOTHING_S * fps),
        shift=_since_first(shift, POSE_SMOOTHING_S * fps),
        control_points=_since_first(control_points, EXPRESSION_SMOOTHING_S * fps),
        closure=_closure_since_first(closure, fps),
        frames_without_face=track.frames_without_face,
        warnings=track.warnings,
    )


def _since_first(samples: Array, sigma: float) -> Array:
    smooth = gaussian_filter1d(samples, sigma, axis=0, mode="nearest")
    return smooth - smooth[:1]


def _closure(points: Array, upper: tuple[int, ...], lower: tuple[int, ...]) -> Array:
    """Return how far the lids are closed, 0..1, against the clip's own open eye.

    N×478×2 points of an upright head.
    """
    width = np.linalg.norm(points[:, upper[-1]] - points[:, upper[0]], axis=1)
    gap = (points[:, lower[2:-2], 1] - points[:, upper[2:-2], 1]).mean(1) / width
    opened = float(np.percentile(gap, OPEN_EYE_PERCENTILE))
    return np.clip((opened - gap) / max(opened * (1 - SHUT_EYE), 1e-6), 0.0, 1.0)


def _closure_since_first(closure: Array, fps: float) -> Array:
    """Make closures relative to frame 0; forget it soon if it lies in a blink."""
    firm = np.clip((closure - LID_NOISE) / (LID_SHUT - LID_NOISE), 0.0, 1.0)
    firm = _unhurried(_together(firm, fps), fps)
    fade = np.clip(1.0 - np.arange(len(firm)) / (fps * BLINK_FORGOTTEN_S), 0.0, 1.0)[:, None]
    return np.maximum(firm - firm[0] * fade, 0.0)


def _together(closure: Array, fps: float) -> Array:
    """Let lids that shut at about the same time move as one; keep winks."""
    window = 2 * round(BLINK_ASIDE_S * fps) + 1
    both = maximum_filter1d(closure, window, axis=0).min(1, keepdims=True)
    return closure + both * (closure.mean(1, keepdims=True) - closure)


def _unhurried(closure: Array, fps: float) -> Array:
    """Limit the speed of the lids to a person's, keeping the closures at their frames.

    What flutters faster than lids can stays closed; slower lids are left alone.
    """
    before, after = int(LID_CLOSES_S * fps), int(LID_OPENS_S * fps)
    padded = np.pad(closure, ((after, before), (0, 0)))
    slowed = [
        padded[after - frames : len(padded) - before - frames]
        - abs(frames) / fps / (LID_OPENS_S if frames > 0 else LID_CLOSES_S)
        for frames in range(-before, after + 1)
    ]
    return np.max(slowed, axis=0)


def soft_limit(values: Array, limit: float) -> Array:
    """Bend lengths along the last axis smoothly below `limit`; small ones pass unchanged."""
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return values / (1.0 + (length / limit) ** 4) ** 0.25


def scaled(motion: MeshMotion, options: RenderOptions) -> MeshMotion:
    """Return the motion to draw: closed to a loop, scaled, confined to the region; not limited."""
    fps = float(motion.fps)
    looped = motion
    if options.loop and not motion.periodic:
        ease = ease_frames(motion.idle_frames, fps, seconds=EASE_S)
        lid_ease = ease_frames(motion.idle_frames, fps, seconds=LID_EASE_S)
        looped = replace(
            motion,
            rotation_deg=close_loop(motion.rotation_deg, ease),
            shift=close_loop(motion.shift, ease),
            control_points=close_loop(motion.control_points, ease),
            closure=close_loop(motion.closure, lid_ease),
        )
    strength, region = options.driving_multiplier, options.animation_region
    poses = region in (AnimationRegion.ALL, AnimationRegion.POSE)
    looks = region in (AnimationRegion.ALL, AnimationRegion.EXP, AnimationRegion.EYES)
    speaks = region in (AnimationRegion.ALL, AnimationRegion.EXP, AnimationRegion.LIP)
    control_points = looped.control_points * strength
    control_points[:, BROWS] *= looks
    control_points[:, MOUTH] *= speaks
    return replace(
        looped,
        rotation_deg=looped.rotation_deg * strength * poses,
        shift=looped.shift * strength * poses,
        control_points=control_points,
        closure=_scaled_closure(np.clip(looped.closure, 0, 1), strength) * looks,
    )


def limited(motion: MeshMotion) -> MeshMotion:
    """Bend every channel smoothly below what a head and its skin can do."""
    return replace(
        motion,
        rotation_deg=soft_limit(motion.rotation_deg, MAX_ROTATION_DEG),
        shift=_limited_shift(motion.shift),
        control_points=soft_limit(motion.control_points, MAX_CONTROL_POINT),
    )


def _scaled_closure(closure: Array, strength: float) -> Array:
    """Scale squints like all motion, but keep blinks whole: half a blink looks drugged."""
    whole = min(1.0, strength / FULL_BLINK_MULTIPLIER)
    return closure * (strength + (whole - strength) * eased(closure, *SQUINT_TO_BLINK))


def _limited_shift(shift: Array) -> Array:
    return np.concatenate(
        [soft_limit(shift[:, :2], MAX_SHIFT), soft_limit(shift[:, 2:], MAX_LOG_SCALE)], axis=1
    )
