"""The portrait that was rendered last, for the same one soon after: a slider that moves.

It is biometric data, so it stays in this process's memory, one portrait at a time, and is
forgotten when it has not been asked for a while.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from liveportrait_core.engines.base import AnimationEngine, PreparedPortrait
from liveportrait_core.media.pictures.image import Portrait
from liveportrait_core.options import RenderOptions

KEPT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """A portrait's file by its bytes, and how large it may be decoded."""

    sha256: str
    max_dim_px: int

    @staticmethod
    def of(path: Path, max_dim_px: int) -> "Source | None":
        """Read a file; None: it cannot be read, which its decoder will tell."""
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        return Source(sha256=digest, max_dim_px=max_dim_px)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    source: Source
    picture: Portrait
    follows_from: tuple[str, RenderOptions]
    prepared: PreparedPortrait
    forgetting: threading.Timer


class LastPortrait:
    """Decodes and prepares a portrait unless it is the one that was prepared last."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        """Know none yet; forget one after so long."""
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def picture(self, source: Source | None, decode: Callable[[], Portrait]) -> Portrait:
        """Return a portrait's pixels, decoded now or before."""
        with self._lock:
            kept = self._kept
        if kept is not None and kept.source == source:
            return kept.picture
        return decode()

    def prepared(
        self,
        engine: AnimationEngine[Any, Any],
        source: Source | None,
        picture: Portrait,
        options: RenderOptions,
    ) -> PreparedPortrait:
        """Return what the engine makes of a picture, made now or before.

        Raises:
            ImageNoFace: no face was found.
        """
        follows_from = engine.version, _without_settings(options)
        kept = self._taken()
        prepared: PreparedPortrait | None = None
        if kept is not None and (kept.source, kept.follows_from) == (source, follows_from):
            prepared = kept.prepared
        del kept  # two at once would be twice the memory
        if prepared is None:
            prepared = engine.prepare(picture.pixels, options)
        if source is not None:
            self._keep(source, picture, follows_from, prepared)
        return prepared

    def _taken(self) -> _Kept | None:
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            kept.forgetting.cancel()
        return kept

    def _keep(
        self,
        source: Source,
        picture: Portrait,
        follows_from: tuple[str, RenderOptions],
        prepared: PreparedPortrait,
    ) -> None:
        timer = threading.Timer(self._kept_s, self._forget, [prepared])
        timer.name, timer.daemon = "forget-portrait", True
        kept = _Kept(
            source=source,
            picture=picture,
            follows_from=follows_from,
            prepared=prepared,
            forgetting=timer,
        )
        with self._lock:
            self._kept = kept
        timer.start()

    def _forget(self, prepared: PreparedPortrait) -> None:
        with self._lock:
            if self._kept is not None and self._kept.prepared is prepared:
                self._kept = None


def _without_settings(options: RenderOptions) -> RenderOptions:
    """Return the options that a prepared portrait follows from: an app's three settings do not."""
    rest = RenderOptions()
    return replace(
        options,
        driving_multiplier=rest.driving_multiplier,
        normalize_lip=rest.normalize_lip,
        animation_region=rest.animation_region,
    )
