"""`nightly`: its options; `main` adds it to the other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.flags import JsonFlag, SuitesArgument
from plimsoll.errors import ExitCode

NIGHTLY_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll nightly                          every suite of the workspace\n"
    "  plimsoll nightly --max-cost 5             and no more than 5 USD for all\n"
    "  plimsoll nightly --issue night.md --propose flaky.yaml"
)


def nightly(
    suites: SuitesArgument = None,
    *,
    max_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="For all suites of the night; over the project's.")
    ] = None,
    issue: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where there is news, write an issue's body here.")
    ] = None,
    propose: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write flaky cases here, as a quarantine's entries.")
    ] = None,
    no_track: Annotated[
        bool, typer.Option("--no-track", help="Neither log to MLflow, nor ask it for champion and earlier nights.")
    ] = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Run suites with fresh answers, compare with the nights before, and say what moved, since when, and why."""
    from plimsoll.cli import nights

    files = nights.Files(issue=issue, propose=propose)
    return nights.nightly(suites or (), files, max_cost=max_cost, track=not no_track, as_json=as_json)
