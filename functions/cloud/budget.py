"""Heed the notices of a budget: where it is spent, no queue leads to a renderer any more.

Cloud Billing publishes what a budget's month has cost several times a day, whether a threshold was
passed or not; Pub/Sub pushes that to the gate. What waits in a paused queue stays there.
(https://cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications)
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from functions.errors import InvalidTask
from functions.observability import log

_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class BudgetNotice:
    """What one notice says.

    Attributes:
        budget: its displayed name, shortened.
        cost: of the budget's month so far, in `currency`.
        amount: of the budget.
        currency: its code, such as EUR.
        threshold: the highest share of the amount that was passed; None: none was.
    """

    budget: str
    cost: float
    amount: float
    currency: str
    threshold: float | None

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left of it."""
        return self.cost >= self.amount

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Return the notice of a request that Pub/Sub makes.

        Raises:
            InvalidTask: the body is something else.
        """
        try:
            message = json.loads(body)["message"]
            notice = json.loads(base64.b64decode(message["data"], validate=True))
            return cls(
                budget=str(notice.get("budgetDisplayName", ""))[:_LONGEST_NAME],
                cost=_amount(notice, "costAmount", 0.0),
                amount=_amount(notice, "budgetAmount", math.nextafter(0.0, 1.0)),
                currency=str(notice.get("currencyCode", ""))[:3],
                threshold=None
                if notice.get("alertThresholdExceeded") is None
                else _amount(notice, "alertThresholdExceeded", 0.0),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise InvalidTask(
                f"the body is {body[:200]!r} ({fault}); accepted: Pub/Sub's message of a budget, "
                "with costAmount and budgetAmount"
            ) from fault


def _amount(notice: Mapping[str, Any], name: str, least: float) -> float:
    value = notice[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and value >= least):
        raise ValueError(f"{name} is {value!r:.40}")
    return float(value)


def handle_notice(body: bytes, pause: Callable[[], tuple[str, ...]]) -> None:
    """Pause the queues where the budget is spent; tell what cannot be read, which stays unread.

    Args:
        body: of Pub/Sub's request.
        pause: pauses the queues, and returns their names.

    Raises:
        RetryLater: a queue could not be paused.
    """
    try:
        notice = BudgetNotice.read(body)
    except InvalidTask as fault:
        log.error("budget not read", reason=str(fault))
        return
    told = {
        "budget": notice.budget,
        "cost": notice.cost,
        "amount": notice.amount,
        "currency": notice.currency,
        "threshold": notice.threshold,
    }
    if notice.is_spent:
        log.error("budget spent", **told, queues=list(pause()))
    else:
        log.info("budget", **told)
