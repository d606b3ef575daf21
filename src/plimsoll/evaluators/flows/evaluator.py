"""An evaluation flow as an evaluator: its outputs are metrics, its aggregation is the aggregate.

The flow runs in a worker of its own beside the gateway to the suite's models. What its aggregation needs of a line is
kept with the line's score, so that a score from the cache counts in it like any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.errors import CellError, FailureKind
from plimsoll.evaluators.fields import as_text, lookup
from plimsoll.evaluators.flows.outputs import look_up, value_of
from plimsoll.evaluators.flows.settings import FlowSettings
from plimsoll.evaluators.parts import full_metrics, full_name
from plimsoll.evaluators.traits import Aggregator, Figures
from plimsoll.models.contract import ChatModel
from plimsoll.targets.flow_running import FlowRunner
from plimsoll.types import Case, CaseScores, Failed, Failure, Metric, Output, Score, Scored, Usage

if TYPE_CHECKING:
    from plimsoll.models.gateway import LineCalls

_VERSION = "1"
_OF_ANSWER = ("output", "value")


@dataclass(frozen=True, slots=True)
class _Line:
    """What one line gave."""

    outputs: Any
    kept: str | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class FlowEvaluator:
    """An evaluation flow with its settings, checked against its YAML; its worker starts with the first answer."""

    name: str
    settings: FlowSettings
    parts: tuple[Metric, ...]
    """Its metrics by the names of the flow's outputs."""
    sources: Mapping[str, str]
    """The flow's input → what fills it."""
    origin: Mapping[str, Any]
    """The flow's files and promptflow's versions: part of the identity."""
    aggregates: bool
    """The flow has an aggregation."""
    runner: FlowRunner

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """One under this evaluator's name, or several as NAME.OUTPUT."""
        return full_metrics(self.name, self.parts, self.settings.pass_if)

    @property
    def requires(self) -> frozenset[str]:
        """Every field that fills an input. The flow's defaults never stand in for one: they are sample data."""
        return frozenset(source for source in self.sources.values() if source not in _OF_ANSWER)

    @property
    def reusable(self) -> bool:
        """Equal output and fields, equal score: the flow is given nothing else."""
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
        """None: the flow's worker keeps the time, and is killed when it is up."""

    @property
    def models(self) -> tuple[ChatModel, ...]:
        """Those that stand for the flow's connections."""
        return tuple(self.runner.source.models.values())

    @property
    def aggregate(self) -> Aggregator | None:
        """The flow's aggregation; None where it has none."""
        return self._aggregate if self.aggregates else None

    def identity(self) -> dict[str, Any]:
        """The flow's files, promptflow's versions, settings and models; not the threshold or which are sampled."""
        return {
            "evaluator": "flow",
            "version": _VERSION,
            **self.origin,
            "settings": {**self.settings.of_identity(), "name": self.name},
            "models": {name: model.identity() for name, model in self.runner.source.models.items()},
        }

    async def evaluate(self, case: Case, output: Output) -> Mapping[str, Score]:
        """Run the flow on the answer."""
        inputs = {name: self._value(source, case, output) for name, source in self.sources.items()}
        try:
            line = await self.runner.line({**inputs, **self.settings.arguments}, _read, keep=self.aggregates)
        except CellError as error:
            raise _ours(error) from None
        return self._scores(line)

    async def aclose(self) -> None:
        """End the flow's worker."""
        await self.runner.aclose()

    async def _aggregate(self, scores: Sequence[CaseScores]) -> Figures:
        """The flow's aggregation over the lines that gave every metric."""
        kept = [detail for each in scores if each.ok for detail in _details(each.scores[0])]
        try:
            figures: Figures = await self.runner.aggregate(kept, _read_figures)
        except CellError as error:
            raise _ours(error) from None
        return figures

    def _scores(self, line: _Line) -> dict[str, Score]:
        reason = self._reason(line.outputs)
        scores: dict[str, Score] = {}
        for place, part in enumerate(self.parts):
            # What the line cost and what is kept of it stand once, with the first metric.
            usage = line.usage if place == 0 else Usage()
            try:
                scores[self._full(part.name)] = Scored(
                    value=value_of(part, line.outputs),
                    reason=reason,
                    usage=usage,
                    detail=line.kept if place == 0 else None,
                )
            except CellError as error:
                scores[self._full(part.name)] = Failed(failure=Failure.of(error), usage=usage)
        return scores

    def _reason(self, outputs: Any) -> str | None:
        try:
            found = None if self.settings.reason is None else look_up(self.settings.reason, outputs)
        except CellError:
            return None
        return None if found is None else as_text(found)

    def _value(self, source: str, case: Case, output: Output) -> Any:
        value = {"output": output.text, "value": output.value}[source] if source in _OF_ANSWER else None
        value = lookup(source, case, output) if source not in _OF_ANSWER else value
        if value is None or (isinstance(value, str) and not value.strip()):
            raise CellError(FailureKind.MISSING_FIELD, f"{self.name} needs {source!r}, which is empty")
        return value

    def _full(self, part: str) -> str:
        return full_name(self.name, part, self.parts)


def _details(score: Score) -> Iterator[str]:
    """What was kept of the score's line; of a conversation, of each turn's."""
    if isinstance(score, Scored) and score.turns:
        for turn in score.turns:
            yield from _details(turn)
    elif isinstance(score, Scored) and score.detail is not None:
        yield score.detail


def _read(answer: Mapping[str, Any], calls: LineCalls) -> _Line:
    from plimsoll.targets.flow_answer import line_value, usage_of

    return _Line(line_value(answer, calls), answer.get("kept"), usage_of(calls))


def _read_figures(answer: Mapping[str, Any], calls: LineCalls) -> Figures:
    from plimsoll.targets.flow_answer import refuse_failure

    refuse_failure(answer, calls)
    figures: Figures = answer["figures"]
    return figures


def _ours(error: CellError) -> CellError:
    """The flow's own failure is the evaluator's here, not the target's; a model's keeps its kind."""
    if error.kind is not FailureKind.TARGET:
        return error
    remedy = None if error.remedy == error.kind.remedy else error.remedy
    return CellError(FailureKind.EVALUATOR, error.message, remedy=remedy, requests=error.requests, down=error.down)
