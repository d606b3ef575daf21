"""A run that is shown again: the verdict that was attested comes before the one beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api.sealed_runs import write_sealed

from plimsoll.api.reporting import stored_run
from plimsoll.config import ProjectSettings, Workspace
from plimsoll.errors import ConfigError
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
