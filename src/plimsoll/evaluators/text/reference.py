"""What evaluators share that compare the answer with reference answers and give a share, 0 to 1."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Sequence
from typing import ClassVar

from pydantic import Field

from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.contract import Returned
from plimsoll.evaluators.fields import as_text, references
from plimsoll.evaluators.text.quoting import EMPTY, quoted
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, Output, Scored, Skipped

SHARE = Metric(name="", low=0.0, high=1.0)
"""A share, more is better."""


class AgainstReference(SettingsEvaluator):
    """How like the reference answer the answer is: 1 for the same text, of several references the best counts.

    An empty answer is like nothing: 0.
    """

    metric: ClassVar[Metric] = SHARE
    shorthand: ClassVar[str | None] = "expected"

    expected: str = Field("expected", description="The field with the reference answer or a list of them.")

    @property
    def requires(self) -> frozenset[str]:
        """The reference's field."""
        return frozenset({self.expected})

    def evaluate(self, case: Case, output: Output) -> Returned | Awaitable[Returned]:
        """Score the answer."""
        return self._score(output.text, self._references(case, output))

    @abstractmethod
    def compare(self, answer: str, wanted: Sequence[str]) -> float | Skipped:
        """How like the references a text is, neither being blank; may be a hair over 1.

        Raises:
            CellError: a reference holds nothing that could be compared.
        """

    def _references(self, case: Case, output: Output) -> list[str]:
        return [as_text(reference) for reference in references(self.expected, case, output)]

    def _score(self, answer: str, wanted: Sequence[str]) -> Scored | Skipped:
        if not answer.strip():
            return Scored(value=0.0, reason=EMPTY)
        found = self.compare(answer, wanted)
        if isinstance(found, Skipped):
            return found
        # A library's 1 may be 1.0000000000000002.
        value = min(1.0, max(0.0, found))
        return Scored(value=value, reason=None if value == 1 else f"expected {quoted(wanted)}")


class AgainstReferenceInThread(AgainstReference):
    """The same where a comparison takes longer than other cells should wait."""

    async def evaluate(self, case: Case, output: Output) -> Scored | Skipped:
        """Score the answer."""
        wanted = self._references(case, output)
        scored: Scored | Skipped = await in_thread(lambda: self._score(output.text, wanted))
        return scored
