"""A context that is held open answers until it is closed, and who asks it at that very moment is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from plimsoll.api.loop import HeldOpen
from plimsoll.errors import UsageError


async def answer(value: int) -> int:
    return value


@asynccontextmanager
async def context() -> AsyncIterator[str]:
    yield "open"


def test_of_many_that_ask_while_it_closes_each_gets_its_answer_or_is_told() -> None:
    for _ in range(30):
        held, busy = HeldOpen(context()), threading.Event()

        def ask(held: HeldOpen[str] = held, busy: threading.Event = busy) -> None:
            while True:
                assert held.run(answer(7)) == 7
                busy.set()

        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask) for _ in range(4)]
            assert busy.wait(10)
            held.close()
        assert [type(each.exception()) for each in asked] == [UsageError] * 4


def test_what_fails_by_itself_while_it_closes_keeps_its_own_error() -> None:
    begun = threading.Event()

    async def failing() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("its own")

    held = HeldOpen(context())

    def close() -> None:
        assert begun.wait(10)
        held.close()

    thread = threading.Thread(target=close)
    thread.start()
    with pytest.raises(ValueError, match="its own"):
        held.run(failing())
    thread.join()
