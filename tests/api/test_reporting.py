"""A run that is shown again: the verdict that was attested comes before the one beside it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest
from tests.api.sealed_runs import write_sealed

from plimsoll.api.fetching import any_run
from plimsoll.api.reporting import stored_run
from plimsoll.config import ProjectSettings, Workspace
from plimsoll.errors import ConfigError, InfrastructureError
from plimsoll.testing.stored_runs import FolderServer
from plimsoll.types import Decision


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path, ProjectSettings())
    write_sealed(found.state / "runs" / "20260101-000000-abcdef")
    return found


def gate_of(workspace: Workspace) -> Path:
    return workspace.state / "runs" / "20260101-000000-abcdef" / "gate" / "v2"


DIFFERS = "v2: verdict.json is not the verdict that was attested, which is the one shown"


def test_as_it_was_decided_nothing_is_noted(workspace: Workspace):
    shown = stored_run(workspace).view
    assert [verdict.outcome for verdict in shown.verdicts] == [Decision.PASS]
    assert not any("attested" in note for note in shown.notes)


@pytest.mark.parametrize(("old", "new"), [(b'"pass"', b'"fail"'), (b"{", b"")])
def test_an_edited_or_damaged_verdict_gives_way_to_the_attested_one(workspace: Workspace, old: bytes, new: bytes):
    path = gate_of(workspace) / "verdict.json"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    shown = stored_run(workspace).view
    assert [verdict.outcome for verdict in shown.verdicts] == [Decision.PASS]
    assert DIFFERS in shown.notes


def test_a_damaged_verdict_without_an_attestation_is_told_with_its_file(workspace: Workspace):
    (gate_of(workspace) / "attestation.json").unlink()
    (gate_of(workspace) / "verdict.json").write_bytes(b'{"outcome": "pa')
    with pytest.raises(ConfigError, match=r"verdict\.json: can't be read: .* \(plimsoll gate desk --run 2026"):
        stored_run(workspace)


def test_a_damaged_attestation_is_noted_beside_the_stored_verdict(workspace: Workspace):
    (gate_of(workspace) / "attestation.json").write_bytes(b"{}")
    shown = stored_run(workspace).view
    assert [verdict.outcome for verdict in shown.verdicts] == [Decision.PASS]
    assert any(note.startswith("v2: the attestation is not a DSSE envelope") for note in shown.notes)


RUN = "20260101-000000-abcdef"


class Busy(FolderServer):
    """Tells how many were downloading at once, and may be away."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lock, self.inside, self.most, self.away = Lock(), 0, 0, False

    def download(self, run: str, names: list[str], folder: str) -> tuple[str, ...]:
        if self.away:
            raise InfrastructureError("no answer")
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.02)
        missing = super().download(run, names, folder)
        with self.lock:
            self.inside -= 1
        return missing


@pytest.fixture
def server(tmp_path: Path) -> Busy:
    """Has a run whose gate passed, made before plans said for which pull request."""
    found = Busy(tmp_path / "server")
    folder = write_sealed(tmp_path / "there" / RUN, older=True).folder
    kept = found.keep(folder)
    shutil.copytree(folder / "gate", found.root / kept.mlflow / "gate")
    return found


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "here", ProjectSettings())


def outcomes(here: Workspace, server: FolderServer, word: str = f"run:{RUN}") -> list[Decision]:
    return [verdict.outcome for verdict in stored_run(here, word, server=server).view.verdicts]


def test_of_a_fetched_run_what_gates_left_is_shown_whoever_brought_the_run(here: Workspace, server: Busy):
    any_run(here, RUN, server)
    gate = here.state / "fetched" / RUN / "gate" / "v2"
    assert not gate.exists()
    assert outcomes(here, server, RUN) == outcomes(here, server) == [Decision.PASS]
    # What is the same stays where it is, with what was put beside it.
    (gate / "approval.json").write_bytes(b"{}")
    before = (gate / "attestation.json").stat()
    assert outcomes(here, server) == [Decision.PASS]
    assert (gate / "approval.json").is_file()
    assert (gate / "attestation.json").stat().st_ino == before.st_ino
    server.away = True
    shown = stored_run(here, RUN, server=server).view
    assert [verdict.outcome for verdict in shown.verdicts] == [Decision.PASS]
    assert "of gates over this run only what was brought before is shown: no answer" in shown.notes


def unattested(gate: Path) -> None:
    (gate / "attestation.json").unlink()


def altered(gate: Path) -> None:
    path = gate / "digests.jsonl"
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))


@pytest.mark.parametrize("forge", [unattested, altered])
def test_of_a_fetched_run_no_verdict_that_does_not_verify_is_shown(
    here: Workspace, server: Busy, forge: Callable[[Path], None]
):
    any_run(here, RUN, server)
    forge(next(server.root.glob("*/gate/v2")))
    for word in (RUN, f"run:{RUN}"):
        shown = stored_run(here, word, server=server).view
        assert not shown.verdicts
        assert any(note.startswith("what a gate decided over v2 is not shown: ") for note in shown.notes)
    # Nor one that lies here since, with no server to ask.
    shutil.copytree(next(server.root.glob("*/gate")), here.state / "fetched" / RUN / "gate", dirs_exist_ok=True)
    server.away = True
    assert outcomes(here, server) == []


def test_several_at_once_bring_a_run_one_after_the_other(here: Workspace, server: Busy):
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(outcomes, here, server) for _ in range(4)]
    assert [each.result() for each in asked] == [[Decision.PASS]] * 4
    assert server.most == 1
