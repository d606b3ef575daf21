"""What a run leaves behind: its identity, its cells, and both joined as a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from plimsoll.types.aggregate import Aggregate
from plimsoll.types.case import Case
from plimsoll.types.metric import Metric
from plimsoll.types.output import Failure, Output
from plimsoll.types.score import Failed, Score
from plimsoll.types.verdict import Look

Outcome: TypeAlias = Output | Failure


class Part(StrEnum):
    """Which cases of a dataset a run is over."""

    WHOLE = "whole"
    """The dataset has no other part."""
    OPEN = "open"
    """All but the held-out ones."""
    HELD_OUT = "held out"
    """Those that only a gate opens."""


class CellId(Struct, frozen=True, order=True, array_like=True):
    """Target × case × repeat: the unit of work, of caching, and of pairing."""

    target: str
    case: str
    repeat: int = 0
    """0-based."""

    def __str__(self) -> str:
        return f"{self.target}/{self.case}" + (f"#{self.repeat}" if self.repeat else "")


class CellRecord(Struct, frozen=True, kw_only=True):
    """A finished cell: its outcome and one score for each metric."""

    cell: CellId
    key: str
    """The generation's identity: the same key is the same request."""
    outcome: Outcome
    cached: bool = False
    """The outcome was reused: nothing was sent, and its latency is unknown."""
    started: float | None = None
    """Seconds since 1970, when the target began to answer; None where it was not asked, or an earlier version ran."""
    scores: dict[str, Score] = field(default_factory=dict)
    """Metric → score."""

    @property
    def is_failed(self) -> bool:
        """It has no output, or a score of it failed."""
        return isinstance(self.outcome, Failure) or any(isinstance(score, Failed) for score in self.scores.values())

    @property
    def output(self) -> Output | None:
        """The output, if there is one."""
        return self.outcome if isinstance(self.outcome, Output) else None


class TargetInfo(Struct, frozen=True, kw_only=True):
    """A target as it was when it ran."""

    name: str
    kind: str
    """`prompt`, `flow`, `function`, `http`, `recorded`."""
    digest: str
    """Over the target's files, model settings and parameters: the identity of what is promoted."""
    model: str | None = None
    """The suite's name of the model that it uses; None where it uses none of them."""
    identity: dict[str, Any] = field(default_factory=dict)
    """What the digest is over."""


class EvaluatorInfo(Struct, frozen=True, kw_only=True):
    """An evaluator as it was when it scored."""

    name: str
    digest: str
    metrics: tuple[Metric, ...]
    aggregates: bool = False
    """It has figures over all of a target's scores too, which are no metric: they have no value for each case."""


class RunRecord(Struct, frozen=True, kw_only=True):
    """A run's identity: what ran, over what, when."""

    id: str
    suite: str
    started: str
    """ISO 8601, UTC."""
    dataset: str
    """The dataset's name."""
    dataset_digest: str
    targets: dict[str, TargetInfo]
    evaluators: dict[str, EvaluatorInfo]
    seconds: float = 0.0
    requests: int = 0
    """Requests sent to models in this run, by targets and judges, with those sent again."""
    cost: float | None = None
    """USD that these requests took, by the prices known then; None where that is not known of all of them."""
    stopped: str | None = None
    """Why it was ended with cells still owed: its spend cap was reached. None where it was not."""
    complete: bool = False
    """Every planned cell is finished (with an output or a failure); of a sequential run, every one that was due."""
    looks: int = 0
    """Of a sequential run: into how many blocks its cases were to be drawn; 0 where it is none."""
    look: Look | None = None
    """Of a sequential run: where it was decided; where it is not complete, what it was on the way to, if that is
    known."""
    git_commit: str | None = None
    git_dirty: bool | None = None
    seed: int = 0
    repeats: int = 1
    sample: int | None = None
    """How many cases were drawn, where not all."""
    filters: tuple[tuple[str, str], ...] = ()
    """FIELD, VALUE pairs that cases had to satisfy."""
    saved: int = 0
    """Of a sequential run that was decided: cells that were planned and did not have to be run."""
    part: Part = Part.WHOLE
    """Of the dataset; sample and filters are within it."""

    @property
    def decided_early(self) -> bool:
        """It is a sequential run that did not have to come to all of its cells."""
        return self.saved > 0


class Report(Struct, frozen=True, kw_only=True):
    """A run with all its cells: what is shown, logged, compared and decided on."""

    run: RunRecord
    cases: Mapping[str, Case]
    """Every planned case, in the dataset's order, also those of which no cell was finished. May be read from a file as
    it is asked for."""
    cells: Sequence[CellRecord]
    """In the order of targets, cases as planned, repeats. May be read from a file each time it is iterated."""
    aggregates: Mapping[str, Mapping[str, Aggregate]] = field(default_factory=dict)
    """Target → evaluator → its figures over all of the target's scores. Only of targets that were scored whole."""

    @property
    def metrics(self) -> dict[str, Metric]:
        """Every metric that the run's evaluators declare, by name."""
        return {metric.name: metric for info in self.run.evaluators.values() for metric in info.metrics}

    def due(self) -> Report:
        """The report without the cases that a sequential run did not come to; the same where it came to all."""
        if not self.run.decided_early:
            return self
        come_to = {record.cell.case for record in self.cells}
        return replace(self, cases={name: case for name, case in self.cases.items() if name in come_to})

    def of_target(self, target: str) -> Iterator[CellRecord]:
        """One target's cells, in order."""
        return (record for record in self.cells if record.cell.target == target)

    def failed(self) -> Iterator[CellRecord]:
        """The cells without an output, and those with a score that failed."""
        return (record for record in self.cells if record.is_failed)

    def numbering(self) -> Callable[[str], int | None]:
        """Finds a case's place among the report's cases, from 0; to be made once for many."""
        return {name: place for place, name in enumerate(self.cases)}.get

    def finder(self) -> Callable[[CellId], CellRecord | None]:
        """Finds finished cells by their id; to be made once for many."""
        return {record.cell: record for record in self.cells}.get
