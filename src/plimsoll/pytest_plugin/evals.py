"""What the fixture `plimsoll` gives a test: targets to ask, and scores of answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api.asking import ScoredAnswer, ask_target, score_answer
from plimsoll.config import Workspace
from plimsoll.errors import PlimsollError, UsageError
from plimsoll.pytest_plugin.texts import rule_of, standing_of
from plimsoll.reports.cases import passes_by, score_text
from plimsoll.reports.text import one_line
from plimsoll.types import Failed, Failure, Output, Scored, Skipped

_NAME_IT = "name the workspace: --plimsoll-workspace FOLDER, or plimsoll_workspace in pytest's settings"
_REASON, _ANSWER = 100, 60
"""Characters where a score is shown; pytest shows 240 of an object."""


@dataclass(frozen=True, slots=True, repr=False)
class MetricScore:
    """One metric of one answer."""

    metric: str
    value: bool | float | str
    passed: bool | None
    """By the metric's `pass_if`; a truth value without one passes when it is the better of the two; else None."""
    reason: str | None
    shown: str = ""
    """Value, condition and answer, as people read them."""

    def __repr__(self) -> str:
        """What an engineer wants to know of an assertion that failed, on one line."""
        return f"<{self.shown}>"

    def __bool__(self) -> bool:
        """Refused, as every score would pass `assert plimsoll.score(…)`.

        Raises:
            TypeError: always.
        """
        __tracebackhide__ = True
        raise TypeError(f"a score is neither true nor false: assert its `passed` or its `value` ({self.metric})")


class Scores(dict[str, MetricScore]):
    """The scores of one answer, by metric."""

    def __bool__(self) -> bool:
        """Refused, as `assert plimsoll.scores(…)` would always pass.

        Raises:
            TypeError: always.
        """
        __tracebackhide__ = True
        raise TypeError(f"scores are neither true nor false: assert `passed` of each ({', '.join(self)})")


class Evals:
    """Asks and scores, in one workspace."""

    def __init__(self, folder: Path, named: Path | None = None) -> None:
        """For a test.

        Args:
            folder: Where it lies: in the workspace, where none is named.
            named: A workspace's folder.
        """
        self._folder, self._named = folder, named

    def __repr__(self) -> str:
        """Its name in a test."""
        return "plimsoll"

    def _workspace(self) -> Workspace:
        """Raises `UsageError` where there is none."""
        try:
            found = Workspace.find(self._named or self._folder)
        except UsageError as error:
            raise UsageError(error.message, remedy=_NAME_IT) from None
        if self._named is not None and found.root != self._named.resolve():
            raise UsageError(f"no workspace: {self._named} has neither suites/ nor [tool.plimsoll]", remedy=_NAME_IT)
        return found

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
            record = ask_target(self._workspace(), str(target), fields, model=model, base_url=base_url)
        except PlimsollError as error:
            raise pytest.fail.Exception(f"{target} can't be asked: {error}") from None
        if isinstance(record.outcome, Failure):
            failure = record.outcome
            pytest.fail(f"{target} gives no answer: {failure.kind}: {failure.message} ({failure.remedy})")
        return record.outcome

    def score(self, evaluator: str | Mapping[str, Any], answer: str | Output, /, **fields: Any) -> MetricScore:
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
            scored = score_answer(self._workspace(), evaluator, output, fields)
        except PlimsollError as error:
            raise pytest.fail.Exception(f"{evaluator} can't score: {error}") from None
        found = Scores()
        for name, score in scored.record.scores.items():
            match score:
                case Failed():
                    pytest.fail(f"{name} has no value: {score.failure.kind}: {_told(score.failure)}")
                case Skipped():
                    pytest.fail(f"{name} has no value: {score.reason}")
                case Scored():
                    found[name] = _score(name, score, scored, output)
        return found


def _score(name: str, score: Scored, scored: ScoredAnswer, output: Output) -> MetricScore:
    metric = scored.metrics[name]
    passed = passes_by(score, metric)
    told = [
        f"{name}: {score_text(score, metric)}, {standing_of(passed, rule_of(metric, scored.case))}",
        *([one_line(score.reason, _REASON)] if score.reason else []),
        f"answer: {one_line(output.whole_text, _ANSWER)}",
    ]
    return MetricScore(name, score.value, passed, score.reason, "; ".join(told))


def _told(failure: Failure) -> str:
    """Why there is no score; a field that is missing is an argument here."""
    field = re.search(r"'(\w+)', which the case lacks", failure.message)
    return failure.message + (f" (give it: score(…, {field[1]}=…))" if field else "")
