"""Where the command line writes: results to stdout, progress, notes and errors to stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.errors import ExitCode, PlimsollError

if TYPE_CHECKING:
    from rich.console import Console


def to_stdout() -> Console:
    """The console for results."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, markup=False)


def to_stderr() -> Console:
    """The console for everything else."""
    from rich.console import Console

    # FORCE_COLOR makes rich take a CI's log for a terminal; colours are fine there, drawing over lines is not.
    drawn = None if sys.stderr.isatty() else False
    return Console(stderr=True, highlight=False, emoji=False, markup=False, force_interactive=drawn)


def print_place(console: Console, what: str, path: Path) -> None:
    """Where something was written. The path is never broken: people copy it, and terminals make a link of it."""
    line = f"{what}: {path}"
    console.print(line if len(line) <= console.width else f"{what}:\n{path}", soft_wrap=True)


def show_error(error: PlimsollError) -> None:
    """Every mistake of an error, on stderr."""
    from plimsoll.reports.terminal import render_mistakes

    render_mistakes(error, to_stderr())


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def print_result(value: Any) -> None:
    """What a command found that has no document of its own, as one JSON object on stdout: its fields, exit code 0."""
    import msgspec

    print_json({"exit_code": int(ExitCode.PASS), **msgspec.to_builtins(value)})
