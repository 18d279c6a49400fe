"""The engine of animals: a face that is pointed out, absolute motion, a crop or a pasted picture.

Knows the order of the steps. Pictures only: no clip is animated, and no region, no edit and no
lips are told apart (liveportrait.md, P10).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.animals.box import crop_animal
from liveportrait_core.engines.liveportrait.animals.driving import analyse_whole_frames
from liveportrait_core.engines.liveportrait.animals.finders import open_animal_finder
from liveportrait_core.engines.liveportrait.animals.motion import drive_animal
from liveportrait_core.engines.liveportrait.config import DrivingCrop
from liveportrait_core.engines.liveportrait.drawing import drawn_crops
from liveportrait_core.engines.liveportrait.driving import analyse_driving, resize_to_network
from liveportrait_core.engines.liveportrait.model import AppearanceFeature
from liveportrait_core.engines.liveportrait.motion.keypoints import DrivenKeypoints
from liveportrait_core.engines.liveportrait.motion.pose import Motion, transform_keypoints
from liveportrait_core.engines.liveportrait.motion.refinement import refine
from liveportrait_core.engines.liveportrait.network_engine import PICTURE_FPS, NetworkEngine
from liveportrait_core.engines.liveportrait.networks import CROP_PX
from liveportrait_core.engines.liveportrait.source.crop import fit_portrait, network_frame
from liveportrait_core.engines.liveportrait.source.paste_back import PasteBack
from liveportrait_core.engines.liveportrait.template import (
    LivePortraitMotion,
    MotionWithoutOpenings,
)
from liveportrait_core.engines.liveportrait.trajectory import looped
from liveportrait_core.engines.liveportrait.warm_up import warm_up_networks
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import AnimationRegion, MouthInside, RenderOptions
from liveportrait_core.report import Box, Frame, RenderWarning
from liveportrait_core.speech.values import MouthTrack

_CROP = Box(x0=0, y0=0, x1=CROP_PX, y1=CROP_PX)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedAnimal:
    """An animal ready to be animated."""

    feature: AppearanceFeature
    motion: Motion  # one frame
    paste_back: PasteBack | None  # None: the crop alone is the result
    warnings: tuple[RenderWarning, ...] = ()

    @property
    def box(self) -> Box:
        """Outside it every frame equals the portrait."""
        return _CROP if self.paste_back is None else self.paste_back.box

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Of the box, what the crop covers."""
        return None if self.paste_back is None else np.asarray(self.paste_back.mask[..., 0] > 0)


class AnimalEngine(NetworkEngine):
    """Satisfies `AnimationEngine`, and takes people's templates."""

    @property
    def motion_type(self) -> type[MotionWithoutOpenings]:
        """MotionWithoutOpenings."""
        return MotionWithoutOpenings

    @property
    def driving_passes(self) -> int:
        """Two where frames are cropped to the face: once for its place, once for its motion."""
        return 2 if self._crops_driving else 1

    def warm_up(self) -> None:
        """Run every network once.

        Raises:
            OutOfMemory, RenderError: this device cannot render.
        """
        warm_up_networks(self._model, frame_batch=self._model.choice.frame_batch)

    def prepare(self, portrait: Frame, options: RenderOptions) -> PreparedAnimal:
        """Crop the animal and compute everything that depends on the picture alone.

        Raises:
            ImageNoFace: nobody says where the face is.
            InvalidOption: an option that animals have not.
            MethodNotInstalled: X-Pose is to find the face.
        """
        _refuse_human_options(options)
        portrait = fit_portrait(portrait, options.source_max_dim_px)
        points = open_animal_finder(options.face_points).find(portrait)
        paste_back = None
        if points is None:
            seen = resize_to_network(portrait)
        else:
            crop = crop_animal(portrait, points, scale=options.source_crop_scale)
            seen = network_frame(crop)
            if self._is_pasted(options):
                paste_back = PasteBack.prepare(portrait, crop.crop_to_original)
        return PreparedAnimal(
            feature=self._model.extract_appearance(seen[None]),
            motion=self._model.extract_motion(seen[None]),
            paste_back=paste_back,
        )

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> MotionWithoutOpenings:
        """Turn a driving clip into motion: whole frames, of a person or an animal.

        Raises:
            VideoNoFace, VideoFaceLost: frames are to be cropped to a face that is not there.
        """
        extract = self._model.extract_motion
        if not self._crops_driving:
            return analyse_whole_frames(frames, fps, extract)
        with self._finder.clip() as find:
            cropped = analyse_driving(
                frames, fps, find=find, locate=self._locate, extract=extract,
                crop=DrivingCrop.ALWAYS, window=self._config.driving_window, openings=False,
            )  # fmt: skip
        return MotionWithoutOpenings(**vars(cropped))

    def analyse_picture(self, picture: Frame) -> MotionWithoutOpenings:
        """Return the motion of a driving picture: one frame.

        Raises:
            VideoNoFace: it is to be cropped to a face that is not there.
        """
        return self.analyse([picture], PICTURE_FPS)

    def speak(
        self,
        template: MotionWithoutOpenings,
        mouth: MouthTrack,
        *,
        strength: float,
        inside: MouthInside,
        start_frame: int,
    ) -> MotionWithoutOpenings:
        """Refuse: what a person's lips do, an animal's mouth cannot.

        Raises:
            InvalidOption: always.
        """
        raise InvalidOption("an animal was asked to speak; accepted: a person's portrait")

    def still(self, prepared: PreparedAnimal, options: RenderOptions) -> Frame:
        """Return the picture as it is, or the 512×512 crop as it is drawn."""
        _refuse_human_options(options)
        if prepared.paste_back is not None:
            return prepared.paste_back.portrait.copy()
        resting = transform_keypoints(prepared.motion)
        (picture,) = self._model.animate(prepared.feature, resting, resting)
        return np.asarray(picture)

    def animate(
        self, prepared: PreparedAnimal, template: LivePortraitMotion, options: RenderOptions
    ) -> Iterator[Frame]:
        """Give `template.frame_count` frames: pictures, or the 512×512 crop alone."""
        driven = self.drive(prepared, template, options)
        for picture in drawn_crops(self._model, prepared.feature, driven):
            yield picture if prepared.paste_back is None else prepared.paste_back.blend(picture)

    def drive(
        self, prepared: PreparedAnimal, template: LivePortraitMotion, options: RenderOptions
    ) -> DrivenKeypoints:
        """Compute every frame's key points, by stage; stitched where they are pasted back."""
        refined = refine(template.measured, template.fps, self._config.refinement)
        driven = drive_animal(
            prepared.motion,
            refined.driving.motion,
            multiplier=options.driving_multiplier,
            stitch=None if prepared.paste_back is None else self._model.stitch,
            anchor=refined.anchor,
        )
        return looped(driven, template.fps) if options.loop else driven

    @property
    def _crops_driving(self) -> bool:
        return self._config.driving_crop is DrivingCrop.ALWAYS


def _refuse_human_options(options: RenderOptions) -> None:
    if options.animation_region is not AnimationRegion.ALL:
        raise InvalidOption(
            f"animation region is {options.animation_region}, and the species is animal, all of "
            "whose face moves; accepted: all"
        )
    if not options.edit.is_rest:
        raise InvalidOption(
            f"edit is {options.edit}, and the species is animal, whose face is not edited; "
            "accepted: none, or the engine mesh"
        )
