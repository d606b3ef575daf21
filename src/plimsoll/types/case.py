"""A case: one row of a dataset, what goes in and what is expected to come out."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from plimsoll.types.chat import Message


class Case(Struct, frozen=True, kw_only=True):
    """One row of a dataset. Identified by its `id`, or by its content where the row gives none."""

    id: str
    inputs: dict[str, Any]
    """Every field of the row that has no meaning of its own below: what prompts, flows and evaluators read."""
    messages: tuple[Message, ...] = ()
    """A conversation to replay (system, history, images, tool calls and results), in OpenAI's message form."""
    expected: Any = None
    """The reference answer; None where the case has none."""
    group: str | None = None
    """Cases of one group share a source and are not independent: statistics cluster by it."""
    slices: tuple[str, ...] = ()
    """Named parts of the dataset that this case belongs to."""
    weight: float = 1.0
    """How much the case counts in a mean; positive."""
    evaluators: tuple[Any, ...] = ()
    """Evaluators for this case only, beside the suite's, written as in a suite."""
    pass_if: dict[str, str] = field(default_factory=dict)
    """Metric → condition, instead of the suite's, for this case."""
    digest: str = ""
    """Tagged digest of the row's content without its id."""
    line: int = 0
    """1-based line or row in the dataset's file; 0 where it comes from memory."""

    @property
    def unit(self) -> str:
        """The name of the independent unit that the case belongs to: its group, or itself."""
        return f"case {self.id}" if self.group is None else f"group {self.group}"

    def fields(self) -> dict[str, Any]:
        """What an evaluator or a template may read by name: inputs, and `expected`, `messages` where given."""
        found = dict(self.inputs)
        if self.expected is not None:
            found["expected"] = self.expected
        if self.messages:
            found["messages"] = list(self.messages)
        return found
