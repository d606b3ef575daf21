"""What is worth sending again, and after which wait: one rule for models and for HTTP targets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import stamina

from plimsoll.errors import CellError, FailureKind


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before sending again, in seconds. A Retry-After goes before it.

    The first wait is short: an isolated failure is over at once, and a cell that waits is a cell not done.
    """

    initial: float = 0.25
    """The first wait; each further one is twice as long."""
    longest: float = 30.0
    jitter: float = 0.25
    """Up to this much is added at random, so that clients don't come back together."""


class PermanentError(CellError):
    """Of a kind that may pass elsewhere, but the same request will fail again: never retried."""


class OverloadError(CellError):
    """The endpoint has no room for more requests at present."""


def is_overload(error: CellError) -> bool:
    """Whether fewer requests at once would help."""
    return isinstance(error, OverloadError) or error.kind in (FailureKind.RATE_LIMIT, FailureKind.TIMEOUT)


def worth_another(error: Exception, left: float) -> bool | float:
    """Whether to send again; a number is the wait that the endpoint asked for.

    Args:
        error: what came of the last time.
        left: seconds that may still be spent on it.
    """
    if not isinstance(error, CellError) or isinstance(error, PermanentError) or not error.kind.retryable:
        return False
    if error.retry_after is None:
        return left > 0
    # A provider that wants us back in an hour has failed this request.
    return error.retry_after if error.retry_after < left else False


def attempts(retries: int, wait: Backoff, again: Callable[[Exception], bool | float]) -> AsyncIterator[stamina.Attempt]:
    """One context manager for each time that a request is sent; a failure worth another is kept from leaving it.

    Args:
        retries: how often it is sent again.
        wait: between two.
        again: what is worth another time, and after how many seconds, if not the usual wait.
    """
    return aiter(
        stamina.retry_context(
            on=again,
            attempts=retries + 1,
            # The time is counted by `again`, which knows what part of it was spent in a queue.
            timeout=None,
            wait_initial=wait.initial,
            wait_max=wait.longest,
            wait_jitter=wait.jitter,
        )
    )
