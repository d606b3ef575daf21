"""The adaptive limit against a simulated endpoint that bears so many requests at once, without any clock."""

from collections import deque

import pytest

from plimsoll.models.concurrency import AdaptiveConcurrency


class Simulation:
    """Requests that take one round each; the endpoint refuses at once what it has no room for."""

    def __init__(self, limit, room):
        self.limit = limit
        self.room = room
        self.under_way: deque[int] = deque()
        self.sent = self.refused = 0
        self.limits = []

    def round(self):
        for _ in range(len(self.under_way)):
            self.limit.answered(in_flight=len(self.under_way))
            self.under_way.popleft()
            self.fill()
        self.fill()
        self.limits.append(self.limit.limit)

    def fill(self):
        while len(self.under_way) < self.limit.limit:
            self.sent += 1
            if len(self.under_way) >= self.room:
                self.refused += 1
                self.limit.overloaded(self.sent, sent=self.sent, in_flight=len(self.under_way) + 1)
                return
            self.under_way.append(self.sent)


@pytest.mark.parametrize("room", [1, 3, 10, 40])
def test_it_settles_near_what_the_endpoint_bears(room):
    simulation = Simulation(AdaptiveConcurrency(1000), room)
    for _ in range(400):
        simulation.round()
    settled = simulation.limits[100:]
    assert max(settled) <= room + 1
    assert min(settled) >= max(1, int((room + 1) * 0.7))
    # The price of finding out: at most one request a round.
    assert simulation.refused <= len(simulation.limits)


def test_while_nothing_is_refused_it_doubles_with_each_round_trip_up_to_the_most():
    simulation = Simulation(AdaptiveConcurrency(64), 1000)
    for _ in range(6):
        simulation.round()
    assert simulation.limits == [8, 16, 32, 64, 64, 64]


def test_after_a_decrease_a_round_of_answers_raises_it_by_one():
    limit = AdaptiveConcurrency(64)
    limit.overloaded(1, sent=8, in_flight=8)
    assert limit.limit == 5
    for _ in range(4):
        limit.answered(in_flight=5)
    assert limit.limit == 5
    limit.answered(in_flight=5)
    assert limit.limit == 6


def test_a_round_trip_lowers_it_once():
    limit = AdaptiveConcurrency(64)
    for number in range(1, 9):
        limit.overloaded(number, sent=8, in_flight=8)
    assert limit.limit == 5
    limit.overloaded(9, sent=9, in_flight=5)
    assert limit.limit == 3


def test_it_never_goes_below_one_nor_above_the_most():
    limit = AdaptiveConcurrency(3)
    for _ in range(10):
        limit.answered(in_flight=3)
    assert limit.limit == limit.most == 3
    for number in range(1, 10):
        limit.overloaded(number, sent=number, in_flight=1)
    assert limit.limit == 1


def test_answers_while_little_is_asked_say_nothing():
    limit = AdaptiveConcurrency(64)
    for _ in range(100):
        limit.answered(in_flight=7)
    assert limit.limit == 8
