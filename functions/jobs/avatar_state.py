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
)
from functions.domain.snapshot import AvatarSnapshot, RenderSpec
from functions.domain.storage_paths import StoredObject
from functions.jobs.ports import Dependencies
from functions.settings import full_engine_version


@dataclass(frozen=True, kw_only=True)
class AvatarState:
    """One look."""

    avatar: AvatarSnapshot
    ask: Ask  # NotOptedIn where there is no document
    spec: RenderSpec | None = None  # only where a render is asked for
    image: StoredObject | None = None  # None: not there
    video: StoredObject | None = None
    result: Result | None = None  # listed for it, its objects still in place

    @property
    def inputs(self) -> tuple[StoredObject, StoredObject | None] | None:
        """Portrait and clip, where everything asked for is there; no clip for a synthetic idle."""
        wants_video = self.spec is not None and self.spec.request.video_path is not None
        if self.image is None or (wants_video and self.video is None):
            return None
        return self.image, self.video

    @property
    def inputs_key(self) -> object:
        """The relevant set of the document as seen; None where there is no document."""
        document = self.avatar.document
        return None if document is None else document.inputs_key


def load_state(deps: Dependencies, avatar_id: str) -> AvatarState:
    """Read document and ledger, build the effective request, fingerprint it."""
    avatar = deps.ledger.read(avatar_id)
    if avatar.document is None:
        return AvatarState(avatar=avatar, ask=NotOptedIn())
    ask = deps.transitions.reader.read(avatar_id, avatar.document)
    if not isinstance(ask, RenderRequest):
        return AvatarState(avatar=avatar, ask=ask)
    image = deps.media.find(ask.image_path)
    video = None if ask.video_path is None else deps.media.find(ask.video_path)
    version = full_engine_version(deps.engine.engine_version, max_seconds=deps.settings.max_seconds)
    name = fingerprint(ask, engine_version=version, image=image, video=video)
    listed = avatar.record.result(name)
    fit = listed is not None and _in_place(deps, listed)
    spec = RenderSpec(
        inputs_key=avatar.document.inputs_key,
        request=ask,
        fingerprint=name,
        wish=fingerprint(ask, engine_version="", image=image, video=video),
        engine=deps.engine.engine.value,
        engine_version=version,
        unfit=None if fit else listed,
    )
    return AvatarState(
        avatar=avatar,
        ask=ask,
        spec=spec,
        image=image,
        video=video,
        result=listed if fit else None,
    )


def _in_place(deps: Dependencies, listed: Result) -> bool:
    """Whether both objects of a result are still the published ones."""
    for kept in (listed.video, listed.poster):
        found = deps.media.find(kept.path)
        if found is None or found.generation != kept.generation:
            return False
    return True
