"""The mesh engine: prepare once, analyse a clip, animate often.

A preview that says so in every result. Knows the order of the steps, none of their mathematics.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from liveportrait_core.engines.mesh.editing import NOT_DRAWN, edited
from liveportrait_core.engines.mesh.motion import (
    STILL,
    MeshMotion,
    limited,
    motion_of,
    scaled,
)
from liveportrait_core.engines.mesh.points import MOUTH
from liveportrait_core.engines.mesh.portrait import MeshPortrait, prepare_portrait
from liveportrait_core.engines.mesh.speech.shapes import spoken_frame, spoken_mouth
from liveportrait_core.engines.mesh.version import mesh_version
from liveportrait_core.engines.mesh.warp import FrameMotion, draw_frame
from liveportrait_core.face.detector import FaceMesh, person_mask
from liveportrait_core.face.mesh_track import track_mesh
from liveportrait_core.options import Engine, MouthInside, RenderOptions
from liveportrait_core.prefetch import map_ahead
from liveportrait_core.report import Frame, RenderWarning
from liveportrait_core.speech.values import MouthTrack

DRIVING_MAX_SIDE_PX = 640
DRAWING_THREADS = 2  # with them drawing keeps ahead of the encoder


class MeshEngine:
    """Satisfies `AnimationEngine[MeshPortrait, MeshMotion]`."""

    @property
    def engine(self) -> Engine:
        """Engine.MESH."""
        return Engine.MESH

    @property
    def version(self) -> str:
        """mesh-<revision>-<8 hex digits over everything that changes pixels>."""
        return mesh_version()

    @property
    def motion_type(self) -> type[MeshMotion]:
        """MeshMotion."""
        return MeshMotion

    @property
    def driving_max_side_px(self) -> int | None:
        """The tracker sees 192 pixels of a face: larger frames only cost time."""
        return DRIVING_MAX_SIDE_PX

    @property
    def driving_passes(self) -> int:
        """Points are taken as the frames come."""
        return 1

    @property
    def analyses_beside(self) -> bool:
        """Each opens a tracker of its own, and neither leaves the CPU."""
        return True

    def warm_up(self) -> None:
        """Load the tracker for pictures and for clips, and the person mask."""
        with FaceMesh(still=True), FaceMesh(still=False):
            person_mask(np.zeros((64, 64, 3), np.uint8))

    def prepare(self, portrait: Frame, options: RenderOptions) -> MeshPortrait:
        """Find the face and build the fields by which this head can move.

        How far hair, neck and shoulders follow is read from the picture: no option changes it, not
        the scale of LivePortrait's crop either.

        Raises:
            ImageNoFace: no face was found.
        """
        prepared = prepare_portrait(portrait)
        if NOT_DRAWN.isdisjoint(options.edit.changed):
            return prepared
        warnings = (*prepared.warnings, RenderWarning.EDIT_PARTLY_APPLIED)
        return replace(prepared, warnings=warnings)

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> MeshMotion:
        """Read the motion of the largest central face.

        Raises:
            VideoNoFace: no face was found at all.
            VideoFaceLost: the face is missing from more than half of the frames.
            VideoTooShort: too few frames are left after those before the face appears.
        """
        return motion_of(track_mesh(frames, fps))

    def speak(
        self,
        template: MeshMotion,
        mouth: MouthTrack,
        *,
        strength: float,
        inside: MouthInside,
        start_frame: int,
    ) -> MeshMotion:
        """Return the motion of a talk over this one; where the voice rests it is this one.

        Raises:
            ValueError: the track has another rate.
        """
        if mouth.fps != template.fps:
            raise ValueError(f"the mouth moves at {mouth.fps} fps; accepted: {template.fps}")
        spoken = spoken_mouth(mouth, strength=strength, inside=inside, start_frame=start_frame)
        return replace(template, spoken=spoken, warnings=(*template.warnings, *spoken.warnings))

    def still(self, prepared: MeshPortrait, options: RenderOptions) -> Frame:
        """Return the portrait with its edit and no motion; without an edit the portrait itself."""
        if options.edit.is_rest:
            return prepared.picture.copy()
        as_it_is = replace(options, normalize_lip=False)  # that is part of the animation
        return next(self.animate(prepared, STILL, as_it_is))

    def animate(
        self, prepared: MeshPortrait, template: MeshMotion, options: RenderOptions
    ) -> Iterator[Frame]:
        """Give `template.frame_count` frames; without `paste_back` their even-sized box alone."""
        motion = limited(edited(scaled(template, options), prepared, options.edit))

        def draw(index: int) -> Frame:
            return draw_frame(prepared, _spoken_motion(prepared, motion, index, options))

        for frame in map_ahead(draw, range(motion.frame_count), threads=DRAWING_THREADS):
            if options.paste_back:
                yield frame
            else:
                box = frame[prepared.box.slices]
                yield box[: box.shape[0] // 2 * 2, : box.shape[1] // 2 * 2].copy()


def _spoken_motion(
    prepared: MeshPortrait, motion: MeshMotion, index: int, options: RenderOptions
) -> FrameMotion:
    """Return one frame of an idle, or of a talk over it: silent, it is the idle's own."""
    spoken = motion.spoken
    if spoken is None:
        return _frame_motion(prepared, motion, index, options)
    at = (spoken.start_frame + index) % motion.idle_frames
    idle = _frame_motion(prepared, motion, at, options)
    if not spoken.activity[index] or not prepared.lips_move:
        return idle
    closes = options.normalize_lip and not options.edit.sets_lips
    frame = spoken_frame(spoken, index, gap=prepared.mouth.gap, closed=closes)
    return replace(idle, spoken=frame)


def _frame_motion(
    prepared: MeshPortrait, motion: MeshMotion, index: int, options: RenderOptions
) -> FrameMotion:
    control_points, lips_closed = motion.control_points[index].copy(), 0.0
    if prepared.lips_move:
        control_points, lips_closed = prepared.mouth.posed(
            control_points, normalize=options.normalize_lip and not options.edit.sets_lips
        )
    else:
        control_points[MOUTH] = 0
    return FrameMotion(
        rotation_deg=motion.rotation_deg[index],
        shift=motion.shift[index],
        control_points=control_points,
        lids_closed=motion.closure[index] * np.array(prepared.lids_move),
        lips_closed=lips_closed,
    )
