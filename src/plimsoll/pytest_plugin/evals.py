"""What the fixture `plimsoll` gives a test: targets to ask, and scores of answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api.asking import ask_target, score_answer
from plimsoll.config import Workspace
from plimsoll.errors import PlimsollError
from plimsoll.reports.cases import passes_by
from plimsoll.types import Failed, Failure, Output, Scored, Skipped


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric of one answer."""

    metric: str
    value: bool | float | str
    passed: bool | None
    """By the metric's `pass_if`; a truth value without one passes when it is the better of the two; else None."""
    reason: str | None

    def __bool__(self) -> bool:
        """Refused, as every score would pass `assert plimsoll.score(…)`.

        Raises:
            TypeError: always.
        """
        __tracebackhide__ = True
        raise TypeError(f"a score is neither true nor false: assert its `passed` or its `value` ({self.metric})")


class Scores(dict[str, Judged]):
    """The scores of one answer, by metric."""

    def __bool__(self) -> bool:
        """Refused, as `assert plimsoll.scores(…)` would always pass.

        Raises:
            TypeError: always.
        """
        __tracebackhide__ = True
        raise TypeError(f"scores are neither true nor false: assert `passed` of each ({', '.join(self)})")


class Evals:
    """Asks and scores, in the workspace that a test lies in."""

    def __init__(self, folder: Path) -> None:
        """At a folder.

        Args:
            folder: In the workspace.
        """
        self._folder = folder

    def ask(
        self,
        target: str | Path,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        model: str | None = None,
        base_url: str | None = None,
        **more: Any,
    ) -> Output:
        """A target's answer. What has not changed comes from the cell cache, as in a run.

        Args:
            target: `SUITE:TARGET`, or the path of a prompt, relative to the workspace.
            values: The fields of the case, where a name among them can't be a keyword.
            model: Of a prompt: a model's name at the endpoint, or `embedded`; None is the prompt's own.
            base_url: Of a prompt: an OpenAI-compatible endpoint.
            more: The fields of the case.

        Returns:
            The answer: `text`, `value` where it is JSON, `tool_calls`, …

        A target that gives no answer fails the test.
        """
        __tracebackhide__ = True
        fields = {**(values or {}), **more}
        try:
            record = ask_target(Workspace.find(self._folder), str(target), fields, model=model, base_url=base_url)
        except PlimsollError as error:
            raise pytest.fail.Exception(f"{target} can't be asked: {error}") from None
        if isinstance(record.outcome, Failure):
            failure = record.outcome
            pytest.fail(f"{target} gives no answer: {failure.kind}: {failure.message} ({failure.remedy})")
        return record.outcome

    def score(self, evaluator: str | Mapping[str, Any], answer: str | Output, /, **fields: Any) -> Judged:
        """The score of an answer, by an evaluator with one metric.

        Args:
            evaluator: As a suite writes it: a name, or one key with its settings; `SUITE:EVALUATOR` is that suite's.
            answer: What `ask` gave, or a text.
            fields: The case's: `expected`, and whatever else the evaluator reads.

        An evaluator that can't score the answer fails the test.
        """
        __tracebackhide__ = True
        found = self.scores(evaluator, answer, **fields)
        if len(found) != 1:
            pytest.fail(f"{evaluator} has several metrics ({', '.join(found)}): take one of `scores`")
        return next(iter(found.values()))

    def scores(self, evaluator: str | Mapping[str, Any], answer: str | Output, /, **fields: Any) -> Scores:
        """Every metric of an evaluator, by name; for the arguments see `score`."""
        __tracebackhide__ = True
        if not isinstance(answer, str | Output):
            kind = type(answer).__name__
            pytest.fail(f"an answer is what `ask` gave, or a text, and this is of type {kind}: JSON goes as its text")
        output = answer if isinstance(answer, Output) else Output(text=answer)
        try:
            scored = score_answer(Workspace.find(self._folder), evaluator, output, fields)
        except PlimsollError as error:
            raise pytest.fail.Exception(f"{evaluator} can't score: {error}") from None
        found = Scores()
        for name, score in scored.record.scores.items():
            match score:
                case Failed():
                    pytest.fail(f"{name} has no value: {score.failure.kind}: {score.failure.message}")
                case Skipped():
                    pytest.fail(f"{name} has no value: {score.reason}")
                case Scored():
                    passed = passes_by(score, scored.metrics.get(name))
                    found[name] = Judged(name, score.value, passed, score.reason)
        return found
