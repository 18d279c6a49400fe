"""The front door: render one request; or prepare, analyse and animate by hand.

Chooses the engine. Knows files and threads, no face and no mathematics of motion.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, cast

from liveportrait_core.edit_sequence import EditSequence
from liveportrait_core.engines.base import AnimationEngine, PreparedPortrait
from liveportrait_core.engines.capabilities import (
    clip_engine,
    configured,
    editing_engine,
    picture_engine,
)
from liveportrait_core.engines.choice import choose_engine
from liveportrait_core.engines.liveportrait.animals.finders import require_finder
from liveportrait_core.engines.liveportrait.config import DEFAULT_CONFIG, EngineConfig
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.output import require_distinct
from liveportrait_core.media.portrait_process import decode_portrait
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.pipeline.analysis import analyse_clip
from liveportrait_core.pipeline.last_portrait import LastPortrait
from liveportrait_core.pipeline.lipsync import LipSyncRequest, SyncedVideo
from liveportrait_core.pipeline.machine_faults import machine_faults_translated
from liveportrait_core.pipeline.progress import RenderProgress, run_watched
from liveportrait_core.pipeline.sources import OnMotion, planned
from liveportrait_core.pipeline.speech import Talking, moved_by
from liveportrait_core.pipeline.talk_costs import MethodCost
from liveportrait_core.pipeline.talk_methods import WITHOUT_WEIGHTS, InstalledMethods, find_methods
from liveportrait_core.pipeline.writer import VideoWriter, publish
from liveportrait_core.report import Frame, Progress, RenderedVideo, Stage
from liveportrait_core.request import MotionTemplate, RenderRequest
from liveportrait_core.species import Species

__all__ = [
    "EngineConfig",
    "OnMotion",
    "OnProgress",
    "Renderer",
    "find_methods",
    "open_renderer",
]

OnProgress = Callable[[Progress], None]


class Renderer:
    """One engine for people; may be used again and again, for one job at a time.

    Animals may have an engine of their own beside it, which is opened when the first one is asked
    for.
    """

    def __init__(
        self,
        engine: AnimationEngine[Any, Any],
        *,
        reason: str,
        device: str = "cpu",
        open_animals: Callable[[], "Renderer"] | None = None,
        methods: InstalledMethods = WITHOUT_WEIGHTS,
    ) -> None:
        """Take an engine; `open_renderer` chooses one.

        Args:
            engine: who renders.
            reason: why this one, in words for people.
            device: where it renders.
            open_animals: opens the renderer of animals; None: this one renders them too.
            methods: of talking, that can run beside the engine.
        """
        self._engine = engine
        self._methods = methods
        self._talking = Talking(methods)
        self._reason = reason
        self._device = device
        self._open_animals = open_animals
        self._last = LastPortrait()
        self._animals: Renderer | None = None

    @property
    def engine(self) -> Engine:
        """The engine that renders."""
        return self._engine.engine

    @property
    def engine_version(self) -> str:
        """Changes with everything that changes pixels."""
        return self._engine.version

    @property
    def talk_methods(self) -> Mapping[str, str]:
        """The methods of talking that can run here, the best first, each with its licence."""
        return {name: method.licence.words for name, method in self._methods.methods.items()}

    def talk_costs(self, names: Iterable[str], *, seconds: float) -> Mapping[str, MethodCost]:
        """Open methods of talking, try each once, and tell what a talk of so many seconds costs.

        Afterwards the first talk waits for neither.

        Args:
            names: of methods, and `gfpgan` for refining alone.
            seconds: of the talk.

        Raises:
            MethodNotInstalled, MethodNotLicensed: one of them is not.
            EngineUnavailable: a weight file holds something else.
        """
        return self._talking.costs(names, seconds=seconds)

    @property
    def reason(self) -> str:
        """Why this engine was taken, in words for people."""
        return self._reason

    @property
    def device(self) -> str:
        """Where it renders: "cpu", "cuda:0", ..."""
        return self._device

    def for_species(self, species: Species) -> "Renderer":
        """Return who renders it: this one, or the one of animals.

        Raises:
            MethodNotInstalled: animals have an engine of their own, whose files are not here.
        """
        if species is Species.HUMAN or self._open_animals is None:
            return self
        if self._animals is None:
            self._animals = self._open_animals()
        return self._animals

    def configured(self, config: EngineConfig) -> "Renderer":
        """Return a renderer by the networks loaded here, which applies motion by `config`.

        Device, precision and who finds the face stay as they are.

        Raises:
            InvalidOption: the engine would ignore it.
        """
        other = copy(self)
        other._engine = configured(self._engine, config)
        other._animals = None
        if self._open_animals is not None:
            other._open_animals = lambda: self.for_species(Species.ANIMAL).configured(config)
        return other

    def accepting(self, licences: frozenset[str]) -> "Renderer":
        """Return this renderer for a caller who accepts these licences of methods of talking alone.

        What was not accepted as it was opened stays so.
        """
        narrower = copy(self)
        narrower._talking = self._talking.accepting(licences)
        return narrower

    def talk_method(self, asked: str, *, is_told: bool = False, paints_clip: bool = False) -> str:
        """Return the name of the method that a talk, or a clip's lip-sync, takes.

        Args:
            asked: for by its name, or `auto`.
            is_told: timed visemes or a text say what the mouth does.
            paints_clip: it is to paint the mouth of a clip.

        Raises:
            InvalidOption, MethodNotInstalled, MethodNotLicensed: it cannot be had.
        """
        return self._talking.method(asked, is_told=is_told, paints_clip=paints_clip).name

    def warm_up(self) -> None:
        """Load and run once what the first render would otherwise wait for.

        Raises:
            OutOfMemory: the device is too small.
            DeviceLost: the GPU is of no more use to this process.
            RenderError: the engine cannot render here.
        """
        with machine_faults_translated():
            self._engine.warm_up()

    def render(
        self,
        request: RenderRequest,
        *,
        on_motion: OnMotion | None = None,
        on_progress: OnProgress | None = None,
    ) -> RenderedVideo:
        """Write the video of a portrait that moves as requested.

        Both callbacks run on the caller's thread. What they raise cancels the render at once,
        leaves no file, and propagates unchanged.

        Args:
            request: what to render.
            on_motion: is given the motion of a `Clip` for a later `CachedMotion`, once, as soon as
                it is known; drawing goes on meanwhile.
            on_progress: is told the progress several times a second.

        Raises:
            BadInput: portrait, clip, sound or an option is at fault, or a file to write is one of
                them; see its subclasses.
            MotionUnusable: the cached motion is not of this engine version and this many seconds.
            OutOfMemory: the machine or the device had too little.
            DeviceLost: the GPU is of no more use to this process.
            EncodeFailed: the video could not be written.
        """
        for written in filter(None, (request.output, request.poster)):
            require_distinct(written, request.inputs)
        request = moved_by(request)

        def work(progress: RenderProgress, video: Path, poster: Path) -> RenderedVideo:
            progress.enter(Stage.PREPARE)
            require_finder(request.options.face_points)
            chosen = self.for_species(request.options.species)
            plan = planned(
                chosen._engine,
                request,
                progress,
                last=chosen._last,
                talking=self._talking,
                on_motion=on_motion,
            )
            return VideoWriter(plan, progress).write(video, poster)

        return publish(work, request.output, request.poster, on_progress)

    def lipsync(
        self, request: LipSyncRequest, *, on_progress: OnProgress | None = None
    ) -> SyncedVideo:
        """Write a clip whose mouth is repainted to say a sound; no engine draws it.

        Raises:
            BadInput: clip, sound or method is at fault; see its subclasses.
            EngineUnavailable: a weight file holds something else.
            OutOfMemory: the machine had too little.
            EncodeFailed: the video could not be written.
        """
        return self._talking.sync(request, on_progress)

    def prepare(self, portrait: Path, options: RenderOptions) -> PreparedPortrait:
        """Decode a portrait and compute everything that depends on it alone.

        Raises:
            ImageUnsupported, ImageTooLarge, ImageNoFace: the portrait is at fault.
            OutOfMemory: the machine or the device had too little.
        """
        require_finder(options.face_points)
        with machine_faults_translated():
            picture = decode_portrait(portrait, max_dim_px=options.source_max_dim_px)
            engine = self.for_species(options.species)._engine
            prepared: PreparedPortrait = engine.prepare(picture.pixels, options)
            return prepared

    def still(self, prepared: PreparedPortrait, options: RenderOptions) -> Frame:
        """Return the portrait with its edit and no motion, H×W×3 RGB uint8.

        Raises:
            OutOfMemory: the machine or the device had too little.
        """
        with machine_faults_translated():
            engine = self.for_species(options.species)._engine
            frame: Frame = engine.still(prepared, options)
            return frame

    def animate(
        self, prepared: PreparedPortrait, template: MotionTemplate, options: RenderOptions
    ) -> Iterator[Frame]:
        """Give the motion's number of frames, H×W×3 RGB uint8; frame 0 is the portrait.

        Raises:
            OutOfMemory: the machine or the device had too little.
        """
        with machine_faults_translated():
            engine = self.for_species(options.species)._engine
            yield from engine.animate(prepared, template.motion, options)

    def analyse(
        self, driving: Path, *, max_seconds: float, on_progress: OnProgress | None = None
    ) -> MotionTemplate:
        """Decode a driving clip and turn it into motion, for any number of portraits.

        The motion is this renderer's: of people, unless it comes from `for_species`.

        Raises:
            VideoUnsupported, VideoTooLarge, VideoTooShort, VideoNoFace, VideoFaceLost: the clip is
                at fault.
            OutOfMemory: the machine or the device had too little.
        """
        with machine_faults_translated():
            clip, progress = probe(driving, max_seconds), RenderProgress()
            return run_watched(
                lambda: analyse_clip(self._engine, clip, progress), progress, on_progress
            )

    def analyse_picture(self, driving: Path, *, max_dim_px: int) -> MotionTemplate:
        """Turn a driving picture into motion of one frame.

        Raises:
            InvalidOption: the engine takes clips only.
            ImageUnsupported, ImageTooLarge, VideoNoFace: the picture is at fault.
            OutOfMemory: the machine or the device had too little.
        """
        engine = picture_engine(self._engine)
        with machine_faults_translated():
            picture = decode_portrait(driving, max_dim_px=max_dim_px)
            return MotionTemplate(motion=engine.analyse_picture(picture.pixels))

    def edit_motion(
        self, portrait: Path, edits: EditSequence, options: RenderOptions
    ) -> MotionTemplate:
        """Turn key-framed edits into motion, as they move this portrait; it moves any other too.

        Raises:
            InvalidOption: the engine has no motion templates.
            ImageUnsupported, ImageTooLarge, ImageNoFace: the portrait is at fault.
            OutOfMemory: the machine or the device had too little.
        """
        engine = editing_engine(self._engine)
        prepared = cast(Any, self.prepare(portrait, options))
        with machine_faults_translated():
            return MotionTemplate(motion=engine.edit_motion(prepared, edits))

    def require_clips(self) -> None:
        """Refuse clips as portraits where the engine takes none.

        Raises:
            InvalidOption: it does not.
        """
        clip_engine(self._engine)


def open_renderer(
    engine: str,
    weights: Path,
    config: EngineConfig = DEFAULT_CONFIG,
    species: Species = Species.HUMAN,
    *,
    accepted: frozenset[str] = frozenset(),
) -> Renderer:
    """Choose the engine as `choose_engine` does, and open it.

    Opened for people it renders animals too, by files that are looked at when the first is asked
    for; opened for animals it renders nothing else.

    Args:
        engine: by its name, or `auto`.
        weights: the folder of all weights.
        config: of LivePortrait.
        species: what it is opened for.
        accepted: methods of talking, and `gfpgan`, whose licence is accepted, of those that are not
            free.

    Raises:
        InvalidOption: another name.
        EngineUnavailable: LivePortrait was chosen and cannot run here.
    """
    choice = choose_engine(engine, weights, config, species)
    methods = find_methods(choice.engine, weights, accepted)
    if choice.engine is Engine.MESH:
        from liveportrait_core.engines.mesh.engine import MeshEngine

        return Renderer(MeshEngine(), reason=choice.reason, methods=methods)
    from liveportrait_core.engines.liveportrait import loading

    for_people = species is Species.HUMAN
    open_engine = loading.open_engine if for_people else loading.open_animals
    opened = open_engine(weights, config)
    return Renderer(
        opened,
        reason=f"{choice.reason}; networks on {opened.device}",
        device=str(opened.device.device),
        methods=methods,
        open_animals=partial(open_renderer, choice.engine, weights, config, Species.ANIMAL)
        if for_people
        else None,
    )
