"""The renderer's double: it draws nothing, and says what it was given."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from liveportrait_core import (
    Box,
    CachedMotion,
    Clip,
    Delivery,
    Engine,
    MotionUnusable,
    Progress,
    RenderedVideo,
    RenderOptions,
    RenderRequest,
    RenderWarning,
    SpeechInput,
    Stage,
    SyntheticIdle,
    TalkCut,
)
from liveportrait_core.speech.methods import GFPGAN, LICENCES


@dataclass(kw_only=True)
class ScriptedRenderer:
    """Renders by writing down what it was given; between two looks it follows a script."""

    engine: Engine = Engine.MESH
    engine_version: str = "mesh-1-0123abcd"
    device: str = "cpu"
    before_motion: list[Callable[[], object]] = field(default_factory=list)
    steps: list[Callable[[], object]] = field(default_factory=list)
    eta_s: float | None = None
    warnings: tuple[RenderWarning, ...] = ()
    renders: list[RenderOptions] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    idles: list[SyntheticIdle] = field(default_factory=list)
    speeches: list[SpeechInput] = field(default_factory=list)
    recalls: list[bytes] = field(default_factory=list)  # the motions it was given

    def render(
        self,
        request: RenderRequest,
        *,
        on_motion: Callable[[bytes], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> RenderedVideo:
        assert isinstance(request.portrait, Path)
        self.deliveries.append(request.delivery)
        moved_by = self._moved_by(request, on_motion)
        if not isinstance(request.motion, SyntheticIdle):
            moved_by += repr(request.options).encode()
        body = request.portrait.read_bytes() + moved_by
        if (speech := request.speech) is not None:
            self.speeches.append(speech)
            body += speech.sound.read_bytes() + repr((speech.visemes, speech.strength)).encode()
        made = self._make(body, request.output, request.poster, request.options, on_progress)
        if speech is None:
            return made
        refiner = GFPGAN if speech.refine else None
        cut = TalkCut(
            start_frame=0,
            resume_frame=made.frame_count % 45,
            has_speech=True,
            method=speech.method,
            licence=LICENCES[speech.method].words,
            refiner=refiner,
            refiner_licence=refiner and LICENCES[refiner].words,
        )
        return replace(made, talk=cut)

    def _moved_by(self, request: RenderRequest, on_motion: Callable[[bytes], None] | None) -> bytes:
        motion = request.motion
        if isinstance(motion, SyntheticIdle):
            self.idles.append(motion)
            return repr((motion, request.options)).encode()
        if isinstance(motion, CachedMotion):
            if not motion.data.startswith(self._mark):
                raise MotionUnusable("another engine's")
            self.recalls.append(motion.data)
            return motion.data.removeprefix(self._mark)
        assert isinstance(motion, Clip)
        clip = motion.path.read_bytes()
        while self.before_motion:
            self.before_motion.pop(0)()
        if on_motion is not None:
            on_motion(self._mark + clip)
        return clip

    @property
    def _mark(self) -> bytes:
        return f"motion by {self.engine_version} of ".encode()

    def _make(
        self,
        body: bytes,
        output: Path,
        poster: Path | None,
        options: RenderOptions,
        on_progress: Callable[[Progress], None] | None,
    ) -> RenderedVideo:
        self.renders.append(options)
        steps, self.steps = self.steps, []
        for number in range(len(steps) + 1):
            if number < len(steps):
                steps[number]()
            if on_progress is not None:
                fraction = number / (len(steps) + 1)
                on_progress(Progress(stage=Stage.RENDER, fraction=fraction, eta_s=self.eta_s))
        video = b"video of " + body
        output.write_bytes(video)
        if poster is not None:
            poster.write_bytes(b"poster of " + body)
        return RenderedVideo(
            engine=self.engine,
            engine_version=self.engine_version,
            width_px=300,
            height_px=400,
            frame_count=60,
            fps=Fraction(30000, 1001),
            size_bytes=len(video),
            box=Box(x0=0, y0=0, x1=10, y1=10),
            warnings=self.warnings,
            seconds=(),
        )
