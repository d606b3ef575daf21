"""Functions of the workspace: which there are, told without running any code, and loading the one that is named."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.config import read_text
from plimsoll.errors import ConfigError, Mistake, UsageError, Where
from plimsoll.evaluators.about import about_function
from plimsoll.evaluators.contract import About
from plimsoll.targets.code import load_callable

FOLDER = "evaluators"


@dataclass(frozen=True, slots=True)
class FoundFunction:
    """A public function at the top level of a file in `evaluators/`."""

    name: str
    file: str
    """Relative to the workspace's root, with forward slashes."""
    line: int
    about: About
    """What its text says of it."""

    @property
    def reference(self) -> str:
        """How a suite names it."""
        return f"{self.file}:{self.name}"

    @property
    def where(self) -> Where:
        """Its place."""
        return Where(self.file, self.line)


def functions_of(root: Path) -> dict[str, FoundFunction]:
    """Every public function of `evaluators/*.py`, by name.

    Raises:
        ConfigError: a file is not valid Python, or a name occurs twice.
    """
    found: dict[str, FoundFunction] = {}
    mistakes: list[Mistake] = []
    for path in sorted((root / FOLDER).glob("*.py")):
        if path.name.startswith("_"):
            continue
        try:
            functions = _functions(path, path.relative_to(root).as_posix())
        except ConfigError as error:
            mistakes += error.mistakes
            continue
        for function in functions:
            first = found.setdefault(function.name, function)
            if first is not function:
                message = f"a second evaluator named {function.name!r}; the first is at {first.where}"
                mistakes.append(Mistake(message, function.where, "rename one, or start its name with _"))
    if mistakes:
        raise ConfigError(mistakes)
    return found


def _functions(path: Path, shown: str) -> list[FoundFunction]:
    try:
        tree = ast.parse(read_text(path, shown), shown)
    except SyntaxError as error:
        raise ConfigError([Mistake(f"not valid Python: {error.msg}", Where(shown, error.lineno))]) from None
    except ValueError as error:
        raise ConfigError([Mistake(f"not valid Python: {error}", Where(shown))]) from None
    return [
        FoundFunction(node.name, shown, node.lineno, about_function(node, f"{shown}:{node.lineno}"))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]


def load_function(reference: str, root: Path) -> Callable[..., Any]:
    """The function that `file.py:name` or `module:name` names; runs the code around it.

    Raises:
        ConfigError: the file can't be imported, told with the line in it where that failed.
        UsageError: there is no such file, module or function.
    """
    try:
        return load_callable(reference, root)
    except UsageError as error:
        cause = error.__cause__
        file = reference.rpartition(":")[0]
        if cause is None or not file.endswith(".py"):
            raise
        message = f"can't be imported: {type(cause).__name__}: {cause}"
        raise ConfigError([Mistake(message, Where(file, _line(cause, root / file)), error.remedy)]) from cause


def _line(cause: BaseException, path: Path) -> int | None:
    if isinstance(cause, SyntaxError) and cause.filename == str(path):
        return cause.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None
