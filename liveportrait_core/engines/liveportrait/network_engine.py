"""What the engines of people and of animals are both put together from, and tell alike."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Self

from liveportrait_core.engines.liveportrait.config import (
    DEFAULT_CONFIG,
    EngineConfig,
    engine_version,
)
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice
from liveportrait_core.face.finders import FaceFinder
from liveportrait_core.face.tracking import LocateLandmarks
from liveportrait_core.options import Engine, RenderOptions

PICTURE_FPS = Fraction(25)  # a picture has no rate; the original's templates have this one


class NetworkEngine:
    """Networks, a finder of faces and what was chosen. Draws nothing by itself."""

    def __init__(
        self,
        model: Model,
        finder: FaceFinder,
        locate: LocateLandmarks | None,
        *,
        digests: Iterable[str],
        config: EngineConfig = DEFAULT_CONFIG,
    ) -> None:
        """Put the parts together.

        Args:
            model: the networks.
            finder: where detectors of people come from; animals' crop driving frames by them alone.
            locate: the landmarks; None: the detector's own points.
            digests: of everything loaded from files that changes pixels.
            config: what else was chosen; device and precision are the model's.
        """
        self._model = model
        self._finder = finder
        self._locate = locate
        self._config = config
        self._digests = tuple(digests)

    def configured(self, config: EngineConfig) -> Self:
        """Return an engine of the same networks that crops and applies motion as `config` says.

        Device, precision and who finds the face stay as they are.
        """
        kept = replace(
            self._config,
            driving_crop=config.driving_crop,
            driving_window=config.driving_window,
            keep_openings=config.keep_openings,
            animation=config.animation,
            refinement=config.refinement,
        )
        if kept == self._config:
            return self
        return type(self)(
            self._model, self._finder, self._locate, digests=self._digests, config=kept
        )

    @property
    def engine(self) -> Engine:
        """Engine.LIVEPORTRAIT."""
        return Engine.LIVEPORTRAIT

    @property
    def version(self) -> str:
        """liveportrait-<revision>-<8 hex digits over files and settings that change pixels>."""
        return engine_version(
            self._config,
            finder_version=self._finder.version,
            has_landmarks=self._locate is not None,
            precision=self._model.choice.precision,
            digests=self._digests,
        )

    @property
    def driving_max_side_px(self) -> int | None:
        """None: the crop is taken from frames of their own size."""
        return None

    @property
    def analyses_beside(self) -> bool:
        """Both compute by the same networks."""
        return False

    @property
    def device(self) -> DeviceChoice:
        """Where the networks run, and why."""
        return self._model.choice

    def _is_pasted(self, options: RenderOptions) -> bool:
        """Without stitching the crop's border would not meet the portrait."""
        return options.paste_back and self._config.animation.stitch
