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

from plimsoll import canonical
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
        self._files: dict[Path, bool] = {}
        self._folders: dict[Path, bool] = {}
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

    def module(self, name: str) -> Iterator[Path]:
        """The files of the workspace that `import a.b` runs first, for `a.b`; none of an installed package."""
        yield from self._resolved(_steps(name), self._root / "all.py")

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
        if own and self._is_file(here / "__init__.py"):
            yield here / "__init__.py"
        for step in name:
            module, here = here / f"{step}.py", here / step
            if self._is_file(module):
                yield module
            if not self._is_folder(here):
                return
            if self._is_file(here / "__init__.py"):
                yield here / "__init__.py"

    def _is_file(self, path: Path) -> bool:
        if path not in self._files:
            self._files[path] = path.is_relative_to(self._root) and path.is_file()
        return self._files[path]

    def _is_folder(self, path: Path) -> bool:
        if path not in self._folders:
            self._folders[path] = path.is_relative_to(self._root) and path.is_dir()
        return self._folders[path]

    @cached_property
    def _places(self) -> dict[str, tuple[Path, ...]]:
        """A module's or package's name → the folders in which one of that name lies."""
        found: dict[str, set[Path]] = {}
        for path in files_below(self._root):
            if path.suffix == ".py":
                found.setdefault(path.stem, set()).add(path.parent)
                folders = (each for each in path.parents if each != self._root and each.is_relative_to(self._root))
                for folder in folders:
                    found.setdefault(folder.name, set()).add(folder.parent)
        return {name: tuple(sorted(folders)) for name, folders in found.items()}


def with_imports(files: Iterable[Path], root: Path) -> tuple[Path, ...]:
    """Files, and those of the workspace at `root` that they import: all that their code is made of."""
    own = tuple(files)
    return tuple(sorted({*own, *(path for path, _ in Imports(root).reached(own))}))


def imported_digests(files: Iterable[Path], root: Path) -> dict[str, str]:
    """The digest of every file of the workspace that these import, by its path there, in order of the paths."""
    inside = [path for path in files if path.is_relative_to(root)]
    found = {path.relative_to(root).as_posix(): path for path, _ in Imports(root).reached(inside)}
    return {name: canonical.digest_file(found[name]) for name in sorted(found)}


def digests_of_code(path: Path, root: Path) -> dict[str, str]:
    """The digest of a Python file, as `source`, and of each that it imports of the workspace, as `imports PATH`."""
    imported = {f"imports {name}": digest for name, digest in imported_digests([path], root).items()}
    return {"source": canonical.digest_file(path), **imported}


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
