"""What Python files say about their functions' parameters, read without importing them.

A flow's code must not run twice, nor in our process; yet which kind of connection a node takes stands only in the
annotation of its function.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function."""

    types: tuple[str, ...]
    """Every name in its annotation, in order: `Union[CustomConnection, AzureOpenAIConnection]` gives three."""
    required: bool


Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class EntrySignatures:
    """The parameters of a flex flow's entry."""

    call: Parameters | None
    """Those of the function, or of the class's `__call__`; None where it takes any."""
    init: Parameters
    """Those of the class's `__init__`."""
    aggregates: bool = False
    """The class has an `__aggregate__`."""


def entry_signatures(folder: Path, entry: str) -> EntrySignatures | None:
    """The signatures of `module:name` below `folder`; None where they can't be read from its file."""
    module, _, name = entry.partition(":")
    tree = _parsed(folder.joinpath(*module.split(".")).with_suffix(".py"))
    for found in tree.body if tree else ():
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and found.name == name:
            return EntrySignatures(_open_ended(found), {})
        if isinstance(found, ast.ClassDef) and found.name == name:
            call, init = _method(found, "__call__"), _method(found, "__init__")
            # A method that is inherited is not in this file.
            return EntrySignatures(
                _open_ended(call) if call else None,
                _parameters(init) if init else {},
                aggregates=_method(found, "__aggregate__") is not None,
            )
    return None


def tool_parameters(file: Path) -> Parameters:
    """The parameters of the tool in a node's file: of its decorated functions, and of classes' `__init__`."""
    tree = _parsed(file)
    functions = (
        [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)] if tree else []
    )
    tools = [node for node in functions if node.name == "__init__" or any(map(_is_tool, node.decorator_list))]
    return {name: parameter for node in tools for name, parameter in _parameters(node).items()}


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        # Whoever imports it will say what is wrong, and better.
        return None


def _is_tool(decorator: ast.expr) -> bool:
    return "tool" in _names(decorator)


def _method(cls: ast.ClassDef, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    methods = [node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return next((node for node in methods if node.name == name), None)


def _open_ended(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Parameters | None:
    return None if function.args.kwarg else _parameters(function)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, Parameter]:
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    without = len(positional) - len(given.defaults)
    found = {
        argument.arg: Parameter(_names(argument.annotation), required=index < without)
        for index, argument in enumerate(positional)
    }
    found |= {
        argument.arg: Parameter(_names(argument.annotation), required=default is None)
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    }
    found.pop("self", None)
    return found


def _names(annotation: ast.expr | None) -> tuple[str, ...]:
    if annotation is None:
        return ()
    found: list[str] = []
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            found.append(node.id)
        elif isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A quoted annotation.
            found.append(node.value.rpartition(".")[2])
    return tuple(found)
