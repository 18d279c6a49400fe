"""The LivePortrait engine: prepare once, analyse a clip, animate often.

Knows the order of the steps; their mathematics is in the modules beside it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from liveportrait_core.edit_sequence import EditSequence
from liveportrait_core.engines.liveportrait.drawing import drawn_crops
from liveportrait_core.engines.liveportrait.driving import analyse_driving
from liveportrait_core.engines.liveportrait.motion.editing import edited_motion
from liveportrait_core.engines.liveportrait.motion.extraction import ClipFrames
from liveportrait_core.engines.liveportrait.motion.keypoints import (
    DrivenKeypoints,
    MeasuredMotion,
    edited_keypoints,
)
from liveportrait_core.engines.liveportrait.motion.speaking import spoken_mouth
from liveportrait_core.engines.liveportrait.network_engine import PICTURE_FPS, NetworkEngine
from liveportrait_core.engines.liveportrait.source.crop import (
    crop_source,
    fit_portrait,
    network_frame,
    portrait_points,
)
from liveportrait_core.engines.liveportrait.source.paste_back import PasteBack
from liveportrait_core.engines.liveportrait.source.prepared import PreparedSource
from liveportrait_core.engines.liveportrait.source.video import (
    FittedFrames,
    MeasuredVideo,
    analyse_source,
    animated_frames,
)
from liveportrait_core.engines.liveportrait.template import (
    LivePortraitMotion,
    MotionWithoutOpenings,
)
from liveportrait_core.engines.liveportrait.trajectory import clip_trajectory, portrait_trajectory
from liveportrait_core.engines.liveportrait.warm_up import warm_up
from liveportrait_core.errors import ImageNoFace, InvalidOption, VideoTooShort
from liveportrait_core.face.openings import eye_close_ratios, lip_close_ratio
from liveportrait_core.face.tracking import FindFace, locate_face
from liveportrait_core.face.upright import UprightFrames
from liveportrait_core.limits import least_frames
from liveportrait_core.options import MouthInside, RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from liveportrait_core.speech.values import MouthTrack


class LivePortraitEngine(NetworkEngine):
    """Satisfies `AnimationEngine[PreparedSource, LivePortraitMotion]`."""

    @property
    def motion_type(self) -> type[LivePortraitMotion]:
        """With the openings of eyes and lips only where a choice uses them."""
        return LivePortraitMotion if self._config.needs_openings else MotionWithoutOpenings

    @property
    def driving_passes(self) -> int:
        """Once for the face's place in the whole clip, once for its motion."""
        return 2

    def warm_up(self) -> None:
        """Run every network, the detector and the landmarks once.

        Raises:
            OutOfMemory, RenderError: this device cannot render.
        """
        warm_up(self._model, self._finder, self._locate, frame_batch=self._model.choice.frame_batch)

    def prepare(self, portrait: Frame, options: RenderOptions) -> PreparedSource:
        """Crop the portrait and compute everything that depends on it alone.

        Raises:
            ImageNoFace: no face was found.
        """
        portrait = fit_portrait(portrait, options.source_max_dim_px)
        with self._finder.portrait() as find:
            face = locate_face(portrait, find, self._locate)
        if face is None:
            raise ImageNoFace(
                "no face was found in the portrait; accepted: one clearly visible face"
            )
        crop = crop_source(portrait, portrait_points(face), options)
        try:
            paste_back = PasteBack.prepare(portrait, crop.crop_to_original)
        except ValueError as error:
            raise ImageNoFace(f"what was found in the portrait is no face: {error}") from error
        pictures, device = network_frame(crop)[None], self.device
        return PreparedSource(
            feature=self._model.extract_appearance(pictures),
            source=MeasuredMotion(
                motion=self._model.extract_motion(pictures),
                eye_ratios=eye_close_ratios(face.landmarks[None]),
                lip_ratios=lip_close_ratio(face.landmarks[None]),
            ),
            paste_back=paste_back,
            box_paste_back=paste_back.on(device.device) if device.pastes_back else None,
            warnings=() if face.alone else (RenderWarning.MULTIPLE_FACES_IMAGE,),
        )

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> LivePortraitMotion:
        """Turn a driving clip into motion; the frames are gone over twice.

        A clip on its side or upside down is read as if it stood upright.

        Raises:
            VideoNoFace: no face was found at all.
            VideoFaceLost: the face is missing from more than half of the frames.
            VideoTooShort: too few frames are left after those before the face appears.
        """
        upright = UprightFrames(ClipFrames(frames), self._finder.upright)
        with self._finder.clip() as find:
            template = self._analyse(upright, fps, find)
        if upright.are_turned:
            template = replace(template, warnings=(RenderWarning.VIDEO_TURNED, *template.warnings))
        least = least_frames(fps)
        if template.frame_count < least:
            raise VideoTooShort(
                f"{template.frame_count} driving frames are left from the first with a face on; "
                f"accepted: at least {least}"
            )
        return template

    def analyse_picture(self, picture: Frame) -> LivePortraitMotion:
        """Return the motion of a driving picture: one frame.

        Raises:
            VideoNoFace: no face was found.
        """
        with self._finder.portrait() as find:
            return self._analyse([picture], PICTURE_FPS, find)

    def _analyse(
        self, frames: Iterable[Frame], fps: Fraction, find: FindFace
    ) -> LivePortraitMotion:
        return analyse_driving(
            frames,
            fps,
            find=find,
            locate=self._locate,
            extract=self._model.extract_motion,
            crop=self._config.driving_crop,
            openings=self._config.needs_openings,
            window=self._config.driving_window,
        )

    def still(self, prepared: PreparedSource, options: RenderOptions) -> Frame:
        """Return the portrait with its edit, or the 512×512 crop alone as `animate` does."""
        is_pasted = self._is_pasted(options)
        if options.edit.is_rest and is_pasted:
            return prepared.paste_back.portrait.copy()
        rest = edited_keypoints(
            prepared.source, self._model, self._config.settings(options), options.edit
        )
        (picture,) = self._model.animate(prepared.feature, rest.source, rest.final)
        return prepared.paste_back.blend(picture) if is_pasted else np.asarray(picture)

    def edit_motion(self, prepared: PreparedSource, edits: EditSequence) -> LivePortraitMotion:
        """Return the motion of a portrait that goes through key-framed edits."""
        motion = edited_motion(
            prepared.source.motion,
            eye_ratios=prepared.source.eye_ratios,
            lip_ratios=prepared.source.lip_ratios,
            edits=edits.edits(),
            networks=self._model,
        )
        return LivePortraitMotion(measured=MeasuredMotion.without_openings(motion), fps=edits.fps)

    def animate(
        self, prepared: PreparedSource, template: LivePortraitMotion, options: RenderOptions
    ) -> Iterator[Frame]:
        """Give `template.frame_count` frames; without `paste_back` the 512×512 crop alone.

        Without stitching it is the crop too: its border would not meet the portrait.
        """
        driven = self.drive(prepared, template, options)
        paste = prepared.box_paste_back if self._is_pasted(options) else None
        finish: Callable[[Frame], Frame] = prepared.paste_back.blend
        if not self._is_pasted(options):
            finish = _as_it_is
        elif paste is not None:
            finish = prepared.paste_back.with_box
        for picture in drawn_crops(self._model, prepared.feature, driven, paste):
            yield finish(picture)

    def drive(
        self, prepared: PreparedSource, template: LivePortraitMotion, options: RenderOptions
    ) -> DrivenKeypoints:
        """Compute every frame's key points, by stage; the final ones loop if wanted."""
        return portrait_trajectory(prepared.source, template, self._model, self._config, options)

    def speak(
        self,
        template: LivePortraitMotion,
        mouth: MouthTrack,
        *,
        strength: float,
        inside: MouthInside,
        start_frame: int,
    ) -> LivePortraitMotion:
        """Return the motion of a talk over this one; where the voice rests it is this one.

        What is inside the mouth the networks draw: `inside` has no part in it.

        Raises:
            ValueError: the track has another rate.
        """
        if mouth.fps != template.fps:
            raise ValueError(f"the mouth moves at {mouth.fps} fps; accepted: {template.fps}")
        spoken = spoken_mouth(mouth, strength=strength, start_frame=start_frame)
        return replace(template, spoken=spoken)

    def analyse_source(self, frames: Iterable[Frame], options: RenderOptions) -> MeasuredVideo:
        """Follow the face of a portrait that moves already; the frames are gone over twice.

        Raises:
            VideoNoFace: no face was found at all.
            VideoFaceLost: the face is missing from more than half of the frames.
        """
        with self._finder.clip() as find:
            return analyse_source(
                FittedFrames(frames, options.source_max_dim_px),
                options=options,
                find=find,
                locate=self._locate,
                extract=self._model.extract_motion,
            )

    def animate_source(
        self,
        frames: Iterable[Frame],
        source: MeasuredVideo,
        template: LivePortraitMotion,
        options: RenderOptions,
    ) -> Iterator[Frame]:
        """Animate a clip: as many frames as the shorter of the two, all for a driving picture.

        Each is the source's, with the animated crop in it, and the source's own where it has no
        face. A source clip is not closed to a loop.

        Raises:
            InvalidOption: the result is not to be pasted back.
        """
        if not self._is_pasted(options):
            raise InvalidOption(
                "a moving portrait without paste-back or stitching is not built; "
                "accepted: both, or a picture as portrait"
            )
        driven = clip_trajectory(source.measured, template, self._model, self._config, options)
        fitted = FittedFrames(frames, options.source_max_dim_px)
        yield from animated_frames(self._model, fitted, source, driven, options)


def _as_it_is(picture: Frame) -> Frame:
    return picture
