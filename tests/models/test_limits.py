import asyncio

import pytest

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.concurrency import AdaptiveConcurrency, FixedConcurrency
from plimsoll.models.limits import Limiter
from plimsoll.models.rates import RateLimit
from plimsoll.testing import ManualClock


async def settle():
    """Let every task go as far as it can without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


class Senders:
    """Tasks that hold a permit until they are let go."""

    def __init__(self, limiter):
        self.limiter = limiter
        self.began = []
        self.tasks = {}
        self.ends = {}

    def start(self, name, tokens=0):
        self.ends[name] = asyncio.get_running_loop().create_future()
        self.tasks[name] = asyncio.create_task(self._send(name, tokens))

    async def _send(self, name, tokens):
        async with self.limiter.permit(tokens) as permit:
            self.began.append(name)
            permit.used(await self.ends[name])

    async def end(self, name, result=None):
        if isinstance(result, Exception):
            self.ends[name].set_exception(result)
        else:
            self.ends[name].set_result(result)
        await asyncio.gather(self.tasks[name], return_exceptions=True)
        await settle()


def test_first_come_is_first_served_and_no_more_at_once_than_allowed():
    async def scenario():
        senders = Senders(Limiter(FixedConcurrency(2)))
        for name in "abcd":
            senders.start(name)
        await settle()
        assert senders.began == ["a", "b"]
        await senders.end("b")
        assert senders.began == ["a", "b", "c"]
        await senders.end("a")
        assert senders.began == ["a", "b", "c", "d"]
        assert senders.limiter.in_flight == 2

    asyncio.run(scenario())


def test_one_that_is_cancelled_while_it_waits_or_holds_a_permit_blocks_nobody():
    async def scenario():
        senders = Senders(Limiter(FixedConcurrency(1)))
        for name in "abcd":
            senders.start(name)
        await settle()
        senders.tasks["b"].cancel()
        await settle()
        # Given and cancelled before it could begin.
        senders.ends["a"].set_result(None)
        await asyncio.wait([senders.tasks["a"]])
        senders.tasks["c"].cancel()
        await settle()
        assert senders.began[-1] == "d"
        await senders.end("d")
        assert senders.limiter.in_flight == 0

    asyncio.run(scenario())


def test_requests_a_minute_hold_back_what_is_too_much_and_let_it_go_when_it_is_due():
    async def scenario():
        # A manual clock says when; the limiter's own timer only asks again.
        clock = ManualClock()
        limit = RateLimit(6000, lambda: clock.seconds)
        limit.take(6000)
        senders = Senders(Limiter(FixedConcurrency(9), requests=limit, clock=lambda: clock.seconds))
        senders.start("a")
        await settle()
        assert senders.began == []
        clock.advance(61)
        senders.start("b")
        await settle()
        assert sorted(senders.began) == ["a", "b"]

    asyncio.run(scenario())


def test_a_waiting_request_goes_by_itself_when_its_time_has_come():
    async def scenario():
        limit = RateLimit(6000)
        # Two tenths of a second beyond the ten seconds' worth that may go at once.
        limit.take(1020)
        async with asyncio.timeout(30), Limiter(FixedConcurrency(1), requests=limit).permit():
            return limit.delay(1)

    assert asyncio.run(scenario()) > 0


def test_tokens_are_taken_as_estimated_and_given_back_when_fewer_were_used():
    async def scenario():
        clock = ManualClock()
        limiter = Limiter(
            FixedConcurrency(9), tokens=RateLimit(1000, lambda: clock.seconds), clock=lambda: clock.seconds
        )
        assert limiter.counts_tokens
        senders = Senders(limiter)
        senders.start("a", 900)
        senders.start("b", 300)
        await settle()
        assert senders.began == ["a"]
        await senders.end("a", 100)
        assert senders.began == ["a", "b"]

    asyncio.run(scenario())


def test_an_unknown_usage_leaves_the_estimate():
    async def scenario():
        tokens = RateLimit(1000)
        async with Limiter(FixedConcurrency(1), tokens=tokens).permit(900) as permit:
            permit.used(None)
        return tokens.delay(200)

    assert asyncio.run(scenario()) > 50


def test_a_pause_holds_everybody_back_until_it_is_over():
    async def scenario():
        clock = ManualClock()
        senders = Senders(Limiter(FixedConcurrency(9), clock=lambda: clock.seconds))
        senders.limiter.pause(20)
        senders.limiter.pause(5)
        for name in "ab":
            senders.start(name)
        clock.advance(19)
        await settle()
        assert senders.began == []
        clock.advance(1)
        senders.start("c")
        await settle()
        assert sorted(senders.began) == ["a", "b", "c"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("failure", "limit"),
    [
        (CellError(FailureKind.RATE_LIMIT, "slow down"), 5),
        (CellError(FailureKind.TIMEOUT, "no answer"), 5),
        (CellError(FailureKind.SERVER, "its own bug"), 8),
        (CellError(FailureKind.REFUSED, "this case's"), 8),
    ],
)
def test_only_what_says_that_it_is_too_much_lowers_the_adaptive_limit(failure, limit):
    async def scenario():
        concurrency = AdaptiveConcurrency(64)
        senders = Senders(Limiter(concurrency))
        for name in "abcdefgh":
            senders.start(name)
        await settle()
        await senders.end("h", failure)
        return concurrency.limit

    assert asyncio.run(scenario()) == limit
