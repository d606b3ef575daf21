"""One target asked once, and one answer scored: for evaluations that people write as tests of their own.

Through the engine and the workspace's cell cache, as in a run: an answer that is there is not asked for again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from plimsoll.api.loop import run_blocking
from plimsoll.api.prepare import UnopenedModel, transform_of
from plimsoll.api.runs import CACHE
from plimsoll.api.small import run_small
from plimsoll.api.targets import TargetSpec, describe, expand, open_targets
from plimsoll.api.trying import model_for
from plimsoll.canonical import digest
from plimsoll.config import Document, ModelSettings, Suite, TargetSettings, Workspace, environment
from plimsoll.config.secrets import secrets_of
from plimsoll.datasets import from_rows
from plimsoll.errors import CellError, UsageError, near_match
from plimsoll.evaluators import BuildContext, Evaluator, build_evaluators, discover
from plimsoll.evaluators.traits import models_of
from plimsoll.models import open_models
from plimsoll.models.contract import ChatModel
from plimsoll.prompts import load_prompt
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
    environ = environment(workspace.root)
    suite, name = _suite_of(workspace, entry) if isinstance(entry, str) else (None, "")
    settings = {} if suite is None else suite.models
    entries: Sequence[Any] = [entry] if suite is None else suite.evaluators
    wanted = "" if suite is None else name

    async def scored() -> Report:
        asked = _asked(_built(workspace, entries, {name: UnopenedModel(name) for name in settings}), wanted)
        named = {model.name: settings[model.name] for each in asked for model in models_of(each)}
        async with AsyncExitStack() as stack:
            models = await stack.enter_async_context(open_models(named, _CONCURRENCY, environ))
            others = {name: UnopenedModel(name) for name in settings if name not in models}
            evaluators = _asked(_built(workspace, entries, {**others, **models}), wanted)
            scrub = Scrub(environ, {"models": {name: each.model_dump(mode="json") for name, each in named.items()}})
            return await _run(workspace, fields, {_NAME: _Given(answer)}, evaluators, scrub)

    report = run_blocking(scored())
    (record,) = report.cells
    return ScoredAnswer(record, report.metrics)


async def _run(
    workspace: Workspace, fields: Mapping[str, Any], targets: Mapping[str, Any], evaluators: Any, scrub: Scrub
) -> Report:
    workspace.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="plimsoll-") as folder:
        return await run_small(
            from_rows([{"id": "case", **({} if fields.keys() - _NO_INPUTS else _NOTHING), **fields}]),
            targets,
            evaluators,
            folder=Path(folder),
            cache=workspace.state / CACHE,
            scrub=scrub,
        )


def _spec(
    workspace: Workspace, target: str, environ: Mapping[str, str], model: str | None, base_url: str | None
) -> TargetSpec:
    suite, name = _suite_of(workspace, target)
    if suite is None:
        prompt = load_prompt(workspace.path(target), target)
        models: Mapping[str, ModelSettings] = {"model": model_for(prompt, model, base_url)}
        settings, name = TargetSettings(prompt=target, model="model"), _NAME
    else:
        known = expand(suite)
        if name not in known:
            raise UsageError(f"suite {suite.name} has no target {name!r}", remedy=near_match(name, known))
        if model is not None or base_url is not None:
            raise UsageError(f"{target} has its model from the suite", remedy="leave model and base_url out")
        settings, models = known[name], suite.models
    return describe(name, settings, root=workspace.root, models=models, secrets=secrets_of(environ))


def _suite_of(workspace: Workspace, written: str) -> tuple[Suite | None, str]:
    """The suite that is named before a colon, and what is named after it; None where there is no colon."""
    before, colon, after = written.partition(":")
    if not colon:
        return None, written
    return workspace.load_suite(workspace.find_suite(before))[0], after


def _built(workspace: Workspace, entries: Sequence[Any], models: Mapping[str, ChatModel]) -> tuple[Evaluator, ...]:
    context = BuildContext(
        root=workspace.root, models=models, environments=workspace.settings.environments, state=workspace.state
    )
    return tuple(
        build_evaluators(entries, discover(workspace.root), context, Document("evaluators", list(entries)), ())
    )


def _asked(evaluators: Sequence[Evaluator], wanted: str) -> tuple[Evaluator, ...]:
    found = tuple(each for each in evaluators if not wanted or each.name == wanted)
    if not found:
        raise UsageError(f"no evaluator {wanted!r}", remedy=near_match(wanted, (each.name for each in evaluators)))
    return found


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
