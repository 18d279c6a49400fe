"""Webhooks: signed as a foreign library checks it, repeated, and switched off."""

import base64
import json
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.web.conftest import Listener, Serve, generation
from web.fetch import SafeClient
from web.generation import Generation
from web.generation import Webhook as Hook
from web.jobs.ports import GIVEN_FOR_S, Delivery
from web.jobs.store import SqliteJobStore
from web.jobs.webhooks import RETRY_AFTER_S, WebhookSender

OLD, NEW = ("whsec_" + base64.b64encode(text * 8).decode() for text in (b"old!", b"new!"))


def wait_for(listener: Listener, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(listener.got) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(listener.got) == count


def test_what_ends_is_told_and_signed_by_every_secret(serve: Serve, listener: Listener) -> None:
    here = frozenset({listener.url.removeprefix("http://")})
    api = serve(private_hosts=here, webhook_secrets=(OLD, NEW))
    hook = {"url": f"{listener.url}/hook", "events": ["rendering", "ready"]}
    ready = api.ready(webhook=hook)
    wait_for(listener, 2)
    for (path, headers, sent), kind in zip(listener.got, ("rendering", "ready"), strict=True):
        assert path == "/hook"
        told = json.loads(sent)
        assert (told["type"], told["data"]["id"]) == (f"generation.{kind}", ready["id"])
        for secret in (OLD, NEW):
            assert Webhook(secret).verify(sent, headers) == told
        with pytest.raises(WebhookVerificationError):
            Webhook(OLD).verify(sent + b" ", headers)
    assert json.loads(listener.got[1][2])["data"] == ready


@pytest.fixture
def store(tmp_path: Path) -> SqliteJobStore:
    return SqliteJobStore(tmp_path / "a.sqlite", max_queued=9)


def sender(store: SqliteJobStore, listener: Listener) -> WebhookSender:
    here = frozenset({listener.url.removeprefix("http://")})
    return WebhookSender(
        store,
        SafeClient(private_hosts=here),
        [OLD],
        lambda each: {"id": each.id},
    )


def enqueue(store: SqliteJobStore, url: str, message: str = "msg_1") -> None:
    told = generation(webhook=Hook(url=url, events=("queued",)))
    store.put_off(Delivery(message=message, generation=told, attempts=0, due=0))


def test_attempts_follow_the_schedule_and_end(store: SqliteJobStore, listener: Listener) -> None:
    listener.status = 500
    hooks = sender(store, listener)
    enqueue(store, listener.url)
    now = 1_000_000.0
    assert hooks.deliver_due(now) == 1
    for wait in RETRY_AFTER_S:
        assert hooks.deliver_due(now + wait - 1) == 0
        now += wait
        assert hooks.deliver_due(now) == 1
    assert hooks.deliver_due(now + 1_000_000) == 0
    assert len(listener.got) == len(RETRY_AFTER_S) + 1
    assert {headers["webhook-id"] for _, headers, _ in listener.got} == {"msg_1"}
    assert len({body for _, _, body in listener.got}) == 1


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_of_success_ends_it(
    store: SqliteJobStore, listener: Listener, status: int
) -> None:
    listener.status = status
    enqueue(store, listener.url)
    now = time.time()
    assert sender(store, listener).deliver_due(now) == 1
    assert store.take_due(now + 2 * GIVEN_FOR_S) == []


def test_a_url_that_is_gone_is_told_nothing_more(store: SqliteJobStore, listener: Listener) -> None:
    listener.status = 410
    enqueue(store, listener.url)
    sender(store, listener).deliver_due(time.time())
    enqueue(store, listener.url, "msg_2")
    assert sender(store, listener).deliver_due(time.time()) == 0
    assert len(listener.got) == 1


def test_a_message_that_cannot_be_told_is_in_no_other_s_way(
    store: SqliteJobStore, listener: Listener
) -> None:
    def payload(told: Generation) -> dict[str, str]:
        if told.fingerprint == "bad":
            raise ValueError("it cannot be told")
        return {"id": told.id}

    for number, fingerprint in enumerate(("bad", "good")):
        told = generation(webhook=Hook(url=listener.url, events=()), fingerprint=fingerprint)
        store.put_off(Delivery(message=f"msg_{number}", generation=told, attempts=0, due=number))
    here = frozenset({listener.url.removeprefix("http://")})
    hooks = WebhookSender(store, SafeClient(private_hosts=here), [OLD], payload)
    assert hooks.deliver_due(time.time()) == 2
    assert [headers["webhook-id"] for _, headers, _ in listener.got] == ["msg_1"]
