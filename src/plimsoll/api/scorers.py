"""A suite's scorers: its evaluators, and those that single cases ask for beside them. Built to be checked, and to run.

A case's own evaluators and conditions are part of what is measured: a misspelt name among them is a mistake, told with
its line, and never a condition that silently applies to nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from plimsoll import canonical
from plimsoll.api.mistakes import Mistakes
from plimsoll.api.targets import CHAMPION_TARGET, expand
from plimsoll.config import Document, Suite, Workspace, parse_condition
from plimsoll.datasets import Summary
from plimsoll.errors import Mistake, near_match
from plimsoll.evaluators import BuildContext, Evaluator, build_evaluators, discover, left_out
from plimsoll.evaluators.base import misfit
from plimsoll.models.contract import ChatModel
from plimsoll.runs.across import targets_read
from plimsoll.runs.engine import Scorer
from plimsoll.types import Case, Metric


def build_scorers(
    suite: Suite,
    document: Document,
    workspace: Workspace,
    cases: Iterable[Case],
    *,
    own: Iterable[Case],
    models: Mapping[str, ChatModel],
) -> tuple[Scorer, ...]:
    """The scorers of a suite over cases.

    Args:
        suite: The suite.
        document: Its file.
        workspace: Where it lies.
        cases: Those that are scored; none are needed to check a suite. Read again each time.
        own: Those with evaluators or conditions of their own. Read again each time.
        models: What judges may ask; they need not be open.

    Raises:
        ConfigError: every mistake in the suite's evaluators and in the cases' own, each with its place.
        UsageError: a package takes an evaluator's name that is taken.
    """
    mistakes, registry = Mistakes(document), discover(workspace.root)
    environments = workspace.settings.environments
    context = BuildContext(root=workspace.root, models=models, environments=environments, state=workspace.state)
    shared = mistakes.of(("evaluators",), partial(build_evaluators, suite.evaluators, registry, context, document))
    for number, evaluator in enumerate(shared or ()):
        for mistake in _target_mistakes(evaluator, suite):
            mistakes.add(mistake, ("evaluators", number))
    scorers = [
        Scorer(evaluator, left_out(evaluator, (case.id for case in cases), suite.seed)) for evaluator in shared or ()
    ]
    metrics = {metric.name: metric for scorer in scorers for metric in scorer.evaluator.metrics}
    for entry, asking in _own_entries(own).items():
        place = _written_at(suite, document, json.loads(entry), asking.line)
        building = partial(build_evaluators, [json.loads(entry)], registry, context, place, (), taken=tuple(metrics))
        built = mistakes.of((), building) or ()
        for mistake in (found for evaluator in built for found in _target_mistakes(evaluator, suite)):
            mistakes.add(Mistake(mistake.message, place.where(), mistake.remedy))
        metrics |= {metric.name: metric for evaluator in built for metric in evaluator.metrics}
        scorers += [Scorer(evaluator, _only(evaluator, asking.ids)) for evaluator in built]
    if not mistakes.found:
        # Not before every metric is known: a condition may be on one whose evaluator is broken.
        for mistake in _condition_mistakes(suite, document, own, metrics):
            mistakes.add(mistake)
    mistakes.raise_any()
    return tuple(scorers)


def _target_mistakes(evaluator: Evaluator, suite: Suite) -> Iterator[Mistake]:
    """Targets whose answers an evaluator is to read, and which the suite has not."""
    known = [*expand(suite), CHAMPION_TARGET]
    for name in sorted(targets_read(evaluator) - set(known)):
        yield Mistake(f"{evaluator.name} reads target.{name}: there is no such target", None, near_match(name, known))


@dataclass(frozen=True, slots=True)
class ParticularCases:
    """Those of a dataset that have evaluators or conditions of their own, read again each time."""

    cases: Iterable[Case]

    def __iter__(self) -> Iterator[Case]:
        return (case for case in self.cases if case.evaluators or case.pass_if)


def particular_cases(cases: Iterable[Case], found: Summary) -> Iterable[Case]:
    """The cases with evaluators or conditions of their own; none are looked for where `found` says there are none."""
    return ParticularCases(cases) if found.particular else ()


@dataclass(frozen=True, slots=True)
class _Asking:
    """The cases that ask for an evaluator beside the suite's."""

    line: int
    """Of the first one."""
    ids: set[str]


def _own_entries(cases: Iterable[Case]) -> dict[str, _Asking]:
    entries: dict[str, _Asking] = {}
    for case in cases:
        for entry in case.evaluators:
            entries.setdefault(canonical.dumps(entry).decode(), _Asking(case.line, set())).ids.add(case.id)
    return entries


def _written_at(suite: Suite, document: Document, entry: object, line: int) -> Document:
    """The place of an entry as a document of its own: the suite's defaults, or the first case that has it."""
    if entry in suite.defaults.evaluators:
        where = document.where(("defaults", "evaluators", suite.defaults.evaluators.index(entry)))
        return Document(document.file, None, {(): where.line or 1})
    return Document(suite.dataset, None, {(): line})


def _only(evaluator: Evaluator, wanted: set[str]) -> Callable[[Case], str | None]:
    return lambda case: None if case.id in wanted else f"the case does not ask for {evaluator.name}"


def _condition_mistakes(
    suite: Suite, document: Document, cases: Iterable[Case], metrics: Mapping[str, Metric]
) -> Iterator[Mistake]:
    for name, condition in suite.defaults.pass_if.items():
        problem = _condition_mistake(name, condition, metrics)
        if problem is not None:
            yield Mistake(problem[0], document.where(("defaults", "pass_if", name)), problem[1])
    for case in cases:
        place = Document(suite.dataset, None, {(): case.line}).where()
        for name, condition in case.pass_if.items():
            problem = None if name in suite.defaults.pass_if else _condition_mistake(name, condition, metrics)
            if problem is not None:
                yield Mistake(problem[0], place, problem[1])


def _condition_mistake(
    name: str, condition: str | float | bool, metrics: Mapping[str, Metric]
) -> tuple[str, str | None] | None:
    """What is wrong with a condition of `pass_if`, and the remedy; None where nothing is."""
    if name not in metrics:
        return f"pass_if: no evaluator gives the metric {name!r}", near_match(name, metrics)
    unfit = misfit(metrics[name], parse_condition(condition))
    return None if unfit is None else (unfit, None)
