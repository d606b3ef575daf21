"""Whether the answer calls the tools that the case expects: which, with what arguments, in what order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field, field_validator, model_validator

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.equality import ToleranceSettings
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.form.answers import listed
from plimsoll.evaluators.form.calls import ArgumentRule, Call, expected_call, made_call
from plimsoll.types import Case, Metric, MetricKind, Output, Scored

Pairs = list[tuple[int, int]]
"""Calls that are right: the index of the made one, and of the expected one."""


class ToolCalls(SettingsEvaluator, ToleranceSettings):
    """The answer calls the tools that the case expects, with the arguments that it expects.

    A case that expects none (an empty list) wants an answer that calls none. Arguments that are no JSON object are
    wrong.
    """

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

    def evaluate(self, case: Case, output: Output) -> Scored:
        """Score the calls."""
        expected = self._expected(case, output)
        made = [made_call(call) for call in output.tool_calls]
        right = self._right(made, expected)
        wrong = self._wrong(made, expected, right)
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

    def _right(self, made: Sequence[Call], expected: Sequence[Call]) -> Pairs:
        same = [[self._difference(each, wanted) is None for wanted in expected] for each in made]
        return _in_order(same) if self.match in ("exact", "ordered") else _in_any_order(same)

    def _difference(self, made: Call, expected: Call) -> str | None:
        if made.name != expected.name:
            return "another tool"
        rule = ArgumentRule(self.arguments == "compare", frozenset(self.ignore), self.tolerance)
        return rule.difference(made, expected)

    def _wrong(self, made: Sequence[Call], expected: Sequence[Call], right: Pairs) -> list[str]:
        """What is missing, and what is too much; a call of the right name with wrong arguments is told once."""
        left = [index for index in range(len(made)) if index not in {pair[0] for pair in right}]
        told: list[str] = []
        for index in range(len(expected)):
            if index in {pair[1] for pair in right}:
                continue
            wanted = expected[index]
            twin = next((each for each in left if made[each].name == wanted.name), None)
            if twin is None:
                told.append(f"not called: {wanted}")
            else:
                left.remove(twin)
                difference = self._difference(made[twin], wanted)
                told.append(f"{wanted.name}: {difference or 'called out of order'}")
        if self.match in ("exact", "unordered"):
            told += [f"called and not expected: {made[index]}" for index in left]
        return told


def _in_order(same: Sequence[Sequence[bool]]) -> Pairs:
    """The most calls that are right in both orders: their longest common subsequence."""
    rows, columns = len(same), len(same[0]) if same else 0
    longest = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in reversed(range(rows)):
        for column in reversed(range(columns)):
            longest[row][column] = (
                longest[row + 1][column + 1] + 1
                if same[row][column]
                else max(longest[row + 1][column], longest[row][column + 1])
            )
    found, row, column = [], 0, 0
    while row < rows and column < columns:
        if same[row][column]:
            found.append((row, column))
            row, column = row + 1, column + 1
        elif longest[row + 1][column] >= longest[row][column + 1]:
            row += 1
        else:
            column += 1
    return found


def _in_any_order(same: Sequence[Sequence[bool]]) -> Pairs:
    """The most calls that are right, each counted once: a maximum matching by augmenting paths (Kuhn 1955).

    Taking the first that fits would be too few where an expected call accepts any arguments.
    """
    taken: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column, fits in enumerate(same[row]):
            if fits and column not in seen:
                seen.add(column)
                if column not in taken or place(taken[column], seen):
                    taken[column] = row
                    return True
        return False

    for row in range(len(same)):
        place(row, set())
    return sorted((row, column) for column, row in taken.items())
