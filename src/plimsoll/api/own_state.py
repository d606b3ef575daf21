"""The state folder is this machine's own: what a commit brings along in it nobody here has measured."""

from __future__ import annotations

from plimsoll.api.git import tracked_below
from plimsoll.config import Workspace
from plimsoll.config.project import STATE_FOLDER
from plimsoll.errors import UsageError
from plimsoll.reports.text import count

_IGNORED_BY = f"{STATE_FOLDER}/.gitignore"


def refuse_committed_state(workspace: Workspace) -> None:
    """Refuse a workspace whose state folder is under version control.

    Whoever may open a pull request could otherwise commit a cell cache, a run with its evidence, or a store with a
    champion: a worse prompt would pass on answers that no model gave.

    Raises:
        UsageError: git knows a file in it.
    """
    found = [path for path in tracked_below(workspace.root, STATE_FOLDER) if path != _IGNORED_BY]
    if found:
        more = f" and {count(len(found) - 1, 'more file')}" if len(found) > 1 else ""
        message = f"{found[0]}{more} came with a commit: answers, runs and evidence count only where they were made"
        remedy = f"git rm -r --cached {STATE_FOLDER}, and write {STATE_FOLDER}/ into .gitignore"
        raise UsageError(message, remedy=remedy)
