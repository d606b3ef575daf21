"""The local web viewer over a workspace: what it shows first, for whom, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from plimsoll.api.loop import run_blocking
from plimsoll.api.opened import author, now_utc
from plimsoll.api.reporting import decided_over, told_run
from plimsoll.api.runs import RUNS
from plimsoll.config import Workspace
from plimsoll.errors import UsageError, near_match
from plimsoll.reports.model import View
from plimsoll.runs.folders import find_run, run_folders
from plimsoll.types import Report, Verdict
from plimsoll.viewer import Desk


class _Reading:
    """Runs as `plimsoll report` tells them."""

    def verdicts(self, folder: Path, suite: str) -> tuple[Verdict, ...]:
        """What gates decided over the run."""
        return decided_over(folder, suite).verdicts

    def view(self, folder: Path, report: Report) -> View:
        """The run's view."""
        return told_run(folder, report).view


def open_desk(workspace: Workspace, who: str | None = None) -> Desk:
    """Where the viewer works.

    Args:
        workspace: Whose runs are shown.
        who: Whose labels are given; None is git's user, else the login name.

    Raises:
        UsageError: the name is empty.
    """
    named = author(workspace) if who is None else who.strip()
    if not named:
        raise UsageError("--as needs a name", remedy="for example --as Ada")
    return Desk(workspace.state, _Reading(), named, now_utc, workspace.root.name)


def first_page(workspace: Workspace, what: str | None) -> str:
    """The path of the page that a suite's or a run's name means; the list of all runs where none is given.

    Raises:
        UsageError: it means no suite with a run or a file, and no run.
    """
    if what is None:
        return "/"
    runs = workspace.state / RUNS
    known = {path.stem for path in workspace.suite_files()}
    if what in known or next(run_folders(runs, what), None) is not None:
        return f"/?suite={quote(what, safe='')}"
    if not any(what in folder.name for folder in run_folders(runs)):
        raise UsageError(f"no suite and no run is called {what!r}", remedy=near_match(what, known) or "plimsoll run")
    return f"/runs/{quote(find_run(runs, what).name, safe='')}"


def view(desk: Desk, port: int, opened: Callable[[str], object]) -> None:
    """Serve the viewer until Ctrl-C.

    Args:
        desk: Where it works.
        port: On loopback; 0 is a free one.
        opened: Told the address once it is listening.

    Raises:
        InfrastructureError: the port can't be opened.
        KeyboardInterrupt: Ctrl-C; everything is closed by then.
    """
    run_blocking(_serve(desk, port, opened))


async def _serve(desk: Desk, port: int, opened: Callable[[str], object]) -> None:
    from plimsoll.viewer.server import ViewServer

    async with ViewServer(desk, port) as server:
        opened(server.url)
        await asyncio.Event().wait()
