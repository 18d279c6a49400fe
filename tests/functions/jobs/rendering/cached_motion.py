"""What tests of the kept motion share: where it is, and a hand in while it is stored."""

from collections.abc import Callable
from typing import Any

from functions.domain.storage_paths import StoredObject, Upload
from tests.functions.doubles import HeldObject
from tests.functions.scene import AVATAR, Scene, document

CACHE = f"livePortraitCache/avatars/{AVATAR}/motion.npz"
MOTION = b"motion by mesh-1-0123abcd of clip"


def at(multiplier: float) -> dict[str, Any]:
    return document(training__livePortrait__drivingMultiplier=multiplier)


def cached(scene: Scene) -> HeldObject | None:
    return scene.media.objects.get(CACHE)


def while_it_is_kept(
    scene: Scene, before: Callable[[], object], after: Callable[[], object]
) -> None:
    """Let something happen right before and right after the motion gets to the store."""
    publish = scene.media.publish

    def hooked(upload: Upload, *, replacing: int = 0) -> StoredObject:
        if upload.token:
            return publish(upload, replacing=replacing)
        scene.media.publish = publish  # type: ignore[method-assign]
        before()
        try:
            return publish(upload, replacing=replacing)
        finally:
            after()

    scene.media.publish = hooked  # type: ignore[method-assign]


def nothing() -> None:
    pass
