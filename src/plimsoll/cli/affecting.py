"""`--affected` of `run` and `gate`: which of the suites that were to be worked on a change affects."""

from __future__ import annotations

import os
from collections.abc import Sequence

from plimsoll.api.affected import affected_suites
from plimsoll.ci.affected_words import in_short
from plimsoll.cli.console import to_stderr, to_stdout
from plimsoll.config import Workspace
from plimsoll.reports.review import UNAFFECTED


def narrowed(workspace: Workspace, names: Sequence[str], base: str | None, *, quietly: bool) -> list[str]:
    """Of suites those that a change affects; where there is none, that is the result.

    Args:
        workspace: Where they lie.
        names: As the command was given them.
        base: The git ref that the change starts from; None as `affected_suites` finds it.
        quietly: Stdout is taken.

    Raises:
        UsageError: a suite that is named does not exist; nothing says what has changed.
    """
    asked = {name: workspace.find_suite(name) for name in names}
    told = affected_suites(workspace, base, os.environ)
    files = {workspace.root / effect.file for effect in told.found.suites if effect.affected}
    to_stderr().print(in_short(told.found, told.base, told.commit), soft_wrap=True)
    chosen = [name for name, path in asked.items() if path in files]
    if not chosen and not quietly:
        to_stdout().print(UNAFFECTED, soft_wrap=True)
    return chosen
