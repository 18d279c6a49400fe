"""The port that every engine implements.

Knows no engine and no file.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.options import Engine, MouthInside, RenderOptions, SpeechHead
from liveportrait_core.report import Box, Frame, RenderWarning
from liveportrait_core.request import EngineMotion
from liveportrait_core.speech.values import MouthTrack, Speech


class PreparedPortrait(Protocol):
    """Everything an engine computes once per portrait. Frozen; the engine's own type."""

    @property
    def box(self) -> Box:
        """Outside it every frame equals the portrait, whatever the motion."""

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Of the box, h×w: outside it too; None: all of the box may change."""

    @property
    def warnings(self) -> tuple[RenderWarning, ...]:
        """What the user should know, for example MULTIPLE_FACES_IMAGE."""


class SourceVideo(Protocol):
    """A portrait that moves already, analysed. Frozen; the engine's own type."""

    @property
    def skipped(self) -> int:
        """Number of frames before the first one with a face."""

    @property
    def frame_count(self) -> int:
        """Number of frames from the first one with a face."""

    @property
    def warnings(self) -> tuple[RenderWarning, ...]:
        """For example MULTIPLE_FACES_VIDEO."""


Prepared = TypeVar("Prepared", bound=PreparedPortrait)
Template = TypeVar("Template", bound=EngineMotion)


class AnimationEngine(Protocol[Prepared, Template]):
    """What the mesh engine and the LivePortrait engine have in common."""

    @property
    def engine(self) -> Engine:
        """Which one it is."""

    @property
    def version(self) -> str:
        """<engine>-<pipeline revision>-<8 hex digits>: contract.md, section 2."""

    @property
    def motion_type(self) -> type[Template]:
        """What `analyse` gives."""

    @property
    def driving_max_side_px(self) -> int | None:
        """`analyse` wants driving frames no larger than this; None: their own size."""

    @property
    def driving_passes(self) -> int:
        """How often `analyse` goes over the driving frames."""

    @property
    def analyses_beside(self) -> bool:
        """Whether `prepare` and `analyse` may run at once, each in a thread of its own."""

    def warm_up(self) -> None:
        """Load and run once, on blank pictures, what a render will need."""

    def prepare(self, portrait: Frame, options: RenderOptions) -> Prepared:
        """Find the face and compute everything that depends on the portrait alone.

        It may be used for every multiplier, neutral mouth and region, and more than once.

        Raises:
            ImageNoFace: no face was found.
        """

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> Template:
        """Turn a driving clip into motion, consuming the frames one by one.

        Args:
            frames: may be gone over more than once, and are decoded anew each time.
            fps: their constant rate.

        Raises:
            VideoNoFace: no face was found at all.
            VideoFaceLost: the face is missing from more than half of the frames.
        """

    def speak(
        self,
        template: Template,
        mouth: MouthTrack,
        *,
        strength: float,
        inside: MouthInside,
        start_frame: int,
    ) -> Template:
        """Return the motion of a talk: as many frames as the mouth's, over the template's.

        Frame i is the template's frame (start_frame + i) mod N, as it is rendered, but for the
        mouth; where the mouth's activity is 0 it is that very frame, to the bit.

        Args:
            template: the idle's motion.
            mouth: what the mouth does, at the template's rate.
            strength: of the mouth's movement, 0..1.5; the driving multiplier has no part in it.
            inside: what an engine that cannot draw a mouth's inside shows in its place.
            start_frame: of the template, in whose place the talk's first frame is shown.
        """

    def still(self, prepared: Prepared, options: RenderOptions) -> Frame:
        """Return the portrait with its edit and no motion; without an edit the portrait itself."""

    def animate(
        self, prepared: Prepared, template: Template, options: RenderOptions
    ) -> Iterator[Frame]:
        """Give `template.frame_count` frames of the portrait's size; frame 0 is the edited one.

        The same inputs on the same device give the same pixels.
        """


class MotionSource(Protocol):
    """A learned method of talking that gives an engine's own motion."""

    def talk(
        self,
        idle: Any,
        speech: Speech,
        mouth: MouthTrack,
        *,
        strength: float,
        head: SpeechHead,
        start_frame: int,
    ) -> Any:
        """Return the motion of a talk over an idle's, as `AnimationEngine.speak` does.

        Args:
            idle: of the engine the method is for.
            speech: what is heard.
            mouth: its `activity` tells where the frame stays the idle's; its shapes are a reader's
                without weights, and may be ignored.
            strength: of the movement, 0..1.5.
            head: what moves it; speech: the whole motion is the method's, and no idle's.
            start_frame: of the idle, in whose place the talk's first frame is shown.
        """

    def seconds_for(self, sound_seconds: float) -> float:
        """Return how long `talk` takes here for a sound of this length, by a short trial."""


Video = TypeVar("Video", bound=SourceVideo)


class PictureEngine(AnimationEngine[Prepared, Template], Protocol[Prepared, Template]):
    """An engine that also takes pictures as driving."""

    def analyse_picture(self, picture: Frame) -> Template:
        """Return the motion of a driving picture: one frame.

        Raises:
            VideoNoFace: no face was found.
        """


class ClipEngine(PictureEngine[Prepared, Template], Protocol[Prepared, Template, Video]):
    """An engine that also takes clips as portraits."""

    def analyse_source(self, frames: Iterable[Frame], options: RenderOptions) -> Video:
        """Follow the face of a portrait that moves already; the frames are gone over twice.

        Raises:
            VideoNoFace: no face was found at all.
            VideoFaceLost: the face is missing from more than half of the frames.
        """

    def animate_source(
        self,
        frames: Iterable[Frame],
        source: Video,
        template: Template,
        options: RenderOptions,
    ) -> Iterator[Frame]:
        """Give as many frames as the shorter of the two, all for a driving picture."""
