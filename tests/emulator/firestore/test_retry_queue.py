"""The queue of aborted transactions: order, independence, and clients that never retry."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from emulator.firestore.retry_queue import RetryQueue

A, B, C = b"a", b"b", b"c"


def names(*listed: str) -> frozenset[str]:
    return frozenset(listed)


def run(scenario: Callable[[RetryQueue], Awaitable[None]], timeout_s: float = 30.0) -> None:
    async def tell() -> None:
        async with asyncio.timeout(10):
            await scenario(RetryQueue(timeout_s))

    asyncio.run(tell())


def test_an_entry_waits_for_the_one_before_it() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        second = asyncio.create_task(queue.wait(B, names("x", "y")))
        third = asyncio.create_task(queue.wait(C, names("y")))
        await asyncio.sleep(0.01)
        assert not second.done()
        assert not third.done()
        queue.leave(A)
        await second
        assert not third.done()
        queue.leave(B)
        await third

    run(scenario)


def test_entries_without_a_common_name_are_independent() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        await queue.wait(B, names("y"))
        assert queue.contains(B)
        assert not queue.is_blocked(names("y"), A)

    run(scenario)


def test_the_transaction_whose_turn_it_is_blocks_others() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        assert queue.is_blocked(names("x"), C)
        assert not queue.is_blocked(names("z"), C)
        queue.extend(A, names("z"))
        assert queue.is_blocked(names("z"), C)
        assert not queue.is_blocked(names("x", "z"), A)
        queue.clear()
        assert not queue.is_blocked(names("x", "z"), C)

    run(scenario)


def test_an_entry_expires_without_a_retry() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        await queue.wait(B, names("x"))
        assert not queue.contains(A)

    run(scenario, timeout_s=0.02)


def test_a_cancelled_wait_removes_its_entry() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        second = asyncio.create_task(queue.wait(B, names("x")))
        await asyncio.sleep(0.01)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not queue.contains(B)

    run(scenario)
