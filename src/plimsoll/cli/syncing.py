"""`sync`: what became of each run; and the line that tells of runs that are still to be logged."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from plimsoll.api.owed import told_owed
from plimsoll.api.syncing import Fate, Synced, sync_runs
from plimsoll.cli.console import print_json, to_stderr, to_stdout
from plimsoll.config import Workspace, environment
from plimsoll.errors import ExitCode
from plimsoll.reports.printing import indented
from plimsoll.tracking import MlflowWriter
from plimsoll.tracking.location import URI_VARIABLE

_STYLES = {
    Fate.LOGGED: "green",
    Fate.THERE: "green",
    Fate.OWED: "bold red",
    Fate.NOTHING: "yellow",
    Fate.GONE: "yellow",
}


def sync(names: Sequence[str], *, to: str | None, wait: float, as_json: bool) -> ExitCode:
    """Log runs and say what became of each; the code is 4 where something is still owed."""
    console, workspace, told = to_stdout(), Workspace.find(), False

    with MlflowWriter(workspace, uri=to) as writer:

        def tell(run: Synced) -> None:
            nonlocal told
            if as_json:
                return
            if not told:
                console.print(Text(_where(writer.store, to, workspace)))
                told = True
            console.print(_line(run))
            for line in (run.why, *(f"note: {note}" for note in run.notes)):
                if line:
                    indented(console, Text(line))

        found = sync_runs(workspace, names, to=to, wait=wait, writer=writer, tell=tell)
    if as_json:
        print_json({"exit_code": int(found.exit_code), "store": found.store, "owed": found.owed, "runs": found.runs})
    elif not found.runs:
        console.print("nothing is owed: every run that was to be logged is in MLflow")
    elif found.owed:
        console.print(f"{found.owed} of {len(found.runs)} still owed; `plimsoll doctor` tries the tracking store")
    return found.exit_code


def note_owed(workspace: Workspace) -> None:
    """Tell in one line of runs that are still to be logged."""
    told = told_owed(workspace.state)
    if told is not None:
        to_stderr().print(f"note: {told}")


def _where(store: str | None, to: str | None, workspace: Workspace) -> str:
    """Which store it goes to, and that it is our own where nothing names another."""
    line = f"tracking store: {store or 'none: its address names none'}"
    named = to or environment(workspace.root).get(URI_VARIABLE, "").strip() or workspace.settings.tracking_uri
    return line if named else f"{line} ({URI_VARIABLE} is not set)"


def _line(run: Synced) -> Text:
    line = Text.assemble((f"{run.fate.value:<13}", _STYLES[run.fate]), f" {run.run}")
    if run.mlflow_run_id is not None and run.fate is not Fate.OWED:
        line.append(f": MLflow run {run.mlflow_run_id}")
    if run.traces:
        line.append(f", {run.traces:,} {'trace' if run.traces == 1 else 'traces'}")
    return line
