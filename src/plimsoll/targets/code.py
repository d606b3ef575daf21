"""Python code named in a file: `file.py:name` or `package.module:name`, loaded from the workspace."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from plimsoll import canonical
from plimsoll.errors import UsageError, Where, near_match

_READ_BY_CODE = frozenset({".py", ".jinja2", ".j2", ".prompty", ".txt"})
"""What code is made of, and the texts that it often has beside it."""
_NOT_THE_WORKSPACES = frozenset({"__pycache__", "node_modules", "site-packages"})
_MARK = "__plimsoll_imported__"


def load_callable(reference: str, root: Path) -> Callable[..., Any]:
    """The callable that `reference` names.

    Args:
        reference: `path/to/file.py:name`, relative to `root`, or `package.module:name`.
        root: The workspace's root. A file's own folder is importable from then on, for a module the root is.

    Raises:
        UsageError: there is no such file, module or name, or it can't be imported or called.
    """
    where, _, name = reference.rpartition(":")
    if not where or not name:
        raise UsageError(f"{reference!r} names no function", remedy="write file.py:name or package.module:name")
    module = _load_file(root / where, where, root) if where.endswith(".py") else _load_module(where, root)
    found = getattr(module, name, None)
    if not callable(found):
        public = [known for known in vars(module) if callable(getattr(module, known)) and not known.startswith("_")]
        raise UsageError(f"{where} has no function {name!r}", remedy=near_match(name, public))
    return found  # type: ignore[no-any-return]  # callable() has just said so


def source_files(reference: str, root: Path) -> tuple[Path, ...]:
    """The files that a reference's code can be expected to depend on: Python and text files of its folder and below.

    Of a module in a package: those of the whole package, beside the root or in `src/`. Hidden folders and virtual
    environments are left out. A reference to an installed module gives none: its version is not part of the workspace.
    """
    where = reference.rpartition(":")[0]
    if where.endswith(".py"):
        return tuple(sorted(files_below((root / where).parent)))
    package, *_ = steps = where.split(".")
    for home in (root, root / "src"):
        path = home.joinpath(*steps)
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
            return tuple(sorted(files_below(home / package if (home / package).is_dir() else home)))
    return ()


def files_below(folder: Path) -> Iterator[Path]:
    """Python and text files of a folder and below, but for hidden folders and virtual environments."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _NOT_THE_WORKSPACES
            and not (here / name / "pyvenv.cfg").is_file()
        ]
        yield from (here / name for name in files if Path(name).suffix in _READ_BY_CODE)


def _load_file(path: Path, shown: str, root: Path) -> ModuleType:
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UsageError(f"{shown}: no such file", remedy=near_match(path.name, siblings))
    # Named by its place: two files of one name are two modules.
    place = canonical.short(canonical.digest_bytes(os.fsencode(path.resolve())), 8)
    module = ModuleType(f"_plimsoll_code_{path.stem}_{place}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        with _imports_from(path.parent, root):
            # Compiled from its source each time: Python's own cache takes an edit of equal length within a second for
            # the old file, and the digest would name code that did not run.
            exec(compile(path.read_bytes(), path, "exec"), module.__dict__)  # noqa: S102  # running it is the purpose
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        where = Where(shown, _line(error, path))
        raise UsageError(f"{where}: can't be imported: {type(error).__name__}: {error}") from error
    return module


def _line(error: BaseException, path: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


@contextmanager
def _imports_from(folder: Path, root: Path) -> Iterator[None]:
    """What the code imports is looked for in its folder first, and is what stands there now.

    So modules that earlier code got from its folder, or from elsewhere in the workspace, are forgotten: an edited one
    counts, and two folders may each have a `helpers.py`. Who imported them before keeps what it has.
    """
    _forget(_marked())
    with _marking(folder, root):
        yield


@contextmanager
def _marking(folder: Path, root: Path) -> Iterator[None]:
    """Mark the modules that are imported from the folder or the workspace, so that they can be forgotten."""
    _importable(folder)
    importlib.invalidate_caches()
    before, writes = set(sys.modules), sys.dont_write_bytecode
    # Python takes a compiled file for current by second and size: it would hide a quick edit of equal length.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        for name in set(sys.modules) - before:
            module = sys.modules[name]
            file = getattr(module, "__file__", None)
            if file is not None and (_lies_in(folder, file) or _lies_in(root, file)):
                vars(module)[_MARK] = _stamp(file)


def _marked() -> dict[str, ModuleType]:
    # A copy: another thread may import something meanwhile.
    return {name: module for name, module in sys.modules.copy().items() if _MARK in getattr(module, "__dict__", {})}


def _forget(modules: Iterable[str]) -> None:
    for name in modules:
        del sys.modules[name]


def _stamp(file: str) -> tuple[int, int] | None:
    """When a file was written, and its size; None where it is gone."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _lies_in(folder: Path, file: str) -> bool:
    if not file.endswith(".py"):
        return False
    try:
        below = Path(file).relative_to(folder).parent.parts
    except ValueError:
        return False
    installed = any(part.startswith(".") or part in _NOT_THE_WORKSPACES for part in below)
    return not installed and "plimsoll" not in below


def _load_module(name: str, root: Path) -> ModuleType:
    """The module; one of the workspace anew where a file of it was edited, with all that was imported beside it."""
    marked = _marked()
    if any(vars(module)[_MARK] != _stamp(str(module.__file__)) for module in marked.values()):
        _forget(marked)
    try:
        with _marking(root, root):
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UsageError(f"module {name} can't be imported: {type(error).__name__}: {error}") from error


def _importable(folder: Path) -> None:
    """First among the places where modules are looked for."""
    place = str(folder)
    if place in sys.path:
        sys.path.remove(place)
    sys.path.insert(0, place)
