"""From a suite's target settings to targets that can run: expanded by model, bundled, identified, opened."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from plimsoll import canonical
from plimsoll.config import ModelSettings, Suite, TargetSettings, substitute
from plimsoll.errors import ConfigError, Mistake, UsageError, Where
from plimsoll.models.contract import ChatModel
from plimsoll.prompts import Prompt, load_prompt
from plimsoll.registry import Bundle, make_bundle
from plimsoll.targets.code import source_files
from plimsoll.targets.contract import RunnableTarget, Target
from plimsoll.targets.flow import FlowTarget, flow_files
from plimsoll.targets.function import FunctionTarget, generation
from plimsoll.targets.http import HttpTarget
from plimsoll.targets.imports import with_imports
from plimsoll.targets.prompt import PromptTarget
from plimsoll.targets.recorded import RecordedTarget, read_recorded
from plimsoll.targets.unasked import UnaskedTarget
from plimsoll.types import Case, TargetInfo

CHAMPION_TARGET = "champion"
"""What the champion is called beside the challenger."""


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target of a suite, or a champion's bundle, read and identified but not started."""

    name: str
    """As in reports: the suite's name, with `@model` where the suite makes a matrix."""
    settings: TargetSettings
    """With a single model, and the suite's transform filled in."""
    root: Path
    """What its paths are relative to: the workspace, or a materialised bundle."""
    models: Mapping[str, ModelSettings]
    """The models that it uses, by their name in the run."""
    info: TargetInfo
    bundle: Bundle | None
    """None where it can't be promoted; `unbundled` says why."""
    unbundled: str = ""
    prompt: Prompt | None = None

    @property
    def model(self) -> str | None:
        """The name of its model in the run."""
        return self.settings.model if isinstance(self.settings.model, str) else None


def expand(suite: Suite) -> dict[str, TargetSettings]:
    """The suite's targets by name, a list of models made a matrix, the suite's transform and only model filled in."""
    expanded: dict[str, TargetSettings] = {}
    for name, settings in suite.targets.items():
        changes: dict[str, Any] = {}
        if settings.transform is None and suite.transform is not None:
            changes["transform"] = suite.transform
        if isinstance(settings.model, list):
            for model in settings.model:
                expanded[f"{name}@{model}"] = settings.model_copy(update={**changes, "model": model})
        else:
            expanded[name] = settings.model_copy(update=changes)
    return expanded


def describe(
    name: str,
    settings: TargetSettings,
    *,
    root: Path,
    models: Mapping[str, ModelSettings],
    bundle: Bundle | None = None,
    secrets: Mapping[str, str] | None = None,
) -> TargetSpec:
    """Read a target's files and identify it. Starts nothing.

    Args:
        name: Its name in the run.
        settings: Its settings, from `expand`.
        root: What its paths are relative to.
        models: Those that it may name.
        bundle: Where the target is one already; its identity is then the bundle's.
        secrets: Environment variables whose value must not be in what is promoted, name → value.

    Raises:
        ConfigError: every mistake in its files.
        UsageError: a file or function that it names isn't there, or it has no model.
    """
    prompt = load_prompt(root / settings.prompt, settings.prompt) if settings.prompt else None
    settings, used = _with_models(name, settings, models, prompt)
    files = _files(settings, root, prompt)
    why_not = ""
    if bundle is None:
        bundle, why_not = _bundle(root, files, settings, used, secrets or {})
    if bundle is not None:
        identity, digest = dict(bundle.content), bundle.digest
    else:
        identity = {
            "settings": settings.model_dump(mode="json", exclude_defaults=True),
            "models": {
                key: model.model_dump(mode="json", exclude_defaults=True, exclude={"price"})
                for key, model in used.items()
            },
            "files": {str(path): canonical.digest_file(path) for path in files},
        }
        digest = canonical.digest(identity)
    model = settings.model if isinstance(settings.model, str) else None
    info = TargetInfo(name=name, kind=settings.kind, digest=digest, model=model, identity=identity)
    return TargetSpec(
        name=name,
        settings=settings,
        root=root,
        models=used,
        info=info,
        bundle=bundle,
        unbundled=why_not,
        prompt=prompt,
    )


def _with_models(
    name: str, settings: TargetSettings, models: Mapping[str, ModelSettings], prompt: Prompt | None
) -> tuple[TargetSettings, dict[str, ModelSettings]]:
    if settings.kind not in ("prompt", "flow", "function"):
        return settings, {}
    used = [*settings.connections.values()]
    model = settings.model
    if model is None and prompt is not None and prompt.configuration:
        own = f"{name}'s own model"
        return settings.model_copy(update={"model": own}), {own: own_model(prompt)}
    # A function asks a model only where it is told to: most ask none, and keep the environment as it is.
    if model is None and len(models) == 1 and settings.kind != "function":
        model = next(iter(models))
        settings = settings.model_copy(update={"model": model})
    if isinstance(model, str):
        used.append(model)
    elif settings.kind == "prompt":
        known = ", ".join(models) or "none"
        raise UsageError(f"target {name!r} has no model", remedy=f"give it `model:`, one of: {known}")
    return settings, {key: models[key] for key in used}


def own_model(prompt: Prompt) -> ModelSettings:
    """The model that a prompty file configures for itself.

    Raises:
        ConfigError: a configuration of an unknown type.
    """
    try:
        return _own_model(prompt)
    except ValidationError as error:
        # Pydantic's own text would repeat the value, which may be a key.
        raise ConfigError(
            [
                Mistake(f"model.configuration: {details['msg'].removeprefix('Value error, ')}", Where(prompt.path))
                for details in error.errors(include_url=False, include_input=False)
            ]
        ) from None


def _own_model(prompt: Prompt) -> ModelSettings:
    own = {key: value for key, value in prompt.configuration.items() if value is not None}
    kind = own.get("type")
    reference = {key: str(value).replace("${env:", "${") for key, value in own.items()}
    if kind in ("azure_openai", "azure-openai"):
        return ModelSettings(
            provider="azure",
            model=reference.get("azure_deployment") or reference.get("model"),
            azure_endpoint=reference.get("azure_endpoint"),
            api_version=reference.get("api_version"),
            api_key=reference.get("api_key"),
        )
    if kind == "openai":
        return ModelSettings(
            provider="openai",
            model=reference.get("model"),
            base_url=reference.get("base_url"),
            api_key=reference.get("api_key"),
        )
    message = f"model.configuration.type {kind!r} is not one that can be run"
    raise ConfigError([Mistake(message, Where(prompt.path), "openai or azure_openai; or name a `model:` in the suite")])


def _files(settings: TargetSettings, root: Path, prompt: Prompt | None) -> tuple[Path, ...]:
    if prompt is not None:
        return tuple(prompt.files)
    if settings.flow is not None:
        # It may import a package of the workspace, which is part of what answers; so may a function.
        return with_imports(flow_files(root / settings.flow), root)
    if settings.function is not None:
        return with_imports(source_files(settings.function, root), root)
    if settings.recorded is not None:
        return (root / settings.recorded,)
    return ()


def _bundle(
    root: Path,
    files: tuple[Path, ...],
    settings: TargetSettings,
    models: Mapping[str, ModelSettings],
    secrets: Mapping[str, str],
) -> tuple[Bundle | None, str]:
    try:
        return make_bundle(root, files, settings, models, secrets), ""
    except ConfigError as error:
        missing = [mistake for mistake in error.mistakes if "can't be read" in mistake.message]
        if missing:
            raise ConfigError(missing) from None
        return None, str(error)


@asynccontextmanager
async def unasked_targets(
    specs: Mapping[str, TargetSpec],
    models: Mapping[str, ChatModel],
    environ: Mapping[str, str],
    default_concurrency: int,
) -> AsyncIterator[dict[str, RunnableTarget]]:
    """The targets as stand-ins that give no answer; only answers recorded in a file are given. Nothing is started.

    Raises:
        UsageError: a target's settings do not fit its files.
    """
    async with AsyncExitStack() as stack:
        found: dict[str, RunnableTarget] = {}
        for name, spec in specs.items():
            # What is filled in there may be a key, and is no part of what an answer depends on.
            bare = replace(spec, settings=spec.settings.model_copy(update={"environment": {}}))
            target = _target(bare, models, environ, default_concurrency)
            if isinstance(target, RecordedTarget):
                found[name] = await stack.enter_async_context(target.open())
            else:
                found[name] = UnaskedTarget(spec.info, await _keys(target, stack))
        yield found


async def _keys(target: Target, stack: AsyncExitStack) -> Callable[[Case], dict[str, Any] | None]:
    """What a target's answers depend on, of one that is not started."""
    if isinstance(target, FunctionTarget):
        return partial(generation, target) if source_files(target.reference, target.root) else _unknown
    if isinstance(target, HttpTarget):
        return _unknown
    # A prompt or a flow that is open has started nothing yet.
    return (await stack.enter_async_context(target.open())).generation


def _unknown(case: Case) -> None:  # as of a target
    """Nobody can know."""


@asynccontextmanager
async def open_targets(
    specs: Mapping[str, TargetSpec],
    models: Mapping[str, ChatModel],
    environ: Mapping[str, str],
    default_concurrency: int,
) -> AsyncIterator[dict[str, RunnableTarget]]:
    """Start every target, all at once, and stop them at the end.

    Raises:
        UsageError: a target's code can't be loaded.
    """
    async with AsyncExitStack() as stack:
        targets = {name: _target(spec, models, environ, default_concurrency) for name, spec in specs.items()}
        yield {name: await stack.enter_async_context(target.open()) for name, target in targets.items()}


def _target(
    spec: TargetSpec, models: Mapping[str, ChatModel], environ: Mapping[str, str], default_concurrency: int
) -> Target:
    settings = spec.settings
    environ = _with_packages(spec.root, environ)
    if spec.prompt is not None:
        assert spec.model is not None, "describe gives a prompt its model"
        return PromptTarget(spec.info, spec.prompt, models[spec.model], settings.inputs, settings.parameters)
    if settings.flow is not None:
        model = models[spec.model] if spec.model else None
        return FlowTarget(
            info=spec.info,
            flow=spec.root / settings.flow,
            inputs=settings.inputs,
            pick=settings.output,
            variant=settings.variant,
            connections={name: models[key] for name, key in settings.connections.items()},
            model=model,
            init=settings.init,
            environment={**environ, **substitute(settings.environment, environ, f"targets.{spec.name}.environment")},
            timeout=settings.timeout,
            concurrency=model.concurrency if model else default_concurrency,
            lane=model.name if model else f"target {spec.name}",
        )
    if settings.function is not None:
        model = models[spec.model] if spec.model else None
        return FunctionTarget(
            info=spec.info,
            reference=settings.function,
            root=spec.root,
            inputs=settings.inputs,
            pick=settings.output,
            timeout=settings.timeout,
            concurrency=model.concurrency if model else default_concurrency,
            environment=environ,
            model=model,
        )
    if settings.http is not None:
        return HttpTarget(
            info=spec.info,
            settings=settings.http,
            inputs=settings.inputs,
            answer=settings.output,
            timeout=settings.timeout,
            concurrency=default_concurrency,
            environment=environ,
        )
    assert settings.recorded is not None, "a target is one of five kinds"
    path = spec.root / settings.recorded
    return RecordedTarget(spec.info, read_recorded(path, settings.recorded, settings.output), default_concurrency)


def _with_packages(root: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The workspace's own packages, in `src/`, come before installed ones: of a bundle its copy of them answers."""
    packages = root / "src"
    if not packages.is_dir():
        return environ
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(packages), environ.get("PYTHONPATH"))))}
