"""Python code named in a file: `file.py:name` or `package.module:name`, loaded from the workspace."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from plimsoll.errors import UsageError, near_match


def load_callable(reference: str, root: Path) -> Callable[..., Any]:
    """The callable that `reference` names.

    Args:
        reference: `path/to/file.py:name`, relative to `root`, or `package.module:name`.
        root: The workspace's root; it and the file's folder are importable from then on.

    Raises:
        UsageError: there is no such file, module or name, or it can't be imported or called.
    """
    where, _, name = reference.rpartition(":")
    if not where or not name:
        raise UsageError(f"{reference!r} names no function", remedy="write file.py:name or package.module:name")
    module = _load_file(root / where, where) if where.endswith(".py") else _load_module(where, root)
    found = getattr(module, name, None)
    if not callable(found):
        public = [known for known in vars(module) if callable(getattr(module, known)) and not known.startswith("_")]
        raise UsageError(f"{where} has no function {name!r}", remedy=near_match(name, public))
    return found  # type: ignore[no-any-return]  # callable() has just said so


def source_files(reference: str, root: Path) -> tuple[Path, ...]:
    """The files that a reference's code can be expected to depend on: the Python files of its folder and below.

    A reference to an installed module gives none: its version is not part of the workspace.
    """
    where = reference.rpartition(":")[0]
    if not where.endswith(".py"):
        path = root.joinpath(*where.split(".")).with_suffix(".py")
        if not path.is_file():
            return ()
    else:
        path = root / where
    return tuple(sorted(found for found in path.parent.rglob("*.py") if "__pycache__" not in found.parts))


def _load_file(path: Path, shown: str) -> ModuleType:
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UsageError(f"{shown}: no such file", remedy=near_match(path.name, siblings))
    _importable(path.parent)
    module = ModuleType(f"_plimsoll_code_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        # Compiled from its source each time: Python's own cache takes an edit of equal length within a second for
        # the old file, and the digest would name code that did not run.
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)  # noqa: S102  # running it is the purpose
    except (Exception, SystemExit) as error:
        raise UsageError(f"{shown} can't be imported: {type(error).__name__}: {error}") from error
    return module


def _load_module(name: str, root: Path) -> ModuleType:
    _importable(root)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UsageError(f"module {name} can't be imported: {type(error).__name__}: {error}") from error


def _importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
