"""Which modules of the workspace a Python file imports, read from its text: nothing is run.

What can't be found in the workspace is an installed package. A module that lies where Python would not look for it by
itself (`sys.path` may be changed by anything) is found by its name: one file too many costs a run, one too few a
missed mistake.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from plimsoll.targets.code import files_below

_BY_NAME = frozenset({"import_module", "__import__"})


class Imports:
    """Of one workspace; each file is read once."""

    def __init__(self, root: Path) -> None:
        """A workspace whose files do not change meanwhile.

        Args:
            root: Its folder.
        """
        self._root = root
        self._read: dict[Path, tuple[tuple[str, ...], ...]] = {}
        self.unreadable: dict[Path, str] = {}
        """Files that are no valid Python, and why."""

    def reached(self, files: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
        """Every further file that these import, and those import: with the one that does."""
        seen = {path for path in files if path.suffix == ".py"}
        waiting = sorted(seen)
        while waiting:
            importer = waiting.pop()
            for name in self._names(importer):
                for found in self._resolved(name, importer):
                    if found not in seen:
                        seen.add(found)
                        waiting.append(found)
                        yield found, importer

    def _names(self, path: Path) -> tuple[tuple[str, ...], ...]:
        """What a file imports, each as its steps; a relative import begins with as many empty steps as it has dots."""
        if path not in self._read:
            try:
                self._read[path] = tuple(_imported(ast.parse(path.read_bytes(), str(path.name))))
            except (OSError, SyntaxError, ValueError) as error:
                self._read[path] = ()
                self.unreadable[path] = f"not valid Python: {error}"
        return self._read[path]

    def _resolved(self, name: tuple[str, ...], importer: Path) -> Iterator[Path]:
        dots = sum(not step for step in name)
        if dots:
            folder = importer.parent
            for _ in range(dots - 1):
                folder = folder.parent
            yield from self._below(folder, name[dots:], own=True)
            return
        if not name:
            return
        around = [folder for folder in importer.parents if folder.is_relative_to(self._root)]
        usual = [path for folder in (*around, self._root / "src") for path in self._below(folder, name)]
        if usual or name[0] in sys.stdlib_module_names:
            yield from usual
            return
        for folder in self._places.get(name[0], ()):
            yield from self._below(folder, name)

    def _below(self, folder: Path, name: tuple[str, ...], *, own: bool = False) -> Iterator[Path]:
        """The files of a module that is looked for in a folder, with those of the packages around it."""
        here = folder
        if own and here / "__init__.py" in self._files:
            yield here / "__init__.py"
        for step in name:
            module, here = here / f"{step}.py", here / step
            if module in self._files:
                yield module
            if here / "__init__.py" in self._files:
                yield here / "__init__.py"
            if here not in self._folders:
                return

    @cached_property
    def _files(self) -> frozenset[Path]:
        return frozenset(path for path in files_below(self._root) if path.suffix == ".py")

    @cached_property
    def _folders(self) -> frozenset[Path]:
        """Those that hold Python files, at any depth."""
        parents = {parent for path in self._files for parent in path.parents}
        return frozenset(folder for folder in parents if folder.is_relative_to(self._root))

    @cached_property
    def _places(self) -> dict[str, tuple[Path, ...]]:
        """A module's or package's name → the folders in which one of that name lies."""
        found: dict[str, set[Path]] = {}
        for path in self._files:
            found.setdefault(path.stem, set()).add(path.parent)
        for folder in self._folders - {self._root}:
            found.setdefault(folder.name, set()).add(folder.parent)
        return {name: tuple(sorted(folders)) for name, folders in found.items()}


def _imported(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (_steps(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = ("",) * node.level + _steps(node.module or "")
            yield from ((*inside, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and _called(node) in _BY_NAME:
            named = node.args[0]
            if isinstance(named, ast.Constant) and isinstance(named.value, str):
                yield _steps(named.value)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def _steps(name: str) -> tuple[str, ...]:
    return tuple(step for step in name.split(".") if step)
