"""What the routes do: add, describe, estimate, hand out files."""

import hmac
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi.responses import FileResponse
from starlette.datastructures import FormData
from starlette.requests import Request

from web.api.guard import Guard
from web.api.inputs import ReceivedFiles, received
from web.api.schemas import GenerationRequest, generation_object
from web.errors import NotFound
from web.fetch import SafeClient
from web.generation import Generation, Kind, State, Webhook, digest_of
from web.jobs.store import SqliteJobStore
from web.jobs.worker import Worker
from web.settings import Settings

_IDLE_FPS = 30  # of an idle without a driving clip
_TYPES = {"video": "video/mp4", "poster": "image/jpeg", "picture": "image/png"}


@dataclass(kw_only=True)
class Service:
    """The API's operations, on one store and one worker."""

    settings: Settings
    guard: Guard
    store: SqliteJobStore
    worker: Worker
    files: Path
    client: SafeClient
    _keeping: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        """Where clients reach this."""
        return base_url(self.settings)

    def describe(self, generation: Generation) -> dict[str, Any]:
        """Return the object that clients read."""
        is_queued = generation.state is State.QUEUED
        position = self.store.position(generation.id) if is_queued else None
        return generation_object(generation, base_url=self.base_url, position=position)

    def own(self, owner: str, generation_id: UUID) -> Generation:
        """Return a generation of this owner.

        Raises:
            NotFound: there is none, or it is another owner's: the answer is the same.
        """
        found = self.store.get(str(generation_id))
        if found is None or found.owner != owner:
            raise NotFound(
                f"there is no generation {generation_id}; accepted: an id that a POST or PUT gave "
                f"in the last {self.settings.result_ttl_s / 3600:g} hours"
            )
        return found

    def add(
        self,
        owner: str,
        generation_id: str,
        wanted: GenerationRequest,
        form: FormData,
        idempotency_key: str | None,
    ) -> Generation:
        """Receive the inputs and queue the generation; return it, or the one that a repeat names.

        Raises:
            ApiError: it is refused, and nothing is kept.
        """
        params, warnings = wanted.params.applied()
        if wanted.webhook is not None:
            self.client.check(wanted.webhook.url, field_name="webhook.url")
        # Received beside the folder it gets: the id may be in use by the same request, sent before.
        self.files.mkdir(parents=True, exist_ok=True)
        arriving = Path(tempfile.mkdtemp(prefix="arriving-", dir=self.files)) / "files"
        try:
            with received(wanted, form, arriving, self._fetcher()) as files:
                generation = self._generation(owner, generation_id, wanted, params, warnings, files)
                return self._keep(generation, arriving, idempotency_key)
        finally:
            shutil.rmtree(arriving.parent, ignore_errors=True)

    def _keep(self, generation: Generation, arriving: Path, key: str | None) -> Generation:
        """Move the files in before the generation can be seen, and out again if it is not new."""
        folder = self.files / generation.id
        with self._keeping:
            is_new = not folder.exists()
            if is_new:
                arriving.rename(folder)
            kept = None
            try:
                kept = self.store.add(generation, idempotency_key=key)
            finally:
                if is_new and (kept is None or kept.id != generation.id):
                    shutil.rmtree(folder, ignore_errors=True)
        return kept

    def _generation(
        self,
        owner: str,
        generation_id: str,
        wanted: GenerationRequest,
        params: dict[str, Any],
        warnings: tuple[str, ...],
        files: ReceivedFiles,
    ) -> Generation:
        hook = wanted.webhook
        webhook = None if hook is None else Webhook(url=hook.url, events=tuple(hook.events))
        asked = wanted.model_dump(mode="json", exclude={"input"})
        return Generation(
            id=generation_id,
            owner=owner,
            kind=wanted.kind,
            params=params,
            inputs=files.names,
            created_at=time.time(),
            request_digest=digest_of(asked, files.digests),
            fingerprint=digest_of(wanted.kind, params, files.digests)[:20],
            webhook=webhook,
            metadata=wanted.metadata,
            warnings=warnings,
        )

    def _fetcher(self) -> SafeClient | None:
        return self.client if self.settings.url_hosts or self.settings.private_hosts else None

    def estimate(self, wanted: GenerationRequest, form: FormData) -> dict[str, Any]:
        """Tell frames, seconds of video, and how long it would take here."""
        wanted.params.applied()
        with (
            tempfile.TemporaryDirectory() as folder,
            received(wanted, form, Path(folder) / "files", self._fetcher()) as files,
        ):
            clip, (width, height) = files.clip, files.size
        frames, seconds = 1, 0.0
        if clip is not None:
            frames = clip.expected_frames
            seconds = frames / float(clip.rate_fps)
        elif wanted.kind is Kind.ANIMATE:
            seconds = wanted.params.seconds
            frames = round(seconds * _IDLE_FPS)
        pace = self.worker.seconds_per_megapixel
        megapixels = frames * width * height / 1e6
        return {
            "frames": frames,
            "seconds": round(seconds, 3),
            "etaSeconds": None if pace is None else round(pace * megapixels, 1),
        }

    def file(
        self, request: Request, generation_id: UUID, name: str, token: str | None
    ) -> FileResponse:
        """Return a file of a finished generation, to its owner or to who has its token.

        Raises:
            NotFound: there is none, or not yet.
        """
        found = self.store.get(str(generation_id))
        if token is None:
            found = self.own(self.guard.owner(request), generation_id)
        elif found is None or not hmac.compare_digest(found.token, token):
            raise NotFound("there is no such file; accepted: the URL as the object gives it")
        video, other = ("video", "poster") if found.kind is Kind.ANIMATE else ("picture", None)
        if found.state is not State.READY or name not in (video, other):
            raise NotFound(
                f"generation {found.id} has no {name}: it is {found.kind} and {found.state}; "
                "accepted: one that is ready"
            )
        path = self.files / found.id / ("poster.jpg" if name == other else found.result_name)
        return FileResponse(
            path,
            media_type=_TYPES[name],
            headers={
                "cache-control": "private, max-age=86400, immutable",
                "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer",
            },
        )

    def health(self) -> dict[str, Any]:
        """Tell whether generations are rendered, by what, and how many wait."""
        renderer, worker = self.worker.renderer, self.worker
        busy = self.store.count(State.RENDERING) > 0
        status = "busy" if worker.status == "ready" and busy else worker.status
        return {
            "status": status,
            "problem": worker.problem,
            "engine": None if renderer is None else renderer.engine.value,
            "engineVersion": None if renderer is None else renderer.engine_version,
            "reason": None if renderer is None else renderer.reason,
            "kinds": [kind.value for kind in Kind],
            "queued": self.store.count(State.QUEUED),
        }


def base_url(settings: Settings) -> str:
    """Return where clients reach this: the public URL, or this machine's."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"
