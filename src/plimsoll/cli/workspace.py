"""`init`, `validate`, `list`: the workspace's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from plimsoll.api.checking import check_workspace, list_workspace
from plimsoll.api.starting import init_workspace
from plimsoll.cli.console import print_result, to_stdout
from plimsoll.config import Workspace


def init(folder: Path, model: str | None, *, as_json: bool) -> None:
    """Write a new workspace, and say what to do with it."""
    written = init_workspace(folder, model)
    if as_json:
        print_result({"folder": str(folder), "written": [path.as_posix() for path in written]})
        return
    console = to_stdout()
    for path in written:
        console.print(f"wrote {folder / path}", soft_wrap=True)
    there = "" if folder == Path() else f"cd {folder}\n  "
    console.print(
        f"\nNext:\n  {there}plimsoll run first                # two prompts over 24 cases\n"
        "  plimsoll gate first --first       # may v1 be the first champion?\n"
        "  plimsoll promote first            # make it the champion\n"
        "  plimsoll gate first --target v2   # is v2 at least as good?",
        soft_wrap=True,
    )


def validate(names: Sequence[str], *, as_json: bool) -> None:
    """Check suites and say what was checked; mistakes are raised."""
    checked = check_workspace(Workspace.find(), names)
    if as_json:
        print_result({"suites": checked})
        return
    console = to_stdout()
    for suite in checked:
        slices = f", slices {', '.join(suite.slices)}" if suite.slices else ""
        held = f" ({suite.conversations} of them conversations)" if suite.conversations else ""
        console.print(f"ok  {suite.file}: {suite.cases} cases{held}, targets {', '.join(suite.targets)}{slices}")
        for warning in suite.warnings:
            console.print(f"    note: {warning}")


def list_all(*, as_json: bool) -> None:
    """Show suites, evaluators and runs."""
    held = list_workspace(Workspace.find())
    if as_json:
        print_result(held)
        return
    console = to_stdout()
    suites = Table(
        "suite", "targets", "dataset", "gate", title="suites", title_justify="left", box=None, pad_edge=False
    )
    for suite in held.suites:
        name = suite.name or f"{suite.file}: {suite.mistakes} mistakes"
        suites.add_row(name, ", ".join(suite.targets), suite.dataset, "yes" if suite.gate else "no")
    console.print(suites)
    evaluators = Table(
        "evaluator", "what it scores", title="\nevaluators", title_justify="left", box=None, pad_edge=False
    )
    for name, summary in held.evaluators.items():
        evaluators.add_row(name, summary)
    console.print(evaluators)
    if held.runs:
        runs = _table("\nnewest runs", "run", "cells", "state")
        for run in held.runs:
            runs.add_row(run.id, str(run.cells), "complete" if run.complete else "unfinished: --resume")
        console.print(runs)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
