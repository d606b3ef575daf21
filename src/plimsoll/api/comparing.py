"""Comparing two targets of runs that exist, case by case."""

from __future__ import annotations

from msgspec.structs import replace

from plimsoll.api.runs import RUNS
from plimsoll.config import GatePolicy, Rule, Workspace
from plimsoll.errors import UsageError, near_match
from plimsoll.gates import decide, with_baseline
from plimsoll.reports.compare import Comparison, build_comparison
from plimsoll.runs.folders import find_run, run_folders
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import load_plan
from plimsoll.stats import summarise
from plimsoll.types import MetricKind, Report, RuleResult


def compare_targets(workspace: Workspace, first: str, second: str, suite: str | None = None) -> Comparison:
    """Hold the second target against the first, over every metric that both have.

    Args:
        workspace: Where the runs lie.
        first: TARGET of the newest run that has it, or RUN:TARGET.
        second: Likewise.
        suite: Whose runs; None is any suite's.

    Raises:
        UsageError: a run or target isn't there, or there is nothing to compare.
    """
    report, baseline, challenger = _both(workspace, first, second, suite)
    metrics = [metric.name for metric in report.metrics.values() if metric.kind is not MetricKind.LABEL]
    rules = [Rule(metric=name, better_than="baseline") for name in metrics]
    if not rules:
        raise UsageError("the runs have no metric that can be compared", remedy="add an evaluator to the suite")
    # One rule a metric gives its paired difference; what the rules decide is of no interest here.
    policy = GatePolicy(rules=rules, judges="any")
    verdict = decide(report, challenger, baseline, policy)
    differences = [_without_noise(result, report) for result in verdict.rules]
    return build_comparison(report, summarise(report), baseline, challenger, differences)


def _without_noise(result: RuleResult, report: Report) -> RuleResult:
    """Flips only where something says what passes: every count of tokens differs a little."""
    metric = report.metrics[result.metric]
    conditioned = metric.kind is MetricKind.BOOL or metric.pass_if is not None
    return result if conditioned else replace(result, flipped=())


def _both(workspace: Workspace, first: str, second: str, suite: str | None) -> tuple[Report, str, str]:
    if ":" not in first and ":" not in second:
        report = _newest_with(workspace, (first, second), suite)
        if first == second:
            raise UsageError(f"{first} is compared with itself", remedy="name two targets, or RUN:TARGET")
        return report, first, second
    before, baseline = _one(workspace, first, suite)
    after, challenger = _one(workspace, second, suite)
    if before.run.id == after.run.id:
        return after, baseline, challenger
    name = f"{before.run.id}:{baseline}"
    return with_baseline(after, before, baseline, name), name, challenger


def _one(workspace: Workspace, written: str, suite: str | None) -> tuple[Report, str]:
    run, _, target = written.rpartition(":")
    if not run:
        return _newest_with(workspace, (target,), suite), target
    report = read_report(find_run(workspace.state / RUNS, run))
    if target not in report.run.targets:
        raise UsageError(f"run {report.run.id} has no target {target!r}", remedy=near_match(target, report.run.targets))
    return report, target


def _newest_with(workspace: Workspace, targets: tuple[str, ...], suite: str | None) -> Report:
    seen: set[str] = set()
    for folder in run_folders(workspace.state / RUNS, suite):
        plan = load_plan(folder)
        seen |= plan.targets.keys()
        if all(target in plan.targets for target in targets):
            return read_report(folder)
    unknown = next((target for target in targets if target not in seen), None)
    if unknown is not None:
        raise UsageError(f"no run has a target {unknown!r}", remedy=near_match(unknown, seen) or "plimsoll run")
    raise UsageError(f"no run has both {' and '.join(targets)}", remedy="run them together, or name RUN:TARGET")
