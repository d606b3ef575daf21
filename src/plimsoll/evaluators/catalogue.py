"""Which evaluators there are: built in, of the workspace's `evaluators/`, and of installed packages."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from plimsoll import canonical
from plimsoll.config import Strict
from plimsoll.errors import ConfigError, Mistake, UsageError, Where
from plimsoll.evaluators.about import about_class
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.contract import About, BuildContext, Evaluator, Factory
from plimsoll.evaluators.form.json_valid import JsonValid
from plimsoll.evaluators.functions.evaluator import FunctionSettings, NamedFunctionSettings, build_function
from plimsoll.evaluators.functions.source import FoundFunction, functions_of, imported_files, load_function
from plimsoll.evaluators.operational import Cost, Latency, Tokens
from plimsoll.evaluators.text.abstention import Abstention
from plimsoll.evaluators.text.groundedness import GroundednessOverlap
from plimsoll.evaluators.text.matching import Contains, ExactMatch, Regex, TokenF1
from plimsoll.plugins import Registry

GROUP = "plimsoll.evaluators"

_BUILT_IN: tuple[type[SettingsEvaluator], ...] = (
    ExactMatch,
    Contains,
    Regex,
    TokenF1,
    GroundednessOverlap,
    Abstention,
    JsonValid,
    Latency,
    Tokens,
    Cost,
)


_JUDGE = About(
    summary="A model scores the answer, asked by a prompty file of the workspace.",
    needs=("the inputs of its prompt",),
    gives="its range, 1 to 5 unless set",
    judged=True,
    cost="one request, two after an unusable answer",
)
_FUNCTION = About(
    summary="A Python function, named by its file or module.",
    needs=("the fields that its parameters name",),
    gives="what its annotation says",
    cost="as it is written",
)


@dataclass(frozen=True, slots=True)
class ClassFactory:
    """A class whose settings are the evaluator."""

    evaluator: type[SettingsEvaluator]

    @property
    def about(self) -> About:
        """What the class says of itself."""
        return about_class(self.evaluator)

    def settings(self) -> type[Strict]:
        """The class."""
        return self.evaluator

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:  # noqa: ARG002  # the contract's signature
        """The settings themselves."""
        return cast(SettingsEvaluator, settings)


@dataclass(frozen=True, slots=True)
class JudgeFactory:
    """`judge`: a prompty file of the workspace."""

    about: About = _JUDGE

    def settings(self) -> type[Strict]:
        """The judge's settings."""
        from plimsoll.evaluators.judges.judge import (
            JudgeSettings,  # jinja2 and the prompt reader only where one is used
        )

        return JudgeSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """Read the prompt, find the model."""
        from plimsoll.evaluators.judges.judge import build_judge

        return build_judge(settings, context)


@dataclass(frozen=True, slots=True)
class PlaceFactory:
    """`function`: a function named by its file or module."""

    about: About = _FUNCTION

    def settings(self) -> type[Strict]:
        """With `function`."""
        return FunctionSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """Load the function."""
        assert isinstance(settings, FunctionSettings)
        return _function(settings.function, settings, context.root)


@dataclass(frozen=True, slots=True)
class WorkspaceFactory:
    """A function of `evaluators/`, named by its own name. Its code runs when a suite uses it, not before."""

    found: FoundFunction

    @property
    def about(self) -> About:
        """What its source text says."""
        return self.found.about

    def settings(self) -> type[Strict]:
        """Without `function`: the name says it."""
        return NamedFunctionSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """Load the function."""
        assert isinstance(settings, NamedFunctionSettings)
        return _function(self.found.reference, settings, context.root)


@dataclass(frozen=True, slots=True)
class PackageFactory:
    """An installed package's entry point: a function, or a subclass of SettingsEvaluator. Loaded when used."""

    entry: EntryPoint

    @property
    def about(self) -> About:
        """Where it comes from: its code runs only when a suite uses it."""
        name = self._package[0]
        return About(summary=f"From the package {name}.", source=f"package {name}", cost="as it is written")

    @property
    def _package(self) -> tuple[str, str]:
        dist = self.entry.dist
        return (dist.name, dist.version) if dist else (self.entry.module, "unknown version")

    def settings(self) -> type[Strict]:
        """The class's own, or a function's."""
        part = self._load()
        return cast(type[Strict], part) if inspect.isclass(part) else NamedFunctionSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:  # noqa: ARG002  # the contract's signature
        """The evaluator, which knows its package's version."""
        name, version = self._package
        if isinstance(settings, SettingsEvaluator):
            return settings.of_package(name, version)
        assert isinstance(settings, NamedFunctionSettings)
        origin = {"function": self.entry.value, "distribution": f"{name} {version}"}
        return build_function(self._load(), self.entry.name, origin, settings, Where(self.entry.module))

    def _load(self) -> Callable[..., Any]:
        try:
            part = self.entry.load()
        except (Exception, SystemExit) as error:
            message = (
                f"evaluator {self.entry.name!r} of {self._package[0]} can't be loaded: {type(error).__name__}: {error}"
            )
            raise UsageError(message, remedy=f"mend or remove the package {self._package[0]}") from error
        if (inspect.isclass(part) and not issubclass(part, SettingsEvaluator)) or not callable(part):
            raise UsageError(
                f"evaluator {self.entry.name!r} of {self._package[0]} is neither a function nor a SettingsEvaluator"
            )
        return cast(Callable[..., Any], part)


def _function(reference: str, settings: NamedFunctionSettings, root: Path) -> Evaluator:
    function = load_function(reference, root)
    file, _, name = reference.rpartition(":")
    origin = {"function": reference}
    source = root / file if file.endswith(".py") else _source_of(function)
    if source is not None:
        origin["source"] = canonical.digest_file(source)
        for each in imported_files(source, root) if source.is_relative_to(root) else ():
            origin[f"imports {each.relative_to(root).as_posix()}"] = canonical.digest_file(each)
    return build_function(function, name, origin, settings, Where(file))


def _source_of(function: Callable[..., Any]) -> Path | None:
    try:
        found = inspect.getsourcefile(function)
    except TypeError:
        return None
    return Path(found) if found and Path(found).is_file() else None


def builtin_evaluators() -> Registry[Factory]:
    """What every workspace has."""
    parts: dict[str, Factory] = {evaluator.sort(): ClassFactory(evaluator) for evaluator in _BUILT_IN}
    return Registry("evaluator", {**parts, "judge": JudgeFactory(), "function": PlaceFactory()})


def discover(root: Path, installed: Iterable[EntryPoint] | None = None) -> Registry[Factory]:
    """The built-in evaluators, installed packages' and the workspace's; runs none of their code.

    Args:
        root: The workspace's root.
        installed: Entry points of packages; default: those of the environment.

    Raises:
        ConfigError: a file in `evaluators/` is not valid Python, or takes a name that is taken.
        UsageError: a package takes a name that is taken.
    """
    registry = builtin_evaluators()
    found = entry_points(group=GROUP) if installed is None else installed
    for entry in sorted(found, key=lambda entry: (entry.name, entry.value)):
        registry = registry.with_parts({entry.name: PackageFactory(entry)})
    functions = functions_of(root)
    mistakes = [
        Mistake(f"there is an evaluator named {name!r} already", function.where, "rename it, or start its name with _")
        for name, function in functions.items()
        if name in registry
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return registry.with_parts({name: WorkspaceFactory(function) for name, function in functions.items()})
