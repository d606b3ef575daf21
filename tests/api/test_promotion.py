"""Promotion to any alias: with the approvals that the project asks for, or by force and on record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api.parts import Desk, edit
from tests.api.test_gating import gate, without_registry

from plimsoll.api import approve_suite, history_of, promote_suite, rollback_suite
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode, PlimsollError, UsageError
from plimsoll.gates import generate_key
from plimsoll.registry import ApprovalsMissingError, TamperedError
from plimsoll.types import Decision

pytestmark = pytest.mark.mlflow
PROJECT = """\
[tool.plimsoll.promotion]
environments = ["staging", "production"]
"""
APPROVERS = """\
approvals = {champion = 0, production = 2}

[tool.plimsoll.promotion.approvers]
ada = "keys/ada.pem"
bob = "keys/bob.pem"
eve = "keys/eve.pem"
"""


@pytest.fixture
def project(tracked: Workspace) -> Workspace:
    """A workspace with environments, whose policy compares with nothing: gating it opens no store."""
    without_registry(tracked)
    (tracked.root / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return Workspace.find(tracked.root)


@pytest.fixture
def signed(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, Callable[[str], None]]:
    """The same with three approvers of whom two are needed for production; and whose key is set."""
    private: dict[str, str] = {}
    (project.root / "keys").mkdir()
    for name in ("ada", "bob", "eve", "mallory"):
        secret, public = generate_key()
        private[name] = secret.decode()
        (project.root / "keys" / f"{name}.pem").write_bytes(public)
    (project.root / "pyproject.toml").write_text(PROJECT + APPROVERS, encoding="utf-8")
    return Workspace.find(project.root), lambda name: monkeypatch.setenv("PLIMSOLL_SIGNING_KEY", private[name])


def promote(workspace: Workspace, **options: Any) -> Any:
    return promote_suite(workspace, "desk", who="somebody", **options)


def test_an_environment_has_a_history_of_its_own(project: Workspace):
    gate(project)
    first = promote(project)
    staged = promote(project, alias="staging", reason="try it")
    assert (staged.alias, staged.seq, staged.bundle) == ("staging", 1, first.bundle)
    gate(project, target="v2")
    promote(project, alias="staging")
    assert [entry.alias for entry in history_of(project, "desk", "all")] == ["champion", "staging", "staging"]
    assert len(history_of(project, "desk")) == 1
    back = rollback_suite(project, "desk", alias="staging", who="somebody")
    assert (back.alias, back.version) == ("staging", 1)
    assert history_of(project, "desk", "production") == ()
    # What is no longer in the settings keeps its history, and takes no more.
    edit(project.root, "pyproject.toml", '"staging", ', "")
    without = Workspace.find(project.root)
    assert len(history_of(without, "desk", "staging")) == 3
    with pytest.raises(UsageError, match=r"no alias named 'staging' .*add it to environments in"):
        promote(without, alias="staging")


def test_an_alias_that_is_misspelt_is_guessed(project: Workspace):
    for act in (
        lambda: promote(project, alias="stagin"),
        lambda: rollback_suite(project, "desk", alias="stagin"),
        lambda: history_of(project, "desk", "stagin"),
    ):
        with pytest.raises(UsageError, match=r"no alias named 'stagin' \(did you mean 'staging'\?"):
            act()


def test_production_needs_two_named_people(signed: tuple[Workspace, Callable[[str], None]]):
    workspace, key_of = signed
    gate(workspace)
    assert promote(workspace).approvals == ()
    with pytest.raises(ApprovalsMissingError) as none:
        promote(workspace, alias="production")
    assert none.value.exit_code is ExitCode.USAGE
    assert str(none.value) == (
        "0 of 2 approvals for production of desk "
        "(plimsoll approve desk --alias production, with the key of: ada, bob, eve)"
    )
    key_of("ada")
    given = approve_suite(workspace, "desk", alias="production")
    assert (given.given.name, given.counted.names, given.needed) == ("ada", ("ada",), 2)
    assert approve_suite(workspace, "desk", alias="production").given == given.given
    key_of("bob")
    approve_suite(workspace, "desk", alias="staging")
    with pytest.raises(ApprovalsMissingError, match=r"1 of 2 .*\(ada\); approval \w+: bob approved it for staging of"):
        promote(workspace, alias="production")
    approve_suite(workspace, "desk", alias="production")
    notes: list[str] = []
    entry = promote(workspace, alias="production", tell=notes.append)
    assert [approved.name for approved in entry.approvals] == ["ada", "bob"]
    assert entry.approvals[0] == given.given
    assert len(notes) == 1
    assert "bob approved it for staging of desk" in notes[0]


def test_who_is_no_approver_can_not_approve(
    signed: tuple[Workspace, Callable[[str], None]], desk: Desk, tmp_path: Path
):
    workspace, key_of = signed
    with pytest.raises(UsageError, match=r"an approval has to be signed \(set PLIMSOLL_SIGNING_KEY"):
        approve_suite(workspace, "desk")
    key_of("mallory")
    with pytest.raises(UsageError, match=r"is no approver's; approvers: ada, bob, eve \(add its public half"):
        approve_suite(workspace, "desk")
    key_of("ada")
    with pytest.raises(UsageError, match="desk was never gated"):
        approve_suite(workspace, "desk")
    desk.wrong["one"] = set(range(12))
    failed = gate(workspace)
    assert failed.attestation is not None
    with pytest.raises(PlimsollError, match="the gate's verdict is fail; only a pass is promoted"):
        approve_suite(workspace, "desk", attestation=failed.attestation)
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PlimsollError, match="not a DSSE envelope"):
        approve_suite(workspace, "desk", attestation=tmp_path / "a.json")


def test_keys_that_are_wrong_are_told_with_their_owner(signed: tuple[Workspace, Callable[[str], None]]):
    workspace, key_of = signed
    key_of("ada")
    keys = workspace.root / "keys"
    (keys / "bob.pem").write_bytes((keys / "ada.pem").read_bytes())
    (keys / "eve.pem").unlink()
    with pytest.raises(ConfigError) as raised:
        approve_suite(workspace, "desk")
    assert "approvers ada and bob have one key (each approves with a key of their own)" in str(raised.value)
    assert "pyproject.toml:8: approver eve, keys/eve.pem: the key can't be read: No such file" in str(raised.value)


def test_force_needs_a_reason_and_keeps_what_it_overrode(signed: tuple[Workspace, Callable[[str], None]], desk: Desk):
    workspace, _ = signed
    gate(workspace)
    promote(workspace)
    desk.wrong["two"] = set(range(12))
    assert gate(workspace, target="v2").verdict.outcome is Decision.FAIL
    with pytest.raises(UsageError, match=r"--force needs a reason \(--reason TEXT"):
        promote(workspace, force=True, reason=" ")
    entry = promote(workspace, alias="production", force=True, reason="an outage")
    assert (entry.target, entry.verdict, entry.reason) == ("v2", "fail", "an outage")
    assert entry.forced == (
        "0 of 2 approvals for production of desk",
        "the gate's verdict is fail; only a pass is promoted",
    )
    assert history_of(workspace, "desk", "production") == (entry,)


def test_a_policy_that_changed_and_cells_that_were_altered_are_overridden_and_noted(project: Workspace):
    decided = gate(project)
    edit(project.root, "suites/desk.yaml", "at_least: 0.5", "at_least: 0.4")
    entry = promote(project, force=True, reason="the policy is a typo")
    assert len(entry.forced) == 1
    assert "the policy is another than the one it was decided by" in entry.forced[0]
    assert entry.signed_by == ()
    journal = decided.run.folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"text":"answer 3"', b'"text":"answer 4"', 1))
    again = promote(project, alias="staging", force=True, reason="still")
    assert "does not verify" in again.forced[0]


def test_force_overrides_no_altered_bundle_no_unknown_alias_and_no_clash(project: Workspace):
    decided = gate(project)
    assert decided.attestation is not None
    why = {"force": True, "reason": "an outage"}
    with pytest.raises(UsageError, match="there is nothing to force"):
        promote(project, **why)
    with pytest.raises(UsageError, match="no alias named 'prod'"):
        promote(project, alias="prod", **why)
    with pytest.raises(UsageError, match="leave --target out; it is for --force without one"):
        promote(project, target="v1")
    with pytest.raises(UsageError, match="--attestation and --target each say what is promoted"):
        promote(project, target="v1", attestation=decided.attestation, **why)
    prompt = decided.attestation.parent / "bundle" / "prompts" / "v1.jinja2"
    prompt.write_text("evil", encoding="utf-8")
    with pytest.raises(TamperedError, match=r"it differs in prompts/v1\.jinja2 \(changed\)"):
        promote(project, **why)
    assert history_of(project, "desk") == ()


def test_without_an_attestation_the_workspaces_target_is_promoted_as_it_is(project: Workspace, desk: Desk):
    edit(project.root, "prompts/v2.jinja2", "two", "hotfix")
    entry = promote(project, force=True, reason="an outage", target="v2")
    assert (entry.target, entry.attestation, entry.verdict, entry.run) == ("v2", "", "", "")
    assert entry.forced == ("there is no attestation",)
    assert desk.requests == 0
    with pytest.raises(UsageError, match="suite desk has no target 'v3'"):
        promote(project, force=True, reason="an outage", target="v3")
