"""Whether a flow's code changes what its whole process shares, so that two lines at once would spoil each other.

promptflow's own batch run gives each line a process to itself; here lines share one. A flow that redirects stdout,
changes the working directory or sets environment variables while it runs would answer one case with another's output,
and nobody would notice: such a flow runs one line at a time. Found by reading its code, so what a library does inside
is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

_SET = {("sys", "stdout"), ("sys", "stderr"), ("sys", "stdin"), ("sys", "argv"), ("os", "environ")}
_CALLED = {
    ("os", "chdir"),
    ("os", "putenv"),
    ("os", "unsetenv"),
    ("os", "umask"),
    ("locale", "setlocale"),
    ("contextlib", "redirect_stdout"),
    ("contextlib", "redirect_stderr"),
    ("contextlib", "chdir"),
    ("socket", "setdefaulttimeout"),
    ("random", "seed"),
}
_ENVIRONMENT_CHANGES = {"update", "pop", "setdefault", "clear"}


def shared_state(files: Iterable[Path]) -> tuple[str, ...]:
    """What the functions of these Python files change for the whole process, as `FILE:LINE NAME`."""
    return tuple(
        f"{file.name}:{line} {name}" for file in files if file.suffix == ".py" for line, name in _changes(file)
    )


def _changes(file: Path) -> Iterator[tuple[int, str]]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    names = _imported(tree)
    # Only inside functions: what a module does when it is imported happens once.
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                found = _changed(node, names)
                if found is not None:
                    yield node.lineno, ".".join(found)  # type: ignore[attr-defined]  # statements and calls have a line


def _imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Local name → module and name, of `from module import name`."""
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _changed(node: ast.AST, names: dict[str, tuple[str, str]]) -> tuple[str, str] | None:
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
        targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
        for target in targets:
            inner = target.value if isinstance(target, ast.Subscript) else target
            named = _dotted(inner, names)
            if named in _SET:
                return named
    if isinstance(node, ast.Call):
        named = _dotted(node.func, names)
        if named in _CALLED:
            return named
        if isinstance(node.func, ast.Attribute) and node.func.attr in _ENVIRONMENT_CHANGES:
            named = _dotted(node.func.value, names)
            return named if named == ("os", "environ") else None
    return None


def _dotted(node: ast.expr, names: dict[str, tuple[str, str]]) -> tuple[str, str] | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id, node.attr
    return names.get(node.id) if isinstance(node, ast.Name) else None
