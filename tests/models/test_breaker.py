import asyncio

import pytest

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.breaker import Breaker
from plimsoll.models.retries import Backoff
from plimsoll.testing import ManualClock

QUICK = Backoff(initial=0.001, longest=0.001, jitter=0)


def made():
    clock = ManualClock()
    return Breaker(QUICK, lambda: clock.seconds), clock


def failure(kind, **more):
    return CellError(kind, f"it failed: {kind}", **more)


def fail_until_down(breaker, clock, kind, *, every=1.0, **more):
    """Attempts that fail one after the other until it is down: how many, and for how many seconds."""
    began = clock.seconds
    for number in range(1, 1000):
        breaker.failed(failure(kind, **more))
        if breaker.down:
            return number, clock.seconds - began
        clock.advance(every)
    raise AssertionError("never down")


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.NOT_FOUND])
def test_an_endpoint_that_let_nobody_in_is_down_after_ten_attempts(kind):
    breaker, clock = made()
    assert fail_until_down(breaker, clock, kind, every=0) == (10, 0)


def test_one_that_was_never_reached_is_down_after_ten_attempts_and_two_seconds():
    breaker, clock = made()
    assert fail_until_down(breaker, clock, FailureKind.CONNECTION, every=0.1) == (21, pytest.approx(2))
    breaker, clock = made()
    assert fail_until_down(breaker, clock, FailureKind.CONNECTION, every=1) == (10, 9)


def test_what_is_still_under_way_may_be_answered_yet():
    """Of a slow endpoint that cuts some connections the cuts come first."""
    breaker, clock = made()
    with breaker.sending():
        assert fail_until_down(breaker, clock, FailureKind.CONNECTION) == (31, 30)


@pytest.mark.parametrize("kind", [FailureKind.CONNECTION, FailureKind.AUTH, FailureKind.NOT_FOUND])
def test_one_that_answered_before_has_half_a_minute_to_come_back(kind):
    breaker, clock = made()
    breaker.answered()
    clock.advance(600)
    assert fail_until_down(breaker, clock, kind) == (31, 30)


@pytest.mark.parametrize(
    ("kind", "seconds"), [(FailureKind.SERVER, 60), (FailureKind.TIMEOUT, 60), (FailureKind.RATE_LIMIT, 120)]
)
@pytest.mark.parametrize("answered", [True, False])
def test_trouble_of_the_endpoints_own_has_longer(kind, seconds, answered):
    breaker, clock = made()
    if answered:
        breaker.answered()
    assert fail_until_down(breaker, clock, kind) == (seconds + 1, seconds)


def test_a_limit_that_ends_tomorrow_is_not_waited_for():
    breaker, clock = made()
    assert fail_until_down(breaker, clock, FailureKind.RATE_LIMIT, every=0, retry_after=3600) == (10, 0)


def test_one_that_was_never_reached_costs_ten_cases_and_one_that_decides():
    async def scenario():
        breaker = Breaker(QUICK)
        outcomes = []

        async def case():
            try:
                async with breaker.call(), breaker.attempt():
                    raise failure(FailureKind.CONNECTION)
            except CellError as error:
                outcomes.append(error)

        await asyncio.gather(*(case() for _ in range(30)))
        return outcomes

    outcomes = asyncio.run(scenario())
    assert [outcome.down for outcome in outcomes] == [False] * 10 + [True] * 20


def test_any_answer_between_them_starts_the_count_anew():
    breaker, clock = made()
    for _ in range(100):
        for _ in range(9):
            breaker.failed(failure(FailureKind.CONNECTION))
            clock.advance(100)
        breaker.answered()
    assert not breaker.down
    assert not breaker.holds


@pytest.mark.parametrize(
    "kind", [FailureKind.REFUSED, FailureKind.EMPTY, FailureKind.INVALID_REQUEST, FailureKind.BAD_RESPONSE]
)
def test_a_failure_that_is_the_cases_shows_that_the_endpoint_is_there(kind):
    breaker, clock = made()
    for _ in range(100):
        breaker.failed(failure(kind))
        clock.advance(10)
    assert not breaker.holds
    assert breaker.answers == 100


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def failing(breaker, kind):
    with pytest.raises(CellError):
        async with breaker.attempt():
            raise failure(kind)


def test_while_nothing_answers_one_at_a_time_finds_out_and_an_answer_lets_all_go():
    async def scenario():
        breaker, _ = made()
        under_way, ends = [], []

        async def send(name):
            async with breaker.attempt():
                under_way.append(name)
                ends.append(asyncio.get_running_loop().create_future())
                await ends[-1]

        for _ in range(10):
            await failing(breaker, FailureKind.SERVER)
        tasks = [asyncio.create_task(send(name)) for name in "abc"]
        while not under_way:
            await asyncio.sleep(0.001)
        await settle()
        assert under_way == ["a"]
        ends[0].set_exception(failure(FailureKind.SERVER))
        while len(under_way) < 2:
            await asyncio.sleep(0.001)
        await settle()
        assert len(under_way) == 2
        # Whoever comes now waits as well.
        tasks += [asyncio.create_task(send(name)) for name in "de"]
        await settle()
        assert len(under_way) == 2
        ends[1].set_result(None)
        while len(under_way) < 5:
            await asyncio.sleep(0.001)
        for end in ends[2:]:
            end.set_result(None)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [CellError, *[type(None)] * 4]

    asyncio.run(scenario())


def test_one_that_finds_out_and_is_cancelled_leaves_it_to_the_next():
    async def scenario():
        breaker, _ = made()
        for _ in range(10):
            await failing(breaker, FailureKind.SERVER)

        async def send(hang):
            async with breaker.attempt():
                if hang:
                    await asyncio.sleep(60)
                return "answered"

        first = asyncio.create_task(send(hang=True))
        await settle()
        second = asyncio.create_task(send(hang=False))
        await settle()
        first.cancel()
        return await asyncio.wait_for(second, 30)

    assert asyncio.run(scenario()) == "answered"


def test_when_it_is_down_every_call_ends_at_once_and_later_ones_begin_nothing():
    async def scenario():
        breaker, clock = made()

        async def waiting():
            async with breaker.call():
                await asyncio.sleep(3600)

        async def tripping():
            async with breaker.call():
                for _ in range(10):
                    clock.advance(1)
                    await failing(breaker, FailureKind.CONNECTION)
                raise failure(FailureKind.CONNECTION)

        calls = [asyncio.create_task(waiting()) for _ in range(5)]
        await settle()
        calls.append(asyncio.create_task(tripping()))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(CellError) as later:
            async with breaker.call():
                raise AssertionError("nothing may be sent")
        return [*outcomes, later.value]

    for outcome in asyncio.run(scenario()):
        assert outcome.down
        assert outcome.kind is FailureKind.CONNECTION
        assert outcome.message == "it failed: connection; 10 attempts in a row failed, so it counts as down"
        assert outcome.remedy == FailureKind.CONNECTION.remedy


def test_a_call_that_its_caller_cancels_is_cancelled():
    async def scenario():
        breaker, _ = made()

        async def waiting():
            async with breaker.call():
                await asyncio.sleep(3600)

        call = asyncio.create_task(waiting())
        await settle()
        call.cancel()
        await asyncio.wait([call])
        return call.cancelled()

    assert asyncio.run(scenario())
