"""One target asked once, and one answer scored: for evaluations that people write as tests of their own.

Through the engine and the workspace's cell cache, as in a run: an answer that is there is not asked for again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from plimsoll.api.loop import run_blocking
from plimsoll.api.prepare import UnopenedModel, transform_of
from plimsoll.api.runs import CACHE
from plimsoll.api.small import Small, run_small
from plimsoll.api.targets import TargetSpec, describe, expand, open_targets
from plimsoll.api.trying import model_for
from plimsoll.canonical import digest
from plimsoll.config import Document, ModelSettings, Suite, TargetSettings, Workspace, environment
from plimsoll.config.secrets import secrets_of
from plimsoll.datasets import from_rows
from plimsoll.errors import CellError, PlimsollError, UsageError, near_match
from plimsoll.evaluators import BuildContext, Evaluator, build_evaluators, discover
from plimsoll.evaluators.traits import models_of
from plimsoll.models import open_models
from plimsoll.models.connection import resolve_connections
from plimsoll.models.contract import ChatModel
from plimsoll.prompts import Prompt, load_prompt
from plimsoll.runs.scrubbing import Scrub
from plimsoll.types import Case, CellRecord, Failure, Metric, Output, Report, TargetInfo

_CONCURRENCY = 4
_NAME = "target"
_NO_INPUTS = frozenset({"expected", "group", "slices", "weight", "evaluators", "pass_if"})
_NOTHING = {"_": "nothing"}
"""A case has at least one input; a prompt may read none, and so may an evaluator."""


def ask_target(
    workspace: Workspace,
    target: str,
    values: Mapping[str, Any],
    *,
    model: str | None = None,
    base_url: str | None = None,
) -> CellRecord:
    """A target's answer to one case.

    Args:
        workspace: Where it lies.
        target: `SUITE:TARGET`, or the path of a prompt below the workspace.
        values: The case's fields.
        model: Of a prompt: a model's name at the endpoint, or `embedded`; None is the prompt's own.
        base_url: Of a prompt: an OpenAI-compatible endpoint.

    Returns:
        The cell; its outcome is the answer after the suite's transform, or a failure.

    Raises:
        PlimsollError: it can't be asked.
    """
    environ = environment(workspace.root)
    spec = _spec(workspace, target, environ, model, base_url)

    async def asked() -> Report:
        async with (
            open_models(spec.models, _CONCURRENCY, environ) as models,
            open_targets({spec.name: spec}, models, environ, _CONCURRENCY) as targets,
        ):
            settings = {name: each.model_dump(mode="json") for name, each in spec.models.items()}
            return await _run(workspace, values, targets, (), Scrub(environ, {"models": settings}))

    (record,) = run_blocking(asked()).cells
    if record.output is None:
        return record
    try:
        return replace(record, outcome=transform_of(spec)(record.output))
    except CellError as error:
        return replace(record, outcome=Failure.of(error))


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """What an evaluator said of one answer."""

    case: Case
    record: CellRecord
    metrics: Mapping[str, Metric]


def score_answer(
    workspace: Workspace, entry: str | Mapping[str, Any], answer: Output, fields: Mapping[str, Any]
) -> ScoredAnswer:
    """The scores of one answer.

    Args:
        workspace: Its `evaluators/` are known by name.
        entry: As a suite writes it: a name, or one key with its settings; `SUITE:EVALUATOR` is that suite's, with its
            settings and models.
        answer: What is scored.
        fields: The case's.

    Raises:
        PlimsollError: there is no such evaluator, or its settings are wrong.
    """
    wanted, environ = _wanted(workspace, entry), environment(workspace.root)
    # What models it asks is the evaluator's own to say: it is built once with none of them open.
    asked = {model.name for evaluator in wanted.built(workspace, {}) for model in models_of(evaluator)}
    named = {name: settings for name, settings in wanted.models.items() if name in asked}

    async def scored() -> Report:
        async with open_models(named, _CONCURRENCY, environ) as models:
            scrub = Scrub(environ, {"models": {name: each.model_dump(mode="json") for name, each in named.items()}})
            return await _run(workspace, fields, {_NAME: _Given(answer)}, wanted.built(workspace, models), scrub)

    report = run_blocking(scored())
    (case,), (record,) = report.cases.values(), report.cells
    return ScoredAnswer(case, record, report.metrics)


async def _run(
    workspace: Workspace, fields: Mapping[str, Any], targets: Mapping[str, Any], evaluators: Any, scrub: Scrub
) -> Report:
    workspace.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        cases = from_rows([{"id": "case", **({} if fields.keys() - _NO_INPUTS else _NOTHING), **fields}])
        wanted = Small(cases, targets, evaluators)
        return await run_small(wanted, folder=Path(folder), cache=workspace.state / CACHE, scrub=scrub)


def _spec(
    workspace: Workspace, target: str, environ: Mapping[str, str], model: str | None, base_url: str | None
) -> TargetSpec:
    suite, name = _suite_of(workspace, target)
    if suite is None:
        prompt = load_prompt(workspace.path(target), target)
        models: Mapping[str, ModelSettings] = {"model": _model_of(prompt, environ, model, base_url)}
        settings, name = TargetSettings(prompt=target, model="model"), _NAME
    else:
        known = expand(suite)
        if name not in known:
            raise UsageError(f"suite {suite.name} has no target {name!r}", remedy=near_match(name, known))
        if model is not None or base_url is not None:
            raise UsageError(f"{target} has its model from the suite", remedy="leave model and base_url out")
        settings, models = known[name], suite.models
    return describe(name, settings, root=workspace.root, models=models, secrets=secrets_of(environ))


def _model_of(prompt: Prompt, environ: Mapping[str, str], model: str | None, base_url: str | None) -> ModelSettings:
    """What the prompt is asked with, and can be."""
    try:
        settings = model_for(prompt, model, base_url)
        resolve_connections({"model": settings}, environ)
    except PlimsollError as error:
        remedy = error.remedy if prompt.configuration else None
        another = 'ask another model: `model=` and `base_url=`, or `model="embedded"`'
        raise UsageError(error.message, remedy=f"{remedy}; or {another}" if remedy else another) from None
    return settings


def _suite_of(workspace: Workspace, written: str) -> tuple[Suite | None, str]:
    """The suite that is named before a colon, and what is named after it; None where there is no colon."""
    before, colon, after = written.partition(":")
    if not colon:
        return None, written
    return workspace.load_suite(workspace.find_suite(before))[0], after


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Evaluators as they are written, and what models those may ask."""

    entries: Sequence[Any]
    name: str = ""
    """The one that is wanted of them; empty is all."""
    models: Mapping[str, ModelSettings] = field(default_factory=dict)

    def built(self, workspace: Workspace, opened: Mapping[str, ChatModel]) -> tuple[Evaluator, ...]:
        """What is wanted, with the models that are open.

        Raises:
            ConfigError: settings are wrong.
            UsageError: there is none of that name.
        """
        context = BuildContext(
            root=workspace.root,
            models={**{name: UnopenedModel(name) for name in self.models}, **opened},
            environments=workspace.settings.environments,
            state=workspace.state,
        )
        document = Document("evaluators", list(self.entries))
        found = build_evaluators(self.entries, discover(workspace.root), context, document, ())
        asked = tuple(each for each in found if self.name in ("", each.name))
        if not asked:
            raise UsageError(f"no evaluator {self.name!r}", remedy=near_match(self.name, (each.name for each in found)))
        return asked


def _wanted(workspace: Workspace, entry: str | Mapping[str, Any]) -> _Wanted:
    suite, name = _suite_of(workspace, entry) if isinstance(entry, str) else (None, "")
    return _Wanted([entry]) if suite is None else _Wanted(suite.evaluators, name, suite.models)


@dataclass(frozen=True, slots=True)
class _Given:
    """A target that gives an answer which is there."""

    answer: Output
    concurrency: int = 1
    lane: str = _NAME

    @property
    def info(self) -> TargetInfo:
        return TargetInfo(name=_NAME, kind="recorded", digest=digest({"given": self.answer.text}))

    def generation(self, case: Case) -> None:
        """Nothing is kept of it."""

    async def run(self, case: Case) -> Output:  # noqa: ARG002  # the protocol's signature
        return self.answer
