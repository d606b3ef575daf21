"""From a report, its summary and its verdicts to the one view that every renderer shows. Pure: no I/O, no clock.

Figures are the summary's; here they are only put beside each other, and a best one is named only where the intervals
say so.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import chain

from msgspec.structs import replace

from plimsoll.canonical import short
from plimsoll.reports.cases import CaseRows
from plimsoll.reports.closed import shown
from plimsoll.reports.failures import failure_groups
from plimsoll.reports.figures import figure_of
from plimsoll.reports.flips import metric_of
from plimsoll.reports.looks import course_text
from plimsoll.reports.model import (
    AggregateRow,
    Figure,
    Header,
    MetricRow,
    OverAll,
    Problem,
    SliceTable,
    TargetRow,
    View,
)
from plimsoll.reports.phrases import attempts_notes
from plimsoll.reports.text import count, one_line, plain
from plimsoll.reports.verdicts import stops, unsealed_note, verdict_section
from plimsoll.stats import PERCENTILES, MetricSummary, Summary, TargetSummary
from plimsoll.types import Aggregate, AggregateFigure, Direction, Failure, MetricKind, Part, Report, Skipped, Verdict


def build_view(
    report: Report,
    summary: Summary,
    verdicts: Sequence[Verdict] = (),
    notes: Sequence[str] = (),
    problem: Problem | None = None,
) -> View:
    """The view of a run.

    Args:
        report: The run with its cells, finished or not.
        summary: Of the same report.
        verdicts: Of gates over this run; the report holds the baseline's cells too.
        notes: What else a reader must know, in sentences; they come before the view's own.
        problem: Why the run does not end as done: a verdict that ends by it says so, else a note does.
    """
    report = shown(report)
    course, report = course_text(report), report.due()
    header, cases = _header(report, summary, course), CaseRows(report)
    targets = tuple(_target(report, summary.targets[name]) for name in report.run.targets)
    return View(
        header=header,
        confidence=summary.confidence,
        targets=targets,
        metrics=_metric_rows(report, [target.metrics for target in summary.targets.values()], list(summary.targets)),
        slices=tuple(_slice(report, summary, name) for name in summary.slices),
        failures=failure_groups(report),
        cases=cases,
        standings=cases.standings,
        notes=(
            *(one_line(note) for note in notes),
            *_of_problem(problem, verdicts),
            *_of_part(report.run.part),
            *attempts_notes(verdicts),
            *_own_notes(report, header, targets),
        ),
        verdicts=tuple(verdict_section(verdict, report, summary, course, problem) for verdict in verdicts),
        commands=tuple(_commands(report, verdicts)),
        evaluators=tuple((plain(name), short(info.digest)) for name, info in report.run.evaluators.items()),
        aggregates=tuple(_aggregate_rows(summary)),
    )


def _header(report: Report, summary: Summary, course: str) -> Header:
    run, targets = report.run, summary.targets.values()
    return Header(
        suite=plain(run.suite),
        run=plain(run.id),
        started=plain(run.started),
        seconds=run.seconds,
        requests=run.requests,
        cost=run.cost,
        dataset=plain(run.dataset),
        dataset_digest=short(run.dataset_digest),
        cases=len(report.cases),
        repeats=run.repeats,
        sample=run.sample,
        commit=run.git_commit[:10] if run.git_commit else None,
        dirty=bool(run.git_dirty),
        complete=run.complete,
        course=course,
        planned=sum(target.cells for target in targets),
        answered=sum(target.ok for target in targets),
        failed=sum(target.failed for target in targets),
        unscored=sum(_unscored(report, target) for target in targets),
        cached=sum(target.cached for target in targets),
    )


def _unscored(report: Report, target: TargetSummary) -> int:
    """Values that are lacking though the cell has an output."""
    own = [metric for name, metric in target.metrics.items() if name in report.metrics]
    lacking = sum(metric.failed + metric.missing for metric in own)
    return max(lacking - len(own) * (target.failed + target.missing), 0)


def _target(report: Report, found: TargetSummary) -> TargetRow:
    info = report.run.targets[found.target]
    return TargetRow(
        name=plain(found.target),
        kind=plain(info.kind),
        model=None if info.model is None else plain(info.model),
        digest=short(info.digest),
        planned=found.cells,
        answered=found.ok,
        failed=found.failed,
        cached=found.cached,
        cut=found.cut,
        cost=found.cost,
        judge_cost=found.judge_cost,
    )


def _slice(report: Report, summary: Summary, name: str) -> SliceTable:
    parts = [target.slices[name] for target in summary.targets.values()]
    return SliceTable(
        name=plain(name), cases=summary.slices[name], metrics=_metric_rows(report, parts, list(summary.targets))
    )


def _metric_rows(
    report: Report, found: Sequence[dict[str, MetricSummary]], targets: Sequence[str]
) -> tuple[MetricRow, ...]:
    names = dict.fromkeys(chain.from_iterable(found))
    return tuple(_metric_row(report, name, [metrics.get(name) for metrics in found], targets) for name in names)


def _metric_row(report: Report, name: str, found: Sequence[MetricSummary | None], targets: Sequence[str]) -> MetricRow:
    metric = metric_of(name, report)
    condition = report.metrics[name].pass_if if name in report.metrics else None
    figures = [figure_of(target, summary) for target, summary in zip(targets, found, strict=True)]
    higher = metric.direction is Direction.HIGHER
    best = None if metric.judged or metric.kind is MetricKind.LABEL else _best(figures, higher_is_better=higher)
    return MetricRow(
        name=plain(name),
        kind=metric.kind,
        higher_is_better=higher,
        unit=plain(metric.unit),
        judged=metric.judged,
        condition=None if condition is None else plain(condition),
        derived=name in PERCENTILES and name not in report.metrics,
        low=metric.low,
        high=metric.high,
        figures=tuple(replace(figure, best=True) if place == best else figure for place, figure in enumerate(figures)),
    )


def _aggregate_rows(summary: Summary) -> Iterator[AggregateRow]:
    targets = summary.targets.values()
    evaluators = dict.fromkeys(name for target in targets for name in target.aggregates)
    for evaluator in evaluators:
        found = [target.aggregates.get(evaluator) for target in targets]
        for name in dict.fromkeys(name for aggregate in found if aggregate is not None for name in aggregate.shown):
            yield AggregateRow(
                name=one_line(f"{evaluator}.{name}" if name else evaluator),
                figures=tuple(
                    _over_all(target.target, aggregate, name) for target, aggregate in zip(targets, found, strict=True)
                ),
            )


def _over_all(target: str, aggregate: Aggregate | None, name: str) -> OverAll | None:
    if aggregate is None or name not in aggregate.shown:
        return None
    figure = aggregate.shown[name]
    return OverAll(
        target=plain(target),
        value=None if isinstance(figure, Failure | Skipped) else figure,
        why=_why(figure),
        applies=aggregate.unasked is None,
        ok=aggregate.ok,
        failed=aggregate.failed,
        skipped=aggregate.skipped,
    )


def _why(figure: AggregateFigure | Skipped) -> str:
    if isinstance(figure, Failure | Skipped):
        return one_line(figure.message if isinstance(figure, Failure) else figure.reason)
    return ""


def _best(figures: Sequence[Figure], *, higher_is_better: bool) -> int | None:
    """The place of the figure whose interval lies clear of every other, all of them whole; None where there is none."""
    limits = [(figure.low, figure.high) for figure in figures]
    if len(figures) < 2 or any(low is None or high is None for low, high in limits):
        return None
    known = [
        (low, high) if higher_is_better else (-high, -low)
        for low, high in limits
        if low is not None and high is not None
    ]
    place = max(range(len(known)), key=lambda place: known[place][0])
    clear = all(known[place][0] > high for other, (_, high) in enumerate(known) if other != place)
    return place if clear and not figures[place].lacking else None


def _of_problem(problem: Problem | None, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Why the run does not end as done, and why verdicts are no evidence, where a verdict's head does not say it."""
    ended = [verdict for verdict in verdicts if stops(problem, verdict)]
    if problem is not None and not ended:
        yield one_line(problem.message)
    for verdict in verdicts:
        note = unsealed_note(verdict)
        if note is not None and not (verdict in ended and problem is not None and verdict.unsealed == problem.message):
            yield note


def _of_part(part: Part) -> Iterator[str]:
    if part is Part.HELD_OUT:
        yield "the cases are the held-out ones: ids and scores are shown, what cases and answers say is not"
    if part is Part.OPEN:
        yield "the held-out cases are not among these: only `plimsoll gate` opens them"


def _own_notes(report: Report, header: Header, targets: Sequence[TargetRow]) -> Iterator[str]:
    """What the report itself knows to be in need of saying."""
    if report.run.decided_early:
        yield "the run stopped when it was decided: only the rules' intervals take that into account"
    if report.run.decided_early and any(info.aggregates for info in report.run.evaluators.values()):
        yield "no figures over all cells were made: the run was decided before every cell was run"
    if header.not_run or not header.complete:
        yield "the run is not finished: every figure rests on what was measured so far"
    if header.sample is not None:
        yield f"the cases are a sample of {header.sample:,} from the dataset"
    if header.cached:
        yield f"{count(header.cached, 'answer')} reused from the cache: nothing was sent, and their latency is unknown"
    cut = sum(target.cut for target in targets)
    if cut:
        yield f"{count(cut, 'answer')} cut by the token limit, and scored all the same"
    if header.dirty:
        yield "the working tree had uncommitted changes: the commit alone does not give this run again"


def _commands(report: Report, verdicts: Sequence[Verdict]) -> Iterator[str]:
    run = report.run
    suite = shlex.quote(plain(run.suite))
    if run.git_commit:
        yield f"git checkout {shlex.quote(plain(run.git_commit))}"
    options = [
        *([f"--sample {run.sample}"] if run.sample is not None else []),
        *([f"--repeats {run.repeats}"] if run.repeats > 1 else []),
    ]
    again = ["plimsoll gate", suite, f"--sequential --looks {run.looks}"] if run.looks else ["plimsoll run", suite]
    yield " ".join([*again, *options])
    for verdict in verdicts:
        yield f"plimsoll gate --run {shlex.quote(plain(verdict.run))} --target {shlex.quote(plain(verdict.target))}"
