"""The renderer's double: it draws nothing, and says what it was given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from liveportrait_core import (
    Box,
    Engine,
    MotionUnusable,
    Progress,
    RenderOptions,
    RenderReport,
    RenderWarning,
    Stage,
    SyntheticIdle,
)


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
    idles: list[SyntheticIdle] = field(default_factory=list)
    recalls: list[bytes] = field(default_factory=list)  # the motions it was given

    def render(
        self,
        portrait: Path,
        driving: Path,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        keep: Callable[[bytes], None] | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        clip = driving.read_bytes()
        while self.before_motion:
            self.before_motion.pop(0)()
        if keep is not None:
            keep(self._mark + clip)
        body = portrait.read_bytes() + clip + repr(options).encode()
        return self._make(body, output, poster, options, watch)

    def render_kept(
        self,
        portrait: Path,
        motion: bytes,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        if not motion.startswith(self._mark):
            raise MotionUnusable("another engine's")
        self.recalls.append(motion)
        clip = motion.removeprefix(self._mark)
        body = portrait.read_bytes() + clip + repr(options).encode()
        return self._make(body, output, poster, options, watch)

    @property
    def _mark(self) -> bytes:
        return f"motion by {self.engine_version} of ".encode()

    def render_idle(
        self,
        portrait: Path,
        idle: SyntheticIdle,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        self.idles.append(idle)
        body = portrait.read_bytes() + repr((idle, options)).encode()
        return self._make(body, output, poster, options, watch)

    def _make(
        self,
        body: bytes,
        output: Path,
        poster: Path | None,
        options: RenderOptions,
        watch: Callable[[Progress], None] | None,
    ) -> RenderReport:
        self.renders.append(options)
        steps, self.steps = self.steps, []
        for number in range(len(steps) + 1):
            if number < len(steps):
                steps[number]()
            if watch is not None:
                fraction = number / (len(steps) + 1)
                watch(Progress(stage=Stage.RENDER, fraction=fraction, eta_s=self.eta_s))
        video = b"video of " + body
        output.write_bytes(video)
        if poster is not None:
            poster.write_bytes(b"poster of " + body)
        return RenderReport(
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
