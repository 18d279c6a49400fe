"""The CloudEvent function `on_avatar_written`: event → write → doorway; nothing else.

Run it from the root with `python -m functions_framework --source functions/main.py
--target on_avatar_written --signature-type cloudevent`, with THREADS=32 in the environment.
"""

import functools

import flask
import functions_framework
from cloudevents.http import CloudEvent

from functions import log
from functions.contract import Gate, gate
from functions.errors import EventUnreadable, RetryLater, SettingInvalid
from functions.event import parse
from functions.instance import Instance, start
from liveportrait_core import RenderError


@functools.cache
def _instance() -> Instance:
    try:
        return start()
    except (SettingInvalid, RenderError) as fault:
        raise SystemExit(f"The function cannot start: {fault}") from fault


@functions_framework.cloud_event
def on_avatar_written(event: CloudEvent) -> None:
    """Answer one event: return to acknowledge it, 503 to have it delivered again."""
    instance = _instance()
    try:
        write = parse(
            event.data, collection=instance.settings.collection, event_time=event.get("time")
        )
    except EventUnreadable as fault:
        log.warning("event not read", reason=str(fault), event_id=event.get("id"))
        return
    if gate(write) is Gate.UNRELATED:
        return  # most events: not even the clients are needed
    try:
        with instance.exporters.request("event", flask.request.headers):
            instance.doorway.answer(write)
    except RetryLater as later:
        flask.abort(503, description=str(later))


def health() -> flask.typing.ResponseReturnValue:
    """Which engine is ready; the framework itself answers 405 to every GET."""
    try:
        renderer = _instance().renderer
    except RenderError as fault:
        log.error("renderer does not open", reason=str(fault))
        return {"status": "unavailable", "reason": str(fault)}, 503
    return {
        "status": "ready",
        "engine": renderer.engine.value,
        "engineVersion": renderer.engine_version,
        "device": renderer.device,
        "reason": renderer.reason,
    }


if flask.has_app_context():  # the framework is loading this file to serve it
    _instance()
    flask.current_app.add_url_rule("/health", view_func=health)
