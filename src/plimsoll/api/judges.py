"""The judges of a workspace: which suites have them, and which judge exactly, known without asking any model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from plimsoll.api.prepare import UnopenedModel
from plimsoll.api.scorers import build_scorers
from plimsoll.config import Document, ModelSettings, Suite, Workspace, environment
from plimsoll.errors import ConfigError, PlimsollError, UsageError, near_match
from plimsoll.evaluators import Evaluator, evaluator_info
from plimsoll.evaluators.traits import models_of
from plimsoll.models.contract import ChatModel
from plimsoll.models.identity import identify_models
from plimsoll.types import Metric


@dataclass(frozen=True, slots=True)
class SuiteJudge:
    """A judged metric of a suite."""

    workspace: Workspace
    suite: Suite
    document: Document
    file: Path
    metric: Metric
    evaluator: str
    models: Mapping[str, ModelSettings]
    """Those that it asks, by their names in the suite."""

    def build(self, models: Mapping[str, ChatModel]) -> Evaluator:
        """The evaluator over models.

        Args:
            models: At least those that it asks; they need not be open.
        """
        return _evaluators(self.workspace, self.suite, self.document, models)[self.evaluator]

    def digest(self) -> str:
        """Which judge it is: prompt, model, parameters, version.

        Raises:
            ConfigError: a setting or variable of its models is missing.
            MissingExtraError: a package of theirs is.
        """
        known = identify_models(self.models, environment(self.workspace.root))
        return evaluator_info(self.build(known)).digest

    def digest_if_known(self) -> str | None:
        """The same; None where something about its models is missing."""
        try:
            return self.digest()
        except PlimsollError:
            return None


def judges_in(workspace: Workspace, file: Path) -> tuple[SuiteJudge, ...]:
    """The judged metrics of a suite.

    Raises:
        ConfigError: the suite, or one of its evaluators, has mistakes.
    """
    suite, document = workspace.load_suite(file)
    found = _evaluators(workspace, suite, document, {})
    return tuple(
        SuiteJudge(
            workspace,
            suite,
            document,
            file,
            metric,
            name,
            {model.name: suite.models[model.name] for model in models_of(evaluator)},
        )
        for name, evaluator in found.items()
        for metric in evaluator.metrics
        if metric.judged
    )


def all_judges(workspace: Workspace) -> tuple[SuiteJudge, ...]:
    """The judged metrics of all suites that can be read."""
    found: list[SuiteJudge] = []
    for file in workspace.suite_files():
        try:
            found += judges_in(workspace, file)
        except ConfigError:
            # `plimsoll validate` tells it; the other suites have judges too.
            continue
    return tuple(found)


def find_judge(workspace: Workspace, name: str, suite: str | None = None) -> SuiteJudge:
    """The judge of a name: its metric's, or its evaluator's where that gives one judged metric only.

    Args:
        workspace: Where.
        name: The judge's.
        suite: In which suite, where several have judges of that name that differ.

    Raises:
        ConfigError: the suite that is named has mistakes.
        UsageError: there is no such judge, or which one is meant can't be told.
    """
    known = all_judges(workspace) if suite is None else judges_in(workspace, workspace.find_suite(suite))
    named = [judge for judge in known if judge.metric.name == name] or [
        judge for judge in known if judge.evaluator == name
    ]
    if not named:
        remedy = near_match(name, {judge.metric.name for judge in known}) or "no suite has a judge"
        raise UsageError(f"no judge named {name!r}" + (f" in suite {suite}" if suite else ""), remedy=remedy)
    metrics = {judge.metric.name for judge in named}
    if len(metrics) > 1:
        raise UsageError(f"{name} gives several judged metrics", remedy=f"name one: {', '.join(sorted(metrics))}")
    if len({(judge.digest(), judge.metric.pass_if) for judge in named}) > 1:
        suites = ", ".join(judge.suite.name for judge in named)
        raise UsageError(f"the suites differ in their judge {name}", remedy=f"--suite, one of: {suites}")
    return named[0]


def _evaluators(
    workspace: Workspace, suite: Suite, document: Document, models: Mapping[str, ChatModel]
) -> dict[str, Evaluator]:
    every: dict[str, ChatModel] = {name: UnopenedModel(name) for name in suite.models}
    scorers = build_scorers(suite, document, workspace, (), own=(), models={**every, **models})
    return {scorer.evaluator.name: scorer.evaluator for scorer in scorers}
