"""What is worth sending again, and after which wait: one rule for models and for HTTP targets."""

from __future__ import annotations

import random
from dataclasses import dataclass

from plimsoll.errors import CellError, FailureKind


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before sending again, in seconds. A Retry-After goes before it."""

    isolated: float = 0.1
    """After a failure while others were answered: it was this request's bad luck, and a wait mends nothing."""
    initial: float = 0.25
    """The first wait after any other; each further one is twice as long."""
    longest: float = 30.0
    jitter: float = 0.1
    """Up to this much, in seconds and as a share, is added at random, so that clients don't come back together."""

    def wait(self, doublings: int) -> float:
        """After the failure that is the (`doublings` + 1)th of its sort."""
        # Beyond 2^20 only `longest` counts.
        return self._jittered(min(self.initial * 2.0 ** min(doublings, 20), self.longest))

    def wait_isolated(self) -> float:
        """After one that is this request's alone."""
        return self._jittered(self.isolated)

    def _jittered(self, seconds: float) -> float:
        return seconds + self.jitter * (1 + seconds) * random.random()  # noqa: S311  # nobody gains by guessing it


class PermanentError(CellError):
    """Of a kind that may pass elsewhere, but the same request will fail again: never retried."""


class OverloadError(CellError):
    """The endpoint says that it has no room for more requests at present."""


def is_overload(error: CellError) -> bool:
    """Whether fewer requests at once would help."""
    return isinstance(error, OverloadError) or error.kind in (FailureKind.RATE_LIMIT, FailureKind.TIMEOUT)


def worth_another(error: CellError, left: float) -> bool:
    """Whether to send again.

    Args:
        error: what came of the last time.
        left: seconds that may still be spent on it.
    """
    if isinstance(error, PermanentError) or not error.kind.retryable:
        return False
    # A provider that wants us back in an hour has failed this request.
    return (error.retry_after or 0.0) < left
