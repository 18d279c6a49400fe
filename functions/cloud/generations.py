"""Generations of the HTTP API (docs/use/http.md) that the API puts into this deployment's queue.

A task `{"generationId": id}` is rendered beside those of avatars; `web.cloud` knows its document.
"""

import tempfile
from pathlib import Path

from google.cloud import firestore
from google.cloud.storage import Bucket

from functions.errors import RetryLater
from functions.observability import log
from functions.runtime.render_lock import RenderLock, take
from functions.settings import Settings
from liveportrait_core.errors import DeviceLost
from liveportrait_core.renderer import Renderer
from web.cloud.files import BucketFiles
from web.cloud.rendering import GenerationRenderer
from web.cloud.store import FirestoreJobStore, Leased


def render_generation(
    generation_id: str,
    *,
    settings: Settings,
    database: firestore.Client,
    bucket: Bucket,
    renderer: Renderer,
    lock: RenderLock,
) -> None:
    """Render one, unless it has ended.

    Raises:
        RetryLater: another process renders it, this one renders something else, or a service
            failed.
        DeviceLost: the GPU fails every call of this process from now on.
    """
    with log.bound(render_id=generation_id):
        take(lock)
        try:
            with tempfile.TemporaryDirectory(prefix="copies-") as copies:
                ended = GenerationRenderer(
                    FirestoreJobStore(database),
                    BucketFiles(bucket, Path(copies)),
                    lease_s=settings.lease_s,
                    deadline_s=settings.deadline_s,
                ).handle(generation_id, renderer)
        except DeviceLost:
            raise
        except Leased as leased:
            raise RetryLater("another process renders this generation") from leased
        except Exception as fault:
            log.fault("generation not rendered", fault)
            raise RetryLater(f"not rendered: {fault}") from fault
        finally:
            lock.release()
        log.info("generation ended", state=None if ended is None else ended.state.value)
