from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.models.rates import RateLimit
from plimsoll.testing import ManualClock


def limit_of(per_minute):
    clock = ManualClock()
    return RateLimit(per_minute, lambda: clock.seconds), clock


def send(limit, clock, amounts, pauses=()):
    """Send each amount as soon as it may go; the times at which they went."""
    pauses = iter(pauses)
    times = []
    for amount in amounts:
        clock.advance(next(pauses, 0.0))
        while (delay := limit.delay(amount)) > 0:
            clock.advance(delay + 1e-6)
        limit.take(amount)
        times.append(clock.seconds)
    return times


def busiest_minute(times, amounts):
    ends = range(len(times))
    return max(sum(amounts[i] for i in ends if times[last] - 60 < times[i] <= times[last]) for last in ends)


@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.integers(1, 100), st.floats(0, 90)), min_size=1, max_size=60),
)
def test_no_minute_holds_more_than_the_limit(per_minute, drawn):
    amounts = [min(amount, per_minute) for amount, _ in drawn]
    limit, clock = limit_of(per_minute)
    times = send(limit, clock, amounts, [pause for _, pause in drawn])
    assert busiest_minute(times, amounts) <= per_minute


def test_the_whole_limit_is_used_minute_after_minute():
    limit, clock = limit_of(60)
    times = send(limit, clock, [1] * 301)
    assert times[300] == pytest.approx(300, abs=0.1)


def test_a_burst_is_ten_seconds_worth_and_then_the_flow_is_even():
    limit, clock = limit_of(60)
    times = send(limit, clock, [1] * 30)
    assert [time for time in times if time == 0] == [0.0] * 11
    gaps = [after - before for before, after in pairwise(times[11:])]
    assert gaps == pytest.approx([1.0] * len(gaps), abs=0.01)


def test_what_came_back_corrects_what_was_estimated():
    limit, clock = limit_of(600)
    taken = limit.take(600)
    assert limit.delay(100) == pytest.approx(60)
    limit.correct(taken, 50)
    assert limit.delay(100) == 0
    limit.correct(taken, 580)
    assert limit.delay(100) == pytest.approx(60)
    clock.advance(61)
    assert limit.delay(600) == 0


def test_a_correction_that_comes_after_the_minute_changes_no_later_one():
    limit, clock = limit_of(600)
    late = limit.take(600)
    clock.advance(70)
    limit.correct(late, 1)
    limit.take(400)
    assert limit.delay(300) > 0


def test_more_than_the_whole_limit_goes_when_nothing_else_did():
    limit, _ = limit_of(100)
    assert limit.delay(5000) == 0
    limit.take(10)
    assert limit.delay(5000) == pytest.approx(60)
