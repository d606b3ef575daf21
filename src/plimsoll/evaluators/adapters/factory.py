"""The libraries that can be wrapped, and how a suite's entry becomes a `Wrap`. Listing them imports none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.config import Strict
from plimsoll.errors import ConfigError, Mistake, UsageError, near_match
from plimsoll.evaluators.contract import BROUGHT, About, BuildContext, Evaluator
from plimsoll.evaluators.parts import condition_mistakes, metric_name
from plimsoll.targets.imports import digests_of_code
from plimsoll.types import Metric


@dataclass(frozen=True, slots=True)
class Library:
    """One that has a module in `libraries`."""

    name: str
    """In suites; and its module's."""
    package: str
    """The distribution, whose version is part of every score's identity."""
    extra: str | None
    """Ours that installs it; None where it can't be installed beside us."""
    summary: str
    install: str = ""
    """What to install, where the package by itself will not do."""

    def remedy(self, written: str | None) -> str:
        """How to install it.

        Args:
            written: Its environment, as the project names it; None where it runs in ours.
        """
        if written is not None:
            return f"`uv pip install --python {written} {self.install or self.package}`"
        place = f".venvs/{self.name}"
        what = self.install or self.package
        apart = (
            f"`uv venv {place} && uv pip install --python {place} {what}`, and in pyproject.toml "
            f'[tool.plimsoll.environments] {self.name} = "{place}"'
        )
        return apart if self.extra is None else f"pip install 'plimsoll-llm[{self.extra}]', or apart: {apart}"


LIBRARIES = (
    Library("autoevals", "autoevals", None, "A scorer of autoevals, unmodified.", "'autoevals[scipy]' openai"),
    Library("azure", "azure-ai-evaluation", "azure-evaluation", "An evaluator of azure-ai-evaluation, unmodified."),
    Library("deepeval", "deepeval", None, "A metric of deepeval, unmodified."),
    Library("mlflow", "mlflow", None, "A scorer or judge of mlflow.genai, unmodified."),
    Library("openevals", "openevals", None, "An evaluator or judge prompt of openevals, unmodified."),
    Library("pydantic_evals", "pydantic-evals", "pydantic-evals", "An evaluator of pydantic-evals, unmodified."),
    Library("ragas", "ragas", None, "A metric of ragas, unmodified.", "ragas 'langchain-community<0.4'"),
)


@dataclass(frozen=True, slots=True)
class LibraryFactory:
    """A library's name in suites."""

    library: Library

    @property
    def about(self) -> About:
        """Of the library; what one of its evaluators needs and gives is known when a suite names it."""
        return About(
            summary=self.library.summary,
            needs=("what the library's evaluator reads",),
            gives="what the library gives",
            source=BROUGHT,
            cost="what it asks of the suite's model",
        )

    def settings(self) -> type[Strict]:
        """The same for all libraries."""
        from plimsoll.evaluators.adapters.wrap import WrapSettings

        return WrapSettings

    def build(self, settings: Strict, context: BuildContext) -> Evaluator:
        """Ask the library what the evaluator needs and gives, and check the settings against that."""
        return build_wrap(self.library, settings, context)


def check_environments(environments: Mapping[str, str]) -> None:
    """See that the project names an environment only for libraries that there are.

    Args:
        environments: The project's setting: library → environment.

    Raises:
        UsageError: one names no library.
    """
    known = [library.name for library in LIBRARIES]
    for name in environments:
        if name not in known:
            message = f"[tool.plimsoll.environments] in pyproject.toml names {name!r}, and there is no such library"
            raise UsageError(message, remedy=near_match(name, known))


def build_wrap(library: Library, settings: Strict, context: BuildContext) -> Evaluator:
    """A wrapped evaluator from its settings.

    Raises:
        UsageError: the library is not installed, or has no such evaluator; or an environment is that of no library.
        ConfigError: every setting that doesn't fit it.
    """
    from plimsoll.evaluators.adapters.description import describe
    from plimsoll.evaluators.adapters.environment import installed_version, interpreter
    from plimsoll.evaluators.adapters.running import LibraryProcess
    from plimsoll.evaluators.adapters.wrap import Wrap, WrapSettings

    assert isinstance(settings, WrapSettings)
    check_environments(context.environments)
    python = interpreter(library.name, context.environments, context.root)
    version = installed_version(library.package, python)
    if version is None:
        written = context.environments.get(library.name)
        message = f"{library.name} needs {library.package}, which is not installed in {written or 'this environment'}"
        raise UsageError(message, remedy=library.remedy(written))
    origin = {"library": f"{library.package} {version}", **_own_code(settings.evaluator, context.root)}
    said = _said(settings, context.root)
    description = describe(library.name, said, origin, python, context.state)
    mistakes = list(_misfits(settings, description.parameters, description.metrics))
    if mistakes:
        raise ConfigError(mistakes)
    model = context.model(settings.model, settings.evaluator) if description.judged else None
    process = LibraryProcess(library.name, python, model, description.alone)
    if not description.alone:
        process = context.shared.setdefault((library, python, None if model is None else model.name), process)
    return Wrap(
        name=_name(settings),
        settings=settings,
        description=description,
        origin=origin,
        parts=tuple(_metric(part, settings) for part in description.metrics),
        model=model,
        said=said,
        process=process,
    )


def _said(settings: Any, root: Path) -> dict[str, Any]:
    return {
        "evaluator": settings.evaluator,
        "arguments": settings.arguments,
        "metrics": list(settings.metrics),
        "fields": [name for name, source in settings.fields.items() if source is not None],
        "model": settings.model is not None,
        "root": str(root),
    }


def _own_code(evaluator: str, root: Path) -> dict[str, str]:
    """Digests of the user's file, if it is one, and of what it imports from the workspace."""
    file, _, name = evaluator.rpartition(":")
    if not file.endswith(".py"):
        return {}
    path = root / file
    if not path.is_file() or not name:
        raise UsageError(f"{evaluator}: no such file", remedy="write file.py:name, relative to the workspace")
    return digests_of_code(path, root)


def _misfits(settings: Any, parameters: Iterable[str], metrics: Sequence[Metric]) -> Iterable[Mistake]:
    known, names = list(parameters), [metric.name for metric in metrics]
    for word in sorted(set(settings.fields) - set(known)):
        yield Mistake(f"fields: {settings.evaluator} has no parameter {word!r}", None, near_match(word, known))
    for word in sorted(set(settings.metrics) - set(names)):
        yield Mistake(f"metrics: {settings.evaluator} has no metric {word!r}", None, near_match(word, names))
    yield from condition_mistakes(settings.evaluator, settings.pass_if, metrics)


def _name(settings: Any) -> str:
    return metric_name(str(settings.name or settings.evaluator.rpartition(":")[2]), "evaluator")


def _metric(part: Metric, settings: Any) -> Metric:
    said = settings.metrics.get(part.name)
    if said is None:
        return part
    low, high = said.range
    return Metric(
        name=part.name,
        kind=said.kind,
        low=low,
        high=high,
        direction=said.direction,
        labels=said.labels,
        judged=part.judged,
    )
