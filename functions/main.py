"""The HTTP entry: the CloudEvent function `on_avatar_written`, and beside it paths of our own.

Tasks of the queues go to `/render`, `/look` and `/check`, a budget's notices to `/budget`, and the
probes of the instance to `/health`.

Run it from the root with `python -m functions_framework --source functions/main.py
--target on_avatar_written --signature-type cloudevent`, with THREADS=32 in the environment.
"""

import functools
import http
import os
from collections.abc import Callable

import flask
import functions_framework
from cloudevents.http import CloudEvent
from werkzeug.exceptions import HTTPException

from functions.app import App, start
from functions.cloud.events import parse
from functions.domain.document import Gate, gate
from functions.domain.task import MAX_BODY_BYTES, LookTask, read_generation_id, read_subject
from functions.errors import InvalidEvent, InvalidSetting, RetryLater, TaskRefused
from functions.observability import log
from functions.roles import Role
from functions.runtime.readiness import Stage
from functions.runtime.request_body import BodyMiddleware
from functions.runtime.shutdown import serve_until_told
from liveportrait_core import RenderError

_TASKS = "/render"
_LOOKS = "/look"
_CHECKS = "/check"
_BUDGET = "/budget"
_TASK_NAME = "X-CloudTasks-TaskName"
_OURS = (_TASKS, _LOOKS, _CHECKS, _BUDGET)
_MAX_REQUEST_BYTES = 32 << 20  # as Cloud Run; an event holds two documents of 1 MiB


@functools.cache
def _instance() -> App:
    try:
        return start()
    except (InvalidSetting, RenderError) as fault:
        raise SystemExit(f"The function cannot start: {fault}") from fault


@functions_framework.cloud_event
def on_avatar_written(event: CloudEvent) -> None:
    """Handle one event: return to acknowledge it, answer 503 to have it delivered again."""
    flask.g.is_event = True
    instance = _instance()
    if instance.settings.role is Role.RENDERER:
        log.error("event sent to a renderer", event_id=event.get("id"))
        flask.abort(404, description="This is a renderer: events are the gate's matter.")
    try:
        write = parse(
            event.data, collection=instance.settings.collection, event_time=event.get("time")
        )
    except InvalidEvent as fault:
        log.warning("event not read", reason=str(fault), event_id=event.get("id"))
        return
    if write.literal_names:
        with log.bound(**write.subject.log_ids):
            log.warning(
                "fields named like paths",
                fields=list(write.literal_names),
                reason="set, merging or not, takes keys literally, and these fields are not read; "
                "update takes them for paths, set takes nested maps",
            )
    if gate(write) is Gate.UNRELATED:
        return  # most events end here, before any client is made
    try:
        with instance.exporters.request("event", flask.request.headers.get):
            instance.handler.handle_event(write)
    except RetryLater as later:
        flask.abort(503, description=str(later))


def render() -> flask.typing.ResponseReturnValue:
    """Handle a task for the renderer: an avatar's, or a generation's."""
    return _task(Role.RENDERER, _render)


def _render(instance: App, body: bytes) -> None:
    generation_id = read_generation_id(body)
    if generation_id is not None:
        instance.render_generation(generation_id)
    else:
        instance.handler.handle_task(read_subject(body))


def check() -> flask.typing.ResponseReturnValue:
    """Handle the task of a deployment: render the golden avatar before there is any traffic."""
    name = flask.request.headers.get(_TASK_NAME, "")
    return _task(Role.RENDERER, lambda app, body: app.check_candidate(name))


def look() -> flask.typing.ResponseReturnValue:
    """Handle the look at an avatar whose save was debounced in the queue.

    It may be anybody's whom the service lets in, as an event may: what is asked for is read from
    the database, and the body alone changes nothing.
    """
    return _task(Role.GATE, lambda app, body: app.handler.handle_look(LookTask.read(body)))


def budget() -> flask.typing.ResponseReturnValue:
    """Handle a notice of the project's budget, pushed by Pub/Sub; only where that is wanted.

    It may be anybody's whom the service lets in, as an event may.
    """
    route = _instance().settings.route
    if route is None or not route.budget_queues:
        flask.abort(404, description="No budget pauses anything here.")
    return _task(Role.GATE, lambda app, body: app.handle_budget_notice(body))


def _task(role: Role, handle: Callable[[App, bytes], None]) -> flask.typing.ResponseReturnValue:
    """Handle one task: 204 ends it, 503 has the queue send it again; other requests are refused."""
    instance = _instance()
    if instance.settings.role is not role:
        flask.abort(404, description=f"This is no {role.value}: it takes no such tasks.")
    try:
        if role is Role.RENDERER:
            instance.clients.caller.check(flask.request.headers.get("Authorization"))
        body = flask.request.stream.read(MAX_BODY_BYTES + 1)
        with instance.exporters.request("task", flask.request.headers.get):
            handle(instance, body)
    except TaskRefused as refused:  # the reason is for the log: the sender must not learn from it
        log.warning("task refused", status=refused.status, reason=str(refused))
        flask.abort(refused.status, description=refused.__doc__)
    except RetryLater as later:
        flask.abort(503, description=str(later))
    return "", 204


def refuse(fault: Exception) -> flask.typing.ResponseReturnValue:
    """Answer 400, briefly, to what the framework cannot read as a CloudEvent.

    The framework raises many kinds of exceptions for such requests, or answers with all of their
    headers and data.
    """
    is_ours = flask.g.get("is_event") or flask.request.path in _OURS
    if isinstance(fault, HTTPException) and (is_ours or fault.code != http.HTTPStatus.BAD_REQUEST):
        return fault.get_response()
    if is_ours:
        raise fault
    log.warning("request not read", reason=f"no CloudEvent: {type(fault).__name__}")
    return "This is no CloudEvent.\n", http.HTTPStatus.BAD_REQUEST


def health() -> flask.typing.ResponseReturnValue:
    """Tell at once which engine is ready, or why none is."""
    instance = _instance()
    if ending := instance.health.ending:
        return {"status": "ending", "reason": ending}, 503
    stage, reason = instance.readiness.look()
    if stage is not Stage.READY:
        return {"status": stage.value, "reason": reason}, 503
    if instance.settings.role is Role.GATE:
        return {"status": "ready", **_engine(instance)}
    renderer = instance.renderer
    return {
        "status": "ready",
        **_engine(instance),
        "device": renderer.device,
        "driverLibraries": instance.settings.driver_libraries,
        "reason": renderer.reason,
    }


def _engine(instance: App) -> dict[str, str]:
    """Return the engine as documents name it."""
    return {"engine": instance.engine.engine.value, "engineVersion": instance.engine_version}


def _begin() -> None:
    """Begin, in the server's worker, to open renderer and clients and to watch for the end."""
    serve_until_told(_instance().health)
    _instance().readiness.begin()


if flask.has_app_context():  # the framework is loading this file to serve it
    # gunicorn loads it too, and then forks.
    _instance()
    os.register_at_fork(after_in_child=_begin)
    flask.current_app.add_url_rule("/health", view_func=health)
    flask.current_app.add_url_rule(_TASKS, view_func=render, methods=["POST"])
    flask.current_app.add_url_rule(_LOOKS, view_func=look, methods=["POST"])
    flask.current_app.add_url_rule(_CHECKS, view_func=check, methods=["POST"])
    flask.current_app.add_url_rule(_BUDGET, view_func=budget, methods=["POST"])
    flask.current_app.register_error_handler(Exception, refuse)
    flask.current_app.config["MAX_CONTENT_LENGTH"] = _MAX_REQUEST_BYTES
    flask.current_app.wsgi_app = BodyMiddleware(  # type: ignore[method-assign]
        flask.current_app.wsgi_app, max_bytes=_MAX_REQUEST_BYTES
    )
