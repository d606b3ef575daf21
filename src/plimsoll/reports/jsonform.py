"""What `--json` prints: one object, in a shape that programs may rely on, with its JSON Schema made of the same types.

Promises that a figure that is unknown or not finite is null (never NaN, never 0), that texts are as they were (JSON
escapes what it must), and that `suites` is always there, empty where nothing was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plimsoll.errors import ExitCode, PlimsollError
from plimsoll.reports.compare_form import CompareDocument
from plimsoll.reports.model import Problem
from plimsoll.reports.verdicts import headline
from plimsoll.stats import MetricSummary, Summary, TargetSummary
from plimsoll.types import (
    Aggregate,
    Attempts,
    Decision,
    Failure,
    Look,
    Part,
    Quarantined,
    Report,
    RuleResult,
    Skipped,
    Verdict,
)


class MetricForm(Struct, frozen=True, kw_only=True):
    """One metric of one target."""

    mean: float | None
    """Null for a label metric, and where nothing was scored."""
    low: float | None
    """Lower confidence limit; null where it can't be stated."""
    high: float | None
    """Upper confidence limit; null where it can't be stated."""
    n: int
    """Cases that the mean rests on."""
    failed: int
    """Cells whose output or score failed."""
    skipped: int
    """Cells to which the metric does not apply."""
    missing: int
    """Cells that were planned and never run or scored."""


class AggregateForm(Struct, frozen=True, kw_only=True):
    """An evaluator's figures over all of a target's scores. No interval: they have no value for each case."""

    figures: dict[str, float | None]
    """Null where the figure is no finite number."""
    reasons: dict[str, str]
    """Why a figure is null; under an empty name, why there are none at all: where nothing failed, none were to be."""
    ok: int
    """Cells with a value for every metric of the evaluator: with failed and skipped, all of the target's."""
    failed: int
    skipped: int


class TargetForm(Struct, frozen=True, kw_only=True):
    """One target."""

    cells: int
    """Planned, cases × repeats, of a sequential run those that were due: the sum of ok, failed and skipped."""
    ok: int
    """Cells with an output."""
    failed: int
    """Cells without one."""
    skipped: int
    """Cells that were planned and never run."""
    cached: int
    """Of those that are ok: reused, nothing was sent."""
    cost: float | None
    """USD that the outputs took, cached ones by what they took then; null where it is not known of every output."""
    judge_cost: float | None
    """USD that judging them took, likewise; 0 where no model judged."""
    metrics: dict[str, MetricForm]
    aggregates: dict[str, AggregateForm]
    """By evaluator; only of evaluators that have an aggregate, once every cell is scored."""


class RunForm(Struct, frozen=True, kw_only=True):
    """One suite's run."""

    run: str
    suite: str
    seconds: float
    requests: int
    """Sent to models, with those sent again."""
    cost: float | None
    """USD that these requests took, by targets and judges; null where it is not known of all."""
    targets: dict[str, TargetForm]
    mlflow_run_id: str | None = None
    """Null where nothing was logged."""
    report: str | None = None
    """The HTML report's path; null where none was written."""


class FlipForm(Struct, frozen=True, kw_only=True):
    """A case that changed."""

    case: str
    baseline: float | None
    challenger: float | None


class RuleForm(Struct, frozen=True, kw_only=True):
    """One rule and what it found."""

    metric: str
    slice: str | None
    rule: str
    """In words."""
    outcome: Decision
    estimate: float | None
    """The metric itself, or the paired difference (challenger − baseline) of a relative rule."""
    low: float | None
    high: float | None
    n: int
    missing: int
    confidence: float | None
    """Of the limits, two-sided; above the policy's at a look of a sequential run."""
    detectable: float | None
    """The smallest difference that so many cases could have shown with 80% power."""
    reason: str
    flipped: tuple[FlipForm, ...]
    """Worst first."""
    failing: tuple[str, ...]
    """Of a rule that every case must pass: the cases that don't."""


class GateForm(RunForm, frozen=True, kw_only=True):
    """One suite's gate: its run, and the verdict on it."""

    target: str
    headline: str
    """Whether the target may be promoted, in words; of one that passed, that it may not where there is no evidence."""
    baseline: str | None
    """By its name among the targets; `baseline` of one that is another run's."""
    baseline_run: str | None
    """Where the baseline's answers are another run's, that run; null where they were generated beside the
    challenger's."""
    baseline_target: str | None
    """What that run calls it."""
    anchor: str | None
    """What nothing may fall below, by its name among the targets; the baseline's own where both are the same."""
    verdict: Decision
    reasons: tuple[str, ...]
    rules: tuple[RuleForm, ...]
    quarantine: tuple[Quarantined, ...]
    """Cases that were not counted."""
    gone: tuple[str, ...]
    """Cases of the baseline's evidence that the dataset lacks, or has otherwise: they count as missing."""
    part: Part
    """Which cases of the dataset it decided on: the whole, or the held-out ones."""
    attempts: Attempts | None
    """Which challenger this is on these cases, against this baseline; null where that was not counted."""
    look: Look | None
    """Of a sequential run: the look that it was decided at, or was on the way to; null of any other."""
    cells_saved: int
    """Cells that were planned and did not have to be run."""
    requests_saved: int | None
    """About how many requests they would have taken; null where that is not known."""
    attestation: str | None = None
    """Where the sealed attestation was written; null where none was."""
    unsealed: str | None = None
    """Why there is none, so that no promotion can rest on the verdict."""


class MistakeForm(Struct, frozen=True, kw_only=True):
    """Something wrong in what the user wrote."""

    message: str
    file: str | None
    line: int | None
    remedy: str | None


class RunDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `plimsoll run --json` prints."""

    exit_code: int
    suites: tuple[RunForm, ...]
    mistakes: tuple[MistakeForm, ...] = ()
    """Why nothing was measured; absent where there are none."""


class GateDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `plimsoll gate --json` prints."""

    exit_code: int
    suites: tuple[GateForm, ...]
    mistakes: tuple[MistakeForm, ...] = ()
    """Why nothing was measured; absent where there are none."""


DOCUMENTS: tuple[tuple[str, type[Struct]], ...] = (
    ("run", RunDocument),
    ("gate", GateDocument),
    ("compare", CompareDocument),
)
"""Command and the type of what it prints."""


def run_form(report: Report, summary: Summary, *, mlflow_run_id: str | None = None, html: str | None = None) -> RunForm:
    """One suite's entry for `run`."""
    return RunForm(
        run=report.run.id,
        suite=report.run.suite,
        seconds=report.run.seconds,
        requests=report.run.requests,
        cost=_finite(report.run.cost),
        targets={name: _target(found) for name, found in summary.targets.items()},
        mlflow_run_id=mlflow_run_id,
        report=html,
    )


def gate_form(
    run: RunForm,
    verdict: Verdict,
    *,
    part: Part = Part.WHOLE,
    cells_saved: int = 0,
    requests_saved: int | None = None,
    attestation: str | None = None,
    problem: Problem | None = None,
) -> GateForm:
    """One suite's entry for `gate`: the entry of its run, and the verdict; `problem` is why the run is not done."""
    return GateForm(
        **{name: getattr(run, name) for name in RunForm.__struct_fields__},
        target=verdict.target,
        headline=headline(verdict, problem),
        baseline=verdict.baseline,
        baseline_run=verdict.baseline_run,
        baseline_target=verdict.baseline_target,
        anchor=verdict.anchor,
        verdict=verdict.outcome,
        reasons=verdict.reasons,
        rules=tuple(_rule(rule) for rule in verdict.rules),
        quarantine=verdict.quarantine,
        gone=verdict.gone,
        part=part,
        attempts=verdict.attempts,
        look=verdict.look,
        cells_saved=cells_saved,
        requests_saved=requests_saved,
        attestation=attestation,
        unsealed=verdict.unsealed,
    )


def run_document(suites: Sequence[RunForm], exit_code: ExitCode) -> RunDocument:
    """The whole object for `run`."""
    return RunDocument(exit_code=int(exit_code), suites=tuple(suites))


def gate_document(suites: Sequence[GateForm], exit_code: ExitCode) -> GateDocument:
    """The whole object for `gate`."""
    return GateDocument(exit_code=int(exit_code), suites=tuple(suites))


def error_document(error: PlimsollError) -> RunDocument:
    """The whole object of a command that an error ended."""
    mistakes = tuple(
        MistakeForm(
            message=mistake.message,
            file=str(mistake.where.file) if mistake.where else None,
            line=mistake.where.line if mistake.where else None,
            remedy=mistake.remedy,
        )
        for mistake in error.mistakes
    )
    return RunDocument(exit_code=int(error.exit_code), suites=(), mistakes=mistakes)


def encode(document: Struct) -> bytes:
    """The document as UTF-8 JSON, indented, with a line feed at its end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def json_schemas() -> dict[str, dict[str, Any]]:
    """Command → the JSON Schema (2020-12) of what it prints with `--json`."""
    return {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(document)}
        for name, document in DOCUMENTS
    }


def _target(found: TargetSummary) -> TargetForm:
    return TargetForm(
        cells=found.cells,
        ok=found.ok,
        failed=found.failed,
        skipped=found.missing,
        cached=found.cached,
        cost=_finite(found.cost),
        judge_cost=_finite(found.judge_cost),
        metrics={name: _metric(metric) for name, metric in found.metrics.items()},
        aggregates={name: _aggregate(aggregate) for name, aggregate in found.aggregates.items()},
    )


def _aggregate(found: Aggregate) -> AggregateForm:
    return AggregateForm(
        figures={name: None if isinstance(figure, Failure) else figure for name, figure in found.figures.items()},
        reasons={name: _why(figure) for name, figure in found.shown.items() if isinstance(figure, Failure | Skipped)},
        ok=found.ok,
        failed=found.failed,
        skipped=found.skipped,
    )


def _why(figure: Failure | Skipped) -> str:
    return figure.message if isinstance(figure, Failure) else figure.reason


def _metric(found: MetricSummary) -> MetricForm:
    return MetricForm(
        mean=_finite(found.mean),
        low=_finite(found.low),
        high=_finite(found.high),
        n=found.n,
        failed=found.failed,
        skipped=found.skipped,
        missing=found.missing,
    )


def _rule(rule: RuleResult) -> RuleForm:
    flips = tuple(
        FlipForm(case=flip.case, baseline=_finite(flip.baseline), challenger=_finite(flip.challenger))
        for flip in rule.flipped
    )
    return RuleForm(
        metric=rule.metric,
        slice=rule.slice,
        rule=rule.rule,
        outcome=rule.outcome,
        estimate=_finite(rule.estimate),
        low=_finite(rule.low),
        high=_finite(rule.high),
        n=rule.n,
        missing=rule.missing,
        confidence=_finite(rule.confidence),
        detectable=_finite(rule.detectable),
        reason=rule.reason,
        flipped=flips,
        failing=rule.failing,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
