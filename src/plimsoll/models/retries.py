"""When a request is sent again, and after which wait: one rule for models and for HTTP targets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import stamina

from plimsoll.errors import CellError


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before sending again, in seconds. A Retry-After goes before it."""

    initial: float = 0.5
    """The first wait; each further one is twice as long."""
    longest: float = 30.0
    jitter: float = 0.5
    """Up to this much is added at random, so that clients don't come back together."""
    budget: float = 180.0
    """After this nothing is planned any more: in all, a request takes at most this, one wait and one timeout."""


class PermanentError(CellError):
    """Of a kind that may pass elsewhere, but the same request will fail again: never retried."""


def attempts(retries: int, wait: Backoff) -> AsyncIterator[stamina.Attempt]:
    """One context manager for each time that a request is sent; a failure that may pass is kept from leaving it.

    Args:
        retries: how often it is sent again.
        wait: between two.
    """
    deadline = time.monotonic() + wait.budget
    return aiter(
        stamina.retry_context(
            on=lambda error: _worth_another(error, deadline),
            attempts=retries + 1,
            timeout=wait.budget,
            wait_initial=wait.initial,
            wait_max=wait.longest,
            wait_jitter=wait.jitter,
        )
    )


def _worth_another(error: Exception, deadline: float) -> bool | float:
    if not isinstance(error, CellError) or isinstance(error, PermanentError) or not error.kind.retryable:
        return False
    if error.retry_after is None:
        return True
    # A provider that wants us back in an hour has failed this request.
    return error.retry_after if time.monotonic() + error.retry_after < deadline else False
