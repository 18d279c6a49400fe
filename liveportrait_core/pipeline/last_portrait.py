"""The portrait that was prepared last, for the same one soon after: a slider that moves.

It is biometric data, so it stays in this process's memory, one portrait at a time, and is
forgotten when it has not been asked for a while.
"""

import hashlib
import threading
from dataclasses import dataclass, replace
from typing import Any

from liveportrait_core.engines.base import AnimationEngine, PreparedPortrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame

KEPT_S = 120.0

_Key = tuple[str, str, RenderOptions]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    key: _Key
    portrait: PreparedPortrait
    forgetting: threading.Timer


class LastPortrait:
    """Prepares a portrait unless it is the one that was prepared last."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        """Know none yet; forget one after so long."""
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def prepared(
        self, engine: AnimationEngine[Any, Any], picture: Frame, options: RenderOptions
    ) -> PreparedPortrait:
        """Return what the engine makes of a picture, H×W×3, made now or before.

        Raises:
            ImageNoFace: no face was found.
        """
        key = _key(engine, picture, options)
        kept = self._taken()
        portrait = kept.portrait if kept is not None and kept.key == key else None
        del kept  # two at once would be twice the memory
        if portrait is None:
            portrait = engine.prepare(picture, options)
        self._keep(key, portrait)
        return portrait

    def _taken(self) -> _Kept | None:
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            kept.forgetting.cancel()
        return kept

    def _keep(self, key: _Key, portrait: PreparedPortrait) -> None:
        timer = threading.Timer(self._kept_s, self._forget, [key])
        timer.name, timer.daemon = "forget-portrait", True
        with self._lock:
            self._kept = _Kept(key=key, portrait=portrait, forgetting=timer)
        timer.start()

    def _forget(self, key: _Key) -> None:
        with self._lock:
            if self._kept is not None and self._kept.key == key:
                self._kept = None


def _key(engine: AnimationEngine[Any, Any], picture: Frame, options: RenderOptions) -> _Key:
    """Return all that a prepared portrait follows from; the three settings of an app are not it."""
    rest = RenderOptions()
    alike = replace(
        options,
        driving_multiplier=rest.driving_multiplier,
        normalize_lip=rest.normalize_lip,
        animation_region=rest.animation_region,
    )
    shape = str(picture.shape).encode()
    return engine.version, hashlib.sha256(shape + picture.tobytes()).hexdigest(), alike
