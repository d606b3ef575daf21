import asyncio
import time

import pytest

from plimsoll.errors import CellError, FailureKind
from plimsoll.models.breaker import Breaker
from plimsoll.models.calling import Caller
from plimsoll.models.concurrency import FixedConcurrency
from plimsoll.models.limits import Limiter
from plimsoll.models.retries import Backoff, OverloadError

QUICK = Backoff(isolated=0.001, initial=0.001, longest=0.01, jitter=0)


def caller(*, concurrency=1, timeout=30.0, retries=4, give_up_after=60.0, backoff=QUICK):
    limiter, breaker = Limiter(FixedConcurrency(concurrency)), Breaker(backoff)
    return Caller("the endpoint", limiter, breaker, timeout, retries, give_up_after, backoff)


def script(*outcomes):
    """A request that ends as given, one after the other; a number is seconds that it takes, an exception is raised."""
    left = list(outcomes)

    async def send(permit):
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, float):
            await asyncio.sleep(outcome)
        return outcome

    return send


def busy(**more):
    return OverloadError(FailureKind.RATE_LIMIT, "slow down", **more)


def broken():
    return CellError(FailureKind.SERVER, "oops")


def failure_of(calling):
    with pytest.raises(CellError) as caught:
        asyncio.run(calling)
    return caught.value


def test_the_answer_comes_with_the_number_of_requests():
    assert asyncio.run(caller().call(script(broken(), busy(), "Paris"))) == ("Paris", 3)


def test_a_failure_comes_with_the_number_of_requests():
    assert failure_of(caller(retries=2).call(script(broken(), broken(), broken()))).requests == 3
    assert failure_of(caller().call(script(CellError(FailureKind.AUTH, "no")))).requests == 1


def test_while_one_waits_to_send_again_another_is_sent():
    async def scenario():
        slow = Backoff(isolated=0, initial=60, longest=60, jitter=0)
        it = caller(concurrency=1, backoff=slow)
        waiting = asyncio.create_task(it.call(script(broken(), "late")))
        while it.limiter.in_flight or not it.breaker.failures:
            await asyncio.sleep(0)
        other = await asyncio.wait_for(it.call(script("Paris")), 30)
        waiting.cancel()
        return other

    assert asyncio.run(scenario()) == ("Paris", 1)


def test_a_failure_while_others_are_answered_is_tried_again_soon():
    async def scenario():
        it = caller(concurrency=2, backoff=Backoff(isolated=0, initial=600, longest=600, jitter=0))
        answered = asyncio.Event()

        async def unlucky(permit):
            if answered.is_set():
                return "Paris"
            await it.call(script("another's answer"))
            answered.set()
            raise broken()

        return await asyncio.wait_for(it.call(unlucky), 30)

    assert asyncio.run(scenario()) == ("Paris", 2)


def test_a_retry_after_holds_back_all_who_share_the_limits():
    async def scenario():
        it = caller(concurrency=8)
        began = []

        async def send(permit):
            began.append(time.monotonic())
            if len(began) == 1:
                raise busy(retry_after=0.3)

        first = asyncio.create_task(it.call(send))
        while not began:
            await asyncio.sleep(0)
        await asyncio.gather(first, *(it.call(send) for _ in range(5)))
        return began

    first, *others = asyncio.run(scenario())
    assert len(others) == 6
    assert min(others) - first >= 0.3


def test_a_queue_however_long_fails_no_call():
    async def scenario():
        it = caller(concurrency=1, give_up_after=0.25, timeout=0.25)
        return await asyncio.gather(*(it.call(script(broken(), 0.05)) for _ in range(12)))

    assert asyncio.run(scenario()) == [(0.05, 2)] * 12


def test_an_attempt_without_answer_ends_and_is_tried_again():
    assert asyncio.run(caller(timeout=0.05).call(script(30.0, "Paris"))) == ("Paris", 2)


def test_a_call_takes_no_longer_than_its_time_and_tells_what_took_it():
    slow = failure_of(caller(timeout=0.2, give_up_after=0.2).call(script(30.0, "too late")))
    assert (slow.kind, slow.message, slow.requests) == (
        FailureKind.TIMEOUT,
        "the endpoint gave no answer within 0.2 s",
        1,
    )
    cut_short = failure_of(caller(timeout=30, give_up_after=0.2).call(script(broken(), 30.0)))
    assert (cut_short.kind, cut_short.message, cut_short.requests) == (FailureKind.SERVER, "oops", 2)


def test_when_the_endpoint_is_down_waits_and_requests_of_all_calls_end():
    async def scenario():
        patient = Backoff(isolated=0.001, initial=600, longest=600, jitter=0)
        it = caller(concurrency=20, backoff=patient)
        waiting = [asyncio.create_task(it.call(script(broken(), "late")))]
        waiting.append(asyncio.create_task(it.call(script(600.0))))
        while not it.breaker.failures:
            await asyncio.sleep(0)
        refused = [it.call(script(CellError(FailureKind.AUTH, "no such key"))) for _ in range(9)]
        return await asyncio.wait_for(asyncio.gather(*waiting, *refused, return_exceptions=True), 30)

    outcomes = asyncio.run(scenario())
    ended = [outcome for outcome in outcomes if outcome.down]
    assert {outcome.kind for outcome in ended} == {FailureKind.AUTH}
    assert all(outcome in ended for outcome in outcomes[:2])
    assert [outcome.requests for outcome in outcomes] == [1] * 11
    assert ended[0].message == "no such key; 10 attempts in a row failed, so it counts as down"
