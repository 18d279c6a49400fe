"""Hostile events at the real entry: an answer that was meant, a short log, and no change."""

import contextlib
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from emulator.function_process import FunctionProcess
from emulator.suite import Suite
from tests.functions import hostile
from tests.functions.hostile import Message
from tests.functions.hostile.judging import LONGEST_LINE, checker, serving, settings, unchanged

EVENTS = list(hostile.events())


@pytest.fixture(scope="module")
def everything(suite: Suite) -> Iterator[Any]:
    with unchanged(suite), serving(settings(suite, "all")) as client:
        yield client


@pytest.mark.parametrize("message", EVENTS, ids=lambda each: each.name)
def test_an_event_is_acknowledged_or_refused(
    everything: Any, message: Message, capsys: pytest.CaptureFixture[str]
) -> None:
    checker(everything, message, capsys)


def test_the_messages_are_many_and_told_apart() -> None:
    assert len(EVENTS) > 250
    assert len({each.name for each in EVENTS}) == len(EVENTS)


BROKEN_HTTP = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00",
    "no version": b"POST /\r\n\r\n",
    "no end of the headers": b"POST / HTTP/1.1\r\nce-id: 1\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a length below none": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a chunk that is none": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a body that ends early": b"POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\nx",
    "a header without a name": b"POST / HTTP/1.1\r\n: x\r\n\r\n",
    "zeros in a header": b"POST / HTTP/1.1\r\nce-id: \x00\r\n\r\n",
}


@pytest.fixture
def gate(suite: Suite, tmp_path: Path) -> Iterator[FunctionProcess]:
    queue = {"LIVEPORTRAIT_TASKS_QUEUE": suite.options.queue_name}
    with FunctionProcess(settings(suite, "gate") | queue, tmp_path / "log") as process:
        yield process


def test_a_started_process_outlives_them_all(gate: FunctionProcess) -> None:
    own = {400, 404, 431}  # answers of the server itself
    address = urlsplit(gate.url).netloc
    for message in EVENTS:
        connection = http.client.HTTPConnection(address, timeout=60)
        with contextlib.closing(connection), contextlib.suppress(BrokenPipeError):
            connection.request(message.method, message.path, message.body, dict(message.headers))
            status = connection.getresponse().status
            assert status in message.answers | own, message.name
    host, _, port = address.partition(":")
    for sent in BROKEN_HTTP.values():
        with socket.create_connection((host, int(port)), timeout=60) as stream:
            stream.sendall(sent)
            stream.shutdown(socket.SHUT_WR)
            assert b" 500 " not in stream.recv(10_000)
    assert gate.health()["status"] == "ready"
    lines = [line for line in gate.log.read_text().splitlines() if line.startswith("{")]
    assert lines
    assert max(map(len, lines)) < LONGEST_LINE
    assert "Traceback" not in gate.log.read_text()
