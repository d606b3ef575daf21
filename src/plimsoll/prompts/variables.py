"""Which variables a template reads from outside, and which of those it can do without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment, meta, nodes

from plimsoll.prompts.sources import SourceSet


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a template and of all that it includes."""

    used: frozenset[str]
    required: frozenset[str]
    """Those used otherwise than in `is defined` and `default`."""
    lines: dict[str, int]
    """Variable → the line of the prompt's own file on which it is first used."""


def variables_of(found: SourceSet, environment: Environment) -> Variables:
    """The variables that must come from a case."""
    used: set[str] = set()
    required: set[str] = set()
    lines: dict[str, int] = {}
    for name, tree in found.trees.items():
        free = meta.find_undeclared_variables(tree) - _given_by_referrers(name, found)
        used |= free
        required |= free & _needed(tree)
        if name == found.main.name:
            for node in tree.find_all(nodes.Name):
                if node.name in free and node.ctx == "load":
                    lines.setdefault(node.name, found.main.where(node.lineno).line or 1)
    known = set(environment.globals)
    return Variables(frozenset(used - known), frozenset(required - known), lines)


def _given_by_referrers(name: str, found: SourceSet) -> set[str]:
    """Names that a file sees because whoever includes it sets them: loop variables, `set`, macro arguments."""
    names: set[str] = set()
    seen = {name}
    waiting = list(found.referrers.get(name, ()))
    while waiting:
        referrer = waiting.pop()
        if referrer in seen:
            continue
        seen.add(referrer)
        waiting += found.referrers.get(referrer, ())
        tree = found.trees.get(referrer)
        if tree is not None:
            names |= {node.name for node in tree.find_all(nodes.Name) if node.ctx in {"store", "param"}}
    return names


def _needed(node: nodes.Node) -> set[str]:
    return set(_loaded(node))


def _loaded(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Name):
        if node.ctx == "load":
            yield node.name
        return
    guards = (isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}) or (
        isinstance(node, nodes.Filter) and node.name in {"default", "d"}
    )
    for child in node.iter_child_nodes():
        if guards and isinstance(child, nodes.Name):
            continue
        yield from _loaded(child)
