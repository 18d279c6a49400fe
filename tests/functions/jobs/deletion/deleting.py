"""What tests of deletions need: faults at a transaction, and clean-ups left half done."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.snapshot import AvatarSnapshot, TransactionResult
from functions.domain.storage_paths import StoredObject, Upload
from functions.domain.subject import Subject
from functions.errors import RetryLater
from tests.functions.scene import (
    Scene,
    document,
)


class Killed(BaseException):
    """The end of a process."""


def at(multiplier: object) -> dict[str, Any]:
    return document(training__livePortrait__drivingMultiplier=multiplier)


def listed(scene: Scene) -> set[str]:
    return {kept.path for each in scene.record.results for kept in (each.video, each.poster)}


def once_uploaded(scene: Scene, act: Callable[[], object], *, name: str = "idle.mp4") -> None:
    """Let something happen as soon as a video is there, before it is committed."""
    publish = scene.media.publish

    def hooked(upload: Upload, *, replacing: int = 0) -> StoredObject:
        stored = publish(upload, replacing=replacing)
        if upload.path.endswith(name):
            scene.media.publish = publish  # type: ignore[method-assign]
            act()
        return stored

    scene.media.publish = hooked  # type: ignore[method-assign]


def at_a_transaction(
    scene: Scene,
    when: Callable[[TransactionResult[Any]], bool],
    *,
    before: bool,
    fault: BaseException,
) -> None:
    """Raise once in place of a transaction, or after it is committed: of the first that fits."""
    transact = scene.ledger.transact

    def hooked(
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Any]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Any]:
        planned = decide(scene.ledger.read(subject))
        fits = when(planned)
        if fits:
            scene.ledger.transact = transact  # type: ignore[method-assign]
        if fits and before:
            raise fault
        change = transact(subject, decide, counting=counting)
        if fits:
            raise fault
        return change

    scene.ledger.transact = hooked  # type: ignore[method-assign]


def half_cleaned(scene: Scene, method: str = "delete_prefix") -> DocumentWrite:
    """Two videos, the document deleted, the clean-up failed."""
    for multiplier in (0.1, 0.2):
        scene.save(at(multiplier))
    deletion = scene.write(None)
    scene.media.faults[method] = [ConnectionError("503")]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(deletion)
    scene.clock.advance(5)
    return deletion
