"""Which models draw on the same quota and share a `Limiter`; those of one address, key and model share a `Breaker`.

Providers count by account and model, whatever a suite calls them: two entries that differ in temperature only would
else ask for twice what is allowed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeAlias

from plimsoll.config import ModelSettings
from plimsoll.models.breaker import Breaker
from plimsoll.models.concurrency import AdaptiveConcurrency, FixedConcurrency
from plimsoll.models.connection import Connection
from plimsoll.models.limits import Limiter
from plimsoll.models.rates import RateLimit
from plimsoll.models.retries import Backoff

_MOST = 64
"""Requests at once that adaptive concurrency may come to, where nothing else is given."""
Account: TypeAlias = tuple[Hashable, ...]


def account(connection: Connection) -> Account:
    """What a provider tells its customers' quotas apart by; holds secrets."""
    headers = tuple(sorted(connection.headers.items()))
    return (connection.kind, connection.base_url, connection.auth, connection.api_key, headers, connection.model)


def shared_limiters(
    settings: Mapping[str, ModelSettings], connections: Mapping[str, Connection], default_concurrency: int
) -> dict[str, Limiter]:
    """The limiter of each model in `connections`, by its name. Of what sharing models say, the strictest holds.

    Args:
        settings: as written.
        connections: by the models' names.
        default_concurrency: where none of them says.
    """
    groups: dict[Hashable, list[str]] = {}
    for name, connection in connections.items():
        quota = settings[name].quota
        groups.setdefault(account(connection) if quota is None else quota, []).append(name)
    found: dict[str, Limiter] = {}
    for names in groups.values():
        limiter = _limiter([settings[name] for name in names], default_concurrency)
        found.update(dict.fromkeys(names, limiter))
    return found


def shared_breakers(connections: Mapping[str, Connection], backoff: Backoff) -> dict[str, Breaker]:
    """The breaker of each model in `connections`, by its name.

    Args:
        connections: by the models' names.
        backoff: waits between attempts.
    """
    found: dict[Account, Breaker] = {}
    return {name: found.setdefault(account(one), Breaker(backoff)) for name, one in connections.items()}


def slots_limiter(settings: Iterable[ModelSettings], slots: int) -> Limiter:
    """The limiter of all embedded models: they share the slots of one server.

    Args:
        settings: of all models of the suite.
        slots: what the server answers at once.
    """
    wanted = [one.concurrency for one in settings if one.provider == "embedded" and isinstance(one.concurrency, int)]
    return Limiter(FixedConcurrency(min([*wanted, slots])))


def _limiter(sharing: list[ModelSettings], default_concurrency: int) -> Limiter:
    adaptive = any(one.concurrency == "adaptive" for one in sharing)
    numbers = [one.concurrency for one in sharing if isinstance(one.concurrency, int)]
    numbers += [one.max_concurrency for one in sharing if one.max_concurrency is not None]
    most = min(numbers, default=_MOST if adaptive else default_concurrency)
    return Limiter(
        AdaptiveConcurrency(most) if adaptive else FixedConcurrency(most),
        requests=_strictest(one.requests_per_minute for one in sharing),
        tokens=_strictest(one.tokens_per_minute for one in sharing),
    )


def _strictest(given: Iterable[int | None]) -> RateLimit | None:
    least = min((limit for limit in given if limit is not None), default=None)
    return None if least is None else RateLimit(least)
