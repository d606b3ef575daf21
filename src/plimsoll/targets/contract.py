"""What the engine knows of a target: an identity, a lane, and one method that runs a case."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from plimsoll.types import Case, Output, TargetInfo


class RunnableTarget(Protocol):
    """A target that is open: started workers, resolved files."""

    @property
    def info(self) -> TargetInfo:
        """Name, kind and digest as they are now."""
        ...

    @property
    def lane(self) -> str:
        """Targets of one lane share its concurrency: the model's name, or the target's own."""
        ...

    @property
    def concurrency(self) -> int:
        """Cases at once in the lane."""
        ...

    def generation(self, case: Case) -> dict[str, Any] | None:
        """What the answer depends on: rendered messages and model where they can be known, else every digest.

        Of a conversation (`Case.is_conversation`), what the answers to all its turns depend on.
        None where nobody can know (an HTTP endpoint's code may change any time): such an answer is never reused.

        Raises:
            CellError: the case can't be rendered; the cell fails with it.
        """
        ...

    async def run(self, case: Case) -> Output:
        """Answer one case, which may be a turn of a conversation. Conversations are held by `conversation.answer`.

        Raises:
            CellError: classified.
        """
        ...


class Target(Protocol):
    """A target that is described but not started."""

    def open(self) -> AbstractAsyncContextManager[RunnableTarget]:
        """Start what it needs, and stop it at the end, without orphans."""
        ...
