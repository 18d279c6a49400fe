"""Have a candidate render the golden avatar, before it gets any traffic.

A deployment puts a task for `/check` at the candidate's own URL into a queue, and reads the report
from the bucket: `livePortraitCache/checks/{task}.json`, which no client may read and the bucket's
lifecycle deletes. Nothing else is written, so no app sees anything of it.
"""

import json
import re
from pathlib import Path
from typing import Final

from google.api_core import exceptions
from google.cloud.storage import Bucket

from functions.errors import InvalidTask, RetryLater
from functions.observability import log
from functions.runtime.golden_render import render_golden
from functions.runtime.render_lock import RenderLock, take
from liveportrait_core.renderer import Renderer

FOLDER: Final = "livePortraitCache/checks/"
_TASK = re.compile(r"[A-Za-z0-9_-]{1,500}")  # as Cloud Tasks names tasks


def check_candidate(
    task: str,
    *,
    engine_version: str,
    weights: Path,
    bucket: Bucket,
    renderer: Renderer,
    lock: RenderLock,
) -> None:
    """Render the golden avatar, and store the report under the task's name.

    Args:
        task: the queue's name of the task that asks for it.
        engine_version: as documents show it.
        weights: the folder of the networks' files.
        bucket: of the deployment.
        renderer: of this process.
        lock: one render at a time.

    Raises:
        InvalidTask: the request names no task.
        RetryLater: this process renders something else, or the report was not stored.
    """
    if not _TASK.fullmatch(task):
        raise InvalidTask(f"the task is named {task[:100]!r}; accepted: a task of the queue")
    take(lock)
    try:
        report = render_golden(renderer, weights)
    finally:
        lock.release()
    told = {
        "passed": report.passed,
        "problems": list(report.problems),
        "engineVersion": engine_version,
        "device": renderer.device,
        **report.figures,
    }
    tell = log.info if report.passed else log.error
    tell("candidate checked", passed=report.passed, problems=list(report.problems))
    try:
        blob = bucket.blob(f"{FOLDER}{task}.json")
        blob.cache_control = "private, no-store"
        blob.upload_from_string(json.dumps(told, indent=2), content_type="application/json")
    except exceptions.GoogleAPIError as fault:
        raise RetryLater(f"the report was not stored: {fault}") from fault
