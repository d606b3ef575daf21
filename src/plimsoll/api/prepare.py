"""A suite made ready: every file that it names is read, every mistake in them told at once, nothing started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from plimsoll.api.mistakes import Mistakes
from plimsoll.api.policies import held_out_mistakes, rule_mistakes, target_mistakes
from plimsoll.api.scorers import build_scorers, particular_cases
from plimsoll.api.targets import TargetSpec, describe, expand
from plimsoll.config import (
    CaseDefaults,
    Document,
    GatePolicy,
    ModelSettings,
    Suite,
    TargetSettings,
    Workspace,
    environment,
    read_yaml,
)
from plimsoll.config.secrets import secrets_of
from plimsoll.datasets import Dataset, open_dataset
from plimsoll.datasets import Summary as DatasetSummary
from plimsoll.errors import ConfigError, Mistake
from plimsoll.evaluators import Evaluator, compile_transform, evaluator_info
from plimsoll.evaluators.judges.self_judging import self_judging
from plimsoll.evaluators.judges.unfenced import unfenced
from plimsoll.evaluators.traits import models_of
from plimsoll.runs.across import targets_read
from plimsoll.runs.engine import Scorer
from plimsoll.targets.recorded import read_recorded
from plimsoll.types import ChatReply, ChatRequest, EvaluatorInfo, Output

DATASETS = "datasets"
"""In the state folder: datasets that were checked."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A suite whose files are in order."""

    workspace: Workspace
    path: Path
    suite: Suite
    document: Document
    dataset: Dataset
    found: DatasetSummary
    """What the dataset holds."""
    targets: Mapping[str, TargetSpec]
    evaluators: Mapping[str, EvaluatorInfo]
    """The suite's and the cases' own. A judge's digest does not say which model it asks: that is known when it runs."""
    judges: frozenset[str]
    """Names of the models that evaluators ask."""
    judged_by: Mapping[str, str]
    """Judged metric → the models that give it, as their providers call them."""
    compared_with: frozenset[str]
    """Targets whose answers evaluators read beside the one that they score."""
    notes: tuple[str, ...]
    """What is worth knowing of the evaluators, and no mistake."""


def prepare(workspace: Workspace, name: str) -> Prepared:
    """Read a suite and all that it names.

    Args:
        workspace: Where it lies.
        name: Its name or path.

    Raises:
        ConfigError: every mistake in the suite and in the files that it names.
        UsageError: there is no such suite.
    """
    path = workspace.find_suite(name)
    try:
        suite, document = workspace.load_suite(path)
    except ConfigError as error:
        raise ConfigError([*error.mistakes, *_mistakes_elsewhere(workspace, path)]) from None
    mistakes = Mistakes(document)
    parts = _Parts.read(workspace, suite, document, mistakes)
    mistakes.raise_any()
    assert parts.dataset is not None
    assert parts.scorers is not None
    evaluators = [scorer.evaluator for scorer in parts.scorers]
    return Prepared(
        workspace=workspace,
        path=path,
        suite=suite,
        document=document,
        dataset=parts.dataset[0],
        found=parts.dataset[1],
        targets=parts.targets,
        evaluators={evaluator.name: evaluator_info(evaluator) for evaluator in evaluators},
        judges=frozenset(model.name for evaluator in evaluators for model in models_of(evaluator)),
        judged_by=_judged_by(evaluators, suite),
        compared_with=frozenset[str]().union(*map(targets_read, evaluators)),
        notes=tuple(note for evaluator in evaluators if (note := unfenced(evaluator))),
    )


def _judged_by(evaluators: Sequence[Evaluator], suite: Suite) -> dict[str, str]:
    """Judged metric → the models that give it, as their providers call them."""
    return {
        metric.name: ", ".join(suite.models[model.name].model or model.name for model in models_of(evaluator))
        for evaluator in evaluators
        for metric in evaluator.metrics
        if metric.judged and models_of(evaluator)
    }


def self_judged(prepared: Prepared) -> tuple[str, ...]:
    """A warning for each model that judges its own answers."""
    judges = {name: prepared.suite.models[name] for name in sorted(prepared.judges)}
    return tuple(self_judging(judges, {name: spec.models for name, spec in prepared.targets.items()}))


def transform_of(spec: TargetSpec) -> Callable[[Output], Output]:
    """What is done to a target's outputs before they are scored.

    Raises:
        ConfigError: a step can't be used.
        UsageError: a function that it names isn't there.
    """
    steps = spec.settings.transform
    if steps is None:
        return lambda output: output
    return compile_transform(steps if isinstance(steps, list) else [steps], spec.root)


@dataclass(frozen=True, slots=True)
class UnopenedModel:
    """Stands in for a model while a suite is only checked."""

    name: str
    concurrency: int = 1

    def identity(self) -> dict[str, Any]:
        """Nothing is keyed by it."""
        return {"unopened": self.name}

    async def chat(self, request: ChatRequest) -> ChatReply:  # noqa: ARG002  # the protocol's signature
        """Nobody asks it.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"model {self.name} is not open")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What could be read of a suite's files; the rest is among the mistakes."""

    dataset: tuple[Dataset, DatasetSummary] | None
    targets: Mapping[str, TargetSpec]
    scorers: tuple[Scorer, ...] | None

    @classmethod
    def read(cls, workspace: Workspace, suite: Suite, document: Document, mistakes: Mistakes) -> _Parts:
        dataset = mistakes.of(("dataset",), lambda: _dataset(workspace, suite)) if suite.dataset else None
        for name, model in suite.models.items():
            if model.provider != "embedded" and not model.model:
                mistakes.add(Mistake(f"models.{name}: needs `model`", remedy="give its name"), ("models", name))
        secrets = secrets_of(environment(workspace.root))
        targets: dict[str, TargetSpec] = {}
        for name, settings in expand(suite).items():
            place = ("targets", name.partition("@")[0])
            describing = partial(describe, name, settings, root=workspace.root, models=suite.models, secrets=secrets)
            spec = mistakes.of(place, describing)
            if spec is not None:
                mistakes.of((*place, "transform"), partial(transform_of, spec))
                mistakes.of((*place, "recorded"), partial(_check_recorded, spec))
                targets[name] = spec
        scorers = mistakes.of(("evaluators",), lambda: _scorers(workspace, suite, document, dataset))
        for mistake in _gate_mistakes(suite, document, dataset, scorers):
            mistakes.add(mistake)
        for mistake in () if dataset is None else held_out_mistakes(suite, dataset[1].slices, document):
            mistakes.add(mistake)
        return cls(dataset, targets, scorers)


def _dataset(workspace: Workspace, suite: Suite) -> tuple[Dataset, DatasetSummary]:
    path, copies = workspace.path(suite.dataset), workspace.state / DATASETS
    dataset = open_dataset(path, suite.dataset, suite.defaults, copies=copies)
    return dataset, dataset.check()


def _check_recorded(spec: TargetSpec) -> None:
    if spec.settings.recorded is not None:
        read_recorded(spec.root / spec.settings.recorded, spec.settings.recorded, spec.settings.output)


def _scorers(
    workspace: Workspace, suite: Suite, document: Document, dataset: tuple[Dataset, DatasetSummary] | None
) -> tuple[Scorer, ...]:
    own = () if dataset is None else particular_cases(*dataset)
    models = {name: UnopenedModel(name) for name in suite.models}
    return build_scorers(suite, document, workspace, (), own=own, models=models)


def _gate_mistakes(
    suite: Suite,
    document: Document,
    dataset: tuple[Dataset, DatasetSummary] | None,
    scorers: tuple[Scorer, ...] | None,
) -> list[Mistake]:
    if suite.gate is None:
        return []
    found = list(target_mistakes(suite.gate, expand(suite), document))
    if scorers is not None:
        evaluators = {scorer.evaluator.name: evaluator_info(scorer.evaluator) for scorer in scorers}
        slices = None if dataset is None else dataset[1].slices
        found += rule_mistakes(suite.gate, evaluators, slices, document)
    return found


def _mistakes_elsewhere(workspace: Workspace, path: Path) -> tuple[Mistake, ...]:
    """What else is wrong, in the other files, where the suite's own file has mistakes: whatever of it can be read."""
    try:
        document = read_yaml(path, workspace.shown(path))
    except ConfigError:
        return ()
    if not isinstance(document.data, dict):
        return ()
    mistakes = Mistakes(document)
    _Parts.read(workspace, _readable(document.data), document, mistakes)
    return mistakes.found


def _readable(data: Mapping[str, Any]) -> Suite:
    """The parts of a suite that are right, and nothing in place of the others."""
    named = data.get("models")
    given = named if isinstance(named, dict) else {}
    models = {
        str(name): _valid(ModelSettings, value) or ModelSettings(provider="embedded") for name, value in given.items()
    }
    targets = data.get("targets")
    known = {
        str(name): settings
        for name, value in (targets if isinstance(targets, dict) else {}).items()
        if (settings := _valid(TargetSettings, value)) is not None and _models_of(settings) <= models.keys()
    }
    evaluators = _valid(list[str | dict[str, Any]], data.get("evaluators")) or []
    return Suite.model_construct(
        name=str(data.get("name")),
        dataset=_valid(str, data.get("dataset")) or "",
        models=models,
        targets=known,
        evaluators=evaluators,
        defaults=_valid(CaseDefaults, data.get("defaults") or {}) or CaseDefaults(),
        gate=_valid(GatePolicy, data.get("gate")) if evaluators and len(known) == len(targets or ()) else None,
    )


def _models_of(settings: TargetSettings) -> set[str]:
    chosen = settings.model if isinstance(settings.model, list) else [settings.model] if settings.model else []
    return {*chosen, *settings.connections.values()}


def _valid(kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return None
