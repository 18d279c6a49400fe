"""A budget's notices, in the form that Cloud Billing gives them."""

import base64
import json
from typing import Any

import pytest

from functions.cloud.budget import BudgetNotice, handle_notice
from functions.errors import InvalidTask, RetryLater

# As documented: several times a day, whether a threshold was passed or not.
NOTICE = {
    "budgetDisplayName": "idle videos my-app-1234",
    "alertThresholdExceeded": 1.0,
    "costAmount": 100.01,
    "costIntervalStart": "2026-11-01T00:00:00Z",
    "budgetAmount": 100.00,
    "budgetAmountType": "SPECIFIED_AMOUNT",
    "currencyCode": "EUR",
}
QUEUES = ("projects/p/locations/l/queues/idle-renders",)


def pushed(notice: Any) -> bytes:
    """What Pub/Sub posts."""
    message = {
        "attributes": {
            "billingAccountId": "01D4EE-079462-DFD6EC",
            "budgetId": "de72f49d-779b-4945-a127-4d6ce8def0bb",
            "schemaVersion": "1.0",
        },
        "data": base64.b64encode(json.dumps(notice).encode()).decode(),
        "messageId": "136969346945",
        "publishTime": "2026-11-30T10:00:00Z",
    }
    subscription = "projects/my-app-1234/subscriptions/idle-budget"
    return json.dumps({"message": message, "subscription": subscription}).encode()


def without(*names: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (NOTICE | changes).items() if name not in names}


@pytest.mark.parametrize(
    ("notice", "spent", "threshold"),
    [
        (NOTICE, True, 1.0),
        (without(costAmount=100), True, 1.0),
        (without(costAmount=99.99, alertThresholdExceeded=0.9), False, 0.9),
        (without("alertThresholdExceeded", costAmount=0), False, None),
        (without("budgetDisplayName", "currencyCode", budgetAmount=0.5), True, 1.0),
        (without(forecastThresholdExceeded=1.2, costAmount=60.0), False, 1.0),
    ],
)
def test_a_notice_is_read_and_the_costs_decide(
    notice: dict[str, Any], spent: bool, threshold: float | None
) -> None:
    read = BudgetNotice.read(pushed(notice))
    assert (read.is_spent, read.threshold) == (spent, threshold)
    assert read.amount == notice["budgetAmount"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"message": {}}',
        b'{"message": {"data": "no base64!"}}',
        b'{"message": {"data": 7}}',
        pushed([]),
        pushed(without("costAmount")),
        pushed(without("budgetAmount")),
        pushed(without(costAmount="100.01")),
        pushed(without(costAmount=True)),
        pushed(without(costAmount=-1)),
        pushed(without(costAmount=float("nan"))),
        pushed(without(budgetAmount=float("inf"))),
        pushed(without(budgetAmount=0)),
        pushed(without(alertThresholdExceeded="all")),
        b"[" * 100_000,
    ],
)
def test_what_is_no_notice_pauses_nothing_and_is_told(
    body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidTask, match="accepted: Pub/Sub's message of a budget"):
        BudgetNotice.read(body)
    handle_notice(body, lambda: pytest.fail("a queue is paused"))
    told = json.loads(capsys.readouterr().err)
    assert (told["severity"], told["message"]) == ("ERROR", "budget not read")


def test_a_spent_budget_is_said_loudly_with_what_was_paused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handle_notice(pushed(without(budgetDisplayName="x" * 500)), lambda: QUEUES)
    handle_notice(pushed(without(costAmount=1)), lambda: pytest.fail("a queue is paused"))
    spent, left = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (spent["severity"], spent["message"]) == ("ERROR", "budget spent")
    assert (spent["cost"], spent["amount"], spent["currency"]) == (100.01, 100.0, "EUR")
    assert spent["queues"] == list(QUEUES)
    assert len(spent["budget"]) == 100
    assert (left["severity"], left["message"]) == ("INFO", "budget")


def test_a_queue_that_is_not_paused_has_the_notice_delivered_again() -> None:
    def refuse() -> tuple[str, ...]:
        raise RetryLater("the service is away")

    with pytest.raises(RetryLater):
        handle_notice(pushed(NOTICE), refuse)
