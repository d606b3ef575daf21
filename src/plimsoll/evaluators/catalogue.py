"""Which evaluators there are: built in, of the workspace's `evaluators/`, and of installed packages."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from plimsoll.config import Strict
from plimsoll.errors import ConfigError, Mistake, UsageError, Where
from plimsoll.evaluators.about import about_class
from plimsoll.evaluators.adapters.factory import LIBRARIES, LibraryFactory
from plimsoll.evaluators.base import SettingsEvaluator
from plimsoll.evaluators.contract import BROUGHT, About, BuildContext, Evaluator, Factory
from plimsoll.evaluators.flows.factory import FlowFactory
from plimsoll.evaluators.form.json_fields import JsonFields
from plimsoll.evaluators.form.json_schema import JsonSchema
from plimsoll.evaluators.form.json_valid import JsonValid
from plimsoll.evaluators.form.numeric import Numeric
from plimsoll.evaluators.form.sql_valid import SqlValid
from plimsoll.evaluators.form.tool_calls import ToolCalls
from plimsoll.evaluators.form.xml_valid import XmlValid
from plimsoll.evaluators.functions.evaluator import FunctionSettings, NamedFunctionSettings, build_function
from plimsoll.evaluators.functions.source import FoundFunction, functions_of, load_function
from plimsoll.evaluators.judges.library import JudgeFactory, built_in_judges, judges_of
from plimsoll.evaluators.operational import Cost, Latency, Tokens
from plimsoll.evaluators.retrieval import Retrieval
from plimsoll.evaluators.safety.no_pii import NoPii
from plimsoll.evaluators.safety.no_secrets import NoSecrets
from plimsoll.evaluators.text.abstention import Abstention
from plimsoll.evaluators.text.citations import Citations
from plimsoll.evaluators.text.contains import Contains, StartsWith
from plimsoll.evaluators.text.edit_similarity import EditSimilarity
from plimsoll.evaluators.text.exact_match import ExactMatch
from plimsoll.evaluators.text.groundedness import GroundednessOverlap
from plimsoll.evaluators.text.language import Language
from plimsoll.evaluators.text.length import Length
from plimsoll.evaluators.text.refusal import Refusal
from plimsoll.evaluators.text.regex import Regex
from plimsoll.evaluators.text.rouge import Rouge
from plimsoll.evaluators.text.semantic_similarity import SemanticSimilarity
from plimsoll.evaluators.text.token_f1 import TokenF1
from plimsoll.evaluators.text.translation import Bleu, Chrf
from plimsoll.plugins import Registry
from plimsoll.targets.imports import digests_of_code

GROUP = "plimsoll.evaluators"

_BUILT_IN: tuple[type[SettingsEvaluator], ...] = (
    ExactMatch,
    Contains,
    StartsWith,
    Regex,
    TokenF1,
    Rouge,
    Bleu,
    Chrf,
    EditSimilarity,
    SemanticSimilarity,
    GroundednessOverlap,
    Citations,
    Abstention,
    Refusal,
    Language,
    Length,
    Numeric,
    JsonValid,
    JsonSchema,
    JsonFields,
    SqlValid,
    XmlValid,
    ToolCalls,
    Retrieval,
    NoPii,
    NoSecrets,
    Latency,
    Tokens,
    Cost,
)


_FUNCTION = About(
    summary="A Python function, named by its file or module.",
    needs=("the fields that its parameters name",),
    gives="what its annotation says",
    source=BROUGHT,
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

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """The settings themselves, with the files that they name."""
        return cast(SettingsEvaluator, settings).in_workspace(context.root)


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

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """The evaluator, which knows its package's version."""
        name, version = self._package
        if isinstance(settings, SettingsEvaluator):
            return settings.of_package(name, version).in_workspace(context.root)
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
        origin |= digests_of_code(source, root)
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
    parts |= {library.name: LibraryFactory(library) for library in LIBRARIES}
    named: dict[str, Factory] = {"judge": JudgeFactory(), "function": PlaceFactory(), "flow": FlowFactory()}
    return Registry("evaluator", {**parts, **built_in_judges(), **named})


def discover(root: Path | None, installed: Iterable[EntryPoint] | None = None) -> Registry[Factory]:
    """The built-in evaluators, installed packages' and the workspace's; runs none of their code.

    Args:
        root: The workspace's root; None where there is no workspace.
        installed: Entry points of packages; default: those of the environment.

    Raises:
        ConfigError: a file in `evaluators/` is not valid Python, or takes a name that is taken.
        UsageError: a package takes a name that is taken.
    """
    registry = _with_judges(builtin_evaluators(), root)
    found = _installed(tuple(sys.path)) if installed is None else installed
    for entry in sorted(found, key=lambda entry: (entry.name, entry.value)):
        registry = registry.with_parts({entry.name: PackageFactory(entry)})
    functions = functions_of(root) if root else {}
    mistakes = [
        Mistake(f"there is an evaluator named {name!r} already", function.where, "rename it, or start its name with _")
        for name, function in functions.items()
        if name in registry
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return registry.with_parts({name: WorkspaceFactory(function) for name, function in functions.items()})


@functools.cache
def _installed(places: tuple[str, ...]) -> tuple[EntryPoint, ...]:  # noqa: ARG001  # what it is cached by
    """Those of the environment: to find them the metadata of every package is read, which a command does once."""
    return tuple(entry_points(group=GROUP))


def _with_judges(built_in: Registry[Factory], root: Path | None) -> Registry[Factory]:
    """With the workspace's judges, which stand in for built-in judges of their names and for nothing else.

    Raises:
        ConfigError: a judge's file takes the name of a built-in evaluator that is no judge.
    """
    judges = judges_of(root) if root else {}
    replaceable = built_in_judges()
    mistakes = [
        Mistake(f"there is an evaluator named {name!r} already", Where(judge.shown), "rename the file")
        for name, judge in judges.items()
        if name in built_in and name not in replaceable
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return Registry(built_in.what, {**built_in, **judges})
