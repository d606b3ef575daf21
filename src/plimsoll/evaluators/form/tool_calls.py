"""Whether the answer calls the tools that the case expects: which, with what arguments, in what order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field, field_validator, model_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.equality import ToleranceSettings
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.form.answers import listed
from plimsoll.evaluators.form.calls import ArgumentRule, Call, expected_call, made_call
from plimsoll.evaluators.form.pairing import Pairs, most_in_order, most_pairs
from plimsoll.targets.calling import in_thread
from plimsoll.types import Case, Metric, MetricKind, Output, Scored


class ToolCalls(SettingsEvaluator, ToleranceSettings):
    """The answer calls the tools that the case expects, with the arguments that it expects.

    A case that expects none (an empty list) wants an answer that calls none. Arguments that are no JSON object are
    wrong.
    """

    version: ClassVar[str] = "2"
    metric: ClassVar[Metric] = Metric(name="", kind=MetricKind.BOOL)
    shorthand: ClassVar[str | None] = "expected"

    name: str = "tool_calls"
    expected: str = Field("expected_tools", description="The field with the list of expected calls.")
    calls: tuple[Any, ...] | None = Field(None, description="The expected calls of every case, instead of a field.")
    match: Literal["exact", "ordered", "unordered", "subset"] = Field(
        "exact",
        description="exact: these calls in this order and no others; ordered: in this order, others may stand between; "
        "unordered: these in any order and no others; subset: these are among those made.",
    )
    score: Literal["all", "f1"] = Field(
        "all", description="all: true where every call is right; f1: 2 · right / (made + expected), 0 to 1."
    )
    arguments: Literal["compare", "ignore"] = Field("compare", description="ignore: the tools' names alone count.")
    ignore: tuple[str, ...] = Field((), description="Names of arguments that don't count.")

    @field_validator("calls")
    @classmethod
    def _readable(cls, value: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        for call in value or ():
            expected_call(call)
        return value

    @model_validator(mode="after")
    def _f1_counts_every_call(self) -> Self:
        if self.score == "f1" and self.match in ("ordered", "subset"):
            raise ValueError("score: f1 counts every call that was not expected: set match to exact or unordered")
        return self

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """True or false, or with `score: f1` a number."""
        (metric,) = super().metrics
        if self.score == "all":
            return (metric,)
        return (msgspec.structs.replace(metric, kind=MetricKind.NUMERIC, low=0.0, high=1.0),)

    @property
    def requires(self) -> frozenset[str]:
        """The field with the expected calls, where it reads one."""
        return frozenset({self.expected} if self.calls is None else ())

    async def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the calls, in a thread: there may be thousands."""
        scored: Scored = await in_thread(partial(self._score, case, output))
        return scored

    def _score(self, case: Case, output: Output) -> Scored:
        expected = self._expected(case, output)
        made = [made_call(call) for call in output.tool_calls]
        try:
            right = self._right(made, expected)
            wrong = self._wrong(made, expected, right)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, ValueError) else "nested too deeply"
            return Scored(value=False if self.score == "all" else 0.0, reason=why)
        reason = listed(wrong) or None
        if self.score == "all":
            return Scored(value=not wrong, reason=reason)
        total = len(made) + len(expected)
        return Scored(value=2 * len(right) / total if total else 1.0, reason=reason)

    def _expected(self, case: Case, output: Output) -> list[Call]:
        written = lookup(self.expected, case, output) if self.calls is None else self.calls
        try:
            if not isinstance(written, list | tuple):
                raise ValueError("it is no list of calls")  # noqa: TRY004, TRY301  # told like the rest
            return [expected_call(each) for each in written]
        except ValueError as error:
            message = f"the case's {self.expected!r}: {error}"
            raise CellError(FailureKind.EVALUATOR, message, remedy="mend the expected calls in the dataset") from None

    @property
    def _rule(self) -> ArgumentRule:
        return ArgumentRule(self.arguments == "compare", frozenset(self.ignore), self.tolerance)

    def _right(self, made: Sequence[Call], expected: Sequence[Call]) -> Pairs:
        rule = self._rule
        matching = most_in_order if self.match in ("exact", "ordered") else most_pairs
        return matching([rule.form(each) for each in made], [rule.form(each) for each in expected], rule.fitting)

    def _wrong(self, made: Sequence[Call], expected: Sequence[Call], right: Pairs) -> list[str]:
        """What is missing, and what is too much; a call of the right name with wrong arguments is told once."""
        placed, found = {pair[0] for pair in right}, {pair[1] for pair in right}
        left = {index: each for index, each in enumerate(made) if index not in placed}
        twins: dict[str, list[int]] = {}
        for index in reversed(left):
            twins.setdefault(made[index].name, []).append(index)
        told: list[str] = []
        for index, wanted in enumerate(expected):
            if index in found:
                continue
            if twins.get(wanted.name):
                twin = left.pop(twins[wanted.name].pop())
                told.append(f"{wanted.name}: {self._rule.difference(twin, wanted) or 'called out of order'}")
            else:
                told.append(f"not called: {wanted}")
        if self.match in ("exact", "unordered"):
            told += [f"called and not expected: {each}" for each in left.values()]
        return told
