"""The line of aborted transactions: order, independence, and clients that never come back."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from emulator.firestore.retry_queue import WaitingLine

A, B, C = b"a", b"b", b"c"


def names(*listed: str) -> frozenset[str]:
    return frozenset(listed)


def run(story: Callable[[WaitingLine], Awaitable[None]], patience_s: float = 30.0) -> None:
    async def tell() -> None:
        async with asyncio.timeout(10):
            await story(WaitingLine(patience_s))

    asyncio.run(tell())


def test_one_waits_for_the_one_before_it() -> None:
    async def story(line: WaitingLine) -> None:
        await line.wait(A, names("x"))
        second = asyncio.create_task(line.wait(B, names("x", "y")))
        third = asyncio.create_task(line.wait(C, names("y")))
        await asyncio.sleep(0.01)
        assert not second.done()
        assert not third.done()
        line.leave(A)
        await second
        assert not third.done()
        line.leave(B)
        await third

    run(story)


def test_those_without_a_common_name_do_not_meet() -> None:
    async def story(line: WaitingLine) -> None:
        await line.wait(A, names("x"))
        await line.wait(B, names("y"))
        assert line.holds(B)
        assert not line.is_taken(names("y"), A)

    run(story)


def test_others_yield_to_who_has_the_turn() -> None:
    async def story(line: WaitingLine) -> None:
        await line.wait(A, names("x"))
        assert line.is_taken(names("x"), C)
        assert not line.is_taken(names("z"), C)
        line.extend(A, names("z"))
        assert line.is_taken(names("z"), C)
        assert not line.is_taken(names("x", "z"), A)
        line.clear()
        assert not line.is_taken(names("x", "z"), C)

    run(story)


def test_who_never_comes_back_loses_the_place() -> None:
    async def story(line: WaitingLine) -> None:
        await line.wait(A, names("x"))
        await line.wait(B, names("x"))
        assert not line.holds(A)

    run(story, patience_s=0.02)


def test_who_is_cancelled_leaves_the_line() -> None:
    async def story(line: WaitingLine) -> None:
        await line.wait(A, names("x"))
        second = asyncio.create_task(line.wait(B, names("x")))
        await asyncio.sleep(0.01)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not line.holds(B)

    run(story)
