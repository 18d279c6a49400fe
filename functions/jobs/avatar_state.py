"""What is asked for right now, and what answers it already: document, ledger and objects looked at.

Reads, decides nothing, writes nothing.
"""

from dataclasses import dataclass

from functions.domain.job_record import Result
from functions.domain.request import (
    Ask,
    NotOptedIn,
    RenderRequest,
    fingerprint,
    full_engine_version,
)
from functions.domain.snapshot import Asked, Standing
from functions.domain.storage_paths import StoredObject
from functions.jobs.ports import Means


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One look."""

    standing: Standing
    ask: Ask  # NotOptedIn where there is no document
    asked: Asked | None = None  # only where a render is asked for
    image: StoredObject | None = None  # None: not there
    video: StoredObject | None = None
    result: Result | None = None  # listed for it, its objects still in place

    @property
    def inputs(self) -> tuple[StoredObject, StoredObject | None] | None:
        """Portrait and clip, where everything asked for is there; no clip for a synthetic idle."""
        wants_video = self.asked is not None and self.asked.request.video_path is not None
        if self.image is None or (wants_video and self.video is None):
            return None
        return self.image, self.video

    @property
    def relevant(self) -> object:
        """The relevant set of the document as seen; None where there is no document."""
        document = self.standing.document
        return None if document is None else document.relevant


def look(means: Means, avatar_id: str) -> Sight:
    """Read document and ledger, build the effective request, fingerprint it."""
    standing = means.ledger.read(avatar_id)
    if standing.document is None:
        return Sight(standing=standing, ask=NotOptedIn())
    ask = means.transitions.reader.read(avatar_id, standing.document)
    if not isinstance(ask, RenderRequest):
        return Sight(standing=standing, ask=ask)
    image = means.media.find(ask.image_path)
    video = None if ask.video_path is None else means.media.find(ask.video_path)
    version = full_engine_version(
        means.engine.engine_version, max_seconds=means.settings.max_seconds
    )
    name = fingerprint(ask, engine_version=version, image=image, video=video)
    listed = standing.record.result(name)
    fit = listed is not None and _in_place(means, listed)
    asked = Asked(
        relevant=standing.document.relevant,
        request=ask,
        fingerprint=name,
        wish=fingerprint(ask, engine_version="", image=image, video=video),
        engine=means.engine.engine.value,
        engine_version=version,
        unfit=None if fit else listed,
    )
    return Sight(
        standing=standing,
        ask=ask,
        asked=asked,
        image=image,
        video=video,
        result=listed if fit else None,
    )


def _in_place(means: Means, listed: Result) -> bool:
    """Whether both objects of a result are still the published ones."""
    for kept in (listed.video, listed.poster):
        found = means.media.find(kept.path)
        if found is None or found.generation != kept.generation:
            return False
    return True
