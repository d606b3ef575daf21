"""The workspace's cell cache: what it holds, making it smaller, and why a suite's cells would be reused or not.

To explain, a suite's keys are computed as a run would, over models that are known and not open: nothing is sent, and no
embedded model or flow is started. A function's worker is, since that is what says which code it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from plimsoll.api.loop import run_blocking
from plimsoll.api.options import RunOptions
from plimsoll.api.prepare import Prepared, prepare, transform_of
from plimsoll.api.runs import CACHE, RUNS, check_connections, models_of, select_cases, select_targets
from plimsoll.api.scorers import build_scorers, particular_cases
from plimsoll.api.targets import open_targets
from plimsoll.config import Workspace, environment
from plimsoll.errors import CellError, FailureKind, UsageError, boundary, near_match
from plimsoll.models.identity import identify_models
from plimsoll.runs.across import targets_read, with_answers
from plimsoll.runs.cache import day_of
from plimsoll.runs.cache_contents import Contents, Pruned, contents, prune
from plimsoll.runs.cache_file import CacheFile
from plimsoll.runs.engine import Scorer
from plimsoll.runs.folders import run_folders
from plimsoll.runs.plan import JOURNAL_FILE
from plimsoll.runs.reuse import GENERATED_ANEW, Explainer, Reuse
from plimsoll.targets.contract import RunnableTarget
from plimsoll.types import Case, CellId, Output, Skipped

_WAIT = 10.0
"""Seconds for a run that is writing."""
_EXAMPLES = 3
_KNOWN = 10
"""Ids of cases to choose from where one is not there."""


class Reason(Struct, frozen=True, kw_only=True):
    """Why some cells would not be reused."""

    why: str
    cells: int
    examples: tuple[str, ...]
    """The first of them."""


class Reused(Struct, frozen=True, kw_only=True):
    """How many cells of a sort would be reused, and why the others would not."""

    cells: int
    reused: int
    reasons: tuple[Reason, ...]
    """Most frequent first."""


class Explanation(Struct, frozen=True, kw_only=True):
    """What a run of the suite, as its files are now, would take from the cache."""

    suite: str
    answers: Reused
    scores: Mapping[str, Reused]
    """By evaluator."""
    cells: tuple[Reuse, ...] = ()
    """In full, where a single case was asked for."""


def cache_file(workspace: Workspace) -> Path:
    """Where a workspace's cell cache is, whether it is there yet or not."""
    return workspace.state / CACHE


def cache_contents(workspace: Workspace) -> Contents:
    """What the cache holds; nothing where there is none.

    Raises:
        InfrastructureError: it can't be read.
    """
    path = cache_file(workspace)
    if not path.exists():
        return Contents()
    with CacheFile(path, wait=_WAIT) as file:
        return contents(file)


def prune_cache(workspace: Workspace, *, unused: timedelta | None = None, most: int | None = None) -> Pruned:
    """Make the cache smaller.

    Args:
        workspace: Whose.
        unused: Remove what was not used for so long.
        most: Bytes: then remove what was used longest ago, until the file is no larger.

    Raises:
        UsageError: there is no cache.
        InfrastructureError: it can't be written.
    """
    path = cache_file(workspace)
    if not path.exists():
        raise UsageError(f"there is no cell cache at {workspace.shown(path)}", remedy="a run makes it")
    since = None if unused is None else day_of((datetime.now(UTC) - unused).timestamp())
    with CacheFile(path, wait=_WAIT) as file:
        return prune(file, unused_since=since, most=most)


def explain_suite(
    workspace: Workspace, name: str, *, target: str | None = None, case: str | None = None
) -> Explanation:
    """Say what `plimsoll run` of a suite would take from the cache, and why not the rest. Sends nothing.

    Args:
        workspace: Where the suite lies.
        name: Its name or path.
        target: Only this target.
        case: Only this case, and every part of it that changed.

    Raises:
        ConfigError: every mistake in the suite and its files.
        UsageError: there is no such suite, target or case.
        InfrastructureError: the cache can't be read.
    """
    return run_blocking(_explain(prepare(workspace, name), target, case))


async def _explain(prepared: Prepared, target: str | None, case: str | None) -> Explanation:
    environ = environment(prepared.workspace.root)
    specs = select_targets(prepared, [target] if target else ())
    cases = select_cases(prepared, RunOptions())
    settings = models_of(prepared, specs)
    check_connections(prepared, settings, environ)
    models = identify_models(settings, environ)
    own = particular_cases(cases, prepared.found)
    scorers = build_scorers(prepared.suite, prepared.document, prepared.workspace, cases, own=own, models=models)
    newest = next(run_folders(prepared.workspace.state / RUNS, prepared.suite.name), None)
    with CacheFile(cache_file(prepared.workspace), wait=_WAIT) as file:
        explainer = Explainer(file, prepared.suite.name, newest and newest / JOURNAL_FILE)
        async with open_targets(specs, models, environ, prepared.suite.concurrency) as targets:
            transforms = {name: transform_of(spec) for name, spec in specs.items()}
            work = _Work(explainer, targets, transforms, scorers, prepared.suite.repeats)
            answers, scores, found = _Count(), {scorer.evaluator.name: _Count() for scorer in scorers}, []
            for each in cases:
                if case is not None and each.id != case:
                    continue
                for told in work.of_case(each):
                    (scores[told.evaluator] if told.evaluator else answers).add(told)
                    if case is not None:
                        found.append(told)
    if case is not None and not found:
        known = near_match(case, (each.id for each in islice(cases, _KNOWN)))
        raise UsageError(f"a run of suite {prepared.suite.name} has no case {case!r}", remedy=known)
    return Explanation(
        suite=prepared.suite.name,
        answers=answers.told(),
        scores={name: count.told() for name, count in scores.items()},
        cells=tuple(found),
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """Goes through a case's cells as a run would."""

    explainer: Explainer
    targets: Mapping[str, RunnableTarget]
    transforms: Mapping[str, Callable[[Output], Output]]
    scorers: tuple[Scorer, ...]
    repeats: int

    def of_case(self, case: Case) -> Iterator[Reuse]:
        answers: dict[CellId, Output | None] = {}
        for repeat in range(self.repeats):
            for name, target in self.targets.items():
                cell = CellId(name, case.id, repeat)
                told, answers[cell] = self._answer(cell, target, case)
                yield told
        for cell in answers:
            for scorer in self.scorers:
                if scorer.applies(case) is None:
                    yield self._scores(cell, scorer, case, answers)

    def _answer(self, cell: CellId, target: RunnableTarget, case: Case) -> tuple[Reuse, Output | None]:
        try:
            with boundary(FailureKind.TARGET, f"target {cell.target}"):
                generation = target.generation(case)
        except CellError as error:
            return Reuse(cell=cell, why=f"can't be generated: {error.kind.value.replace('_', ' ')}"), None
        if generation is None:
            kind = target.info.kind
            return Reuse(cell=cell, why=f"never reused: answers of {kind} targets are not kept"), None
        return self.explainer.answer(cell, generation)

    def _scores(self, cell: CellId, scorer: Scorer, case: Case, answers: Mapping[CellId, Output | None]) -> Reuse:
        evaluator = scorer.evaluator
        told = Reuse(cell=cell, evaluator=evaluator.name)
        if not evaluator.reusable:
            return replace(told, why="never reused: it reads more than a key can tell, or is about this run")
        read = targets_read(evaluator)
        known: dict[str, Output] = {}
        try:
            for name in {cell.target, *read} & self.targets.keys():
                answer = answers[replace(cell, target=name)]
                if answer is None:
                    return replace(told, why=GENERATED_ANEW if name == cell.target else f"{name} answers anew")
                known[name] = self.transforms[name](answer)
        except CellError as error:
            return replace(told, why=f"the answer can't be transformed: {error.kind.value}")
        compared = with_answers(read, cell, case, known) if read else case
        if isinstance(compared, Skipped):
            return replace(told, why=compared.reason)
        assert isinstance(compared, Case)
        return self.explainer.scores(cell, evaluator, compared, known[cell.target])


@dataclass(slots=True)
class _Count:
    """Cells of a sort, counted by reason."""

    cells: int = 0
    reused: int = 0
    reasons: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, told: Reuse) -> None:
        self.cells += 1
        self.reused += told.reused
        if not told.reused:
            self.numbers[told.why] = self.numbers.get(told.why, 0) + 1
            examples = self.reasons.setdefault(told.why, [])
            if len(examples) < _EXAMPLES:
                examples.append(str(told.cell))

    def told(self) -> Reused:
        ordered = sorted(self.numbers.items(), key=lambda item: -item[1])
        reasons = (Reason(why=why, cells=number, examples=tuple(self.reasons[why])) for why, number in ordered)
        return Reused(cells=self.cells, reused=self.reused, reasons=tuple(reasons))
