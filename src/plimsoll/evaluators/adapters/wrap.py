"""`Wrap`: an evaluator of another library as one of ours, whichever library it is.

Before the call, the fields that it can't judge without are required of the case, so that no library can make up for
what it was not given. After it, what it gave is checked as every score is. It runs in a process of its own, and asks
the suite's model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field, PositiveInt, model_validator

from plimsoll.config import Strict
from plimsoll.config.quantities import Seconds
from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.adapters.description import Description
from plimsoll.evaluators.adapters.results import scores_of
from plimsoll.evaluators.adapters.running import LibraryProcess
from plimsoll.evaluators.fields import lookup
from plimsoll.evaluators.parts import PartsSettings, full_metrics, full_name
from plimsoll.evaluators.traits import DEFAULT_TIMEOUT
from plimsoll.models.contract import ChatModel
from plimsoll.types import Case, Direction, Metric, MetricKind, Output, Score

_VERSION = "2"
OF_ANSWER = frozenset({"output", "value", "tool_calls"})
"""What comes from the answer, not from the case: its text, its structured form, the tools that it calls."""


class MetricSettings(Strict):
    """What a metric is, where the library does not say or says it too loosely."""

    kind: MetricKind = Field(MetricKind.NUMERIC, description="numeric, bool or label.")
    range: tuple[float | None, float | None] = Field(
        (None, None), description="Least and greatest value; null is unbounded."
    )
    direction: Direction = Field(Direction.HIGHER, description="Which way is better: higher or lower.")
    labels: tuple[str, ...] = Field((), description="The labels that it may be; none allow any.")

    @model_validator(mode="after")
    def _fits(self) -> MetricSettings:
        low, high = self.range
        if low is not None and high is not None and not low < high:
            raise ValueError(f"range: {low:g} is not below {high:g}")
        if self.kind is not MetricKind.NUMERIC and (low, high) != (None, None):
            raise ValueError(f"range: a {self.kind.value} metric has none")
        if self.kind is not MetricKind.LABEL and self.labels:
            raise ValueError(f"labels: a {self.kind.value} metric has none")
        return self


class WrapSettings(PartsSettings):
    """Settings of an evaluator of another library: the same keys for all of them."""

    shorthand: ClassVar[str | None] = "evaluator"

    evaluator: str = Field(min_length=1, description="The library's name for it, or file.py:name for one of your own.")
    model: str | None = Field(None, description="A name under models; may be left out where there is only one.")
    fields: dict[str, str | list[str] | None] = Field(
        default_factory=dict,
        description="The library's parameter → a case's field, several (an object of them), or null: not given. "
        "Of the answer: output, value, tool_calls, output.NAME.",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="For the constructor of the library's object.")
    metrics: dict[str, MetricSettings] = Field(
        default_factory=dict, description="What it gives, where the library does not say."
    )
    timeout: Seconds = Field(
        DEFAULT_TIMEOUT, description="For one answer, in seconds or with a unit, without waiting for the model."
    )
    sample: PositiveInt | None = Field(None, description="Score only this many cases, by the hash of seed and id.")

    def of_identity(self) -> dict[str, Any]:
        """Without what a score does not depend on."""
        return self.model_dump(mode="json", exclude={"pass_if", "timeout", "sample", "model"})


@dataclass(frozen=True, slots=True)
class Wrap:
    """One evaluator of a library, described and checked; the library's process starts with the first call."""

    name: str
    settings: WrapSettings
    description: Description
    origin: Mapping[str, str]
    """Library, version, and the digests of the user's code: part of the identity."""
    parts: tuple[Metric, ...]
    """Its metrics by the names that the library's module knows them by."""
    model: ChatModel | None
    said: Mapping[str, Any]
    """The settings as the library's module reads them."""
    process: LibraryProcess
    """Shared with the library's other evaluators that ask the same model, but where one has to be alone."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One under this evaluator's name, or several as NAME.PART."""
        return full_metrics(self.name, self.parts, self.settings.pass_if)

    @property
    def requires(self) -> frozenset[str]:
        """Every field that it is given: the library's parameters are filled or the case fails."""
        sources = (name for source in self._sources().values() for name in _names(source))
        return frozenset(name for name in sources if name not in OF_ANSWER)

    @property
    def reusable(self) -> bool:
        """Equal output and fields, equal score: it is given nothing else."""
        return True

    @property
    def optional(self) -> bool:
        """Whether a case without a required field is skipped."""
        return self.settings.optional

    @property
    def sample(self) -> int | None:
        """How many cases it scores; None for all."""
        return self.settings.sample

    @property
    def timeout(self) -> None:
        """None: its process keeps the time, since waiting for a model is not the library's."""

    @property
    def models(self) -> tuple[ChatModel, ...]:
        """The one that it asks."""
        return () if self.model is None else (self.model,)

    def identity(self) -> dict[str, Any]:
        """Library, version, settings, model, and the user's code; not the threshold or which cases are sampled."""
        return {
            "evaluator": "wrap",
            "version": _VERSION,
            **self.origin,
            "settings": {**self.settings.of_identity(), "name": self.name},
            "fields": self._sources(),
            "model": None if self.model is None else self.model.identity(),
        }

    async def evaluate(self, case: Case, output: Output) -> Mapping[str, Score]:
        """Call the library."""
        values = {parameter: _value(source, case, output) for parameter, source in self._sources().items()}
        for parameter, value in values.items():
            if _empty(value):
                named = " and ".join(_names(self._sources()[parameter]))
                raise CellError(FailureKind.MISSING_FIELD, f"{self.name} needs {parameter!r}, and {named} is empty")
        answered = await self.process.call(self.said, values, self.settings.timeout)
        return scores_of(answered, {full_name(self.name, part.name, self.parts): part for part in self.parts})

    async def aclose(self) -> None:
        """End its process."""
        await self.process.aclose()

    def _sources(self) -> dict[str, str | list[str]]:
        """Parameter → what fills it, of all that it is given."""
        given = {name: self.description.fields.get(name, name) for name in self.description.required}
        return {name: source for name, source in {**given, **self.settings.fields}.items() if source is not None}


def _names(source: str | list[str]) -> list[str]:
    return [source] if isinstance(source, str) else source


def _value(source: str | list[str], case: Case, output: Output) -> Any:
    if isinstance(source, list):
        return {name: _value(name, case, output) for name in source}
    of_answer = {"output": output.text, "value": output.value, "tool_calls": list(output.tool_calls)}
    return of_answer[source] if source in OF_ANSWER else lookup(source, case, output)


def _empty(value: Any) -> bool:
    """Nothing, or a list of nothing: libraries take it for «not given», and judge something else."""
    if isinstance(value, list | tuple):
        return all(_empty(item) for item in value)
    return value is None or (isinstance(value, str) and not value.strip())
