"""What gates over a fetched run left: its attestations with all that they rest on, brought beside its cells.

None of it is believed because it lies there: an attestation is verified with its files like any other, and where it is
a champion's, it is the one that the ledger's entry names.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plimsoll.api.fetching import found_as, named_run
from plimsoll.api.run_words import Server, Word
from plimsoll.api.sealing import ATTESTATION_FILE, GATE_FOLDER
from plimsoll.api.verifying import Trust, verify_file
from plimsoll.canonical import digest_file
from plimsoll.config import Workspace
from plimsoll.errors import InfrastructureError, PlimsollError, UsageError
from plimsoll.registry import TamperedError, history
from plimsoll.tracking.run_search import StoredRuns


def bring_gates(folder: Path, runs: StoredRuns) -> None:
    """Bring what the server has of a fetched run's gates, in place of what was brought before.

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
            shutil.rmtree(folder / GATE_FOLDER, ignore_errors=True)
            Path(making, GATE_FOLDER).rename(folder / GATE_FOLDER)
    except OSError as error:
        raise InfrastructureError(f"{folder}: {error.strerror}", remedy="check space and permissions there") from error


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
    runs = server.stored_runs()
    run = named_run(workspace, Word("run", entry.run), server.stored_runs, suite=suite)
    bring_gates(run.folder, runs)
    path = run.folder / GATE_FOLDER / entry.target / ATTESTATION_FILE
    if not path.is_file():
        raise UsageError(
            f"the tracking server has no attestation of run {entry.run} over {entry.target}",
            remedy="verify it where it was gated; a run that was logged by an earlier version has none",
        )
    if digest_file(path) != entry.attestation:
        raise TamperedError(f"the attestation of run {entry.run} is not the one that {suite} was promoted on")
    return path
