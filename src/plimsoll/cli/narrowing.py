"""`--affected` of `run` and `gate`: which of the suites that were to be worked on a change affects."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from plimsoll.api.affected import affected_suites
from plimsoll.ci.affected_words import in_short
from plimsoll.cli.console import to_stderr, to_stdout
from plimsoll.config import Workspace
from plimsoll.reports.review import UNAFFECTED

_STREAMS = (1, 2)
"""Stdout and stderr, by their numbers: a shell may have sent them to a file of the workspace."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is left to do."""

    names: list[str]
    """The suites that the change affects, as the command was given them."""
    deleted: tuple[str, ...]
    """Suites that the change takes away; none where the command was told which suites to work on."""
    base: str
    """The git ref that the change starts from."""


def narrowed(
    workspace: Workspace,
    names: Sequence[str],
    base: str | None,
    *,
    given: bool,
    quietly: bool,
    outputs: Iterable[Path | None] = (),
) -> Narrowed:
    """Of suites those that a change affects; where there is none, that is the result.

    Args:
        workspace: Where they lie.
        names: As the command was given them, or all.
        base: The git ref that the change starts from; None as `affected_suites` finds it.
        given: The command named the suites.
        quietly: Stdout is taken.
        outputs: Files that the command writes.

    Raises:
        UsageError: a suite that is named does not exist; nothing says what has changed.
    """
    asked = {name: workspace.find_suite(name).resolve() for name in names}
    told = affected_suites(workspace, base, os.environ, written_to(outputs))
    known = [((workspace.root / effect.file).resolve(), effect.affected) for effect in told.found.suites]
    looked_at, untouched = {path for path, _ in known}, {path for path, affected in known if not affected}
    console = to_stderr()
    console.print(in_short(told.found, told.base, told.merge_base), soft_wrap=True)
    for name in (name for name, path in asked.items() if path not in looked_at):
        console.print(f"{name} does not lie in suites/: it counts as affected", markup=False, soft_wrap=True)
    chosen = [name for name, path in asked.items() if path not in untouched]
    deleted = () if given else told.found.deleted
    if not chosen and not deleted and not quietly:
        to_stdout().print(UNAFFECTED, soft_wrap=True)
    return Narrowed(chosen, deleted, told.base)


def written_to(outputs: Iterable[Path | None] = ()) -> Callable[[Path], bool]:
    """Says of a file whether this command writes it: it is one of its outputs, or what stdout or stderr goes into."""
    own = {_identity(output) for output in (*outputs, *_STREAMS) if output is not None} - {None}
    return lambda path: _identity(path) in own


def _identity(file: Path | int) -> tuple[int, int] | None:
    """Which file it is, by whatever name; None of what is no plain file, or is not there."""
    try:
        found = os.fstat(file) if isinstance(file, int) else file.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
