"""What an answer costs by its tokens: the price in the settings, else the project's, else the provider's list price.

Promises that a price nobody knows is None, never zero; that list prices come from data inside the package
`genai-prices`, so that nothing is fetched; and that this package, which takes half a second of CPU to import, is
imported only where a model of a public provider has no price in the settings.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from plimsoll.config import ModelSettings, PriceSettings
from plimsoll.models.connection import Connection
from plimsoll.types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

_MILLION = 1_000_000
_PRICED = ("input_mtok", "output_mtok", "cache_read_mtok", "requests_kcount")
_ALWAYS_CHARGED = ("output_reasoning_mtok", "output_citation_mtok")
"""Prices for parts of an answer that its usage does not tell apart: with one of them no total is right."""
_LISTED_FOR = 60.0
"""Seconds: a few providers charge by the hour of the day."""


class Tariff(Protocol):
    """Prices an answer."""

    def cost(self, usage: Usage) -> float | None:
        """USD; None where the usage does not say how many tokens it was."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """USD per million tokens. Above a threshold of prompt tokens another rate holds for all tokens."""

    base: float
    above: tuple[tuple[int, float], ...] = ()
    """Prompt tokens and rate, ascending."""

    def at(self, prompt_tokens: int) -> float:
        """USD for one token, of an answer to a prompt of that length."""
        rate = self.base
        for threshold, higher in self.above:
            if prompt_tokens > threshold:
                rate = higher
        return rate / _MILLION


@dataclass(frozen=True, slots=True)
class Price:
    """What one model charges; a `Tariff`."""

    input: Rate
    output: Rate
    cached_input: Rate | None = None
    """None charges cached prompt tokens like the others."""
    request: float = 0.0
    """USD for each, beside its tokens."""

    @classmethod
    def of(cls, settings: PriceSettings) -> Price:
        """The price that a user wrote."""
        cached = settings.cached_input
        return cls(Rate(settings.input), Rate(settings.output), None if cached is None else Rate(cached))

    def cost(self, usage: Usage) -> float | None:
        """USD. Where the endpoint does not tell cached tokens apart, all are charged in full."""
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        if prompt is None or completion is None:
            return None
        cached = min(usage.cached_tokens or 0, prompt)
        from_cache = (self.cached_input or self.input).at(prompt)
        spent = (prompt - cached) * self.input.at(prompt) + cached * from_cache
        return spent + completion * self.output.at(prompt) + self.request


FREE = Price(Rate(0.0), Rate(0.0))
"""Of the embedded model, which runs on the user's own machine."""


class ListPrice:
    """A provider's list price, as it holds now; a `Tariff`."""

    def __init__(self, model: str, base_url: str, price: Price) -> None:
        self._model = model
        self._base_url = base_url
        self._price = price
        self._looked_up = time.monotonic()

    @classmethod
    def find(cls, model: str, base_url: str) -> ListPrice | None:
        """The list price of a provider's model; None where the list has none. Imports the list."""
        price = _look_up(model, base_url)
        return None if price is None else cls(model, base_url, price)

    def cost(self, usage: Usage) -> float | None:
        """USD, by today's price at this hour."""
        now = time.monotonic()
        if now - self._looked_up > _LISTED_FOR:
            self._price, self._looked_up = _look_up(self._model, self._base_url) or self._price, now
        return self._price.cost(usage)


def settled_price(
    settings: ModelSettings, connection: Connection | None, project: Mapping[str, PriceSettings]
) -> Price | None:
    """The price that is known without the list: the model's own, the project's for its name, or the embedded model's.

    Args:
        settings: The model's.
        connection: Where it is; None of the embedded model.
        project: Model's name at its endpoint → price.
    """
    if settings.price is not None:
        return Price.of(settings.price)
    name = connection.model if connection else settings.model
    if name is not None and name in project:
        return Price.of(project[name])
    return FREE if settings.provider == "embedded" else None


def may_be_listed(connection: Connection) -> bool:
    """Whether the list is worth a look: the address is a name on the internet, as those of its providers are.

    A model's name alone says nothing: a local server may serve under any name.
    """
    host = urlsplit(connection.base_url).hostname or ""
    return "." in host and not host.replace(".", "").isdigit()


def _look_up(model: str, base_url: str) -> Price | None:
    from genai_prices import Usage as ListedUsage
    from genai_prices import calc_price

    try:
        found = calc_price(ListedUsage(input_tokens=0, output_tokens=0), model, provider_api_url=base_url)
    except LookupError:
        return None
    return _price(found.model_price)


def _price(listed: ModelPrice) -> Price | None:
    if any(getattr(listed, key) is not None for key in _ALWAYS_CHARGED):
        return None
    given, answered, cached, request = (getattr(listed, key) for key in _PRICED)
    if given is None or answered is None:
        return None
    return Price(
        input=_rate(given),
        output=_rate(answered),
        cached_input=None if cached is None else _rate(cached),
        request=0.0 if request is None else float(getattr(request, "base", request)) / 1000,
    )


def _rate(listed: Any) -> Rate:
    """From a plain price, or one in tiers."""
    tiers = tuple((tier.start, float(tier.price)) for tier in getattr(listed, "tiers", ()))
    return Rate(float(getattr(listed, "base", listed)), tiers)
