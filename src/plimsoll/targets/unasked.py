"""A target whose answers are only looked up: it says what an answer depends on, and gives none.

Neither its code nor its model is reached, whatever the suite names: for files that nobody has reviewed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import CellError, FailureKind
from plimsoll.types import Case, Output, TargetInfo


@dataclass(frozen=True, slots=True)
class UnaskedTarget:
    """Stands in for a target of any kind."""

    info: TargetInfo
    keys: Callable[[Case], dict[str, Any] | None]
    """As the target's own `generation`."""
    concurrency: int = 16

    @property
    def lane(self) -> str:
        """Its own: nothing is shared."""
        return f"target {self.info.name}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[UnaskedTarget]:
        """Nothing to start."""
        yield self

    def generation(self, case: Case) -> dict[str, Any] | None:
        """What the answer depends on.

        Raises:
            CellError: the case can't be rendered.
        """
        return self.keys(case)

    async def run(self, case: Case) -> Output:  # noqa: ARG002  # the contract's signature
        """Nobody is asked.

        Raises:
            CellError: always.
        """
        raise CellError(FailureKind.NOT_RECORDED, "the cache holds no answer to this, and nobody was asked")
