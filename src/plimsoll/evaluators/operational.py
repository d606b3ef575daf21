"""What an answer took: time, tokens and money. Unknown is skipped, never zero."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.traits import TurnMode
from plimsoll.types import Case, Direction, Metric, Output, Scored, Skipped

_TURNS = "Of a conversation, what is measured: all turns together, the mean of each, or the last."


class Latency(SettingsEvaluator):
    """Seconds that the model, or the target's own code, took for the answer; without waiting in our queue."""

    metric: ClassVar[Metric] = Metric(name="", direction=Direction.LOWER, low=0.0, unit="s", of_today=True)

    name: str = "latency"
    turns: TurnMode = Field("conversation", exclude=True, description=_TURNS)

    @property
    def reusable(self) -> bool:
        """No: it is about this very request."""
        return False

    def evaluate(self, case: Case, output: Output) -> Scored | Skipped:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        if output.latency is None:
            return Skipped(reason="cached")
        return Scored(value=output.latency)


class Tokens(SettingsEvaluator):
    """Tokens that the answer took, as the endpoint counted them."""

    metric: ClassVar[Metric] = Metric(name="", direction=Direction.LOWER, low=0.0, unit="tokens")
    shorthand: ClassVar[str | None] = "count"

    name: str = "tokens"
    turns: TurnMode = Field("conversation", exclude=True, description=_TURNS)
    count: Literal["total", "prompt", "completion"] = Field("total", description="Which tokens.")

    def evaluate(self, case: Case, output: Output) -> Scored | Skipped:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        usage = output.usage
        counted = {
            "total": usage.total_tokens,
            "prompt": usage.prompt_tokens,
            "completion": usage.completion_tokens,
        }[self.count]
        if counted is None:
            return Skipped(reason="no token count: the endpoint gives none, or no model was asked")
        return Scored(value=float(counted))


class Cost(SettingsEvaluator):
    """USD that the answer took, by its tokens and the model's price at the time."""

    metric: ClassVar[Metric] = Metric(name="", direction=Direction.LOWER, low=0.0, unit="USD", of_today=True)

    name: str = "cost"
    turns: TurnMode = Field("conversation", exclude=True, description=_TURNS)

    def evaluate(self, case: Case, output: Output) -> Scored | Skipped:  # noqa: ARG002  # the contract's signature
        """Score the answer."""
        if output.usage.cost is None:
            return Skipped(reason="no cost: the model's price or its tokens are not known, or no model was asked")
        return Scored(value=output.usage.cost)
