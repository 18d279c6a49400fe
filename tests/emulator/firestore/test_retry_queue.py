"""The line of aborted transactions: order, independence, and clients that never come back."""

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


def test_one_waits_for_the_one_before_it() -> None:
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


def test_those_without_a_common_name_do_not_meet() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        await queue.wait(B, names("y"))
        assert queue.contains(B)
        assert not queue.is_blocked(names("y"), A)

    run(scenario)


def test_others_yield_to_who_has_the_turn() -> None:
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


def test_who_never_comes_back_loses_the_place() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        await queue.wait(B, names("x"))
        assert not queue.contains(A)

    run(scenario, timeout_s=0.02)


def test_who_is_cancelled_leaves_the_line() -> None:
    async def scenario(queue: RetryQueue) -> None:
        await queue.wait(A, names("x"))
        second = asyncio.create_task(queue.wait(B, names("x")))
        await asyncio.sleep(0.01)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not queue.contains(B)

    run(scenario)
