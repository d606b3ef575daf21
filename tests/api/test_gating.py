"""The gate never fails open, and a promotion rests on evidence that still holds."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.parts import SUITE, Desk, edit

from plimsoll.api import (
    GateOptions,
    GateRun,
    RunOptions,
    gate_suite,
    history_of,
    promote_suite,
    rollback_suite,
    run_suite,
    verify_suite,
)
from plimsoll.api.reporting import stored_run
from plimsoll.config import Workspace
from plimsoll.errors import ConfigError, ExitCode, PlimsollError, UsageError
from plimsoll.gates import generate_key
from plimsoll.registry import load_folder
from plimsoll.runs.observer import Silent
from plimsoll.testing import Reply
from plimsoll.tracking import MlflowWriter
from plimsoll.types import Decision

pytestmark = pytest.mark.mlflow
TOO_LITTLE = "may not be promoted: too little was measured to tell"
WITHOUT_BASELINE = SUITE.replace("target: v1\n", "target: v1\n  baseline: none\n").replace(
    "    - {metric: exact_match, not_worse_than: baseline, margin: 0.4}\n", ""
)


@pytest.fixture
def writer(tracked: Workspace) -> Iterator[MlflowWriter]:
    """One for all gates of a test that read the champion: it takes seconds to start."""
    with MlflowWriter(tracked) as started:
        yield started


def gate(
    workspace: Workspace,
    *,
    target: str | None = None,
    first: bool = False,
    writer: MlflowWriter | None = None,
    **options,
) -> GateRun:
    of_gate = {name: options.pop(name) for name in ("baseline", "run_id") if name in options}
    run = RunOptions(track=False, **options)
    chosen = GateOptions(run=run, target=target, first=first, **of_gate)
    return gate_suite(workspace, "desk", chosen, Silent(), writer=writer)


def without_registry(workspace: Workspace) -> None:
    """A policy that compares with nothing: no store is opened, so that a test is quick."""
    (workspace.root / "suites" / "desk.yaml").write_text(WITHOUT_BASELINE, encoding="utf-8")


def refusal(workspace: Workspace, **options) -> str:
    with pytest.raises(PlimsollError) as caught:
        promote_suite(workspace, "desk", who="somebody", **options)
    assert caught.value.exit_code != ExitCode.PASS
    return str(caught.value)


@pytest.mark.long
def test_the_whole_road_from_the_first_champion_to_a_rollback(tracked: Workspace, writer: MlflowWriter, desk: Desk):
    with pytest.raises(UsageError, match=r"desk has no champion yet \(plimsoll gate desk --first, then"):
        gate(tracked, target="v2", writer=writer)
    assert "desk was never gated" in refusal(tracked)

    first = gate(tracked, first=True, writer=writer)
    assert (first.exit_code, first.verdict.not_applied) == (
        ExitCode.PASS,
        ("exact_match, not worse than baseline by more than 0.4",),
    )
    entry = promote_suite(tracked, "desk", reason="the first", who="somebody")
    assert promote_suite(tracked, "desk", who="somebody") == entry
    with pytest.raises(UsageError, match=r"desk has a champion already, so --first does not apply"):
        gate(tracked, first=True, writer=writer)

    # What was gated is what is promoted, whatever the file holds by then.
    second = gate(tracked, target="v2", writer=writer)
    third = gate(tracked, target="v2", fresh=True, writer=writer)
    edit(tracked.root, "prompts/v2.jinja2", "two", "altered")
    assert second.attestation is not None
    promoted = promote_suite(tracked, "desk", attestation=second.attestation, who="somebody")
    bundle = load_folder(second.attestation.parent / "bundle", promoted.bundle)
    assert bundle.files["prompts/v2.jinja2"] == b"two {{ question }}"
    assert "the champion of desk is version 2" in refusal(tracked, attestation=third.attestation)

    desk.wrong["altered"] = set(range(12))
    worse = gate(tracked, target="v2", writer=writer)
    assert (worse.exit_code, worse.verdict.outcome, worse.verdict.baseline) == (
        ExitCode.FAIL,
        Decision.FAIL,
        "champion",
    )
    assert "the gate's verdict is fail; only a pass is promoted" in refusal(tracked, attestation=worse.attestation)

    back = rollback_suite(tracked, "desk", reason="second thoughts", who="somebody")
    assert (back.action, back.version, back.restores) == ("rollback", 1, 1)
    assert "this attestation was used already, for entry #2" in refusal(tracked, attestation=second.attestation)
    assert [entry.action for entry in history_of(tracked, "desk")] == ["promote", "promote", "rollback"]
    assert verify_suite(tracked, "desk").attestation.verdict == worse.verdict


def test_a_policy_that_was_edited_since_the_gate_is_refused(tracked: Workspace):
    gate(tracked, first=True)
    edit(tracked.root, "suites/desk.yaml", "at_least: 0.5", "at_least: 0.4")
    told = "the policy is another than the one it was decided by"
    assert f"{told} (plimsoll gate desk)" in refusal(tracked)
    edit(tracked.root, "suites/desk.yaml", "at_least: 0.4", "at_least: 0.5")
    # An anchor that the policy has by now was left out when it was decided.
    edit(tracked.root, "suites/desk.yaml", "  target: v1", "  target: v1\n  anchor: champion")
    assert told in refusal(tracked)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"filters": (("slice", "odd"),)}, "a filter left cases out"),
        ({"sample": 11}, "only 11 cases were drawn, fewer than the suite asks for"),
        ({"repeats": 1}, "1 answers for each case, and the suite asks for 2"),
    ],
)
def test_less_than_the_suite_asks_for_is_no_evidence(workspace: Workspace, options, why):
    without_registry(workspace)
    if "repeats" in options:
        edit(workspace.root, "suites/desk.yaml", "gate:", "repeats: 2\ngate:")
    decided = gate(workspace, **options)
    assert (decided.attestation, decided.unsealed) == (None, why)
    passed = decided.verdict.outcome is Decision.PASS
    assert passed is (decided.exit_code is ExitCode.PASS) is ("filters" not in options)
    headline = f"v1 {'is good enough by these rules, but not for a promotion' if passed else TOO_LITTLE}"
    again = stored_run(workspace, decided.run.report.run.id)
    for shown in (decided.run, again):
        assert [section.headline for section in shown.view.verdicts] == [headline]
        assert f"this verdict is no evidence for a promotion: {why}" in shown.view.notes
        assert why in (page := shown.html.read_text(encoding="utf-8"))
        assert (f"{headline}." in page, "v1 may be promoted" in page) == (True, False)
    assert "desk was never gated" in refusal(workspace)


def test_too_few_cases_are_inconclusive(workspace: Workspace):
    without_registry(workspace)
    decided = gate(workspace, sample=9)
    assert decided.exit_code == ExitCode.INCONCLUSIVE
    assert "9 cases, and fewer than 10 tell nothing" in decided.verdict.reasons[0]


def test_a_failed_cell_below_the_budget_is_missing_and_above_it_infrastructure(workspace: Workspace, desk: Desk):
    without_registry(workspace)
    edit(workspace.root, "suites/desk.yaml", "gate:", "max_failed: 0.1\ngate:")
    desk.replies = {3: Reply(status=400, body={"error": {"message": "refused"}})}
    decided = gate(workspace)
    assert decided.exit_code == ExitCode.INCONCLUSIVE
    assert "1 case without a value" in decided.verdict.reasons[0]
    desk.replies |= dict.fromkeys((4, 5), desk.replies[3])
    decided = gate(workspace, reuse=False)
    assert (decided.exit_code, decided.attestation) == (ExitCode.INFRASTRUCTURE, None)
    assert "3 of 12 cells of v1 failed, more than 10%" in (decided.unsealed or "")


def test_an_evaluator_that_raises_everywhere_is_inconclusive_never_a_pass(workspace: Workspace):
    without_registry(workspace)
    edit(workspace.root, "evaluators/short.py", "return", "raise ValueError('broken')\n    return")
    edit(workspace.root, "suites/desk.yaml", "{metric: exact_match, at_least: 0.5}", "{metric: short, at_least: 0.5}")
    decided = gate(workspace)
    assert decided.exit_code == ExitCode.INCONCLUSIVE
    assert "nothing was scored" in decided.verdict.reasons[0]
    assert "ValueError: broken" in decided.verdict.reasons[0]


def test_a_gate_over_a_run_that_exists_refuses_what_changed_since(workspace: Workspace, desk: Desk):
    without_registry(workspace)
    ran = run_suite(workspace, "desk", RunOptions(track=False), Silent())
    run_id = ran.report.run.id
    assert gate(workspace, run_id=run_id).exit_code == ExitCode.PASS
    assert desk.requests == 24
    with pytest.raises(UsageError, match=r"--run decides over a run that exists.*leave out what says how to run"):
        gate(workspace, run_id=run_id, sample=3)
    edit(workspace.root, "evaluators/short.py", "<= 3", "<= 4")
    with pytest.raises(UsageError, match=f"the evaluator short changed since run {run_id}"):
        gate(workspace, run_id=run_id)
    edit(workspace.root, "evaluators/short.py", "<= 4", "<= 3")
    edit(workspace.root, "prompts/v1.jinja2", "one", "1")
    with pytest.raises(UsageError, match=f"v1 is another one now than in run {run_id}"):
        gate(workspace, run_id=run_id)


def test_a_gate_over_a_run_that_exists_refuses_another_judge_or_another_model_of_it(workspace: Workspace, monkeypatch):
    without_registry(workspace)
    edit(workspace.root, "suites/desk.yaml", "  - short", '  - short\n  - rubric: {name: tone, criteria: "Be warm."}')
    run_id = run_suite(workspace, "desk", RunOptions(track=False), Silent()).report.run.id
    assert gate(workspace, run_id=run_id).exit_code == ExitCode.PASS
    edit(workspace.root, "suites/desk.yaml", "Be warm.", "Be cold.")
    with pytest.raises(UsageError, match=f"the evaluator tone changed since run {run_id}"):
        gate(workspace, run_id=run_id)
    edit(workspace.root, "suites/desk.yaml", "Be cold.", "Be warm.")
    edit(
        workspace.root,
        "suites/desk.yaml",
        "targets:",
        '  other: {provider: openai, model: b, base_url: "http://x/v1"}\ntargets:',
    )
    edit(workspace.root, "suites/desk.yaml", 'criteria: "Be warm."', 'criteria: "Be warm.", model: other')
    with pytest.raises(UsageError, match=f"the evaluator tone changed since run {run_id}"):
        gate(workspace, run_id=run_id)


def test_options_that_clash_and_names_that_are_not_there_are_refused(workspace: Workspace):
    for options, message in (
        ({"baseline": "none"}, "--baseline none: the rule over 'exact_match', not worse than baseline"),
        ({"baseline": "v3"}, "the baseline 'v3' is neither an alias, none, a target of the suite, a run, nor git:REF"),
        ({"baseline": "v1"}, "v1 can't be its own baseline"),
        ({"target": "v3"}, "suite desk has no target 'v3'"),
        ({"first": True, "baseline": "v2"}, "--first compares with nothing"),
    ):
        with pytest.raises(UsageError) as caught:
            gate(workspace, **options)
        assert message in str(caught.value)
    edit(workspace.root, "suites/desk.yaml", SUITE[SUITE.index("gate:") :], "")
    with pytest.raises(UsageError, match=r"suite desk has no gate \(add `gate:` with its rules to desk.yaml\)"):
        gate(workspace)


def test_a_baseline_of_the_suite_is_measured_beside_the_challenger(workspace: Workspace, desk: Desk):
    desk.wrong["two"] = set(range(12))
    decided = gate(workspace, target="v2", baseline="v1")
    assert (decided.exit_code, decided.verdict.baseline) == (ExitCode.FAIL, "v1")
    stored = gate(workspace, target="v1", baseline=decided.verdict.run)
    assert (stored.verdict.baseline, stored.attestation) == ("baseline", None)
    assert "not generated beside the challenger's" in (stored.unsealed or "")


def _flip(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("journal.jsonl", b'"text":"answer 3"', b'"text":"answer 4"', "the digest of the results differs"),
        ("journal.jsonl", b'{"kind"', b'{"knid"', "damaged journal line"),
        ("plan.json", b'"seed": 0', b'"seed": 1', "the digest of the run differs"),
        ("cases.jsonl", b'"weight":1.0', b'"weight":9.0', "the digest of the cases differs"),
        ("gate/v1/attestation.json", b'"payload":"', b'"payload":"A', "the attestation"),
        ("gate/v1/bundle/prompts/v1.jinja2", b"one", b"won", "it differs in prompts/v1.jinja2 (changed)"),
        ("gate/v1/bundle/bundle.json", b'"format":1', b'"format":2', "a bundle of format 2"),
    ],
)
def test_what_was_tampered_with_is_not_promoted(workspace: Workspace, file, old, new, told):
    without_registry(workspace)
    decided = gate(workspace)
    assert decided.attestation is not None
    _flip(decided.run.folder / file, old, new)
    assert told in refusal(workspace)
    with pytest.raises(PlimsollError) as caught:
        verify_suite(workspace, "desk")
    assert told in str(caught.value)


def test_an_attestation_about_another_suite_or_from_elsewhere_is_refused(workspace: Workspace, tmp_path: Path):
    without_registry(workspace)
    decided = gate(workspace)
    assert decided.attestation is not None
    copy = tmp_path / "attestation.json"
    copy.write_bytes(decided.attestation.read_bytes())
    assert "no bundle.json, so this is no bundle" in refusal(workspace, attestation=copy)
    assert "No such file" in refusal(workspace, attestation=tmp_path / "gone.json")
    other = WITHOUT_BASELINE.replace("name: desk", "name: counter")
    (workspace.root / "suites" / "counter.yaml").write_text(other, encoding="utf-8")
    with pytest.raises(UsageError, match=r"attestation.json is about desk \(plimsoll promote desk\)"):
        promote_suite(workspace, "counter", attestation=decided.attestation, who="somebody")


def test_a_bundle_whose_newest_gate_did_not_pass_is_not_promoted_on_an_older_verdict(workspace: Workspace, desk: Desk):
    without_registry(workspace)
    passed = gate(workspace)
    assert passed.exit_code == ExitCode.PASS
    desk.wrong["one"] = set(range(12))
    assert gate(workspace, fresh=True).exit_code == ExitCode.FAIL
    assert "v1 passed once, but its newest gate is fail" in refusal(workspace)


def test_a_secret_inside_a_prompt_is_never_promoted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    without_registry(workspace)
    monkeypatch.setenv("DESK_TOKEN", "s3cret-of-the-desk")
    edit(workspace.root, "prompts/v1.jinja2", "one", "one s3cret-of-the-desk")
    decided = gate(workspace)
    assert decided.attestation is None
    assert "holds the value of the environment variable DESK_TOKEN" in (decided.unsealed or "")
    assert "desk was never gated" in refusal(workspace)


def test_signatures_are_required_given_and_trusted(
    tracked: Workspace, writer: MlflowWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = tracked.root
    (root / "pyproject.toml").write_text(
        '[tool.plimsoll]\nrequire_signature = true\ntrusted_keys = ["keys/desk.pem"]\n', encoding="utf-8"
    )
    private, public = generate_key()
    other, _ = generate_key()
    for path, data in (
        (root / "keys" / "desk.pem", public),
        (tmp_path / "a.pem", private),
        (tmp_path / "b.pem", other),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    workspace = Workspace.find(root)

    gate(workspace, first=True, writer=writer)
    assert "the attestation is not signed by a trusted key, and this project requires it" in refusal(workspace)
    monkeypatch.setenv("PLIMSOLL_SIGNING_KEY", str(tmp_path / "b.pem"))
    gate(workspace, first=True, writer=writer)
    monkeypatch.delenv("PLIMSOLL_SIGNING_KEY")
    assert "which is none of the keys that are trusted" in refusal(workspace)
    monkeypatch.setenv("PLIMSOLL_SIGNING_KEY", str(tmp_path / "nowhere.pem"))
    with pytest.raises(UsageError, match="the key can't be read: No such file"):
        gate(workspace, first=True, writer=writer)
    monkeypatch.setenv("PLIMSOLL_SIGNING_KEY", private.decode())
    decided = gate(workspace, first=True, writer=writer)
    monkeypatch.delenv("PLIMSOLL_SIGNING_KEY")
    assert promote_suite(workspace, "desk", who="somebody").run == decided.verdict.run
    assert len(verify_suite(workspace, "desk").attestation.signed_by) == 1


def test_a_dataset_with_a_mistake_stops_the_gate_before_anything_is_sent(workspace: Workspace, desk: Desk):
    without_registry(workspace)
    edit(workspace.root, "datasets/desk.jsonl", json.dumps({"id": "c1"})[1:-1], '"id": "c0"')
    with pytest.raises(ConfigError, match=r"the id 'c0' is taken by datasets/desk\.jsonl:1"):
        gate(workspace)
    assert desk.requests == 0
