"""What the `evaluators` commands print."""

from __future__ import annotations

from itertools import groupby

from rich.table import Table

from plimsoll.api.evaluators import Listed, list_evaluators, new_evaluator, show_evaluator
from plimsoll.cli.console import print_result, to_stdout
from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.evaluators.contract import BROUGHT, BUILT_IN

_TITLES = (
    "of this workspace and of packages",
    "built in, deterministic",
    "built in, judged by a model",
    "for what you have: a function, a prompty, a flow, another library's evaluator",
)


def list_all(*, as_json: bool) -> None:
    """Every evaluator: the workspace's and packages' first, then what is built in."""
    found = list_evaluators(_workspace())
    if as_json:
        print_result({"evaluators": found})
        return
    console = to_stdout()
    for title, rows in groupby(sorted(found, key=_group), key=_title):
        table = Table("evaluator", "needs", "gives", box=None, pad_edge=False)
        for row in rows:
            table.add_row(row.name, _needs(row) or "–", row.gives)
        console.print(title)
        console.print(table)
        console.print()
    console.print("plimsoll evaluators show NAME tells its settings; new NAME starts one of your own.")


def show(name: str, *, as_json: bool) -> None:
    """One evaluator and its settings."""
    found = show_evaluator(_workspace(), name)
    if as_json:
        print_result(found)
        return
    one, console = found.evaluator, to_stdout()
    console.print(f"{one.name}: {one.summary}\n")
    told = {
        "needs": _needs(one) or "no field of the case",
        "gives": one.gives,
        "cost": one.cost,
        "from": one.source,
    }
    for word, text in told.items():
        console.print(f"{word:<6}{text}")
    table = Table("setting", "takes", "default", "meaning", box=None, pad_edge=False)
    for each in found.settings:
        mark = " *" if each.name == found.main else ""
        table.add_row(f"{each.name}{mark}", each.type, each.default or "required", each.description)
    console.print()
    console.print(table)
    if found.main:
        console.print(f"\n* what `{one.name}: VALUE` stands for")


def new(name: str, *, judge: bool, as_json: bool) -> None:
    """Write it, and say what to do with it."""
    written = new_evaluator(Workspace.find(), name, "judge" if judge else "function")
    if as_json:
        print_result({"written": [path.as_posix() for path in written]})
        return
    console = to_stdout()
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True)
    console.print(f"\nNext:\n  pytest {written[1]}\n  add `- {name}` under evaluators of a suite", soft_wrap=True)


def _workspace() -> Workspace | None:
    try:
        return Workspace.find()
    except UsageError:
        # What is built in can be looked at anywhere.
        return None


def _needs(row: Listed) -> str:
    fields = ", ".join(row.needs)
    return (
        f"{fields}; the extra {row.extra}"
        if row.extra and fields
        else f"the extra {row.extra}"
        if row.extra
        else fields
    )


def _group(row: Listed) -> tuple[int, str]:
    if row.source == BROUGHT:
        return 3, row.name
    return (2 if row.judged else 1) if row.source == BUILT_IN else 0, row.name


def _title(row: Listed) -> str:
    return _TITLES[_group(row)[0]]
