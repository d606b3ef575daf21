"""What gates over a fetched run left: its attestations with all that they rest on, brought beside its cells.

None of it is believed because it lies there: an attestation is verified with its files like any other, and where it is
a champion's, it is the one that the ledger's entry names.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plimsoll.api.fetching import NamedRun, alone, found_as, named_run
from plimsoll.api.run_words import Server, Word
from plimsoll.api.sealing import ATTESTATION_FILE, GATE_FOLDER
from plimsoll.api.verifying import Trust, verify_file
from plimsoll.canonical import digest_file
from plimsoll.config import Workspace
from plimsoll.errors import PlimsollError, UsageError, unwritable
from plimsoll.registry import TamperedError, history
from plimsoll.tracking.run_search import StoredRuns


def bring_gates(folder: Path, runs: StoredRuns) -> None:
    """Bring what the server has of a fetched run's gates; what was brought before stays where that is the same.

    Args:
        folder: The run's; the caller holds it `alone`.
        runs: The server's.

    Raises:
        InfrastructureError: the server or the disk failed.
    """
    found = found_as(folder)
    if found is None:
        return
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".gate.") as making:
            if runs.download(found.mlflow, [f"{GATE_FOLDER}/"], making):
                return
            brought, there = Path(making, GATE_FOLDER), folder / GATE_FOLDER
            if not _holds(there, brought):
                shutil.rmtree(there, ignore_errors=True)
                brought.rename(there)
    except OSError as error:
        raise unwritable(error, folder) from error


def _holds(there: Path, brought: Path) -> bool:
    """Whether all of it is there already: whoever reads it now is not disturbed, and an approval beside it stays."""
    files = (path for path in brought.rglob("*") if path.is_file())
    pairs = ((path, there / path.relative_to(brought)) for path in files)
    return all(old.is_file() and digest_file(old) == digest_file(new) for new, old in pairs)


def drop_unverified(folder: Path, trust: Trust) -> Iterator[str]:
    """Take away what was brought of gates and does not verify: nobody is to be shown it. Why, in sentences."""
    for gate in sorted(path for path in (folder / GATE_FOLDER).glob("*") if path.is_dir()):
        path = gate / ATTESTATION_FILE
        try:
            if path.is_file():
                verify_file(path, trust)
                continue
            why = "a verdict without an attestation can't be verified"
        except PlimsollError as error:
            why = error.message
        shutil.rmtree(gate)
        yield f"what a gate decided over {gate.name} is not shown: {why}"


def attestation_of_champion(workspace: Workspace, suite: str, server: Server) -> Path:
    """The attestation that the suite's champion was promoted on, with its run, from the tracking server.

    Raises:
        UsageError: there is no champion, or it was promoted without evidence.
        TamperedError: what the server has is not what was logged or promoted.
        InfrastructureError: the server can't be asked.
    """
    entries = history(server.registry(), suite)
    if not entries:
        raise UsageError(f"{suite} has no attestation", remedy=f"plimsoll gate {suite}")
    entry = entries[-1]
    if not entry.attestation:
        raise UsageError(f"the champion of {suite} was promoted by force, without an attestation")
    run = _with_gates(workspace, Word("run", entry.run), suite, server)
    path = run.folder / GATE_FOLDER / entry.target / ATTESTATION_FILE
    if not path.is_file():
        raise _without(entry.run, entry.target)
    if digest_file(path) != entry.attestation:
        if not run.own:
            shutil.rmtree(path.parent)
        raise TamperedError(f"the attestation of run {entry.run} is not the one that {suite} was promoted on")
    return path


def attestation_of_run(workspace: Workspace, suite: str, word: Word, server: Server) -> Path:
    """The attestation of a run that is named by its id, with the run, from the tracking server where it is not here.

    It is not verified yet.

    Args:
        workspace: Where it is brought to.
        suite: Whose run.
        word: Which run, and where several of its targets were gated, which one.
        server: Has it.

    Raises:
        UsageError: there is no such run or attestation, or there are several.
        TamperedError: what the server has of the run is not what was logged.
        InfrastructureError: the server can't be asked.
    """
    run = _with_gates(workspace, word, suite, server)
    found = {path.parent.name: path for path in sorted((run.folder / GATE_FOLDER).glob(f"*/{ATTESTATION_FILE}"))}
    if word.target is None and len(found) > 1:
        names = ", ".join(found)
        raise UsageError(f"run {run.stored.run} has attestations of {names}", remedy=f"say which: {word}:TARGET")
    target = word.target or next(iter(found), None)
    if target not in found:
        raise _without(run.stored.run, target)
    return found[target]


def _with_gates(workspace: Workspace, word: Word, suite: str, server: Server) -> NamedRun:
    run = named_run(workspace, word, server.stored_runs, suite=suite)
    if not run.own:
        with alone(run.folder):
            bring_gates(run.folder, server.stored_runs())
    return run


def _without(run: str, target: str | None) -> UsageError:
    over = "" if target is None else f" over {target}"
    return UsageError(
        f"there is no attestation of run {run}{over}, here or on the tracking server",
        remedy="verify it where it was gated; a run that was logged by an earlier version has none",
    )
