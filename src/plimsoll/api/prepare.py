"""A suite made ready: every file that it names is read, every mistake in them told at once, nothing started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from plimsoll.api.targets import TargetSpec, describe, expand
from plimsoll.config import Document, Suite, TargetSettings, Workspace
from plimsoll.datasets import Dataset, open_dataset
from plimsoll.datasets import Summary as DatasetSummary
from plimsoll.errors import ConfigError, Mistake, PlimsollError, UsageError, near_match
from plimsoll.evaluators import BuildContext, build_evaluators, discover
from plimsoll.types import ChatReply, ChatRequest

T = TypeVar("T")


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
    judges: frozenset[str]
    """Names of the models that evaluators ask."""


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
    suite, document = workspace.load_suite(path)
    mistakes = Mistakes(document)
    dataset = mistakes.of(("dataset",), lambda: _dataset(workspace, suite))
    specs: dict[str, TargetSpec] = {}
    for target, settings in expand(suite).items():
        spec = mistakes.of(("targets", target.partition("@")[0]), _describing(workspace, suite, target, settings))
        if spec is not None:
            specs[target] = spec
    judges = mistakes.of(("evaluators",), lambda: _judges(workspace, suite, document))
    mistakes.of(("gate",), lambda: _check_gate(suite, document))
    mistakes.raise_any()
    assert dataset is not None
    assert judges is not None
    return Prepared(workspace, path, suite, document, dataset[0], dataset[1], specs, judges)


class Mistakes:
    """Collects what several checks of one document find wrong, so that all of it is told at once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: list[Mistake] = []

    def of(self, place: tuple[str | int, ...], check: Callable[[], T]) -> T | None:
        """What `check` gives, or None where it raised: then its mistakes are kept, at `place` where they have none."""
        try:
            return check()
        except PlimsollError as error:
            self._found += [
                mistake if mistake.where else Mistake(mistake.message, self._document.where(place), mistake.remedy)
                for mistake in error.mistakes
            ]
            return None

    def raise_any(self) -> None:
        """Raise what was kept.

        Raises:
            ConfigError: there is any.
        """
        if self._found:
            raise ConfigError(self._found)


def _dataset(workspace: Workspace, suite: Suite) -> tuple[Dataset, DatasetSummary]:
    dataset = open_dataset(workspace.path(suite.dataset), suite.dataset, suite.defaults)
    return dataset, dataset.check()


def _describing(workspace: Workspace, suite: Suite, name: str, settings: TargetSettings) -> Callable[[], TargetSpec]:
    return lambda: describe(name, settings, root=workspace.root, models=suite.models)


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


def _judges(workspace: Workspace, suite: Suite, document: Document) -> frozenset[str]:
    models = {name: UnopenedModel(name) for name in suite.models}
    context = BuildContext(root=workspace.root, models=models)
    evaluators = build_evaluators(suite.evaluators, discover(workspace.root), context, document)
    asked = (getattr(evaluator, "model", None) for evaluator in evaluators)
    return frozenset(model.name for model in asked if isinstance(model, UnopenedModel))


def _check_gate(suite: Suite, document: Document) -> None:
    if suite.gate is None:
        return
    names = expand(suite)
    target, baseline = suite.gate.target, suite.gate.baseline
    if target is not None and target not in names:
        where = document.where(("gate", "target"))
        raise UsageError(f"gate.target names no target: {target!r}", remedy=near_match(target, names), where=where)
    if baseline == target and baseline is not None:
        where = document.where(("gate", "baseline"))
        raise UsageError(
            "gate.baseline is the challenger itself", remedy="name another target, or champion", where=where
        )
