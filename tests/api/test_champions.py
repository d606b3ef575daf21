"""What the registry names as baseline and anchor, with what its evidence was measured on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from tests.api.parts import SUITE, Desk, cases, edit, write_cases
from tests.api.repository import commit
from tests.api.test_quarantine import quarantine

from plimsoll.api import GateOptions, GateRun, RunOptions, gate_suite, promote_suite, verify_suite
from plimsoll.api.champions import entry_of_anchor
from plimsoll.api.gone import gone_since_gate, measured_lines
from plimsoll.api.grounding import grounding_of
from plimsoll.api.prepare import prepare
from plimsoll.api.sides import Sides
from plimsoll.config import Workspace
from plimsoll.errors import ExitCode, PlimsollError, UsageError
from plimsoll.registry import Entry, TamperedError, history, keep_measured
from plimsoll.registry.versions import keep_attestation
from plimsoll.runs.observer import Silent
from plimsoll.testing.store import MemoryRegistryStore
from plimsoll.tracking import MlflowWriter
from plimsoll.types import Decision

WITHOUT_BASELINE = SUITE.replace("target: v1\n", "target: v1\n  baseline: none\n").replace(
    "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}\n", ""
)


@pytest.fixture
def writer(tracked: Workspace) -> Iterator[MlflowWriter]:
    with MlflowWriter(tracked) as started:
        yield started


def gate(workspace: Workspace, writer: MlflowWriter | None = None, **options) -> GateRun:
    run = RunOptions(track=False, fresh=options.pop("fresh", False))
    return gate_suite(workspace, "desk", GateOptions(run=run, **options), Silent(), writer=writer)


def noted(decided: GateRun, told: str) -> bool:
    return any(told in note for note in decided.run.view.notes)


@pytest.mark.mlflow
@pytest.mark.long
def test_baselines_and_anchors_out_of_the_registry_with_their_evidence(
    tracked: Workspace, writer: MlflowWriter, desk: Desk
):
    root = tracked.root
    (root / "pyproject.toml").write_text('[tool.plimsoll.promotion]\nenvironments = ["staging"]\n', encoding="utf-8")
    edit(root, "suites/desk.yaml", "  target: v1", "  target: v1\n  max_quarantined: 0.1")
    quarantine(root, "c7")
    commit(root)
    workspace = Workspace.find(root)
    with pytest.raises(UsageError, match="desk has no champion yet"):
        gate(workspace, writer, anchor="#1", baseline="v2")
    gate(workspace, writer, first=True)
    first = promote_suite(workspace, "desk", who="somebody")

    # The quarantine of the commit that the champion was measured at holds, whatever the change says.
    quarantine(root, "c5")
    changed = commit(root, "the change")
    second = gate(workspace, writer, target="v2")
    assert second.exit_code == ExitCode.PASS
    assert [entry.case for entry in second.verdict.quarantine] == ["c7"]
    assert noted(second, "quarantine proposed here, not applied: c5")
    newest = promote_suite(workspace, "desk", who="somebody")
    assert newest.seq == 2

    # An earlier release as the anchor: what may not fall below the champion may not fall below it either.
    edit(root, "prompts/v1.jinja2", "one", "won")
    desk.wrong["won"] = set(range(12))
    for anchor in ("#1", "v1", first.bundle[:20]):
        anchored = gate(workspace, writer, target="v1", anchor=anchor)
        assert (anchored.verdict.anchor, anchored.verdict.anchor_digest) == ("anchor", first.bundle)
        assert [rule.against for rule in anchored.verdict.rules] == [None, "champion", "anchor"]
    assert anchored.verdict.rules[2].outcome is Decision.FAIL
    shown = anchored.run.view.verdicts[0]
    assert [row.relative for row in shown.rules if "not worse than" in row.rule] == [True, True]
    assert {flip.case for flip in shown.flips} == {f"c{number}" for number in range(12) if number != 5}
    assert verify_suite(workspace, "desk").attestation.verdict == anchored.verdict
    asked = desk.requests
    same = gate(workspace, writer, target="v1", anchor="champion")
    assert (same.verdict.anchor, same.verdict.anchor_digest) == ("champion", newest.bundle)
    assert noted(same, f"the anchor champion is the bundle {newest.bundle[7:19]}, which is the baseline too")
    assert [rule.against for rule in same.verdict.rules] == [None, "champion"]
    assert desk.requests == asked
    for anchor, told in (("#9", "'#9' never was champion of desk"), ("staging", "desk has no staging yet")):
        with pytest.raises(UsageError, match=told):
            gate(workspace, writer, target="v1", anchor=anchor)

    # Another alias is a baseline of its own name.
    with pytest.raises(UsageError, match="desk has no staging yet"):
        gate(workspace, writer, target="v2", baseline="staging")
    gate(workspace, writer, target="v2", fresh=True)
    promote_suite(workspace, "desk", who="somebody", alias="staging")
    staged = gate(workspace, writer, target="v2", baseline="staging")
    assert (staged.verdict.baseline, staged.verdict.baseline_digest) == ("staging", newest.bundle)
    # It moves that alias, with an anchor or without, and no other; nor does another anchor than the policy's.
    edit(root, "suites/desk.yaml", "  target: v1", "  target: v1\n  anchor: v1")
    told = "the policy is another than the one it was decided by"
    gate(workspace, writer, target="v2", baseline="staging")
    with pytest.raises(PlimsollError, match=told):
        promote_suite(workspace, "desk", who="somebody")
    gate(workspace, writer, target="v2", baseline="staging", anchor="v2")
    with pytest.raises(PlimsollError, match=told):
        promote_suite(workspace, "desk", who="somebody", alias="staging")
    edit(root, "suites/desk.yaml", "\n  anchor: v1", "")
    gate(workspace, writer, target="v2", baseline="staging", anchor="v2")
    assert promote_suite(workspace, "desk", who="somebody", alias="staging").seq == 2

    # A case that the champion was measured on and that is gone, or was changed, counts as missing.
    write_cases(root, cases(11))
    dropped = gate(workspace, writer, target="v2")
    assert (dropped.verdict.outcome, dropped.verdict.gone) == (Decision.INCONCLUSIVE, ("c11",))
    # More cases than there were are no matter.
    write_cases(root, cases(14))
    assert gate(workspace, writer, target="v2").verdict.gone == ()

    (root / ".git").rename(root / ".elsewhere")
    unknown = gate(workspace, writer, target="v2")
    assert unknown.verdict.quarantine == ()
    why = f"no quarantine is applied: the commit {changed[:8]} that the champion was measured at is not in this clone"
    assert noted(unknown, why)


def _entry(store: MemoryRegistryStore, decided: GateRun, *, forced: tuple[str, ...] = ()) -> Entry:
    """A ledger's entry of a gate, with its attestation in the store."""
    assert decided.attestation is not None
    return Entry(
        suite="desk",
        alias="champion",
        seq=1,
        previous=None,
        action="promote",
        bundle=decided.verdict.target_digest,
        version=1,
        target="v1",
        run=decided.verdict.run,
        attestation=keep_attestation(store, "desk", decided.attestation.read_bytes()),
        who="somebody",
        when="2026-11-23T00:00:00Z",
        forced=forced,
    )


def test_cases_that_a_gate_was_measured_on_and_that_the_registry_lost_or_altered_are_no_pass(workspace: Workspace):
    (workspace.root / "suites" / "desk.yaml").write_text(WITHOUT_BASELINE, encoding="utf-8")
    decided = gate(workspace)
    assert decided.attestation is not None
    store, prepared = MemoryRegistryStore(), prepare(workspace, "desk")
    entry = _entry(store, decided)
    with pytest.raises(TamperedError, match="the cases that the champion of desk was measured on are not in the"):
        gone_since_gate(prepared, store, entry)
    assert gone_since_gate(prepared, store, _entry(store, decided, forced=("no approval",))) == ()
    lines = measured_lines(decided.attestation)
    keep_measured(store, "desk", entry.attestation, lines)
    assert gone_since_gate(prepared, store, entry) == ()
    write_cases(workspace.root, cases(12, group="g"))
    assert len(gone_since_gate(prepare(workspace, "desk"), store, entry)) == 12
    keep_measured(store, "desk", entry.attestation, lines.splitlines(keepends=True)[0])
    with pytest.raises(TamperedError, match=r"the list of cases .* was altered"):
        gone_since_gate(prepared, store, entry)


def test_what_changed_since_an_alias_was_gated_is_told_and_what_force_left_unknown(workspace: Workspace):
    (workspace.root / "suites" / "desk.yaml").write_text(WITHOUT_BASELINE, encoding="utf-8")
    decided = gate(workspace)
    assert decided.attestation is not None
    store = MemoryRegistryStore()
    entry = _entry(store, decided, forced=("no approval",))

    def notes(entry: Entry) -> tuple[str, ...]:
        prepared = prepare(workspace, "desk")
        assert prepared.suite.gate is not None
        sides = Sides(prepared.targets["v1"], entry=entry)
        found = grounding_of(prepared, prepared.suite.gate, sides, store, base=None, at=datetime.now(UTC))
        return tuple(note for note in found.notes if "quarantine" not in note)

    unknown = "nothing is known of the cases that the champion was measured on, it was forced"
    assert [note.partition(":")[0] for note in notes(entry)] == [unknown]
    bare = msgspec.structs.replace(entry, attestation="")
    assert [note.partition(":")[0] for note in notes(bare)] == [unknown]
    assert "--base REF" in notes(bare)[0]

    keep_measured(store, "desk", entry.attestation, measured_lines(decided.attestation))
    assert notes(entry) == ()
    edit(workspace.root, "suites/desk.yaml", "at_least: 0.5", "at_least: 0.1")
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 9")
    assert notes(entry) == (
        "the suite's gate was edited since the champion was gated: have that reviewed",
        "evaluators, or models that they ask, were edited (short) since the champion was gated: have that reviewed",
    )


def test_an_anchor_without_a_history_or_a_rule_is_an_error(workspace: Workspace):
    prepared, store = prepare(workspace, "desk"), MemoryRegistryStore()
    assert history(store, "desk") == ()
    with pytest.raises(UsageError, match="desk has no champion yet, so the anchor '#1' names none"):
        entry_of_anchor(prepared, store, "#1")
    for options, told in (
        ({"first": True, "anchor": "#1"}, r"--first compares with nothing \(leave --first or --anchor out\)"),
        (
            {"baseline": "none", "anchor": "#1"},
            (
                "--baseline none --anchor #1: the rule over 'exact_match', not worse than baseline by more than 0.4, "
                r"needs a baseline, which is none \(name another baseline or anchor; where there is no champion yet, "
                r"--first leaves such rules out\)"
            ),
        ),
    ):
        with pytest.raises(PlimsollError, match=told):
            gate(workspace, **options)
    edit(workspace.root, "suites/desk.yaml", "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}\n", "")
    with pytest.raises(PlimsollError, match="an anchor holds what a not_worse_than rule holds, and there is none"):
        gate(workspace, anchor="#1", baseline="v2")
    edit(workspace.root, "suites/desk.yaml", "  v2:", "  anchor:")
    edit(workspace.root, "suites/desk.yaml", "  rules:", "  rules:\n    - {metric: short, not_worse_than: baseline}")
    with pytest.raises(UsageError, match="the suite has a target named 'anchor', which is what a gate's anchor is"):
        gate(workspace, anchor="#1", baseline="anchor")
