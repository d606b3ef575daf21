"""What promote, approve, rollback and history print: who, when, what, on what evidence, and what was forced."""

import dataclasses
import json
import os
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.api.test_gating import gate, without_registry
from tests.cli.parts import plimsoll
from tests.registry.parts import ONE, THREE, TWO, evidence

from plimsoll.config import Workspace
from plimsoll.errors import UsageError
from plimsoll.gates import generate_key, key_id, load_public_key
from plimsoll.registry import Approved, promote, rollback
from plimsoll.tracking import MlflowRegistryStore, open_store
from plimsoll.types import Decision

pytestmark = pytest.mark.mlflow
PROJECT = """\
[tool.plimsoll]
trusted_keys = ["keys/ci.pem"]

[tool.plimsoll.promotion]
environments = ["staging", "production"]
approvals = {production = 1}

[tool.plimsoll.promotion.approvers]
ada = "keys/ada.pem"
bob = "keys/bob.pem"
"""


@pytest.fixture
def project(tracked: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("COLUMNS", "80")
    without_registry(tracked)
    (tracked.root / "keys").mkdir()
    for name in ("ci", "ada", "bob"):
        private, public = generate_key()
        (tracked.root / "keys" / f"{name}.pem").write_bytes(public)
        (tracked.root / "keys" / f"{name}.private.pem").write_bytes(private)
    (tracked.root / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return Workspace.find(tracked.root)


@pytest.fixture
def eventful(project: Workspace) -> Workspace:
    """A registry in which everything has happened, at times that don't change."""
    signer = key_id(load_public_key(project.root / "keys" / "ci.pem"))
    approvals = (Approved("ada", "sha256:" + "a" * 64), Approved("bob", "sha256:" + "b" * 64))
    first = dataclasses.replace(evidence(ONE, None), signed_by=(signer,), attempts=1)
    second = dataclasses.replace(evidence(TWO, ONE), attempts=4, signed_by=(signer, "sha256:" + "c" * 64))
    third = dataclasses.replace(
        evidence(THREE, TWO),
        verdict=Decision.FAIL,
        force=True,
        doubts=(UsageError("0 of 1 approvals for production of desk (plimsoll approve desk)"),),
    )
    bare = dataclasses.replace(
        evidence(TWO, ONE),
        envelope=None,
        verdict=None,
        run="",
        force=True,
        doubts=(UsageError("there is no attestation"),),
    )
    with open_store(None, project, dict(os.environ)) as tracking:
        store = MlflowRegistryStore(tracking)

        def move(given: Any, new: Any, old: Any, minute: int, **more: Any) -> None:
            asked = {"who": "Ann Example", "now": f"2026-10-01T12:{minute:02d}:00Z"} | more
            promote(store, "desk", new, given, expected_champion=old.digest if old else None, **asked)

        move(first, ONE, None, 0, reason="first version")
        move(dataclasses.replace(second, approvals=approvals), TWO, ONE, 1)
        long = "the provider is down in two regions, and this prompt is the only one that the fallback model answers"
        move(third, THREE, TWO, 2, who="Eve", reason=long)
        rollback(store, "desk", who="Bob", now="2026-10-01T12:30:00Z", reason="the provider is back")
        move(first, ONE, None, 3, alias="staging")
        move(bare, TWO, ONE, 4, alias="staging", who="Eve", reason="hotfix")
    return project


def test_the_history_of_the_champion(eventful: Workspace, capsys, snapshot: SnapshotAssertion):
    shown = plimsoll(capsys, "history", "desk")
    assert shown.code == 0
    assert max(len(line) for line in shown.out.splitlines()) <= 80
    assert shown.out == snapshot


def test_the_history_of_every_alias(eventful: Workspace, capsys, snapshot: SnapshotAssertion):
    shown = plimsoll(capsys, "history", "desk", "--alias", "all")
    assert shown.out == snapshot
    entries = plimsoll(capsys, "history", "desk", "--alias", "all", "--json").document["entries"]
    assert [(entry["alias"], entry["seq"]) for entry in entries] == [
        ("champion", 1),
        ("champion", 2),
        ("champion", 3),
        ("champion", 4),
        ("staging", 1),
        ("staging", 2),
    ]
    assert entries[2]["forced"][1] == "the gate's verdict is fail; only a pass is promoted"
    assert entries[1]["approvals"][0]["name"] == "ada"
    empty = plimsoll(capsys, "history", "desk", "--alias", "production")
    assert empty.out == "desk has nothing promoted to production yet: `plimsoll promote desk --alias production`\n"


def test_a_rollback_to_what_was_forced_says_so(eventful: Workspace, capsys):
    shown = plimsoll(capsys, "rollback", "desk", "--to", "#3", "--who", "Eve")
    assert "rolled back to desk/v: version 3 is the champion" in shown.out
    assert "FORCED, although: 0 of 1 approvals" in " ".join(shown.out.split())


def test_what_a_refused_promotion_prints(
    project: Workspace, capsys, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
):
    gate(project)
    refused = [
        ("promote", "desk", "--alias", "prodution"),
        ("promote", "desk", "--alias", "production"),
        ("promote", "desk", "--force"),
        ("promote", "desk", "--force", "--reason", "because"),
        ("promote", "desk", "--target", "v1"),
        ("approve", "desk", "--alias", "production"),
        ("rollback", "desk", "--alias", "staging"),
    ]
    said = ""
    for words in refused:
        ended = plimsoll(capsys, *words)
        assert (ended.code, ended.out) == (2, "")
        said += f"$ plimsoll {' '.join(words)}\n{ended.err}\n"
    assert said == snapshot


def test_an_approval_and_the_promotion_that_needed_it(project: Workspace, capsys, monkeypatch: pytest.MonkeyPatch):
    decided = gate(project)
    assert decided.attestation is not None
    monkeypatch.setenv("PLIMSOLL_SIGNING_KEY", str(project.root / "keys" / "ada.private.pem"))
    given = plimsoll(capsys, "approve", "desk", "--alias", "production", "--attestation", str(decided.attestation))
    assert given.code == 0
    assert "desk/v1 as production, by ada" in " ".join(given.out.split())
    assert "1 of 1 approvals: ada" in given.out
    again = plimsoll(capsys, "approve", "desk", "--alias", "production", "--json").document
    assert (again["exit_code"], again["needed"], len(again["approvals"])) == (0, 1, 1)
    assert again["given"] == again["approvals"][0]
    promoted = plimsoll(capsys, "promote", "desk", "--alias", "production", "--who", "Ann")
    assert "promoted desk/v1: version 1 is production (bundle" in promoted.out
    assert "approved by ada" in plimsoll(capsys, "history", "desk", "--alias", "production").out


def test_a_forced_promotion_says_so_in_text_and_json(project: Workspace, capsys):
    gate(project)
    words = ("promote", "desk", "--alias", "production", "--force", "--reason", "an outage", "--who", "Eve")
    forced = plimsoll(capsys, *words)
    assert forced.code == 0
    assert "FORCED, although: 0 of 1 approvals for production of desk" in " ".join(forced.out.split())
    entry = json.loads(plimsoll(capsys, *words, "--json").out)
    assert (entry["seq"], entry["forced"], entry["reason"]) == (
        1,
        ["0 of 1 approvals for production of desk"],
        "an outage",
    )
