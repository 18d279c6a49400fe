"""The web channel (WebChannel): streams in both directions for browsers, which have no gRPC.

A channel is a session: its requests come as POSTs of numbered maps, its responses leave as numbered
arrays on one long GET, and what the browser has not acknowledged is sent again on the next GET.
"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from emulator.faults import FaultPlan
from emulator.firestore.errors import FirestoreError
from emulator.firestore.messages import Message
from emulator.firestore.rpc.methods import BidirectionalMethod, Methods
from emulator.firestore.transports.json_messages import (
    error_json,
    parse_message,
    parse_object,
    to_json,
)

ROOT = "/google.firestore.v1.Firestore/"
_PATH = re.compile(re.escape(ROOT) + r"(\w+)/channel")
KEEP_ALIVE_S = 30.0
ABANDONED_S = 60.0
"""How long a session without its long GET is kept: longer than a browser takes to reconnect."""
MAX_ARRAYS = 500
"""Arrays on one long GET; then it ends, and the browser's next one acknowledges them."""
_VERSION, _SERVER_VERSION = 8, 14
_TEXT = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-cache, no-store"}


class _Session:
    """One channel: requests in, numbered arrays out."""

    def __init__(self, method: BidirectionalMethod) -> None:
        self.identifier = uuid.uuid4().hex
        self.is_over = False
        self.last_array = 0
        self.back_channel: object | None = None  # the latest GET
        self.left_at = asyncio.get_running_loop().time()
        self._next_map = 0
        self._unacknowledged: list[tuple[int, Any]] = []
        self._changed = asyncio.Event()
        self._request = method.request
        self._stream = method.open(lambda response: self.push(to_json(response)))

    def receive_maps(self, form: Mapping[str, list[str]]) -> None:
        """Handle the maps of one POST; skip those that came before."""
        first = _integer(form.get("ofs", ["0"])[0])
        for index in range(_integer(form.get("count", ["0"])[0])):
            number = first + index
            if number < self._next_map or self.is_over:
                continue
            self._next_map = number + 1
            self._receive(form.get(f"req{index}___data__", [""])[0])

    def acknowledge(self, number: int) -> None:
        """Drop the arrays up to a number that the browser has received."""
        self._unacknowledged = [one for one in self._unacknowledged if one[0] > number]

    def push(self, message: Any) -> None:
        """Number a message and queue it for sending."""
        self.last_array += 1
        self._unacknowledged.append((self.last_array, [message]))
        self._changed.set()

    def end(self) -> None:
        """End the stream; queued messages are still sent."""
        if not self.is_over:
            self.is_over = True
            self._stream.close()
            self._changed.set()

    async def responses(self, acknowledged: int, *, once: bool) -> AsyncIterator[str]:
        """Yield unacknowledged arrays until the browser disconnects or the stream has ended."""
        this_get = self.back_channel = object()
        sent = acknowledged
        self.acknowledge(acknowledged)
        try:
            while self.back_channel is this_get and sent - acknowledged < MAX_ARRAYS:
                pending = [one for one in self._unacknowledged if one[0] > sent]
                if pending:
                    sent = pending[-1][0]
                    yield _piece(pending)
                if (pending and once) or (self.is_over and not pending):
                    return
                if not pending:
                    await self._wait()
        finally:
            if self.back_channel is this_get:
                self.back_channel = None
                self.left_at = asyncio.get_running_loop().time()
            self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(KEEP_ALIVE_S):
                await self._changed.wait()
        except TimeoutError:
            self.last_array += 1
            self._unacknowledged.append((self.last_array, ["noop"]))

    def _receive(self, text: str) -> None:
        try:
            request: Message = parse_message(self._request(), parse_object(text))
            self._stream.receive(request)
        except FirestoreError as error:
            self.push(error_json(error))
            self.end()


class WebChannel:
    """The sessions, and the requests that belong to them."""

    def __init__(self, methods: Methods, faults: FaultPlan) -> None:
        self._methods = {method.name: method for method in methods.bidirectional}
        self._faults = faults
        self._sessions: dict[str, _Session] = {}

    async def respond(self, request: Request) -> Response:
        """Respond to one request of a channel."""
        self._drop_abandoned()
        query = request.query_params
        if "SID" not in query:
            path = _PATH.fullmatch(request.url.path)
            method = self._methods.get(path[1]) if path else None
            if method is None or request.method != "POST":
                return Response("Unknown channel", status_code=404)
            return await self._open(request, method)
        session = self._sessions.get(query["SID"])
        if session is None:
            return Response("Unknown SID", status_code=400)  # the client begins a new channel
        if query.get("TYPE") == "terminate":
            self._end(session)
            return Response("", headers=_TEXT)
        if request.method == "POST":
            return await self._receive_maps(request, session)
        acknowledged = _integer(query.get("AID"))
        responses = session.responses(acknowledged, once=query.get("CI") == "1")
        return StreamingResponse(responses, headers=_TEXT)

    def end_streams(self) -> None:
        """End all sessions, so that the server can stop at once."""
        for session in tuple(self._sessions.values()):
            self._end(session)

    async def _open(self, request: Request, method: BidirectionalMethod) -> Response:
        self._faults.count(f"firestore.{method.name}")
        session = _Session(method)
        self._sessions[session.identifier] = session
        session.receive_maps(await _form(request))
        greeting = ["c", session.identifier, "", _VERSION, _SERVER_VERSION, KEEP_ALIVE_S * 1000]
        return Response(_piece([(0, greeting)]), headers=_TEXT)

    async def _receive_maps(self, request: Request, session: _Session) -> Response:
        session.acknowledge(_integer(request.query_params.get("AID")))
        session.receive_maps(await _form(request))
        is_present = int(session.back_channel is not None)
        return Response(_sized([is_present, session.last_array, 0]), headers=_TEXT)

    def _end(self, session: _Session) -> None:
        session.end()
        self._sessions.pop(session.identifier, None)

    def _drop_abandoned(self) -> None:
        oldest = asyncio.get_running_loop().time() - ABANDONED_S
        for session in tuple(self._sessions.values()):
            if session.back_channel is None and session.left_at < oldest:
                self._end(session)


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


async def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs((await request.body()).decode(), keep_blank_values=True)


def _piece(arrays: list[tuple[int, Any]]) -> str:
    return _sized([list(array) for array in arrays])


def _sized(form: Any) -> str:
    """Prefix the length; it counts characters, so the text is escaped to ASCII."""
    text = json.dumps(form, separators=(",", ":"))
    return f"{len(text)}\n{text}"
