"""What the routes do: add, describe, estimate, hand out files."""

import hmac
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi.responses import FileResponse, Response
from pydantic.alias_generators import to_camel
from starlette.datastructures import FormData
from starlette.requests import Request

from liveportrait_core import InvalidOption, RenderError
from web.api.guard import Guard
from web.api.inputs import LIMITS, ReceivedFiles, received
from web.api.keys import KeysInWork
from web.api.schemas import GenerationRequest, generation_object
from web.errors import InvalidRequest, NotFound, Unprocessable
from web.fetch import SafeClient
from web.generation import Generation, Kind, State, Webhook, digest_of
from web.jobs.ports import Jobs, MethodEstimate
from web.jobs.rendering import field_of
from web.jobs.transitions import canceled
from web.settings import Settings

_TYPES = {
    ".mp4": "video/mp4", ".gif": "image/gif", ".webp": "image/webp",
    ".jpg": "image/jpeg", ".png": "image/png", ".npz": "application/octet-stream",
}  # fmt: skip


@dataclass(kw_only=True)
class Service:
    """The API's operations."""

    settings: Settings
    guard: Guard
    jobs: Jobs
    arriving: Path  # inputs are received here
    client: SafeClient
    keys: KeysInWork = field(default_factory=KeysInWork)

    @property
    def base_url(self) -> str:
        """Where clients reach this."""
        return base_url(self.settings)

    def describe(self, generation: Generation) -> dict[str, Any]:
        """Return the object that clients read."""
        is_queued = generation.state is State.QUEUED
        position = self.jobs.queue.position(generation) if is_queued else None
        return generation_object(generation, base_url=self.base_url, position=position)

    def own(self, owner: str, generation_id: UUID) -> Generation:
        """Return a generation of this owner.

        Raises:
            NotFound: there is none, or it is another owner's: the answer is the same.
        """
        found = self.jobs.store.get(str(generation_id))
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
        sync: Mapping[str, Any] | None = None,
    ) -> Generation:
        """Receive the inputs and queue the generation; return it, or the one that a repeat names.

        Raises:
            ApiError: it is refused, and nothing is kept.
        """
        wanted.params.applied(), wanted.input.timed()  # refused before any file is received
        if wanted.webhook is not None:
            self.client.check(wanted.webhook.url, field_name="webhook.url")
        self.arriving.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.arriving) as name:
            arriving = Path(name) / "files"
            with received(wanted, form, arriving, self._fetcher()) as files:
                generation = self._generation(owner, generation_id, wanted, files)
                self._require_able(generation)
                return self._keep(replace(generation, sync=sync), arriving, idempotency_key)

    def _keep(self, generation: Generation, arriving: Path, key: str | None) -> Generation:
        """Store the files before the generation can be seen, and delete them if it is not new."""
        self.jobs.files.keep(generation.folder, arriving)
        kept = None
        try:
            kept = self.jobs.store.add(generation, idempotency_key=key)
        finally:
            if kept is None or kept.folder != generation.folder:
                self.jobs.files.delete(generation.folder)
        return kept

    def _require_able(self, generation: Generation) -> None:
        """Refuse what the renderer is known not to do, before it waits for its turn."""
        with _told(generation):
            self.jobs.rendering.require_able(generation)

    def cancel(self, generation: Generation) -> Generation:
        """Cancel a queued one at once, and ask one that is rendered to stop."""
        now = time.time()
        after = self.jobs.store.change(generation.id, lambda each: canceled(each, now))
        return after or generation

    def _generation(
        self, owner: str, generation_id: str, wanted: GenerationRequest, files: ReceivedFiles
    ) -> Generation:
        params, warnings = wanted.params.applied()
        hook, said = wanted.webhook, wanted.input
        asked = wanted.model_dump(mode="json", exclude={"input": set(LIMITS)})
        return Generation(
            id=generation_id,
            owner=owner,
            kind=wanted.kind,
            params=params,
            inputs=files.names,
            created_at=time.time(),
            request_digest=digest_of(asked, files.digests),
            fingerprint=digest_of(wanted.kind, params, files.digests, asked["input"])[:20],
            webhook=None if hook is None else Webhook(url=hook.url, events=tuple(hook.events)),
            text=said.text,
            visemes=tuple((each.at_ms, each.viseme) for each in said.timed()),
            metadata=wanted.metadata,
            warnings=warnings,
        )

    def _fetcher(self) -> SafeClient | None:
        return self.client if self.settings.url_hosts or self.settings.private_hosts else None

    def estimate(self, wanted: GenerationRequest, form: FormData) -> dict[str, Any]:
        """Tell frames, seconds of video, and how long it would take here."""
        wanted.params.applied()
        self.arriving.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=self.arriving) as folder,
            received(wanted, form, Path(folder) / "files", self._fetcher()) as files,
        ):
            length, (width, height) = files.length, files.size
            generation = self._generation("", "", wanted, files)
        self._require_able(generation)
        frames, seconds = length or (1, 0.0)
        if length is None and wanted.kind is Kind.ANIMATE:
            seconds = wanted.params.seconds
            frames = round(seconds * Fraction(wanted.params.fps))
        pace, price = _seconds_per_pixel(self.jobs.queue.latest()), self.settings.usd_per_hour
        eta_s = None if pace is None else pace * frames * width * height
        method = None
        if wanted.kind.speaks:
            with _told(generation):
                method = self.jobs.rendering.method_cost(generation, seconds)
        if wanted.kind is Kind.LIPSYNC:
            eta_s = None if method is None else 0.0
        if wanted.kind is Kind.MOTION:
            eta_s = None  # nothing is drawn, and what it takes was not measured
        if eta_s is not None and method is not None:
            eta_s += method.seconds
        return {
            "frames": frames,
            "seconds": round(seconds, 3),
            "etaSeconds": None if eta_s is None else round(eta_s, 1),
            "costUsd": None if eta_s is None or not price else round(eta_s * price / 3600, 6),
            "method": None if method is None else _shown(method),
        }

    def file(self, request: Request, generation_id: UUID, name: str, token: str | None) -> Response:
        """Return a file of a finished generation, to its owner or to who has its token.

        Raises:
            NotFound: there is none, or not yet.
        """
        found = self.jobs.store.get(str(generation_id))
        if token is None:
            found = self.own(self.guard.owner(request), generation_id)
        elif found is None or not hmac.compare_digest(found.token.encode(), token.encode()):
            raise NotFound("there is no such file; accepted: the URL as the object gives it")
        if found.state is not State.READY or name not in found.file_names:
            raise NotFound(
                f"generation {found.id} has no {name}: it is {found.kind} and {found.state}; "
                "accepted: one that is ready"
            )
        headers = {
            "etag": f'"{found.folder}-{name}"',  # a folder is written once
            "cache-control": "private, max-age=86400, immutable",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        }
        known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
        if known & {headers["etag"], f"W/{headers['etag']}", "*"}:
            return Response(status_code=304, headers=headers)
        path = self.jobs.files.fetch(found.folder, found.file_names[name])
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)

    def health(self) -> dict[str, Any]:
        """Tell whether generations are rendered, by what, and how many wait."""
        renderer = self.jobs.rendering.health()
        is_busy = renderer.status == "ready" and self.jobs.queue.count(State.RENDERING) > 0
        return {
            "status": "busy" if is_busy else renderer.status,
            "problem": renderer.problem,
            "engine": renderer.engine,
            "engineVersion": renderer.engine_version,
            "reason": renderer.reason,
            "kinds": [kind.value for kind in Kind],
            "methods": [
                {"name": name, "licence": licence} for name, licence in renderer.methods.items()
            ],
            "queued": self.jobs.queue.count(State.QUEUED),
        }


@contextmanager
def _told(generation: Generation) -> Iterator[None]:
    """Answer what the renderer refuses as the API does."""
    try:
        yield
    except InvalidOption as error:
        raise InvalidRequest(str(error)) from error
    except RenderError as error:
        field = field_of(error.code, generation)
        raise Unprocessable(str(error), field=field, code=error.code) from error


def _shown(method: MethodEstimate) -> dict[str, Any]:
    return {
        to_camel(name): round(value, 1) if isinstance(value, float) else value
        for name, value in asdict(method).items()
    }


def _seconds_per_pixel(latest: Generation | None) -> float | None:
    """Return what the last video took, by the pixels of all its frames."""
    if latest is None or latest.output is None or not latest.output.frame_count:
        return None
    if latest.started_at is None or latest.finished_at is None:
        return None
    output = latest.output
    if output.width is None or output.height is None:
        return None
    pixels = output.width * output.height * latest.output.frame_count
    return max(0.0, latest.finished_at - latest.started_at) / pixels


def base_url(settings: Settings) -> str:
    """Return where clients reach this: the public URL, or this machine's."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"
