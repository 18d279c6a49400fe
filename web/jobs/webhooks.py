"""Report states of a generation to a client's server: signed, and repeated a limited time.

The form is that of Standard Webhooks: id, time and body are signed with HMAC-SHA256 by every secret
in use, so that secrets can be exchanged without a gap.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from web.fetch import SafeClient
from web.generation import Generation
from web.jobs.ports import Delivery, MessageStore

RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
"""Waits between attempts; after the last one a message is given up."""
_ANSWER_WITHIN_S = 10.0
_LOG = logging.getLogger("web")
_GONE = 410


def signature(secret: str, message: str, timestamp: int, body: bytes) -> str:
    """Sign a message: `v1,` and base64.

    Raises:
        ValueError: the secret is not `whsec_` and base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("the webhook secret is not whsec_ and base64") from error
    signed = f"{message}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class WebhookSender:
    """Delivers stored messages."""

    def __init__(
        self,
        messages: MessageStore,
        client: SafeClient,
        secrets: Sequence[str],
        payload: Callable[[Generation], Mapping[str, Any]],
    ) -> None:
        self._messages = messages
        self._client = client
        self._secrets = tuple(secrets)
        self._payload = payload

    def deliver_due(self, now: float) -> int:
        """Send every message whose time has come; return how many were tried."""
        due = self._messages.take_due(now)
        if due:
            with ThreadPoolExecutor(len(due), "web-message") as pool:  # none waits for a slow one
                list(pool.map(lambda each: self._deliver(each, now), due))
        return len(due)

    def _deliver(self, delivery: Delivery, now: float) -> None:
        try:
            self._send(delivery, now)
        except Exception:  # it comes again later; one bad message must not end all others
            _LOG.exception("the message %s was not delivered", delivery.message)

    def _send(self, delivery: Delivery, now: float) -> None:
        body, timestamp = json.dumps(self._payload(delivery.generation)).encode(), int(now)
        headers = {
            "content-type": "application/json",
            "webhook-id": delivery.message,
            "webhook-timestamp": str(timestamp),
        }
        if self._secrets:
            headers["webhook-signature"] = " ".join(
                signature(secret, delivery.message, timestamp, body) for secret in self._secrets
            )
        status = self._client.post(delivery.url, body, headers, within_s=_ANSWER_WITHIN_S)
        if status == _GONE:
            self._messages.disable(delivery.url)
        elif 200 <= status < 300 or delivery.attempts >= len(RETRY_AFTER_S):
            self._messages.forget(delivery.message)
        else:
            wait = RETRY_AFTER_S[delivery.attempts]
            self._messages.put_off(
                replace(delivery, attempts=delivery.attempts + 1, due=now + wait)
            )
