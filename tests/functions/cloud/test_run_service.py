"""A renderer that believes stripped tokens reads first who gets as far as its door."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from functions import app
from functions.cloud.run_service import require_private
from functions.errors import NotPrivate
from functions.runtime import startup
from functions.runtime.readiness import Stage
from functions.settings import from_environment
from tests.functions.test_roles_settings import RENDERER

SERVICE = "projects/demo/locations/europe-west1/services/idle-renderer"
CLOSED = {"name": SERVICE, "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}
INVOKED = {"role": "roles/run.invoker", "members": ["serviceAccount:idle-tasks@demo"]}


class RunApi:
    """Cloud Run's Admin API, as far as one service; what it answers, by path."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            f"/v2/{SERVICE}": CLOSED,
            f"/v2/{SERVICE}:getIamPolicy": {"bindings": [INVOKED], "etag": "x"},
        }
        answers = self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answers.get(self.path)).encode()
                self.send_response(200 if self.path in answers else 403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v2"


@pytest.fixture
def api() -> Iterator[RunApi]:
    made = RunApi()
    threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with AuthorizedSession(AnonymousCredentials()) as opened:
        yield opened


def test_a_closed_service_is_private(api: RunApi, session: requests.Session) -> None:
    require_private(SERVICE, session, api=api.url)
    api.answers[f"/v2/{SERVICE}"] = CLOSED | {"invokerIamDisabled": False}
    require_private(SERVICE, session, api=api.url)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"invokerIamDisabled": True}, "does not check who calls.*--invoker-iam-check"),
        ({"ingress": "INGRESS_TRAFFIC_ALL"}, "ingress INGRESS_TRAFFIC_ALL; accepted: INGRESS_TR"),
        ({"ingress": None}, "ingress None"),
    ],
)
def test_an_open_service_is_not(
    api: RunApi, session: requests.Session, change: dict[str, object], says: str
) -> None:
    api.answers[f"/v2/{SERVICE}"] = CLOSED | change
    with pytest.raises(NotPrivate, match=says):
        require_private(SERVICE, session, api=api.url)


@pytest.mark.parametrize("everybody", ["allUsers", "allAuthenticatedUsers"])
def test_nor_one_whose_policy_lets_everybody_in(
    api: RunApi, session: requests.Session, everybody: str
) -> None:
    public = INVOKED | {"members": [everybody]}
    api.answers[f"/v2/{SERVICE}:getIamPolicy"] = {"bindings": [INVOKED, public]}
    with pytest.raises(NotPrivate, match="accepted: neither"):
        require_private(SERVICE, session, api=api.url)


@pytest.mark.parametrize("path", [f"/v2/{SERVICE}", f"/v2/{SERVICE}:getIamPolicy"])
def test_what_cannot_be_read_counts_as_open(
    api: RunApi, session: requests.Session, path: str
) -> None:
    del api.answers[path]
    with pytest.raises(NotPrivate, match=r"403.*needs roles/run\.viewer on it"):
        require_private(SERVICE, session, api=api.url)
    api.answers[path] = ["something else"]
    with pytest.raises(NotPrivate, match="something else than settings"):
        require_private(SERVICE, session, api=api.url)


def test_a_renderer_that_cannot_tell_opens_nothing_and_does_not_get_ready(
    monkeypatch: pytest.MonkeyPatch, api: RunApi, session: requests.Session
) -> None:
    settings = from_environment({**RENDERER, "LIVEPORTRAIT_BEHIND_IAM": SERVICE})
    monkeypatch.setattr(app, "google_session", lambda: session)
    monkeypatch.setattr(
        app, "require_private", lambda name, opened: require_private(name, opened, api=api.url)
    )
    opened: list[object] = []
    monkeypatch.setattr(startup, "open_warm", opened.append)
    api.answers[f"/v2/{SERVICE}"] = CLOSED | {"invokerIamDisabled": True}
    renderer = app.App(settings)
    with pytest.raises(Exception, match=r"not ready: NotPrivate: .*does not check who calls"):
        renderer.readiness.wait()
    stage, reason = renderer.readiness.look()
    assert (stage, opened) == (Stage.UNAVAILABLE, [])
    assert SERVICE in reason
    api.answers[f"/v2/{SERVICE}"] = CLOSED
    app.App(settings).readiness.wait()
    assert opened == [settings]
