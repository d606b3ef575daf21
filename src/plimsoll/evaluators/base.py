"""What every evaluator's settings have in common, and evaluators that are nothing but their settings."""

from __future__ import annotations

import importlib.metadata
from abc import abstractmethod
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
from pydantic import Field, PrivateAttr, field_validator, model_validator

from plimsoll.config import Condition, Strict, parse_condition
from plimsoll.config.suite import NAME_PATTERN
from plimsoll.errors import MissingExtraError
from plimsoll.evaluators.contract import Returned
from plimsoll.evaluators.traits import TurnMode
from plimsoll.types import Case, Metric, MetricKind, Output

Threshold = str | float | bool


class EvaluatorSettings(Strict):
    """The keys that every evaluator takes."""

    shorthand: ClassVar[str | None] = None
    """The key that a plain value stands for: `regex: PATTERN` is `regex: {pattern: PATTERN}`."""

    name: str = Field("", pattern=NAME_PATTERN, max_length=100, description="The metric's name; set it to use twice.")
    pass_if: Threshold | None = Field(None, description="What makes a case pass: >= 0.6, true, a label.")
    optional: bool = Field(False, description="Skip a case that lacks a required field, instead of failing.")
    # No part of what is dumped: where a suite sets it, `build` adds it to the identity of any evaluator.
    turns: TurnMode = Field(
        "each", exclude=True, description="Of a conversation, what is scored: each turn, the last, or the whole once."
    )

    @field_validator("pass_if", mode="after")
    @classmethod
    def _condition(cls, value: Any) -> Any:
        for condition in value.values() if isinstance(value, dict) else [value] if value is not None else []:
            parse_condition(condition)
        return value

    def of_identity(self) -> dict[str, Any]:
        """The settings that a score depends on: not the threshold."""
        return self.model_dump(mode="json", exclude={"pass_if"})


class SettingsEvaluator(EvaluatorSettings):
    """An evaluator with one metric whose settings are all that it needs. Plug-ins subclass it too.

    A subclass gives `name` a default (the name in suites), sets `version` and `metric`, and writes `evaluate`.
    """

    version: ClassVar[str] = "1"
    """Raised when the same settings score differently than before."""
    metric: ClassVar[Metric]
    """Kind, range, direction and unit; its name is taken from the settings."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions that do the work: another version of one may score differently."""
    extra: ClassVar[str] = ""
    """The extra that brings the libraries; empty where every installation has them."""

    _origin: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _installed(self) -> Self:
        for name in self.libraries:
            try:
                importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                # No mistake in the settings: pydantic lets it through as it is.
                raise MissingExtraError(self.sort(), self.extra) from None
        return self

    @classmethod
    def sort(cls) -> str:
        """The name in suites."""
        return str(cls.model_fields["name"].default)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The one metric, under this evaluator's name."""
        return (msgspec.structs.replace(self.metric, name=self.name, pass_if=written(self.pass_if)),)

    @property
    def requires(self) -> frozenset[str]:
        """No field; subclasses that read some say which."""
        return frozenset()

    @property
    def reusable(self) -> bool:
        """Equal output, equal score."""
        return True

    def identity(self) -> dict[str, Any]:
        """Sort, version and settings, the versions of its libraries, and the package that it came from."""
        own = {"evaluator": self.sort(), "version": self.version, "settings": self.of_identity()}
        return {**own, **{name: importlib.metadata.version(name) for name in self.libraries}, **self._origin}

    def of_package(self, distribution: str, version: str) -> SettingsEvaluator:
        """A copy that knows the package it came from: another version of it may score differently."""
        copy = self.model_copy()
        copy._origin = {"distribution": f"{distribution} {version}"}  # noqa: SLF001  # a copy of itself
        return copy

    def in_workspace(self, root: Path) -> Self:  # noqa: ARG002  # for subclasses
        """This, having read the files that its settings name; those that name some return a copy.

        Args:
            root: The workspace's; the settings' paths are relative to it.

        Raises:
            ConfigError: a file isn't there or is wrong.
        """
        return self

    @abstractmethod
    def evaluate(self, case: Case, output: Output) -> Returned | Awaitable[Returned]:
        """The value, or a Scored with a reason."""


def written(condition: Any) -> str | None:
    """A condition in the form that `Metric.pass_if` keeps."""
    return None if condition is None else str(parse_condition(condition))


def misfit(metric: Metric, condition: Condition) -> str | None:
    """Why a condition can't be asked of a metric; None where it can.

    `Condition.holds` knows no metric: without this, `!= good` would hold for every number.
    """
    operand = condition.operand
    if metric.kind is MetricKind.BOOL:
        fits = isinstance(operand, bool)
        wanted = "true or false"
    elif metric.kind is MetricKind.NUMERIC:
        fits = not isinstance(operand, bool | str) and _within(operand, metric)
        wanted = "a comparison with a number, such as >= 0.6"
        if not isinstance(operand, bool | str) and not fits:
            wanted = f"about a number that it can have, {_range_words(metric)}"
    else:
        fits = isinstance(operand, str) and (not metric.labels or operand in metric.labels)
        wanted = f"one of {', '.join(metric.labels)}" if metric.labels else "a label"
    return None if fits else f"pass_if of {metric.name!r} must be {wanted}, not {str(condition)!r}"


def _within(operand: float, metric: Metric) -> bool:
    # Beyond its range a condition holds for every value or for none: `>= 9` of 1 to 5.
    return (metric.low is None or operand >= metric.low) and (metric.high is None or operand <= metric.high)


def _range_words(metric: Metric) -> str:
    low = "" if metric.low is None else f"from {metric.low:g}"
    high = "" if metric.high is None else f"to {metric.high:g}"
    return " ".join(filter(None, (low, high)))
