"""Comparing targets of runs that exist, case by case: two targets, or every target that two runs have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

from msgspec import structs

from plimsoll.api.baselines import only_target
from plimsoll.api.fetching import BY_WORD, NamedRun, NoRunError, named_run
from plimsoll.api.run_words import Server, Word, alias_word, run_word, suite_alone
from plimsoll.api.runs import RUNS
from plimsoll.config import Workspace
from plimsoll.errors import Mistake, UsageError, near_match
from plimsoll.gates import with_baseline
from plimsoll.reports.compare import Margin, build_comparison
from plimsoll.reports.compare_model import Comparison, Side, likeness_of
from plimsoll.reports.text import count, plain
from plimsoll.runs.folders import run_folders
from plimsoll.runs.join import read_report
from plimsoll.runs.plan import Plan, load_plan
from plimsoll.tracking import MlflowWriter
from plimsoll.types import EvaluatorInfo, Part, Report


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What is asked of a comparison beside what changed."""

    suite: str | None = None
    """Whose runs; None is any suite's."""
    metrics: tuple[str, ...] = ()
    """What is shown, and asked for equivalence; none is every metric."""
    slice: str | None = None
    """The slice that is shown in detail."""
    margin: float | None = None
    """A difference that is small enough not to matter, to ask for equivalence."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """Two targets brought into one report."""

    report: Report
    before: str
    after: str
    names: tuple[Side, Side]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Meant:
    """What one of the two words names."""

    written: str
    run: NamedRun | None = None
    """None is the newest run that has the target."""
    target: str | None = None
    """None is every target of the run."""
    by_word: bool = False
    """The run was asked for by something else than its id."""
    implied: bool = False
    """The target was not written: it is what an alias names."""


def compare_targets(
    workspace: Workspace,
    first: str,
    second: str,
    options: CompareOptions | None = None,
    *,
    server: Server | None = None,
) -> tuple[Comparison, ...]:
    """Hold the second against the first: two targets, or every target that two runs have.

    Args:
        workspace: Where the runs lie.
        first: TARGET of the newest run that has it, RUN:TARGET, or RUN: its id or a part of it that no other has;
            `run:ID`, `branch:NAME`, `tag:KEY=VALUE`, `alias:NAME`. An alias names a target too.
        second: Likewise; a RUN where the first is one.
        options: What else is asked.
        server: Has runs that are not on this disk; None is a writer of its own, started where it is needed.

    Returns:
        One comparison; of two runs one for each target that both have.

    Raises:
        UsageError: a run, target, metric or slice isn't there, or there is nothing to compare.
        TamperedError: what the server has of a run is not what was logged.
        InfrastructureError: the server can't be asked.
    """
    asked = options or CompareOptions()
    with nullcontext(server) if server else MlflowWriter(workspace) as there:
        found = tuple(
            _sides(
                workspace, _meant(workspace, first, asked, there), _meant(workspace, second, asked, there), asked.suite
            )
        )
    for sides in found:
        _check(sides.report, asked)
    margin = None if asked.margin is None else Margin(asked.margin, asked.metrics or None)
    comparisons = tuple(
        build_comparison(sides.report, sides.before, sides.after, names=sides.names, margin=margin, notes=sides.notes)
        for sides in found
    )
    unasked = margin is not None and any(likeness_of([comparison]) is None for comparison in comparisons)
    if unasked:
        # Nothing asked is nothing shown: it may not end like an answer.
        message = "no metric on a scale from 0 to 1 could be asked whether it is equivalent"
        raise UsageError(message, remedy="name what is asked, with a margin in its unit: --metric NAME")
    return comparisons


def _check(report: Report, options: CompareOptions) -> None:
    metrics, mistakes = report.metrics, []
    if not metrics:
        mistakes.append(Mistake("the runs have no metric that can be compared", remedy="add an evaluator to the suite"))
    for name in options.metrics:
        if name not in metrics:
            mistakes.append(Mistake(f"the run has no metric {name!r}", remedy=near_match(name, metrics)))
        elif options.margin is not None and metrics[name].kind == "label" and metrics[name].pass_if is None:
            message = f"{name!r} gives labels, and nothing says which pass: there is no difference to hold to a margin"
            mistakes.append(Mistake(message, remedy="give its evaluator a pass_if"))
    if options.slice is not None:
        known = {name for case in report.cases.values() for name in case.slices}
        if options.slice not in known:
            remedy = near_match(options.slice, known) or "the dataset has no slices"
            mistakes.append(Mistake(f"no case is in the slice {options.slice!r}", remedy=remedy))
    if options.margin is not None and not 0 < options.margin < float("inf"):
        message = f"a margin of {options.margin:g} holds nothing equivalent"
        mistakes.append(Mistake(message, remedy="name the largest difference that does not matter, e.g. 0.05"))
    if mistakes:
        raise UsageError(mistakes[0].message, remedy=mistakes[0].remedy)


def _sides(workspace: Workspace, first: _Meant, second: _Meant, suite: str | None) -> Iterator[_Sides]:
    notes = tuple(dict.fromkeys(each.run.told for each in (first, second) if each.run is not None and each.by_word))
    if first.run is not None and second.run is not None and first.target is None and second.target is None:
        for place, sides in enumerate(_of_runs(_read(first.run), _read(second.run))):
            yield replace(sides, notes=(*notes, *sides.notes)) if place == 0 else sides
        return
    sides = _of_targets(workspace, _with_target(first, second), _with_target(second, first), suite)
    yield replace(sides, notes=(*notes, *sides.notes))


def _with_target(one: _Meant, other: _Meant) -> _Meant:
    """A side with its target: of a run that is held against what an alias names, the one of that name, or the only."""
    if one.target is not None or other.target is None or one.run is None:
        return one
    targets = one.run.stored.targets
    found = only_target(other.target, dict.fromkeys(targets))
    if other.implied and found in targets:
        return replace(one, target=found)
    what = "a target" if other.run is None or not other.implied else f"{other.target} of run {other.run.stored.run}"
    known = targets[0] if len(targets) == 1 else "TARGET"
    raise UsageError(
        f"{one.written!r} is a run, {other.written!r} is {what}",
        remedy=f"name two runs, two targets, or the run's target ({', '.join(targets)}): {one.written}:{known}",
    )


def _meant(workspace: Workspace, written: str, options: CompareOptions, server: Server) -> _Meant:
    """What a word names. A target goes before a part of a run's id."""
    word = run_word(written) or alias_word(workspace, written, server, lambda: suite_alone(workspace, options.suite))
    if word is not None:
        run = named_run(workspace, word, server.stored_runs, suite=options.suite, fit=BY_WORD)
        return _Meant(written, run, run.target, by_word=True, implied=word.implied)
    run_id, _, target = written.rpartition(":")
    if run_id:
        return _Meant(written, _by_id(workspace, run_id, server), target)
    known: set[str] = set()
    for plan in _plans(workspace, options.suite):
        if written in plan.targets:
            return _Meant(written, target=written)
        known |= plan.targets.keys()
    try:
        return _Meant(written, _by_id(workspace, written, server))
    except NoRunError as error:
        message = f"no run has a target {written!r}, and no run is called so"
        raise UsageError(message, remedy=near_match(written, known) or error.remedy) from None


def _by_id(workspace: Workspace, run: str, server: Server) -> NamedRun:
    return named_run(workspace, Word("run", run, plain=True), server.stored_runs)


def _read(run: NamedRun) -> Report:
    return read_report(run.folder).due()


def _of_targets(workspace: Workspace, first: _Meant, second: _Meant, suite: str | None) -> _Sides:
    assert first.target is not None
    assert second.target is not None
    if first.written == second.written:
        raise UsageError(f"{first.written} is compared with itself", remedy="name two targets, or RUN:TARGET")
    if first.run is None and second.run is None:
        report = _newest_with(workspace, (first.target, second.target), suite)
        sides = (_side(report, first.target), _side(report, second.target))
        return _Sides(report, first.target, second.target, sides)
    before, baseline = _one(workspace, first, first.target, suite)
    after, challenger = _one(workspace, second, second.target, suite)
    if before.run.id == after.run.id:
        if baseline == challenger:
            raise UsageError(f"{first.written} is compared with itself", remedy="name another run or target")
        return _Sides(after, baseline, challenger, (_side(after, baseline), _side(after, challenger)))
    return _joined(before, baseline, after, challenger)


def _of_runs(before: Report, after: Report) -> Iterator[_Sides]:
    if before.run.id == after.run.id:
        raise UsageError(f"run {before.run.id} is compared with itself", remedy="name another run, or two targets")
    both = [target for target in after.run.targets if target in before.run.targets]
    if not both:
        ours, theirs = ", ".join(after.run.targets), ", ".join(before.run.targets)
        message = f"the runs have no target in common: {theirs}; {ours}"
        raise UsageError(message, remedy="name the two that are to be compared: RUN:TARGET RUN:TARGET")
    alone = [
        f"{report.run.id} alone has {', '.join(names)}: not compared"
        for report in (before, after)
        if (names := [name for name in report.run.targets if name not in both])
    ]
    for place, target in enumerate(both):
        sides = _joined(before, target, after, target)
        yield replace(sides, notes=(*alone, *sides.notes)) if place == 0 else sides


def _joined(before: Report, baseline: str, after: Report, challenger: str) -> _Sides:
    """Targets of two runs in one report: only what is comparable, and in words what is not."""
    name = f"{before.run.id}:{baseline}"
    report = with_baseline(after, before, baseline, name)
    fewer = min(before.run.repeats, after.run.repeats)
    notes = [*_contents(before, after), *_evaluators(before, after)]
    if before.run.repeats != after.run.repeats:
        notes.append(
            f"{before.run.id} has {count(before.run.repeats, 'repeat')}, {after.run.id} has {after.run.repeats}: "
            f"the first {'is' if fewer == 1 else fewer} compared"
        )
    report = structs.replace(report, run=structs.replace(report.run, repeats=fewer))
    names = (_side(before, baseline, apart=True), _side(after, challenger, apart=True))
    return _Sides(report, name, challenger, names, tuple(notes))


def _contents(before: Report, after: Report) -> Iterator[str]:
    """Cases that one run alone has, and those that are not the same row any more."""
    for one, other in ((before, after), (after, before)):
        alone = sum(case not in other.cases for case in one.cases)
        if alone:
            yield f"{count(alone, 'case')} only in {one.run.id}: without a pair"
    changed = 0
    for name, case in after.cases.items():
        earlier = before.cases.get(name)
        changed += earlier is not None and (not case.digest or case.digest != earlier.digest)
    if changed:
        yield f"{count(changed, 'case')} with other contents in {before.run.id} than in {after.run.id}: not compared"


def _evaluators(before: Report, after: Report) -> Iterator[str]:
    """Metrics that mean something else in the other run, or are not in it."""
    ours, theirs = after.run.evaluators, before.run.evaluators
    # As `with_baseline` has it: what it leaves out is told here.
    other = [name for name in ours if name in theirs and not _same(ours[name], theirs[name])]
    if other:
        yield f"{', '.join(other)}: another version of the evaluator scored in {before.run.id}, so nothing is compared"
    for one, names in ((after, ours.keys() - theirs.keys()), (before, theirs.keys() - ours.keys())):
        if names:
            yield f"{', '.join(sorted(names))}: only in {one.run.id}, so nothing is compared"


def _same(one: EvaluatorInfo, other: EvaluatorInfo) -> bool:
    return (one.digest, one.metrics) == (other.digest, other.metrics)


def _side(report: Report, target: str, *, apart: bool = False) -> Side:
    # The end of a run's id is its random part.
    short = f"{report.run.id.rpartition('-')[2]}:" if apart else ""
    return Side(
        name=plain(short + target),
        target=plain(target),
        run=plain(report.run.id),
        digest=report.run.targets[target].digest,
        repeats=report.run.repeats,
    )


def _one(workspace: Workspace, meant: _Meant, target: str, suite: str | None) -> tuple[Report, str]:
    if meant.run is None:
        return _newest_with(workspace, (target,), suite), target
    report = _read(meant.run)
    if target not in report.run.targets:
        known = report.run.targets
        remedy = near_match(target, known)
        raise UsageError(f"run {report.run.id} has no target {target!r}", remedy=remedy)
    return report, target


def _newest_with(workspace: Workspace, targets: tuple[str, ...], suite: str | None) -> Report:
    for plan in _plans(workspace, suite):
        if all(target in plan.targets for target in targets):
            return read_report(workspace.state / RUNS / plan.run).due()
    remedy = "run them together, or name RUN:TARGET"
    raise UsageError(f"no run has both {' and '.join(targets)}", remedy=remedy)


def _plans(workspace: Workspace, suite: str | None) -> Iterator[Plan]:
    """Newest first; none of those that opened held-out cases: who means one names it."""
    plans = (load_plan(folder) for folder in run_folders(workspace.state / RUNS, suite))
    return (plan for plan in plans if plan.part is not Part.HELD_OUT)
