"""Reports made by hand for the gate's tests: what each target scored, case by case."""

from collections.abc import Mapping, Sequence

from plimsoll.canonical import digest
from plimsoll.config import GatePolicy
from plimsoll.errors import FailureKind
from plimsoll.types import (
    Case,
    CellId,
    CellRecord,
    Direction,
    EvaluatorInfo,
    Failed,
    Failure,
    Metric,
    MetricKind,
    Output,
    Report,
    RunRecord,
    Score,
    Scored,
    Skipped,
    TargetInfo,
)

METRICS = (
    Metric(name="correct", kind=MetricKind.BOOL),
    Metric(name="f1", low=0.0, high=1.0, pass_if=">= 0.6"),
    Metric(name="length", direction=Direction.LOWER, low=0.0, high=1.0),
    Metric(name="latency", direction=Direction.LOWER, low=0.0, unit="s"),
    Metric(name="tone", kind=MetricKind.LABEL, labels=("curt", "kind"), pass_if="kind"),
    Metric(name="mood", kind=MetricKind.LABEL),
    Metric(name="relevance", low=0.0, high=1.0, judged=True),
)
BROKEN = Failure(kind=FailureKind.TIMEOUT, message="no answer within 60 s", remedy="wait")
Value = bool | float | str | Score | Failure | None
"""A value, a score as it is, a failure of the whole cell, or None for a cell that is not there."""


def make_report(
    targets: Mapping[str, Mapping[str, Sequence[Value]]],
    *,
    repeats: int = 1,
    groups: int = 0,
    slices: Mapping[str, Sequence[int]] | None = None,
    complete: bool = True,
    cases: int | None = None,
) -> Report:
    """Target → metric → one value for each cell, case by case; a case's repeats follow each other.

    `groups` cases share a group each; `slices` names the places of its cases.
    """
    size = cases
    if size is None:
        size = len(next(iter(next(iter(targets.values())).values()))) // repeats
    rows = [
        Case(
            id=f"c{place:03d}",
            inputs={"question": f"question {place}"},
            group=f"g{place // groups}" if groups else None,
            slices=tuple(name for name, places in (slices or {}).items() if place in places),
            digest=digest(["case", place]),
        )
        for place in range(size)
    ]
    records = [
        record
        for target, metrics in targets.items()
        for place in range(size * repeats)
        if (record := _cell(target, rows[place // repeats].id, place % repeats, place, metrics)) is not None
    ]
    run = RunRecord(
        id="20260101-000000-abcdef",
        suite="desk",
        started="2026-01-01T00:00:00Z",
        dataset="desk",
        dataset_digest=digest("desk"),
        targets={name: TargetInfo(name=name, kind="prompt", digest=digest(name)) for name in targets},
        evaluators={
            metric.name: EvaluatorInfo(name=metric.name, digest=digest(metric.name), metrics=(metric,))
            for metric in METRICS
        },
        complete=complete,
        repeats=repeats,
    )
    return Report(run=run, cases={row.id: row for row in rows}, cells=tuple(records))


def _cell(target: str, case: str, repeat: int, place: int, metrics: Mapping[str, Sequence[Value]]) -> CellRecord | None:
    given = {name: values[place] for name, values in metrics.items()}
    if all(value is None for value in given.values()):
        return None
    cell = CellId(target, case, repeat)
    failure = next((value for value in given.values() if isinstance(value, Failure)), None)
    if failure is not None:
        scores: dict[str, Score] = dict.fromkeys(given, Skipped(reason="no output to score"))
        return CellRecord(cell=cell, key=digest(str(cell)), outcome=failure, scores=scores)
    scores = {name: _score(name, value) for name, value in given.items() if value is not None}
    return CellRecord(cell=cell, key=digest(str(cell)), outcome=Output(text="answer"), scores=scores)


def _score(metric: str, value: Value) -> Score:
    if isinstance(value, Scored | Failed | Skipped):
        return value
    assert isinstance(value, bool | float | str)
    passed = {"kind": True, "curt": False}.get(value) if isinstance(value, str) else None
    if metric == "f1":
        passed = float(value) >= 0.6
    return Scored(value=value, passed=passed)


def rule(**settings: object) -> GatePolicy:
    """A policy of one rule."""
    return policy([settings])


def policy(rules: Sequence[Mapping[str, object]], **settings: object) -> GatePolicy:
    """A policy of several rules."""
    return GatePolicy.model_validate({"rules": [dict(one) for one in rules], **settings})


def truths(good: int, bad: int) -> list[Value]:
    """So many true ones, then so many false ones."""
    return [place < good for place in range(good + bad)]
