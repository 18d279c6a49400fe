"""The Write stream: commits in sequence on one stream, as the mobile and browser SDKs make them.

The first request opens the stream and writes nothing; every later one is one commit. A response's
token stands for all commits before it.
"""

import uuid
from collections.abc import Callable

from google.cloud.firestore_v1 import types

from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Message, raw, timestamp
from emulator.firestore.rpc.bulk_calls import write_result
from emulator.firestore.transactions import Transactions


class WriteStream:
    """One stream of commits; `send` takes the responses, in order."""

    def __init__(self, transactions: Transactions, send: Callable[[Message], None]) -> None:
        self._transactions = transactions
        self._send = send
        self._identifier = uuid.uuid4().hex
        self._answered = 0

    def receive(self, request: Message) -> None:
        """Handle one request and send its response.

        Raises:
            FirestoreError: a write is refused, which ends the stream.
        """
        response = self._committed(request) if self._answered else self._opened(request)
        self._answered += 1
        response.stream_token = f"{self._identifier}/{self._answered}".encode()
        self._send(response)

    def close(self) -> None:
        """End the stream; what was committed stays."""

    def _opened(self, request: Message) -> Message:
        if request.writes:
            raise InvalidArgument("The first request of a Write stream must not have writes")
        return raw(types.WriteResponse)(stream_id=self._identifier)

    def _committed(self, request: Message) -> Message:
        outcome = self._transactions.commit(list(request.writes))
        response = raw(types.WriteResponse)(commit_time=timestamp(outcome.commit_time))
        response.write_results.extend(map(write_result, outcome.writes))
        return response
