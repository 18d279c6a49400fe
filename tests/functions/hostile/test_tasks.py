"""Hostile tasks at the real route: refused without a word why, whatever they bear."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from emulator.suite import Suite
from tests.functions import hostile
from tests.functions.cloud.issuer import Issuer
from tests.functions.hostile import Message
from tests.functions.hostile.judging import checker, serving, settings, unchanged

BODIES = list(hostile.bodies())


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    made.add_key("one")
    made.add_key("strange", published=False)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def renderer(suite: Suite, issuer: Issuer) -> Iterator[Any]:
    keys = {"CLOUD_TASKS_EMULATOR_HOST": issuer.address}
    with unchanged(suite), serving(settings(suite, "renderer") | keys) as client:
        yield client


@pytest.mark.parametrize("message", BODIES, ids=lambda each: each.name)
def test_a_task_is_done_with_or_refused(
    renderer: Any, issuer: Issuer, message: Message, capsys: pytest.CaptureFixture[str]
) -> None:
    token = issuer.token()
    bearing = {**message.headers, "authorization": f"Bearer {token}"}
    assert token not in "".join(checker(renderer, replace(message, headers=bearing), capsys))


def test_a_forged_token_is_refused_and_not_quoted(
    renderer: Any, issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    for message in hostile.tokens(issuer):
        (line,) = checker(renderer, message, capsys)
        parts = message.headers.get("authorization", "").split(".")
        assert not any(part in line for part in parts if len(part) > 20), message.name
