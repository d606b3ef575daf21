"""`compare`: what changed between two targets, or two runs."""

from __future__ import annotations

from dataclasses import replace

from plimsoll.api.comparing import CompareOptions, compare_targets
from plimsoll.cli.console import print_json, to_stdout
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode
from plimsoll.reports.compare_form import compare_document, exit_code_of
from plimsoll.reports.compare_terminal import Shown, render_compare


def compare(first: str, second: str, options: CompareOptions, *, as_json: bool) -> ExitCode:
    """Show two targets, or the targets of two runs, side by side.

    Returns:
        Pass, unless equivalence was asked: then fail where something is different, inconclusive where it can't be told.
    """
    workspace = Workspace.find()
    if options.suite is not None:
        suite = workspace.load_suite(workspace.find_suite(options.suite))[0].name
        options = replace(options, suite=suite)
    found = compare_targets(workspace, first, second, options)
    if as_json:
        print_json(compare_document(found, options.metrics, options.slice))
    else:
        console = to_stdout()
        for place, comparison in enumerate(found):
            if place:
                console.print()
            render_compare(comparison, console, Shown(options.metrics, options.slice))
    return exit_code_of(found)
