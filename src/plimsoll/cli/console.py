"""Where the command line writes: results to stdout, progress, notes and errors to stderr."""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.errors import ConfigError, ExitCode, InfrastructureError, Mistake, PlimsollError, unwritable

if TYPE_CHECKING:
    from rich.console import Console

    from plimsoll.config.secrets import Redactor


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


def redactor_here() -> Redactor:
    """Of the secrets of the environment, with the `.env` of the workspace that the current folder is in."""
    from plimsoll.api.trying import environment_here, names_here
    from plimsoll.config.secrets import Redactor, secrets_of

    return Redactor(secrets_of(environment_here()), names=names_here())


def without_secrets(error: PlimsollError) -> PlimsollError:
    """The error as it may be told: whatever it quotes, no key is in it."""
    text = redactor_here().text
    mistakes = [
        Mistake(text(mistake.message), mistake.where, text(mistake.remedy) if mistake.remedy else mistake.remedy)
        for mistake in error.mistakes
    ]
    if mistakes == list(error.mistakes):
        return error
    shown = ConfigError(mistakes)
    shown.exit_code = error.exit_code
    return shown


def fault_of(error: BaseException) -> PlimsollError:
    """What nobody foresaw, as the command tells it: a file that can't be used by its name, else with a traceback."""
    full = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and (error.filename is not None or error.errno in full):
        return unwritable(error)
    sys.stderr.write(redactor_here().text(traceback.format_exc()))
    return InfrastructureError("a fault in plimsoll itself; the command was not finished", remedy="please report it")


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
