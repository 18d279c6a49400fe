"""The end of an event that is never acknowledged; and invalid triggers."""

import asyncio

import pytest

from emulator.eventarc.delivery import Outcome
from emulator.eventarc.dispatcher import Dispatcher
from emulator.eventarc.trigger import Trigger
from emulator.faults import FaultPlan
from emulator.firestore.messages import Write
from emulator.firestore.store import DocumentStore
from tests.emulator.function_double import Answer, FunctionDouble

DATABASE = "projects/p/databases/(default)"
HURRIED = 2e-6  # 24 h become 0.17 s, 600 s become 1.2 ms


def trigger(*targets: str, pattern: str = "avatars/{id}") -> Trigger:
    return Trigger(name="t", document_pattern=pattern, targets=targets, database=DATABASE)


def test_after_24_h_an_event_is_given_up() -> None:
    async def run(url: str) -> list[Outcome]:
        store, dispatcher = DocumentStore(), Dispatcher(FaultPlan(), HURRIED)
        store.subscribe(dispatcher.on_commit)
        dispatcher.connect(trigger(url))
        store.commit([Write(update={"name": f"{DATABASE}/documents/avatars/ada"})])
        while not dispatcher.is_idle():
            await asyncio.sleep(0.01)
        outcomes = [delivery.outcome for delivery in dispatcher.deliveries()]
        await dispatcher.close()
        return outcomes

    with FunctionDouble() as double:
        double.answers.extend([Answer(status=500)] * 10_000)
        assert asyncio.run(run(double.url)) == [Outcome.DEAD]
        assert len(double.received) > 2


@pytest.mark.parametrize(
    ("targets", "pattern", "message"),
    [
        ((), "a/{b}", "no target"),
        (("https://example.com",), "a/{b}", "http://"),
        (("localhost:8080",), "a/{b}", "http://"),
        (("http://127.0.0.1:1",), "/", "pattern"),
    ],
)
def test_impossible_triggers_are_refused(
    targets: tuple[str, ...], pattern: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        trigger(*targets, pattern=pattern)
