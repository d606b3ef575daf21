"""What a run spends on its models, and the cap that it stops at: one ledger for all of a run's targets and judges.

Promises that no request is sent that the cap has no room for: room is set aside before a request goes out, by what it
may take at the most, and given back when its real cost is known. What the dearest answer took so far is set aside at
the least, and a model's first request goes alone, so a guess that is too low is not made many times over. An answer is
charged once, when it comes, also where it turns out to be useless. Costs are USD.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self

import msgspec

from plimsoll.config import ModelSettings, PriceSettings
from plimsoll.errors import CellError, FailureKind
from plimsoll.models.connection import Connection
from plimsoll.models.prices import ListPrice, Tariff, may_be_listed, settled_price
from plimsoll.types import Usage


class Spend:
    """One run's ledger."""

    def __init__(self, cap: float | None = None, before: float = 0.0, *, killed_before: bool = False) -> None:
        """An empty ledger.

        Args:
            cap: What the run may spend; None is no limit.
            before: What earlier sessions of the run spent of it.
            killed_before: One of them did not end in order: what it had in flight nobody knows.
        """
        self.cap = cap
        self.spent = 0.0
        """By this session, as far as it is known."""
        self.unpriced = 0
        """Answers of which nobody knows what they cost."""
        self._before = before
        self._killed_before = killed_before
        self._guessed = 0.0
        self._in_flight: set[Fare] = set()
        self._refused: float | None = None
        self._released = asyncio.Event()

    @property
    def cost(self) -> float | None:
        """What this session spent, and one before it that was killed; None where that is not known of every answer."""
        # Rounded off what adding up many small numbers leaves behind.
        return None if self.unpriced or self._killed_before else round(self.spent, 12)

    @property
    def total(self) -> float:
        """What counts against the cap: of all sessions, an answer without a known cost by what was set aside for it."""
        return self._before + self.spent + self._guessed

    def why_stop(self) -> str | None:
        """Why no further cell may be begun; None where there is room."""
        if self.cap is None or (self._refused is None and self.total < self.cap):
            return None
        told = f"{_dollars(self.total)} of {_dollars(self.cap)} spent"
        if self._refused is None or self.total >= self.cap:
            return f"the spend cap is reached: {told}"
        return f"no room is left under the spend cap: {told}, and the next request may take {_dollars(self._refused)}"

    def charge(self, cost: float | None, estimate: float = 0.0) -> None:
        """Note an answer.

        Args:
            cost: What it cost; None is unknown.
            estimate: Counted against the cap where the cost is unknown.
        """
        if cost is None:
            self.unpriced += 1
            self._guessed += estimate
        else:
            self.spent += cost

    async def reserve(self, fare: Fare) -> None:
        """Set room aside for a request; waits for those in flight where it depends on what they cost.

        Raises:
            CellError: SPEND_CAP, there is no room left.
        """
        while not self._has_room(fare) or self._is_second(fare):
            if self._refused is not None or not self._in_flight:
                # From here on nothing goes out, however small: a run that has begun to stop stops.
                self._refused = fare.most if self._refused is None else self._refused
                raise CellError(FailureKind.SPEND_CAP, self.why_stop() or "the spend cap is reached")
            await self._released.wait()
        self._in_flight.add(fare)

    def release(self, fare: Fare) -> None:
        """Give back what was set aside: the request has ended, and was charged if it was answered."""
        self._in_flight.discard(fare)
        self._released.set()
        self._released = asyncio.Event()

    def _has_room(self, fare: Fare) -> bool:
        set_aside = sum(other.most for other in self._in_flight)
        return self.cap is None or self.total + set_aside + fare.most <= self.cap

    def _is_second(self, fare: Fare) -> bool:
        """Whether the first request of its model is still under way."""
        return not fare.meter.charged and any(other.meter is fare.meter for other in self._in_flight)


class Meter:
    """One model's price, and the ledger that its answers are charged to."""

    def __init__(
        self, spend: Spend, tariff: Tariff | None = None, find: Callable[[], Tariff | None] | None = None
    ) -> None:
        """A meter.

        Args:
            spend: The run's ledger.
            tariff: The model's price, where it is known.
            find: Else finds it; slow, so it is called in a thread while the first request is in flight.
        """
        self.spend = spend
        self._tariff = tariff
        self._find = find
        self._finding: asyncio.Task[Tariff | None] | None = None
        self.dearest = 0.0
        """What the dearest answer took."""
        self.charged = False
        """There was an answer."""

    @property
    def unpriced(self) -> bool:
        """Whether nobody knows the model's price; False while it is still to be found."""
        return self._tariff is None and self._find is None

    @property
    def capped(self) -> bool:
        """Whether a fare needs to know what its call may take."""
        return self.spend.cap is not None

    def fare(self, most: Usage | None = None) -> Fare:
        """The account of one call.

        Args:
            most: Tokens that it may take; only where there is a cap.
        """
        if self._find is not None and self._finding is None:
            self._finding = asyncio.create_task(asyncio.to_thread(self._find))
        cost = None if most is None or self._tariff is None else self._tariff.cost(most)
        return Fare(self, cost or 0.0)

    async def charge(self, usage: Usage, estimate: float) -> Usage:
        """Note an answer; its usage, with the cost.

        Args:
            usage: As the endpoint counted.
            estimate: What was set aside.
        """
        tariff = await self._known()
        cost = None if tariff is None else tariff.cost(usage)
        self.spend.charge(cost, estimate)
        self.dearest = max(self.dearest, cost or 0.0)
        self.charged = True
        return msgspec.structs.replace(usage, cost=cost)

    async def _known(self) -> Tariff | None:
        if self._finding is not None:
            # Shielded: a call that is given up must not take the answer from all others.
            self._tariff = await asyncio.shield(self._finding)
            self._find = self._finding = None
        return self._tariff


class Fare:
    """One call's account: room under the cap while the block runs, and a charge for each answer that comes."""

    __slots__ = ("_estimate", "meter")

    def __init__(self, meter: Meter, estimate: float) -> None:
        self.meter = meter
        self._estimate = estimate

    @property
    def most(self) -> float:
        """What it may cost: as guessed before, and by what the model's answers have cost since."""
        return max(self._estimate, self.meter.dearest)

    async def __aenter__(self) -> Self:
        """Set the room aside.

        Raises:
            CellError: SPEND_CAP, nothing may be sent any more.
        """
        if self.meter.capped:
            await self.meter.spend.reserve(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.meter.capped:
            self.meter.spend.release(self)

    async def charge(self, usage: Usage) -> Usage:
        """Note an answer that came for it; its usage, with the cost."""
        return await self.meter.charge(usage, self.most)


def open_meter(
    spend: Spend, settings: ModelSettings, connection: Connection | None, project: Mapping[str, PriceSettings]
) -> Meter:
    """The meter of a model. Under a cap its price is looked up at once, else with its first request.

    Args:
        spend: The run's ledger.
        settings: The model's.
        connection: Where it is; None of the embedded model.
        project: Model's name at its endpoint → price.
    """
    known = settled_price(settings, connection, project)
    if known is not None or connection is None or not may_be_listed(connection):
        return Meter(spend, known)
    find = partial(ListPrice.find, connection.model, connection.base_url)
    return Meter(spend, find()) if spend.cap is not None else Meter(spend, find=find)


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.2g}"
